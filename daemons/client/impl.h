#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/mutex.h"
#include "base/random.h"
#include "client/file_system.h"
#include "client/master_client.h"
#include "client/policy.h"
#include "client/worker_connections.h"

namespace headpond::client {

// What a FileSystem and its readers and writers share. Thread safe; internal to this layer.
class FileSystem::Impl {
 public:
  Impl(Config config, const Options& options, MasterClient::Options master_options,
       WorkerConnections::Options worker_options);

  // Adds the cluster's defaults to `config`. Before any other use.
  Status Bootstrap();

  const Config& config() const { return config_; }
  const Clock& clock() const { return clock_; }
  const std::string& user() const { return user_; }
  const std::string& local_host() const { return local_host_; }
  MasterClient& master() { return master_; }
  WorkerConnections& workers() { return workers_; }

  uint64_t RandomNumber() EXCLUDES(mutex_);
  // A fresh operation id, or nothing when alluxio.user.file.include.operation.id is off.
  void SetOperationId(alluxio::grpc::file::FileSystemMasterCommonPOptions* common);
  // The sync interval: given, or configured by the user; never just the default.
  void SetSyncInterval(std::optional<int64_t> given_ms,
                       alluxio::grpc::file::FileSystemMasterCommonPOptions* common);

  // Time to live of a new path: given, or configured.
  void SetTtl(std::optional<int64_t> given_ms, std::optional<TtlAction> action,
              alluxio::grpc::file::FileSystemMasterCommonPOptions* common);
  // Bits that new paths don't get: alluxio.security.authorization.permission.umask.
  int umask() const;
  // `type`, or the configured one for kNone.
  Result<WriteType> EffectiveWriteType(WriteType type) const;

  // True for a worker on this machine: the name it registered with is ours, or means "this machine"
  // everywhere.
  bool IsLocal(const WorkerAddress& worker) const;

  Result<std::vector<WorkerInfo>> Workers(bool refresh) EXCLUDES(mutex_);
  // A live worker that `policy` picks, passing over `excluded`. Errors: Unavailable, with 2.9's
  // texts, when there is none, or none with room for a block of `block_size`.
  Result<WorkerAddress> PickWorker(Policy policy, int64_t block_id, int64_t block_size,
                                   const std::vector<WorkerAddress>& excluded) EXCLUDES(mutex_);
  Result<Policy> ConfiguredPolicy(std::string_view given, std::string_view key) const;
  // The worker on this machine, if there is one.
  std::optional<WorkerAddress> LocalWorker() EXCLUDES(mutex_);

 private:
  Config config_;  // const once Bootstrap returned
  const Clock& clock_;
  const std::string user_;
  const std::string local_host_;
  MasterClient master_;
  WorkerConnections workers_;

  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::vector<WorkerInfo> worker_list_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point worker_list_expires_ GUARDED_BY(mutex_){};
  std::atomic<uint64_t> turn_{0};  // of RoundRobinPolicy
};

// A path as the wire wants it: absolute, canonical, without scheme. Errors have 2.9's texts: `Path
// "foo" is invalid.`
Result<std::string> CleanPath(std::string_view text);

// 2.9's texts for enum properties, as ParseWriteType and ParseReadType (options.h) take them.
std::string_view ToString(WriteType type);
std::string_view ToString(ReadType type);

}  // namespace headpond::client
