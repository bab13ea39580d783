#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/plan/plan.h"

namespace headpond::runtime {

// What containers can't tell about a daemon: that its end was asked for, how often it failed, why
// it could not be started. Losing the notes costs counts and reasons; what belongs to whom is in
// the labels. Times are milliseconds since the epoch; 0: didn't happen.
struct DaemonNote {
  std::string name;
  plan::Role role = plan::Role::kMaster;
  int ordinal = 0;
  std::string config_hash;
  std::string container_id;  // empty: it could not be made
  int64_t stop_requested_at_ms = 0;
  int64_t counted_exit_at_ms = 0;  // the end that `crashes` includes
  int crashes = 0;
  bool start_failed = false;
  int64_t failed_at_ms = 0;
  std::string reason, message;  // of the last failure
  std::string proven_hash;      // the configuration that a container of it served with last
  std::optional<plan::Refusal> refusal;                                 // the latest
  std::optional<plan::ObservedWorkload::RefusedLimits> refused_limits;  // the same
};

// The notes of one cluster, as files. Not thread safe.
class DaemonNotes {
 public:
  explicit DaemonNotes(std::string directory) : directory_(std::move(directory)) {}

  // Notes that can't be read are left out with a warning.
  Result<std::vector<DaemonNote>> List() const;
  // An empty note, but for the name, when there is none.
  DaemonNote Find(const std::string& name) const;
  Status Write(const DaemonNote& note) const;
  Status Remove(const std::string& name) const;
  // What was started last, and when it is found to serve: what served last. Kept for the case that
  // no container of it is left when it has to be started again.
  Status KeepTried(const plan::Workload& workload) const;
  Status KeepProven(const std::string& name, const std::string& config_hash) const;
  // NotFound when nothing with this configuration is kept.
  Result<plan::Workload> Proven(const std::string& name, const std::string& config_hash) const;
  // The folder, too.
  Status RemoveAll() const;

 private:
  std::string PathOf(const std::string& name) const;
  std::string TriedPath(const std::string& name) const;
  std::string ProvenPath(const std::string& name) const;
  const std::string directory_;
};

}  // namespace headpond::runtime
