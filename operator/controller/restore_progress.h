#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/api/restore.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/restore_site.h"

// How a Restore is judged and what it tells of its cluster, which does the work. Pure.
namespace headpond::controller {

// What is remembered of a Restore; stands in its status.
struct RestoreState {
  enum class Phase { kPending, kAccepted, kRestoring, kComplete, kFailed };
  Phase phase = Phase::kPending;
  std::string step, uri;                          // once they are known
  int64_t started_at_ms = 0, finished_at_ms = 0;  // 0: not yet; whole seconds
  std::string reason, message;                    // what is wrong or waited for; CamelCase, people

  bool finished() const { return phase == Phase::kComplete || phase == Phase::kFailed; }
  // It has its cluster to itself.
  bool holds() const { return phase == Phase::kAccepted || phase == Phase::kRestoring; }
  bool operator==(const RestoreState&) const = default;
};

// What the Restore's spec points at.
struct RestoreInputs {
  Result<RestoreSite> site = NotFound("not looked for");
  Result<BackupState> backup = NotFound("not looked for");  // only where one is named
  std::string holder;  // the name of another Restore that has the cluster; empty: none
};

// Where a Restore stands by what its cluster says of it; one that is not taken up yet is accepted,
// refused for good, or waits.
RestoreState NextRestoreState(const RestoreState& before, const api::Restore& restore,
                              const RestoreInputs& inputs, int64_t now_ms);

// Restore.status. Conditions: Accepted, Restoring, Complete, Failed. `before` is the status so far
// (or null), for transition times.
nlohmann::json RestoreStatus(const RestoreState& state, int64_t generation,
                             const nlohmann::json& before, int64_t now_ms);
// What can't be read counts as not there: the cluster knows what it did.
RestoreState ReadRestoreState(const nlohmann::json& status);

// What is to be told of the step from one state to the next.
std::vector<Notice> RestoreNotices(const RestoreState& before, const RestoreState& after);

}  // namespace headpond::controller
