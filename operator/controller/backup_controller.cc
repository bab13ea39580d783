#include "operator/controller/backup_controller.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "operator/api/backup.h"
#include "operator/controller/object_json.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::string_view kComponent = "backups";

}  // namespace

milliseconds BackupController::ReconcileAll() {
  const auto backups = objects_.List();
  if (!backups.ok()) {
    // Once: an API server may not have the kind at all.
    if (!complained_) LogWarn(kComponent, "no backups are made: {}", backups.status().message());
    complained_ = true;
    return options_.steady_interval;
  }
  complained_ = false;
  milliseconds next = options_.steady_interval;
  std::set<std::string> ids;
  for (const auto& backup : backups->objects) {
    failed_ = false;
    const auto begin = clock_.Now();
    next = std::min(next, Reconcile(*backup));
    if (options_.stats != nullptr) options_.stats->Record(!failed_, clock_.Now() - begin);
    ids.insert(ReadBackupState(Member(*backup, "status")).id);
  }
  // What is left out now may ask for any of them.
  if (!backups->complete) return next;
  caller_.KeepOnly(ids);
  std::erase_if(pace_, [&](const auto& entry) { return !ids.contains(entry.first); });
  return next;
}

milliseconds BackupController::Reconcile(const json& object) {
  const BackupState before = ReadBackupState(Member(object, "status"));
  // One that is being deleted is held by somebody else; the masters' file stays as it is.
  if (before.finished() || object.at("metadata").contains("deletionTimestamp"))
    return options_.steady_interval;
  milliseconds next = options_.steady_interval;
  const BackupState after = Step(object, before, next);
  if (!Report(object, before, after) || after != before) return options_.shortest_interval;
  return next;
}

BackupState BackupController::Step(const json& object, const BackupState& before,
                                   milliseconds& next) {
  const auto backup = api::ReadBackup(object);
  if (!backup.ok()) {
    LogError(kComponent, "left alone: {}", backup.status().message());
    failed_ = true;
    return before;
  }
  const int64_t now_ms = clock_.NowMs();
  const api::BackupSpec& spec = backup->spec;
  auto access = find_masters_({backup->metadata.name_space, spec.cluster});
  if (!access.ok()) return WithoutMasters(before, access.status(), spec.backoff_limit, now_ms);
  if (before.id.empty()) {
    if (now_ms >= before.retry_at_ms) return NextAttempt(before, backup->metadata.uid);
    next = std::min(next, milliseconds(before.retry_at_ms - now_ms));
    return before;
  }
  Pace& pace = pace_[before.id];
  if (now_ms < pace.at_ms) {
    next = std::min(next, milliseconds(pace.at_ms - now_ms));
    return before;
  }
  const auto answer = caller_.Ask({.id = before.id,
                                   .begins = before.phase == BackupState::Phase::kPending,
                                   .directory = spec.directory,
                                   .local = spec.local,
                                   .access = *std::move(access)});
  if (!answer) return before;
  failed_ |= !answer->ok();
  pace.interval = pace.interval.count() == 0
                      ? options_.first_look
                      : std::min(pace.interval * 2, options_.steady_interval);
  pace.at_ms = now_ms + pace.interval.count();
  next = std::min(next, pace.interval);
  return AfterAnswer(before, *answer, spec.backoff_limit, now_ms);
}

bool BackupController::Report(const json& object, const BackupState& before,
                              const BackupState& after) {
  const int64_t generation = object.at("metadata").value("generation", int64_t{0});
  const json status = BackupStatus(after, generation, Member(object, "status"), clock_.NowMs());
  const bool reported =
      ReportStatus(objects_, "backup", object, status, BackupNotices(before, after));
  failed_ |= !reported;
  return reported;
}

}  // namespace headpond::controller
