#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/plan/plan.h"
#include "operator/runtime/process/process_identity.h"

namespace headpond::runtime {

// What is remembered of one daemon, in run/<name>.json of the cluster's folder: enough to find it
// again, to judge it and to go on stopping it after the operator itself was restarted. Times are
// milliseconds since the epoch; 0: didn't happen.
struct DaemonRecord {
  std::string name;
  plan::Role role = plan::Role::kMaster;
  int ordinal = 0;
  std::string config_hash;
  plan::Probe probe;
  std::string output;  // file with what it printed
  int64_t termination_grace_ms = 0;
  ProcessIdentity process;  // pid 0: it could not be started
  int64_t started_at_ms = 0;
  int64_t stop_requested_at_ms = 0;
  int64_t exited_at_ms = 0;
  int crashes = 0;  // before this run while it runs, including this run's end once it ended
  std::string reason, message;
  // What it runs, and what it or an earlier daemon of its name served with last, to be started
  // again when a change turns out badly. May hold secrets.
  std::optional<plan::Workload> workload, proven;
  std::optional<plan::Refusal> refusal;  // the latest

  bool ended() const { return exited_at_ms != 0; }
};

std::string ToText(const DaemonRecord& record);
// DataLoss when `text` is not a record.
Result<DaemonRecord> ParseDaemonRecord(const std::string& text);

// The records of one cluster, as files. Not thread safe.
class DaemonRecords {
 public:
  explicit DaemonRecords(std::string directory) : directory_(std::move(directory)) {}

  // All of them. A file that can't be read fails the whole: acting on half of what runs would start
  // daemons twice.
  Result<std::vector<DaemonRecord>> List() const;
  // Durable when it returns OK.
  Status Write(const DaemonRecord& record) const;
  Status Remove(const std::string& name) const;

 private:
  std::string PathOf(const std::string& name) const;
  const std::string directory_;
};

}  // namespace headpond::runtime
