#include "master/block_master.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/arithmetic.h"
#include "base/log.h"
#include "base/mutex.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "block-master";

int64_t Sum(const BytesByTier& bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0}, [](int64_t sum, const auto& tier) {
    return SaturatingAdd(sum, tier.second);
  });
}

// One copy of a block: 16 bytes, because there is one for each cached block.
struct Copy {
  WorkerId worker;
  uint16_t place;  // index into Impl::places
};

using BlockSet = absl::flat_hash_set<BlockId>;

struct PendingRegistration {
  Registration registration;
  absl::flat_hash_map<BlockId, uint16_t> blocks;
};

struct Worker {
  WorkerDescription description;
  bool registered = false;
  BlockSet blocks;
  BlockSet to_free;  // sent with each heartbeat until reported removed
  std::optional<PendingRegistration> pending;
};

}  // namespace

int64_t WorkerDescription::capacity_bytes() const {
  return Sum(registration.capacity_bytes);
}
int64_t WorkerDescription::used_bytes() const {
  return Sum(registration.used_bytes);
}

struct BlockMaster::Impl {
  Impl(BlockMasterOptions o, const Clock& c, Random r)
      : options(std::move(o)), clock(c), random(r) {}

  const BlockMasterOptions options;
  const Clock& clock;
  mutable SharedMutex mutex;
  Random random GUARDED_BY(mutex);
  std::map<WorkerId, Worker> workers GUARDED_BY(mutex);
  std::map<WorkerAddress, WorkerId> ids GUARDED_BY(mutex);
  std::map<WorkerId, int64_t> leases GUARDED_BY(mutex);  // -> expiry
  std::vector<StoragePlace> places GUARDED_BY(mutex);
  absl::flat_hash_map<BlockId, absl::InlinedVector<Copy, 1>> copies GUARDED_BY(mutex);
  int64_t copy_count GUARDED_BY(mutex) = 0;

  Worker* Find(WorkerId id) REQUIRES(mutex) {
    auto it = workers.find(id);
    return it == workers.end() ? nullptr : &it->second;
  }

  uint16_t PlaceIndex(const StoragePlace& place) REQUIRES(mutex) {
    const auto it = std::find(places.begin(), places.end(), place);
    if (it != places.end()) return static_cast<uint16_t>(it - places.begin());
    places.push_back(place);
    return static_cast<uint16_t>(places.size() - 1);
  }

  void AddCopy(Worker& worker, BlockId block, uint16_t place) REQUIRES(mutex) {
    if (!options.is_known(block)) {
      worker.to_free.insert(block);
      return;
    }
    auto& holders = copies[block];
    for (Copy& copy : holders) {
      if (copy.worker == worker.description.id) {
        copy.place = place;
        return;
      }
    }
    holders.push_back({worker.description.id, place});
    worker.blocks.insert(block);
    ++copy_count;
  }

  // False when that was the last copy.
  bool DropCopy(Worker& worker, BlockId block) REQUIRES(mutex) {
    worker.blocks.erase(block);
    const auto it = copies.find(block);
    if (it == copies.end()) return true;
    const auto holder = std::find_if(it->second.begin(), it->second.end(), [&](const Copy& c) {
      return c.worker == worker.description.id;
    });
    if (holder == it->second.end()) return true;
    it->second.erase(holder);
    --copy_count;
    if (!it->second.empty()) return true;
    copies.erase(it);
    return false;
  }

  // Forgets what the worker holds; returns the blocks that have no copy left.
  std::vector<BlockId> DropAllCopies(Worker& worker) REQUIRES(mutex) {
    std::vector<BlockId> orphans;
    const BlockSet blocks = std::move(worker.blocks);
    worker.blocks.clear();
    for (const BlockId block : blocks)
      if (!DropCopy(worker, block)) orphans.push_back(block);
    return orphans;
  }

  void ExpireLeases() REQUIRES(mutex) {
    std::erase_if(leases, [now = clock.NowMs()](const auto& lease) { return lease.second <= now; });
  }

  WorkerDescription Describe(const Worker& worker) const REQUIRES_SHARED(mutex) {
    WorkerDescription description = worker.description;
    description.block_count = static_cast<int64_t>(worker.blocks.size());
    return description;
  }

  std::vector<BlockCopy> CopiesOf(BlockId block) const REQUIRES_SHARED(mutex) {
    std::vector<BlockCopy> result;
    const auto it = copies.find(block);
    if (it == copies.end()) return result;
    for (const Copy& copy : it->second) {
      const auto worker = workers.find(copy.worker);
      if (worker == workers.end()) continue;
      result.push_back({copy.worker, worker->second.description.address, places[copy.place]});
    }
    return result;
  }

  Worker* FindByHost(const std::string& host, int web_port) REQUIRES(mutex) {
    for (auto& [id, worker] : workers) {
      const WorkerAddress& address = worker.description.address;
      if (address.host == host && (web_port == 0 || address.web_port == web_port)) return &worker;
    }
    return nullptr;
  }
};

BlockMaster::BlockMaster(BlockMasterOptions options, const Clock& clock, Random random)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random)) {}

BlockMaster::~BlockMaster() = default;

WorkerId BlockMaster::GetWorkerId(const WorkerAddress& address) {
  WriterLock lock(impl_->mutex);
  if (const auto it = impl_->ids.find(address); it != impl_->ids.end()) return it->second;
  WorkerId id = impl_->random.NonNegativeId();
  while (impl_->workers.contains(id)) id = impl_->random.NonNegativeId();
  impl_->ids.emplace(address, id);
  Worker& worker = impl_->workers[id];
  worker.description.id = id;
  worker.description.address = address;
  worker.description.last_contact_ms = impl_->clock.NowMs();
  return id;
}

Result<RegisterLease> BlockMaster::RequestLease(WorkerId worker) {
  WriterLock lock(impl_->mutex);
  if (impl_->Find(worker) == nullptr) return NotFound("No worker found for workerId {}", worker);
  impl_->ExpireLeases();
  const auto held = impl_->leases.find(worker);
  if (held == impl_->leases.end() &&
      static_cast<int>(impl_->leases.size()) >= impl_->options.lease_count)
    return RegisterLease{};
  const int64_t expiry_ms = impl_->clock.NowMs() + impl_->options.lease_ttl.count();
  impl_->leases[worker] = expiry_ms;
  return RegisterLease{true, expiry_ms};
}

Status BlockMaster::BeginRegistration(WorkerId id, Registration registration) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->Find(id);
  if (worker == nullptr) return NotFound("No worker found for workerId {}", id);
  if (worker->description.state == WorkerState::kDisabled)
    return PermissionDenied("worker {}:{} is disabled; enable it with fsadmin enableWorker",
                            worker->description.address.host, worker->description.address.rpc_port);
  impl_->ExpireLeases();
  if (impl_->options.lease_required && !impl_->leases.contains(id))
    return Unavailable("Worker {} does not have a register lease or its lease has expired", id);
  worker->pending = PendingRegistration{std::move(registration), {}};
  return Status::Ok();
}

Status BlockMaster::AddBlocks(WorkerId id, const BlocksByPlace& blocks) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->Find(id);
  if (worker == nullptr || !worker->pending)
    return FailedPrecondition("worker {} has no registration under way", id);
  for (const auto& [place, ids] : blocks) {
    const uint16_t index = impl_->PlaceIndex(place);
    for (const BlockId block : ids) worker->pending->blocks[block] = index;
  }
  return Status::Ok();
}

Status BlockMaster::FinishRegistration(WorkerId id) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->Find(id);
  if (worker == nullptr || !worker->pending)
    return FailedPrecondition("worker {} has no registration under way", id);
  PendingRegistration pending = *std::move(worker->pending);
  worker->pending.reset();
  impl_->DropAllCopies(*worker);
  worker->to_free.clear();
  worker->registered = true;
  WorkerDescription& description = worker->description;
  description.state = WorkerState::kLive;
  description.registration = std::move(pending.registration);
  description.last_contact_ms = description.start_ms = impl_->clock.NowMs();
  for (const auto& [block, place] : pending.blocks) impl_->AddCopy(*worker, block, place);
  impl_->leases.erase(id);
  LogInfo(kComponent,
          "Worker successfully registered: id={} host={} rpcPort={} blocks={} unknown={}", id,
          description.address.host, description.address.rpc_port, worker->blocks.size(),
          worker->to_free.size());
  return Status::Ok();
}

WorkerCommand BlockMaster::Heartbeat(WorkerHeartbeat heartbeat) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->Find(heartbeat.worker_id);
  if (worker == nullptr || !worker->registered) return {WorkerCommand::Kind::kRegister, {}};
  WorkerDescription& description = worker->description;
  if (description.state == WorkerState::kDisabled) return {WorkerCommand::Kind::kDisabled, {}};
  if (description.state == WorkerState::kDecommissioned)
    return {WorkerCommand::Kind::kDecommissioned, {}};
  if (description.state == WorkerState::kLost) return {WorkerCommand::Kind::kRegister, {}};

  description.last_contact_ms = impl_->clock.NowMs();
  for (auto& [tier, bytes] : heartbeat.used_bytes)
    description.registration.used_bytes[tier] = bytes;
  for (auto& [tier, bytes] : heartbeat.capacity_bytes)
    description.registration.capacity_bytes[tier] = bytes;
  if (!heartbeat.lost_storage.empty())
    description.registration.lost_storage = std::move(heartbeat.lost_storage);
  for (const BlockId block : heartbeat.removed) {
    impl_->DropCopy(*worker, block);
    worker->to_free.erase(block);
  }
  for (const auto& [place, ids] : heartbeat.added) {
    const uint16_t index = impl_->PlaceIndex(place);
    for (const BlockId block : ids) impl_->AddCopy(*worker, block, index);
  }
  if (worker->to_free.empty()) return {};
  return {WorkerCommand::Kind::kFree, {worker->to_free.begin(), worker->to_free.end()}};
}

Status BlockMaster::AddCopy(WorkerId id, BlockId block, const StoragePlace& place,
                            int64_t used_bytes_on_tier) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->Find(id);
  if (worker == nullptr) return NotFound("No worker found for workerId {}", id);
  // Only live workers have copies: the others may be forgotten at any time.
  if (!worker->registered || worker->description.state != WorkerState::kLive)
    return Unavailable("worker {} must register before it reports block {}", id, block);
  worker->description.registration.used_bytes[place.tier_alias] = used_bytes_on_tier;
  worker->description.last_contact_ms = impl_->clock.NowMs();
  worker->to_free.erase(block);  // cached anew after it was freed
  impl_->AddCopy(*worker, block, impl_->PlaceIndex(place));
  return Status::Ok();
}

std::vector<BlockCopy> BlockMaster::CopiesOf(BlockId block) const {
  ReaderLock lock(impl_->mutex);
  return impl_->CopiesOf(block);
}

std::vector<std::vector<BlockCopy>> BlockMaster::CopiesOf(std::span<const BlockId> blocks) const {
  std::vector<std::vector<BlockCopy>> result;
  result.reserve(blocks.size());
  ReaderLock lock(impl_->mutex);
  for (const BlockId block : blocks) result.push_back(impl_->CopiesOf(block));
  return result;
}

bool BlockMaster::HasCopy(BlockId block) const {
  ReaderLock lock(impl_->mutex);
  return impl_->copies.contains(block);
}

void BlockMaster::Free(std::span<const BlockId> blocks) {
  WriterLock lock(impl_->mutex);
  for (const BlockId block : blocks) {
    const auto it = impl_->copies.find(block);
    if (it == impl_->copies.end()) continue;
    for (const Copy& copy : it->second) impl_->Find(copy.worker)->to_free.insert(block);
  }
}

std::vector<BlockId> BlockMaster::DetectLostWorkers() {
  WriterLock lock(impl_->mutex);
  const int64_t now_ms = impl_->clock.NowMs();
  std::vector<BlockId> orphans;
  for (auto it = impl_->workers.begin(); it != impl_->workers.end();) {
    Worker& worker = it->second;
    const int64_t silent_ms = now_ms - worker.description.last_contact_ms;
    if (worker.registered && worker.description.state == WorkerState::kLive &&
        silent_ms > impl_->options.worker_timeout.count()) {
      LogWarn(kComponent, "worker {} ({}:{}) is lost: no heartbeat for {} ms", it->first,
              worker.description.address.host, worker.description.address.rpc_port, silent_ms);
      worker.description.state = WorkerState::kLost;
      const auto gone = impl_->DropAllCopies(worker);
      orphans.insert(orphans.end(), gone.begin(), gone.end());
    }
    const bool idle = worker.description.state == WorkerState::kLost || !worker.registered;
    if (idle && silent_ms > impl_->options.lost_worker_deletion.count()) {
      impl_->ids.erase(worker.description.address);
      it = impl_->workers.erase(it);
    } else {
      ++it;
    }
  }
  return orphans;
}

Status BlockMaster::Decommission(const std::string& host, int web_port, bool can_register_again) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->FindByHost(host, web_port);
  if (worker == nullptr) return NotFound("no worker at {}:{} (host and web port)", host, web_port);
  worker->description.state =
      can_register_again ? WorkerState::kDecommissioned : WorkerState::kDisabled;
  impl_->DropAllCopies(*worker);
  return Status::Ok();
}

Status BlockMaster::RemoveDisabled(const std::string& host, int web_port) {
  WriterLock lock(impl_->mutex);
  Worker* worker = impl_->FindByHost(host, web_port);
  if (worker == nullptr) return NotFound("no worker at {}:{} (host and web port)", host, web_port);
  worker->description.state = WorkerState::kLost;
  return Status::Ok();
}

std::vector<WorkerDescription> BlockMaster::Workers() const {
  std::vector<WorkerDescription> result;
  ReaderLock lock(impl_->mutex);
  for (const auto& [id, worker] : impl_->workers)
    if (worker.registered) result.push_back(impl_->Describe(worker));
  return result;
}

std::vector<WorkerDescription> BlockMaster::Workers(WorkerState state) const {
  std::vector<WorkerDescription> result = Workers();
  std::erase_if(result, [&](const WorkerDescription& worker) { return worker.state != state; });
  return result;
}

std::set<std::string> BlockMaster::LiveAddresses() const {
  std::set<std::string> addresses;
  ReaderLock lock(impl_->mutex);
  for (const auto& [id, worker] : impl_->workers) {
    const WorkerDescription& known = worker.description;
    if (worker.registered && known.state == WorkerState::kLive)
      addresses.insert(fmt::format("{}:{}", known.address.host, known.address.rpc_port));
  }
  return addresses;
}

int64_t BlockMaster::unique_block_count() const {
  ReaderLock lock(impl_->mutex);
  return static_cast<int64_t>(impl_->copies.size());
}

int64_t BlockMaster::copy_count() const {
  ReaderLock lock(impl_->mutex);
  return impl_->copy_count;
}

}  // namespace headpond::master
