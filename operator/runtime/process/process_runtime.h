#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "operator/runtime/prober.h"
#include "operator/runtime/process/daemon_record.h"
#include "operator/runtime/process/exit_watcher.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// Runs daemons as plain processes of the current user on this machine. They live on when the
// operator ends, and the next one finds them by the records in the clusters' folders:
//
//   <home>/clusters/<namespace>/<name>/  conf/<daemon>/alluxio-site.properties   written before
//   each start
//                                        logs/<daemon>/                          its log files;
//                                        daemon.out: what it printed run/<daemon>.json DaemonRecord
//                                        volumes/<daemon>...                     state, caches on
//                                        disk volumes.json                            all volumes
//                                        made, here and elsewhere under-store/ unless
//                                        spec.rootUfs.uri says otherwise
class ProcessRuntime final : public Runtime {
 public:
  // A folder of this user in a tmpfs: /dev/shm/headpond-<uid>.
  static std::string UserMemoryDir();

  struct Options {
    std::string home;     // absolute, and nobody else's: see EnsurePrivateDirectory
    std::string program;  // the headpond binary
    std::string memory_dir = UserMemoryDir();
    std::map<std::string, std::string>
        environment;  // what daemons inherit; see InheritedEnvironment
    plan::RestartPolicy restart_policy;
    std::chrono::milliseconds probe_timeout{1000};
    // Observe changes nothing, for a look beside the operator that acts: no records are written,
    // nothing is killed.
    bool look_only = false;
  };
  // `clock` outlives the runtime.
  ProcessRuntime(Options options, const Clock& clock);
  ~ProcessRuntime() override;

  plan::Layout LayoutFor(const ClusterRef& cluster) const override;
  Result<plan::ObservedCluster> Observe(const ClusterRef& cluster) override;
  Status Start(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status Stop(const ClusterRef& cluster, const std::string& workload) override;
  Status Remove(const ClusterRef& cluster, const std::string& workload) override;
  Status Restore(const ClusterRef& cluster, const std::string& workload,
                 const std::optional<plan::Refusal>& refusal) override;
  Status DeleteData(const ClusterRef& cluster) override;
  Status CanSetAside(const ClusterRef& cluster, const plan::Workload& workload) const override;
  Status SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                  const std::string& tag) override;
  Status PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                 const std::string& tag) override;
  void OnChange(std::function<void()> changed) override;

 private:
  std::string ClusterDir(const ClusterRef& cluster) const;
  DaemonRecords RecordsOf(const ClusterRef& cluster) const;
  Result<DaemonRecord> FindRecord(const ClusterRef& cluster, const std::string& workload) const;

  // The folder of a master that does not run.
  Result<plan::Volume> IdleJournal(const ClusterRef& cluster, const plan::Workload& workload) const;

  // Brings one record up to date with its process; true when it changed.
  Result<bool> Refresh(DaemonRecord& record);
  void NoteEnd(DaemonRecord& record, const std::string& how);
  std::string HowItEnded(const DaemonRecord& record);
  Status EnforceGrace(const DaemonRecord& record);

  // Starts the workload; `record` is new but for what outlives its predecessor's.
  Status Run(const ClusterRef& cluster, const plan::Workload& workload, DaemonRecord record);
  Status Prepare(const ClusterRef& cluster, const plan::Workload& workload, DaemonRecord& record);
  Status Launch(const ClusterRef& cluster, const plan::Workload& workload, DaemonRecord& record);

  const Options options_;
  const Clock& clock_;
  Prober prober_;
  std::set<pid_t> children_;  // started by this operator, so their exit codes are ours to collect
  std::unique_ptr<ExitWatcher> watcher_;
};

// The part of `environment` that daemons get: where things are, language and time zone. Anything
// else would make a cluster depend on the shell that happened to start it.
std::map<std::string, std::string> InheritedEnvironment(
    const std::map<std::string, std::string>& environment);

}  // namespace headpond::runtime
