#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/controller/backup_call.h"
#include "operator/controller/store.h"

// How a Backup comes about, attempt by attempt. Pure.
namespace headpond::controller {

// What is remembered of a Backup; stands in its status.
struct BackupState {
  enum class Phase { kPending, kRunning, kComplete, kFailed };
  Phase phase = Phase::kPending;
  // Of the attempt that is about to be begun or runs; empty: none.
  std::string id;
  int attempts = 0;
  std::string host, uri;
  int64_t entries = 0;
  int64_t started_at_ms = 0, finished_at_ms = 0;  // 0: not yet
  int64_t retry_at_ms = 0;                        // 0: no earlier attempt failed
  std::string reason, message;                    // what is wrong or waited for; CamelCase, people

  bool finished() const { return phase == Phase::kComplete || phase == Phase::kFailed; }
  bool operator==(const BackupState&) const = default;
};

// The next attempt. Its id depends on the Backup's uid and the number of the attempt alone, so that
// an operator that dies between its call and the answer, and the next one, which calls again, ask
// for the same backup.
BackupState NextAttempt(BackupState state, const std::string& uid);

// What the answer to a call makes of it. An attempt that failed is followed by another one, up to
// `backoff_limit` times, after a while. One that no master knows any more has failed: another
// master leads, or it was started anew.
BackupState AfterAnswer(BackupState state, const Result<BackupAnswer>& answer, int backoff_limit,
                        int64_t now_ms);

// The masters can't be asked: NotFound, there is no such cluster, or why else.
BackupState WithoutMasters(BackupState state, const Status& why, int backoff_limit, int64_t now_ms);

// Backup.status. Conditions: Complete, Failed. `before` is the status so far (or null), for
// transition times.
nlohmann::json BackupStatus(const BackupState& state, int64_t generation,
                            const nlohmann::json& before, int64_t now_ms);
// What can't be read counts as not there: the masters know the ids.
BackupState ReadBackupState(const nlohmann::json& status);

// What is to be told of the step from one state to the next.
std::vector<Notice> BackupNotices(const BackupState& before, const BackupState& after);

}  // namespace headpond::controller
