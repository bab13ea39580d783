#include "operator/controller/backup_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/controller/object_json.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using Phase = BackupState::Phase;

constexpr std::array<const char*, 4> kPhases = {"Pending", "Running", "Complete", "Failed"};
// Between attempts: what made one fail may pass.
constexpr int64_t kFirstRetryMs = 5000;
constexpr int64_t kLongestRetryMs = 300'000;
constexpr int kMaxDoublings = 16;

const char* NameOf(Phase phase) {
  return kPhases[static_cast<size_t>(phase)];
}

BackupState Failed(BackupState state, std::string reason, std::string message, int64_t now_ms) {
  state.phase = Phase::kFailed;
  state.reason = std::move(reason);
  state.message = std::move(message);
  state.finished_at_ms = now_ms;
  state.uri.clear();  // nothing is there
  return state;
}

BackupState AttemptFailed(BackupState state, std::string reason, std::string message,
                          int backoff_limit, int64_t now_ms) {
  if (state.attempts > backoff_limit) {
    const std::string tried =
        state.attempts > 1 ? fmt::format(" ({} attempts)", state.attempts) : "";
    return Failed(std::move(state), std::move(reason),
                  fmt::format("{}{}; make another Backup when that is repaired", message, tried),
                  now_ms);
  }
  const int64_t wait =
      std::min(kFirstRetryMs << std::min(state.attempts - 1, kMaxDoublings), kLongestRetryMs);
  return {
      .attempts = state.attempts,
      .retry_at_ms = now_ms + wait,
      .reason = "BackOff",
      .message = fmt::format("attempt {} failed: {}; it is begun again", state.attempts, message)};
}

const char* ReasonOf(const Status& why) {
  switch (why.code()) {
    case Code::kPermissionDenied:
    case Code::kUnauthenticated: return "NotAllowed";
    case Code::kFailedPrecondition: return "MasterBusy";
    default: return "MasterUnavailable";
  }
}

}  // namespace

BackupState NextAttempt(BackupState state, const std::string& uid) {
  state.attempts += 1;
  state.id = state.attempts == 1 ? uid : fmt::format("{}-{}", uid, state.attempts);
  state.retry_at_ms = 0;
  state.reason = "Beginning";
  state.message.clear();
  return state;
}

BackupState AfterAnswer(BackupState state, const Result<BackupAnswer>& answer, int backoff_limit,
                        int64_t now_ms) {
  if (!answer.ok()) {
    const Status& why = answer.status();
    if (why.code() == Code::kAborted)
      return AttemptFailed(std::move(state), "BackupFailed", why.message(), backoff_limit, now_ms);
    if (why.code() == Code::kInvalidArgument)
      return Failed(
          std::move(state), "Refused",
          fmt::format("{}; make another Backup with what the masters take", why.message()), now_ms);
    state.reason = ReasonOf(why);
    state.message = why.message();
    return state;
  }
  if (answer->state == BackupAnswer::State::kUnknown)
    return AttemptFailed(std::move(state), "MasterLost",
                         "the master that made it knows it no more: another one leads, or it was "
                         "started anew",
                         backoff_limit, now_ms);
  const bool complete = answer->state == BackupAnswer::State::kCompleted;
  state.phase = complete ? Phase::kComplete : Phase::kRunning;
  state.id = answer->id;
  state.host = answer->host;
  state.uri = answer->uri;
  if (state.started_at_ms == 0) state.started_at_ms = now_ms;
  state.reason = NameOf(state.phase);
  state.message.clear();
  if (!complete) return state;
  state.entries = answer->entries;
  state.finished_at_ms = now_ms;
  return state;
}

BackupState WithoutMasters(BackupState state, const Status& why, int backoff_limit,
                           int64_t now_ms) {
  const bool gone = why.code() == Code::kNotFound;
  if (gone && state.phase == Phase::kRunning)
    return AttemptFailed(std::move(state), "ClusterMissing", why.message(), backoff_limit, now_ms);
  state.reason = gone ? "ClusterMissing" : "ClusterNotReady";
  state.message = why.message();
  return state;
}

json BackupStatus(const BackupState& state, int64_t generation, const json& before,
                  int64_t now_ms) {
  json out = {{"observedGeneration", generation},
              {"phase", NameOf(state.phase)},
              {"attempts", state.attempts}};
  SetText(out, "backupId", state.id);
  SetText(out, "host", state.host);
  SetText(out, "uri", state.uri);
  SetText(out, "message", state.message);
  SetTime(out, "startedAt", state.started_at_ms);
  SetTime(out, "finishedAt", state.finished_at_ms);
  if (state.phase == Phase::kComplete) out["entries"] = state.entries;
  if (state.retry_at_ms != 0) out["retryAtMs"] = state.retry_at_ms;
  const std::string reason = state.reason.empty() ? NameOf(state.phase) : state.reason;
  const bool complete = state.phase == Phase::kComplete, failed = state.phase == Phase::kFailed;
  const Verdict completion{complete ? "True" : "False", reason, state.message};
  const Verdict failure =
      failed ? Verdict{"True", reason, state.message} : Verdict{"False", "NotFailed", ""};
  out["conditions"] = {ConditionJson("Complete", completion, generation, before, now_ms),
                       ConditionJson("Failed", failure, generation, before, now_ms)};
  return out;
}

BackupState ReadBackupState(const json& status) {
  BackupState state;
  if (!status.is_object()) return state;
  try {
    const auto phase = std::ranges::find(kPhases, status.value("phase", ""));
    if (phase == kPhases.end()) return {};
    state.phase = static_cast<Phase>(phase - kPhases.begin());
    state.id = status.value("backupId", "");
    state.attempts = status.value("attempts", 0);
    state.host = status.value("host", "");
    state.uri = status.value("uri", "");
    state.entries = status.value("entries", int64_t{0});
    state.started_at_ms = ParseRfc3339Ms(status.value("startedAt", ""));
    state.finished_at_ms = ParseRfc3339Ms(status.value("finishedAt", ""));
    state.retry_at_ms = status.value("retryAtMs", int64_t{0});
    state.message = status.value("message", "");
    for (const json& condition : status.value("conditions", json::array()))
      if (condition.value("type", "") == "Complete") state.reason = condition.value("reason", "");
  } catch (const json::exception&) {
    return {};
  }
  return state;
}

std::vector<Notice> BackupNotices(const BackupState& before, const BackupState& after) {
  std::vector<Notice> notices;
  if (after.started_at_ms != 0 && before.started_at_ms == 0)
    notices.push_back({.reason = "Started", .text = fmt::format("{} makes it", after.host)});
  if (after.phase == before.phase && after.reason == before.reason) return notices;
  if (after.phase == Phase::kComplete)
    notices.push_back(
        {.reason = "Complete",
         .text = fmt::format("{} has {} files and folders", after.uri, after.entries)});
  else if (after.phase == Phase::kFailed || !after.message.empty())
    notices.push_back({.warning = true, .reason = after.reason, .text = after.message});
  return notices;
}

}  // namespace headpond::controller
