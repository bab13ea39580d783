#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/config_report.h"
#include "base/result.h"
#include "base/worker_address.h"
#include "cache/block_store.h"
#include "worker/ufs_mounts.h"

namespace headpond::net {
struct ChannelOptions;
}

namespace headpond::worker {

using cache::BlockId;

// What the worker is to do, from the answer to a heartbeat.
struct MasterCommand {
  enum class Kind { kNothing, kRegister, kFree, kDecommissioned, kDisabled };
  Kind kind = Kind::kNothing;
  std::vector<BlockId> blocks;  // kFree
};

// A file to copy into its under-store.
struct PersistTask {
  int64_t file_id = 0;
  std::vector<BlockId> blocks;
};

// What copying a file needs to know.
struct PersistSource {
  std::string path;
  std::string ufs_path;  // its final place
  MountId mount_id = 0;
  int64_t length = 0;
  bool completed = false;
  std::string owner, group;
  uint16_t mode = 0;
  struct Block {
    BlockId id = 0;
    int64_t length = 0;
    std::vector<WorkerAddress> holders;
  };
  std::vector<Block> blocks;
};

// What copying files needs of the master. Thread safe.
class PersistMaster {
 public:
  virtual ~PersistMaster() = default;
  virtual Result<PersistSource> GetFile(int64_t file_id) = 0;
  // Reports copied files, takes new ones to copy.
  virtual Result<std::vector<PersistTask>> ExchangePersistWork(
      int64_t worker_id, const std::vector<int64_t>& persisted) = 0;
};

// The worker's side of everything it says to the master (compat/behaviour.md section 9). Each call
// is one attempt with a deadline, at the master that answered last and, while none answers, at each
// of the others; whoever calls decides about retries. A standby refuses as one that is down does.
// Thread safe. Errors: the master's, or Unavailable naming all that were tried.
class MasterLink final : public PersistMaster {
 public:
  // One channel for each master; the primary is found by asking. `call_timeout` bounds each unary
  // call, and each step of a streamed registration. `config` is what a registration tells of this
  // worker's properties.
  MasterLink(std::vector<net::ChannelOptions> masters, std::chrono::milliseconds call_timeout,
             std::vector<ReportedProperty> config = {});
  // One master at a time, the one that `find` names ("host:port"), asked again when that one does
  // not answer as the primary. `channel` is without a target.
  MasterLink(std::function<Result<std::string>()> find, net::ChannelOptions channel,
             std::chrono::milliseconds call_timeout, std::vector<ReportedProperty> config = {});
  ~MasterLink() override;

  // "host:port" of the master that answered last, for messages.
  std::string master() const;

  Result<int64_t> GetWorkerId(const WorkerAddress& address);
  // False: not now, ask again later.
  Result<bool> RequestLease(int64_t worker_id, int64_t block_count);
  // Streams everything the store has.
  Status Register(int64_t worker_id, const cache::BlockStore& store);
  // `counters`: what this worker's metrics "Worker.<name>[.UFS:<tag>]" grew by since the last
  // heartbeat.
  Result<MasterCommand> Heartbeat(int64_t worker_id, const std::vector<cache::TierSpace>& space,
                                  const cache::BlockChanges& changes,
                                  const std::map<std::string, int64_t>& counters);
  Status CommitBlock(int64_t worker_id, BlockId block,
                     const cache::BlockWriter::Committed& committed, int64_t used_bytes_on_tier);
  Result<std::set<int64_t>> PinnedFiles();
  Result<MountSpec> GetMount(MountId id);
  Result<PersistSource> GetFile(int64_t file_id) override;
  Result<std::vector<PersistTask>> ExchangePersistWork(
      int64_t worker_id, const std::vector<int64_t>& persisted) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::worker
