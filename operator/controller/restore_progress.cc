#include "operator/controller/restore_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/controller/object_json.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using plan::RestoreStep;
using Phase = RestoreState::Phase;

constexpr std::array<const char*, 5> kPhases = {"Pending", "Accepted", "Restoring", "Complete",
                                                "Failed"};
constexpr int64_t kSecondMs = 1000;

const char* NameOf(Phase phase) {
  return kPhases[static_cast<size_t>(phase)];
}

RestoreState Waits(std::string reason, std::string message) {
  return {.reason = std::move(reason), .message = std::move(message)};
}

RestoreState Refused(std::string reason, std::string message, int64_t now_ms) {
  return {.phase = Phase::kFailed,
          .finished_at_ms = now_ms / kSecondMs * kSecondMs,
          .reason = std::move(reason),
          .message = std::move(message)};
}

RestoreState Accepted(std::string uri) {
  return {.phase = Phase::kAccepted, .uri = std::move(uri), .reason = "Accepted"};
}

RestoreState Told(const plan::RestoreRecord& record) {
  RestoreState state{.phase = Phase::kRestoring,
                     .step = std::string(plan::NameOf(record.step)),
                     .uri = record.uri,
                     .started_at_ms = record.started_at_ms / kSecondMs * kSecondMs,
                     .finished_at_ms = record.finished_at_ms / kSecondMs * kSecondMs,
                     .message = record.message};
  state.reason = state.step;
  if (record.step == RestoreStep::kComplete) state.phase = Phase::kComplete;
  if (record.step == RestoreStep::kFailed) {
    state.phase = Phase::kFailed;
    state.reason = "RestoreFailed";
    state.message +=
        "; the journals from before are back. Make another Restore when that is "
        "repaired";
  }
  return state;
}

std::string_view PathOf(std::string_view uri) {
  constexpr std::string_view kFileScheme = "file://";
  if (uri.starts_with(kFileScheme)) uri.remove_prefix(kFileScheme.size());
  return uri;
}

// The folder that is moved away with the file in it; empty: it stays where it is.
std::string FolderAround(const std::string& uri, const RestoreSite& site) {
  const std::string_view path = PathOf(uri);
  for (const std::string& folder : site.journals)
    if (path.starts_with(folder + "/")) return folder;
  return "";
}

RestoreState Judged(const api::Restore& restore, const RestoreInputs& inputs, int64_t now_ms) {
  if (!inputs.site.ok()) {
    const bool missing = inputs.site.status().code() == Code::kNotFound;
    return Waits(missing ? "ClusterMissing" : "ClusterNotReady", inputs.site.status().message());
  }
  const RestoreSite& site = *inputs.site;
  if (site.refusal) return Refused(site.refusal->reason, site.refusal->message, now_ms);
  if (!inputs.holder.empty())
    return Waits("Busy",
                 fmt::format("Restore {} has the cluster; this one follows", inputs.holder));
  if (site.record && !site.record->finished())
    return Waits("Busy", fmt::format("the cluster is at {} of Restore {}; this one follows",
                                     plan::NameOf(site.record->step), site.record->name));
  std::string uri = restore.spec.uri;
  if (!restore.spec.backup.empty()) {
    if (!inputs.backup.ok()) return Waits("BackupMissing", inputs.backup.status().message());
    if (inputs.backup->phase == BackupState::Phase::kFailed)
      return Refused("BackupFailed",
                     fmt::format("spec.backupRef.name: Backup {} has failed; name another one: {}",
                                 restore.spec.backup, inputs.backup->message),
                     now_ms);
    if (inputs.backup->phase != BackupState::Phase::kComplete)
      return Waits("BackupNotComplete",
                   fmt::format("Backup {} is not complete yet", restore.spec.backup));
    uri = inputs.backup->uri;
  }
  if (const std::string folder = FolderAround(uri, site); !folder.empty())
    return Refused(
        "FileInJournal",
        fmt::format("{} is in {}, which is to be set aside; copy the file elsewhere, and "
                    "name that as spec.uri",
                    uri, folder),
        now_ms);
  if (site.paused) return Waits("ClusterPaused", "spec.paused of the CacheCluster is true");
  return Accepted(std::move(uri));
}

}  // namespace

RestoreState NextRestoreState(const RestoreState& before, const api::Restore& restore,
                              const RestoreInputs& inputs, int64_t now_ms) {
  if (before.finished()) return before;
  if (inputs.site.ok() && inputs.site->record && inputs.site->record->uid == restore.metadata.uid)
    return Told(*inputs.site->record);
  // The cluster has yet to take it up, or could not be looked at.
  return before.holds() ? before : Judged(restore, inputs, now_ms);
}

json RestoreStatus(const RestoreState& state, int64_t generation, const json& before,
                   int64_t now_ms) {
  json out = {{"observedGeneration", generation}, {"phase", NameOf(state.phase)}};
  SetText(out, "step", state.step);
  SetText(out, "uri", state.uri);
  SetText(out, "message", state.message);
  SetTime(out, "startedAt", state.started_at_ms);
  SetTime(out, "finishedAt", state.finished_at_ms);
  const std::string reason = state.reason.empty() ? NameOf(state.phase) : state.reason;
  const auto set = [&](const char* type, bool value, const std::string& why,
                       const std::string& message) {
    out["conditions"].push_back(
        ConditionJson(type, {value ? "True" : "False", why, message}, generation, before, now_ms));
  };
  const bool begun = state.holds() || state.started_at_ms != 0;
  const bool failed = state.phase == Phase::kFailed;
  set("Accepted", begun, begun ? "Accepted" : reason, begun ? "" : state.message);
  set("Restoring", state.phase == Phase::kRestoring, reason, "");
  set("Complete", state.phase == Phase::kComplete, reason, state.message);
  set("Failed", failed, failed ? reason : "NotFailed", failed ? state.message : "");
  return out;
}

RestoreState ReadRestoreState(const json& status) {
  RestoreState state;
  if (!status.is_object()) return state;
  try {
    const auto phase = std::ranges::find(kPhases, status.value("phase", ""));
    if (phase == kPhases.end()) return {};
    state.phase = static_cast<Phase>(phase - kPhases.begin());
    state.step = status.value("step", "");
    state.uri = status.value("uri", "");
    state.started_at_ms = ParseRfc3339Ms(status.value("startedAt", ""));
    state.finished_at_ms = ParseRfc3339Ms(status.value("finishedAt", ""));
    state.message = status.value("message", "");
    for (const json& condition : status.value("conditions", json::array()))
      if (condition.value("type", "") == "Complete") state.reason = condition.value("reason", "");
  } catch (const json::exception&) {
    return {};
  }
  return state;
}

std::vector<Notice> RestoreNotices(const RestoreState& before, const RestoreState& after) {
  if (after.phase == before.phase && after.reason == before.reason) return {};
  const bool bad = after.phase == Phase::kFailed ||
                   (after.phase == Phase::kPending && !after.message.empty()) ||
                   after.step == plan::NameOf(RestoreStep::kWithdrawing);
  std::string text = after.message;
  if (text.empty()) text = fmt::format("{} of {}", NameOf(after.phase), after.uri);
  return {{.warning = bad, .reason = after.reason, .text = std::move(text)}};
}

}  // namespace headpond::controller
