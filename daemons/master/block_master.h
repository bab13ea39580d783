#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/config_report.h"
#include "base/random.h"
#include "base/result.h"
#include "base/worker_address.h"

namespace headpond::master {

using BlockId = int64_t;
using WorkerId = int64_t;

enum class WorkerState { kLive, kLost, kDecommissioned, kDisabled };

// Where on a worker a block is.
struct StoragePlace {
  std::string tier_alias;
  std::string medium_type;
  friend auto operator<=>(const StoragePlace&, const StoragePlace&) = default;
};

using BlocksByPlace = std::map<StoragePlace, std::vector<BlockId>>;
using BytesByTier = std::map<std::string, int64_t>;

struct BlockCopy {
  WorkerId worker_id = 0;
  WorkerAddress address;
  StoragePlace place;
};

struct BuildVersion {
  std::string version;
  std::string revision;
};

// What a worker says of itself when it registers, without its blocks.
struct Registration {
  std::vector<std::string> tiers;
  BytesByTier capacity_bytes;
  BytesByTier used_bytes;
  std::map<std::string, std::vector<std::string>> lost_storage;
  BuildVersion build;
  int num_vcpu = 0;
  // What it is configured with, to compare with others; shared, because descriptions are copied.
  std::shared_ptr<const std::vector<ReportedProperty>> config;
};

struct WorkerHeartbeat {
  WorkerId worker_id = 0;
  BytesByTier used_bytes;
  BytesByTier capacity_bytes;  // empty: unchanged
  BlocksByPlace added;
  std::vector<BlockId> removed;
  std::map<std::string, std::vector<std::string>> lost_storage;
};

// The answer to a heartbeat; values of 2.9's CommandType (compat/behaviour.md section 9).
struct WorkerCommand {
  enum class Kind { kNothing = 1, kRegister = 2, kFree = 3, kDecommissioned = 6, kDisabled = 7 };
  Kind kind = Kind::kNothing;
  std::vector<BlockId> blocks;  // kFree
};

struct WorkerDescription {
  WorkerId id = 0;
  WorkerAddress address;
  WorkerState state = WorkerState::kLive;
  int64_t last_contact_ms = 0;  // wall clock
  int64_t start_ms = 0;         // when it registered
  Registration registration;
  int64_t block_count = 0;

  int64_t capacity_bytes() const;
  int64_t used_bytes() const;
};

struct RegisterLease {
  bool allowed = false;
  int64_t expiry_ms = 0;  // wall clock
};

struct BlockMasterOptions {
  // alluxio.master.worker.timeout: silent for longer = lost.
  std::chrono::milliseconds worker_timeout{std::chrono::minutes(5)};
  // alluxio.master.lost.worker.deletion.timeout: lost for longer = forgotten.
  std::chrono::milliseconds lost_worker_deletion{std::chrono::minutes(30)};
  // alluxio.master.worker.register.lease.*: how many workers register at once, and for how long.
  bool lease_required = true;
  int lease_count = 25;
  std::chrono::milliseconds lease_ttl{std::chrono::minutes(1)};
  // Says whether the namespace knows a block; the copies of others are freed. Called under this
  // class's lock: memory work only, no call back.
  std::function<bool(BlockId)> is_known = [](BlockId) { return true; };
};

// Which workers there are and which blocks each holds. All of it is soft state: workers report it
// again after a restart of the master, so nothing here is journaled. A worker's life:
//
//   GetWorkerId -> RequestLease -> BeginRegistration, AddBlocks*, FinishRegistration -> Heartbeat*
//        ^                                                                             |
//        +---------------- kRegister, when the master does not know it ----------------+
//
// Thread safe; pure memory work.
class BlockMaster {
 public:
  BlockMaster(BlockMasterOptions options, const Clock& clock, Random random);
  ~BlockMaster();

  // The id of the worker at `address`: the same for the same address as long as it is remembered.
  WorkerId GetWorkerId(const WorkerAddress& address);

  // Errors: NotFound for an id that GetWorkerId did not give.
  Result<RegisterLease> RequestLease(WorkerId worker);

  // Registration in batches. The worker's former blocks are replaced as a whole by
  // FinishRegistration; until then lookups see the former state. A new BeginRegistration drops an
  // unfinished one. Errors: NotFound (unknown worker), Unavailable (no lease although required: the
  // worker asks for one and retries), PermissionDenied (disabled).
  Status BeginRegistration(WorkerId worker, Registration registration);
  Status AddBlocks(WorkerId worker, const BlocksByPlace& blocks);
  Status FinishRegistration(WorkerId worker);

  WorkerCommand Heartbeat(WorkerHeartbeat heartbeat);

  // A worker holds a new block. Errors: NotFound for an unknown worker, naming it; Unavailable for
  // one that was lost and must register first.
  Status AddCopy(WorkerId worker, BlockId block, const StoragePlace& place,
                 int64_t used_bytes_on_tier);

  std::vector<BlockCopy> CopiesOf(BlockId block) const;
  // The same for many, with one lock.
  std::vector<std::vector<BlockCopy>> CopiesOf(std::span<const BlockId> blocks) const;
  bool HasCopy(BlockId block) const;

  // The blocks' copies are to be deleted: each holder is told so by kFree with every heartbeat
  // until it reports the block removed. Until then the copy is there and is shown, as in stock.
  void Free(std::span<const BlockId> blocks);

  // Marks silent workers lost and forgets long-lost ones. Returns the blocks whose last copy went
  // with them.
  std::vector<BlockId> DetectLostWorkers();

  // `fsadmin decommissionWorker` and its inverse. Errors: NotFound.
  Status Decommission(const std::string& host, int web_port, bool can_register_again);
  Status RemoveDisabled(const std::string& host, int web_port);

  std::vector<WorkerDescription> Workers() const;  // every state, by id
  std::vector<WorkerDescription> Workers(WorkerState state) const;
  std::set<std::string> LiveAddresses() const;  // "host:port" of their RPC ports
  int64_t unique_block_count() const;
  int64_t copy_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::master
