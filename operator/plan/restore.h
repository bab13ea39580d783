#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/plan/plan.h"

// How a cluster is taken back to a backup in place, step by step. Pure; docs/adr/0023.
namespace headpond::plan {

// What is asked for: a Restore that was accepted.
struct RestoreOrder {
  std::string uid;
  std::string name;
  std::string uri;
  int64_t deadline_ms = 0;  // how long it may take
};

// How far one is; stands in CacheCluster.status.restore, before anything is done about it. Times
// are milliseconds since the epoch.
struct RestoreRecord {
  std::string uid;
  std::string name;
  std::string uri;
  RestoreStep step = RestoreStep::kStopping;
  int64_t started_at_ms = 0;
  int64_t deadline_at_ms = 0;
  int64_t finished_at_ms = 0;  // 0: not yet
  std::string message;         // why it failed, or what is missing; for people

  bool finished() const { return step == RestoreStep::kComplete || step == RestoreStep::kFailed; }
  // The masters are told of the file; whoever has a journal ignores it.
  bool tells_masters() const {
    return step == RestoreStep::kStarting || step == RestoreStep::kComplete;
  }
  friend bool operator==(const RestoreRecord&, const RestoreRecord&) = default;
};

// What of the world decides about the next step.
struct RestoreFacts {
  bool masters_gone = false;   // all nodes were looked at, and no master is there in any state
  bool all_set_aside = false;  // each wanted master's journal from before is beside its place
  bool none_set_aside = false;
  bool all_serve = false;  // one leads and all others have caught up, or the only one serves
  bool majority_serves = false;
  int crashes = 0;      // of the master that crashed most, in a row
  std::string trouble;  // what it and others say; for people
};
RestoreFacts FactsOf(const RestoreRecord& record, const std::vector<Workload>& desired,
                     const ObservedCluster& observed);

// The step after `record`; the record itself while there is none. A restore that has ended gives
// way to another order, one that has not keeps all others waiting. It goes back when the deadline
// passes before the masters serve, or when one of them crashed `tries` times in a row; but not once
// a majority of them serves.
std::optional<RestoreRecord> NextRestoreRecord(const std::optional<RestoreRecord>& record,
                                               const std::optional<RestoreOrder>& order,
                                               const RestoreFacts& facts, int64_t now_ms,
                                               int tries);

// "Stopping".
std::string_view NameOf(RestoreStep step);
std::optional<RestoreStep> RestoreStepOf(std::string_view name);

// Where a master keeps its journal: the folder that is set aside. Null: it keeps none.
const Volume* JournalOf(const Workload& master);
// Beside the folder: what was there before a restore, and what a restore that failed left.
std::string SetAsidePath(const std::string& folder, const std::string& tag);
std::string FailedPath(const std::string& folder, const std::string& tag);

}  // namespace headpond::plan
