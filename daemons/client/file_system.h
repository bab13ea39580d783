#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/result.h"
#include "client/options.h"
#include "client/types.h"

namespace headpond::client {

class FileReader;
class FileWriter;

// The file system of one cluster (stock 2.9 or Headpond), for C++ programs: the CLI, FUSE, the
// proxy.
//
// Paths are absolute; "alluxio://host:port/a" is taken as "/a". Thread safe. Readers and writers
// share its connections and must not outlive it. Every call ends: a metadata call retries while the
// master is away, at most for alluxio.user.rpc.retry.max.duration; calls that change the namespace
// carry an operation id that stays the same over retries, so a change is made once.
//
// Errors are the server's code and text (compat/behaviour.md section 2): NotFound, AlreadyExists,
// InvalidArgument, PermissionDenied, FailedPrecondition (directory not empty), Unavailable (no
// master within the retry time; the text is 2.9's "Failed to connect to master ... after N
// attempts").
class FileSystem {
 public:
  struct Options {
    const Clock* clock = &Clock::System();
    uint64_t random_seed = 0;  // 0: from the operating system
    std::string user;          // "": alluxio.security.login.username, else the process's user
  };

  // Finds the primary among the configured masters and adopts the cluster's defaults (unless
  // alluxio.user.conf.cluster.default.enabled is false).
  static Result<std::unique_ptr<FileSystem>> Connect(Config config, Options options);
  static Result<std::unique_ptr<FileSystem>> Connect(Config config) {
    return Connect(std::move(config), Options{});
  }
  ~FileSystem();
  // The masters that `config` names, without contacting any; with alluxio.zookeeper.enabled those
  // that take part in the election, for which ZooKeeper is asked. Errors: InvalidArgument
  // with 2.9's text when it names none; Unavailable when ZooKeeper can't be reached.
  static Result<std::vector<HostPort>> ConfiguredMasters(const Config& config);
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // Ours, with the cluster's defaults.
  const Config& config() const;

  // --- the namespace (fs_metadata.cc)
  Result<FileInfo> GetStatus(std::string_view path, const GetStatusOptions& options = {});
  Result<bool> Exists(std::string_view path);
  // Calls `visit` for each entry as it arrives, from this thread; its error ends the listing and is
  // returned. A file lists itself.
  Status ListStatus(std::string_view path, const ListOptions& options,
                    const std::function<Status(FileInfo&&)>& visit);
  Result<std::vector<FileInfo>> List(std::string_view path, const ListOptions& options = {});
  Result<std::string> GetFilePath(int64_t file_id);

  Status CreateDirectory(std::string_view path, const CreateDirectoryOptions& options = {});
  Status Delete(std::string_view path, const DeleteOptions& options = {});
  Status Rename(std::string_view from, std::string_view to, const RenameOptions& options = {});
  Status SetAttribute(std::string_view path, const SetAttributeOptions& options);
  Status SetAcl(std::string_view path, SetAclAction action, const std::vector<AclEntry>& entries,
                bool recursive = false);
  Status Free(std::string_view path, bool recursive, bool forced);
  // Errors of the server's check only: PermissionDenied, NotFound. `bits`: 4 read, 2 write, 1
  // execute.
  Status CheckAccess(std::string_view path, int bits);
  Status ScheduleAsyncPersistence(std::string_view path, int64_t wait_ms = 0);

  Status Mount(std::string_view path, std::string_view ufs_uri, const MountOptions& options = {});
  Status Unmount(std::string_view path);
  Status UpdateMount(std::string_view path, const MountOptions& options);
  Result<std::vector<MountPoint>> GetMountTable(bool check_ufs = true);  // in the order of the wire

  Status NeedsSync(std::string_view path);
  Result<std::vector<std::string>> CheckConsistency(std::string_view path);

  // --- data (file_reader.h, file_writer.h). Reader and writer are used by one thread at a time
  // unless said otherwise.
  Result<std::unique_ptr<FileReader>> Open(std::string_view path, const OpenOptions& options = {});
  Result<std::unique_ptr<FileReader>> Open(const FileInfo& info, const OpenOptions& options = {});
  Result<std::unique_ptr<FileWriter>> Create(std::string_view path,
                                             const CreateOptions& options = {});

  // --- the cluster (fs_cluster.cc)
  Result<MasterInfo> GetMasterInfo();
  Result<BlockMasterInfo> GetBlockMasterInfo();
  Result<int64_t> GetCapacityBytes();
  Result<int64_t> GetUsedBytes();
  // Live workers, cached for alluxio.user.worker.list.refresh.interval unless `refresh`.
  Result<std::vector<WorkerInfo>> GetWorkers(bool refresh = false);
  Result<std::vector<WorkerInfo>> GetWorkerReport(WorkerRange range,
                                                  const std::vector<std::string>& names = {});
  Result<BlockInfo> GetBlockInfo(int64_t block_id);
  Result<std::vector<Metric>> GetMetrics();
  // What the master runs with; `raw` leaves ${} as written.
  Result<std::vector<ConfigProperty>> GetClusterConfiguration(bool raw = false);

  // Has the primary write a snapshot of its namespace; its host name.
  Result<std::string> Checkpoint();
  // Has the primary begin a backup of its metadata, and returns at once. `directory`: "" for the
  // configured one; `local`: a path of the master's machine, not of the root under-store; `id`: ""
  // for a new one; one that was begun with this id is told of, and no second one is begun.
  Result<BackupInfo> BeginBackup(const std::string& directory, bool local,
                                 const std::string& id = "");
  // Aborted, with the reason, when the backup failed.
  Result<BackupInfo> GetBackup(const std::string& id);
  // The masters that keep the embedded journal. Internal when there is another kind of journal.
  Result<std::vector<QuorumMember>> GetQuorum();
  Status RemoveQuorumMember(const HostPort& member);
  // Returns at once, with the name of the transfer. GetTransferOutcome: why it failed, "" when it
  // runs or is done.
  Result<std::string> TransferLeadership(const HostPort& to);
  Result<std::string> GetTransferOutcome(const std::string& transfer);
  Status ResetQuorumPriorities();

  // The primary that the last call spoke to.
  Result<HostPort> Leader();
  // All of them. Errors: those of ConfiguredMasters.
  Result<std::vector<HostPort>> Masters() const;
  // alluxio.user.hostname, else alluxio.worker.hostname..., else the machine's: what "local worker"
  // is measured by.
  const std::string& local_host() const;
  bool HasLocalWorker();
  // Has workers fetch every block of a file that none of them holds, or with `local_only` each
  // block that the worker on this machine does not hold. Calls `progress` with the bytes of each
  // block as it is done. Errors: Unavailable (no worker, no local worker), and what the workers
  // answer.
  Status CacheFile(const FileInfo& info, bool local_only,
                   const std::function<void(int64_t bytes)>& progress);

  class Impl;  // client/impl.h; for readers and writers
  Impl& impl() { return *impl_; }

 private:
  explicit FileSystem(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::client
