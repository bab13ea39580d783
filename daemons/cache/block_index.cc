#include "cache/block_index.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "cache/allocator.h"

namespace headpond::cache {

BlockIndex::BlockIndex(std::vector<Directory> directories, BlockStoreOptions::Allocator allocator)
    : allocator_(allocator) {
  slots_.reserve(directories.size());
  for (Directory& directory : directories) slots_.push_back(Slot{std::move(directory)});
}

// ---- room ----

int64_t BlockIndex::FreeBytes(DirectoryId id) const {
  const Slot& slot = slots_[id];
  return slot.in_service ? slot.directory.capacity_bytes - slot.used_bytes : -1;
}

void BlockIndex::Charge(DirectoryId id, int64_t bytes) {
  Slot& slot = slots_[id];
  if (!slot.in_service) return;  // nothing counts there any more
  slot.used_bytes += bytes;
  assert(slot.used_bytes >= 0 && slot.used_bytes <= slot.directory.capacity_bytes);
}

Result<std::vector<DirectoryId>> BlockIndex::Eligible(const Placement& placement) const {
  const int tiers = slots_.back().directory.tier + 1;
  // As 2.9 reads ordinals: past the last means the last, negative ones count from the end.
  const int tier = placement.tier >= 0 ? std::min(placement.tier, tiers - 1)
                                       : std::max(tiers + placement.tier, 0);
  std::vector<DirectoryId> eligible;
  bool medium_known = placement.medium_type.empty();
  for (DirectoryId id = 0; id < slots_.size(); ++id) {
    const Directory& directory = slots_[id].directory;
    if (!placement.medium_type.empty()) {
      if (directory.location.medium_type != placement.medium_type) continue;
      medium_known = true;
    }
    if (directory.tier == tier || (placement.allow_lower_tiers && directory.tier > tier)) {
      eligible.push_back(id);
    }
  }
  if (!medium_known) {
    return InvalidArgument("no directory of this worker has medium type {}", placement.medium_type);
  }
  if (eligible.empty()) {
    return InvalidArgument("tier {} has no directory of medium type {}", tier,
                           placement.medium_type);
  }
  return eligible;
}

std::optional<DirectoryId> BlockIndex::Choose(const std::vector<DirectoryId>& directories,
                                              int64_t bytes) {
  std::vector<int64_t> free_bytes;
  for (const DirectoryId id : directories) free_bytes.push_back(FreeBytes(id));
  std::optional<size_t> chosen;
  switch (allocator_) {
    case BlockStoreOptions::Allocator::kMaxFree: chosen = ChooseMaxFree(free_bytes, bytes); break;
    case BlockStoreOptions::Allocator::kGreedy: chosen = ChooseGreedy(free_bytes, bytes); break;
    case BlockStoreOptions::Allocator::kRoundRobin: {
      size_t& next = round_robin_next_[slots_[directories.front()].directory.tier];
      chosen = ChooseRoundRobin(free_bytes, bytes, next);
      if (chosen) next = *chosen + 1;
      break;
    }
  }
  if (!chosen) return std::nullopt;
  return directories[*chosen];
}

std::optional<DirectoryId> BlockIndex::ChooseByTier(const std::vector<DirectoryId>& directories,
                                                    int64_t bytes) {
  for (size_t begin = 0, end = 0; begin < directories.size(); begin = end) {
    const int tier = slots_[directories[begin]].directory.tier;
    std::vector<DirectoryId> of_tier;
    for (; end < directories.size() && slots_[directories[end]].directory.tier == tier; ++end) {
      of_tier.push_back(directories[end]);
    }
    if (const auto chosen = Choose(of_tier, bytes)) return chosen;
  }
  return std::nullopt;
}

Result<BlockIndex::Grant> BlockIndex::Allocate(const std::vector<DirectoryId>& eligible,
                                               int64_t bytes) {
  if (const auto chosen = ChooseByTier(eligible, bytes)) {
    Charge(*chosen, bytes);
    return Grant{*chosen, {}};
  }
  std::vector<EvictionCandidate> candidates;
  for (const DirectoryId id : eligible) {
    candidates.push_back({FreeBytes(id), &slots_[id].order});
  }
  const auto plan = PlanEviction(candidates, bytes);
  if (!plan) return NoRoom(eligible, bytes);
  const DirectoryId directory = eligible[plan->candidate];
  Grant grant{directory, TakeVictims(directory, plan->victims)};
  Charge(directory, bytes);
  return grant;
}

std::vector<BlockIndex::Victim> BlockIndex::TakeVictims(DirectoryId from,
                                                        const std::vector<LruEntry>& entries) {
  std::vector<DirectoryId> lower;
  for (DirectoryId id = from + 1; id < slots_.size(); ++id) {
    if (slots_[id].directory.tier > slots_[from].directory.tier) lower.push_back(id);
  }
  std::vector<Victim> victims;
  for (const LruEntry& entry : entries) {
    Record& record = records_.at(entry.block);
    const auto to = ChooseByTier(lower, record.length_bytes);
    Charge(from, -record.length_bytes);
    record.room_given_away = true;
    if (to) {
      Charge(*to, record.length_bytes);
      record.state = State::kMoving;
      record.move_target = *to;
      RefreshAge(entry.block, record);
    } else {
      Leave(entry.block, record);
    }
    victims.push_back({entry.block, from, to, record.length_bytes});
  }
  return victims;
}

Status BlockIndex::NoRoom(const std::vector<DirectoryId>& eligible, int64_t bytes) const {
  int64_t capacity = 0, used = 0, evictable = 0;
  for (const DirectoryId id : eligible) {
    if (!slots_[id].in_service) continue;
    capacity += slots_[id].directory.capacity_bytes;
    used += slots_[id].used_bytes;
    evictable += slots_[id].order.total_bytes();
  }
  return ResourceExhausted(
      "no directory can make room for {} bytes: of {} bytes {} are used, and only {} of them may "
      "be "
      "evicted (the rest is pinned, being read or being written)",
      bytes, capacity, used, evictable);
}

// ---- writing ----

Result<BlockIndex::Grant> BlockIndex::PlanCreate(BlockId block, const Placement& placement,
                                                 int64_t bytes) {
  if (temporaries_.contains(block)) return AlreadyExists("block {} is being written", block);
  if (records_.contains(block)) return AlreadyExists("block {} is stored already", block);
  ASSIGN_OR_RETURN(const auto eligible, Eligible(placement));
  ASSIGN_OR_RETURN(Grant grant, Allocate(eligible, bytes));
  temporaries_.emplace(block, Temporary{grant.directory, bytes});
  return grant;
}

Result<std::vector<BlockIndex::Victim>> BlockIndex::PlanGrow(BlockId block, int64_t extra_bytes) {
  Temporary& temporary = temporaries_.at(block);
  const Slot& slot = slots_[temporary.directory];
  if (!slot.in_service) {
    return Internal("directory {} failed while block {} was being written", slot.directory.path,
                    block);
  }
  ASSIGN_OR_RETURN(Grant grant, Allocate({temporary.directory}, extra_bytes));
  temporary.reserved_bytes += extra_bytes;
  return std::move(grant.victims);
}

Status BlockIndex::CommitTemporary(BlockId block, int64_t length_bytes,
                                   std::optional<std::chrono::steady_clock::time_point> pin_until) {
  const Temporary temporary = temporaries_.at(block);
  const Slot& slot = slots_[temporary.directory];
  if (!slot.in_service) {
    return Internal("directory {} failed while block {} was being written", slot.directory.path,
                    block);
  }
  assert(length_bytes <= temporary.reserved_bytes);
  Charge(temporary.directory, length_bytes - temporary.reserved_bytes);
  temporaries_.erase(block);
  auto& record =
      records_
          .emplace(block, Record{.directory = temporary.directory, .length_bytes = length_bytes})
          .first->second;
  ++visible_count_;
  NoteAdded(block);
  const int64_t container = ContainerOf(block);
  if (pin_until && !std::binary_search(pinned_.begin(), pinned_.end(), container)) {
    writer_pins_[container] = *pin_until;
    RefreshContainer(container);
  } else {
    RefreshAge(block, record);
  }
  return Status::Ok();
}

void BlockIndex::DropTemporary(BlockId block) {
  const auto temporary = temporaries_.find(block);
  if (temporary == temporaries_.end()) return;
  Charge(temporary->second.directory, -temporary->second.reserved_bytes);
  temporaries_.erase(temporary);
}

bool BlockIndex::AddRecovered(DirectoryId directory, BlockId block, int64_t length) {
  if (records_.contains(block) || FreeBytes(directory) < length) return false;
  Charge(directory, length);
  auto& record =
      records_.emplace(block, Record{.directory = directory, .length_bytes = length}).first->second;
  ++visible_count_;
  RefreshAge(block, record);
  return true;
}

// ---- reading ----

BlockIndex::Visibility BlockIndex::visibility(BlockId block) const {
  const auto record = records_.find(block);
  if (record == records_.end() || record->second.state == State::kLeaving) return Visibility::kNone;
  return record->second.state == State::kMoving ? Visibility::kMoving : Visibility::kReady;
}

std::optional<BlockIndex::Found> BlockIndex::Find(BlockId block) const {
  if (visibility(block) == Visibility::kNone) return std::nullopt;
  const Record& record = records_.at(block);
  return Found{record.directory, record.length_bytes};
}

bool BlockIndex::HasReaders(BlockId block) const {
  const auto record = records_.find(block);
  return record != records_.end() && record->second.readers > 0;
}

BlockIndex::Found BlockIndex::AcquireReader(BlockId block) {
  Record& record = records_.at(block);
  assert(record.state == State::kReady);
  ++record.readers;
  RefreshAge(block, record);
  return {record.directory, record.length_bytes};
}

bool BlockIndex::ReleaseReader(BlockId block) {
  Record& record = records_.at(block);
  assert(record.readers > 0);
  --record.readers;
  RefreshAge(block, record);
  return record.readers == 0 && record.state == State::kLeaving;
}

void BlockIndex::Touch(BlockId block) {
  const auto record = records_.find(block);
  if (record == records_.end() || !record->second.age) return;
  slots_[record->second.directory].order.Touch(*record->second.age, ++uses_);
}

// ---- removing and moving ----

bool BlockIndex::PlanRemove(BlockId block) {
  Record& record = records_.at(block);
  assert(record.state == State::kReady);
  Leave(block, record);
  return record.readers == 0;
}

void BlockIndex::Leave(BlockId block, Record& record) {
  record.state = State::kLeaving;
  --visible_count_;
  RefreshAge(block, record);
  NoteRemoved(block);
}

void BlockIndex::FinishLeaving(BlockId block) {
  const auto record = records_.find(block);
  assert(record != records_.end() && record->second.state == State::kLeaving);
  assert(record->second.readers == 0);
  if (!record->second.room_given_away) {
    Charge(record->second.directory, -record->second.length_bytes);
  }
  records_.erase(record);
}

Result<std::optional<BlockIndex::MovePlan>> BlockIndex::PlanMove(BlockId block,
                                                                 const Placement& to) {
  ASSIGN_OR_RETURN(auto eligible, Eligible(to));
  Record& record = records_.at(block);
  assert(record.state == State::kReady);
  // A place of the wanted kind is good enough unless a higher one is wanted too.
  if (std::find(eligible.begin(), eligible.end(), record.directory) != eligible.end()) {
    const int tier = slots_[record.directory].directory.tier;
    std::erase_if(eligible, [&](DirectoryId id) { return slots_[id].directory.tier >= tier; });
    if (eligible.empty()) return std::optional<MovePlan>();
  }
  if (record.readers > 0) return FailedPrecondition("block {} is being read", block);
  // Out of the order first: a block must not be evicted to make room for itself.
  record.state = State::kMoving;
  RefreshAge(block, record);
  auto grant = Allocate(eligible, record.length_bytes);
  if (!grant.ok()) {
    record.state = State::kReady;
    RefreshAge(block, record);
    return grant.status();
  }
  record.move_target = grant->directory;
  return std::optional(
      MovePlan{record.directory, grant->directory, record.length_bytes, std::move(grant->victims)});
}

bool BlockIndex::FinishMove(BlockId block, bool moved) {
  Record& record = records_.at(block);
  assert(record.state == State::kMoving);
  const DirectoryId source =
      std::exchange(record.directory, moved ? record.move_target : record.directory);
  if (moved) {
    if (!record.room_given_away) Charge(source, -record.length_bytes);
    record.room_given_away = false;
  } else {
    Charge(record.move_target, -record.length_bytes);
  }
  if (record.room_given_away || !slots_[record.directory].in_service) {
    Leave(block, record);
    return true;
  }
  record.state = State::kReady;
  RefreshAge(block, record);
  if (moved) NoteAdded(block);
  return false;
}

std::optional<int64_t> BlockIndex::DropDirectory(DirectoryId directory) {
  Slot& slot = slots_[directory];
  if (!slot.in_service) return std::nullopt;
  int64_t lost = 0;
  for (auto next = records_.begin(); next != records_.end();) {
    const auto entry = next++;
    Record& record = entry->second;
    // One that is being moved is settled by FinishMove; one that is leaving has left.
    if (record.directory != directory || record.state != State::kReady) continue;
    ++lost;
    Leave(entry->first, record);
    if (record.readers == 0) records_.erase(entry);
  }
  slot.in_service = false;
  slot.used_bytes = 0;
  ReportLost(slot.directory.location.tier_alias, slot.directory.path);
  return lost;
}

void BlockIndex::ReportLost(const std::string& tier_alias, const std::string& path) {
  lost_storage_[tier_alias].insert(path);
}

// ---- pins and ages ----

bool BlockIndex::IsPinned(BlockId block) const {
  const int64_t container = ContainerOf(block);
  return std::binary_search(pinned_.begin(), pinned_.end(), container) ||
         writer_pins_.contains(container);
}

void BlockIndex::RefreshAge(BlockId block, Record& record) {
  const bool evictable = record.state == State::kReady && record.readers == 0 && !IsPinned(block);
  LruOrder& order = slots_[record.directory].order;
  if (evictable && !record.age) {
    record.age = order.Add({block, record.length_bytes, ++uses_});
  } else if (!evictable && record.age) {
    order.Remove(*record.age);
    record.age.reset();
  }
}

void BlockIndex::RefreshContainer(int64_t container) {
  for (auto entry = records_.lower_bound(container << 24);
       entry != records_.end() && ContainerOf(entry->first) == container; ++entry) {
    RefreshAge(entry->first, entry->second);
  }
}

void BlockIndex::SetPinnedContainers(std::vector<int64_t> containers,
                                     std::chrono::steady_clock::time_point now) {
  std::vector<int64_t> changed;
  std::set_symmetric_difference(pinned_.begin(), pinned_.end(), containers.begin(),
                                containers.end(), std::back_inserter(changed));
  pinned_ = std::move(containers);
  std::erase_if(writer_pins_, [&](const auto& pin) {
    const bool listed = std::binary_search(pinned_.begin(), pinned_.end(), pin.first);
    if (!listed && pin.second > now) return false;
    changed.push_back(pin.first);
    return true;
  });
  for (const int64_t container : changed) RefreshContainer(container);
}

// ---- what there is, and what the master should know ----

std::vector<BlockId> BlockIndex::ReadyAndUnused() const {
  std::vector<BlockId> blocks;
  for (const auto& [block, record] : records_) {
    if (record.state == State::kReady && record.readers == 0) blocks.push_back(block);
  }
  return blocks;
}

std::map<Location, std::vector<BlockId>> BlockIndex::Blocks() const {
  std::map<Location, std::vector<BlockId>> blocks;
  for (const auto& [block, record] : records_) {
    if (record.state == State::kLeaving) continue;
    blocks[slots_[record.directory].directory.location].push_back(block);
  }
  return blocks;
}

void BlockIndex::NoteAdded(BlockId block) {
  added_.insert(block);
  removed_.erase(block);
}

void BlockIndex::NoteRemoved(BlockId block) {
  added_.erase(block);
  removed_.insert(block);
}

BlockChanges BlockIndex::TakeChanges() {
  BlockChanges changes;
  for (const BlockId block : std::exchange(added_, {})) {
    const auto found = Find(block);
    if (found) changes.added[slots_[found->directory].directory.location].push_back(block);
  }
  const auto removed = std::exchange(removed_, {});
  changes.removed.assign(removed.begin(), removed.end());
  for (auto& [alias, paths] : std::exchange(lost_storage_, {})) {
    changes.lost_storage[alias].assign(paths.begin(), paths.end());
  }
  return changes;
}

void BlockIndex::RestoreChanges(const BlockChanges& changes) {
  for (const auto& [location, blocks] : changes.added) {
    for (const BlockId block : blocks) {
      if (Find(block)) added_.insert(block);
    }
  }
  for (const BlockId block : changes.removed) {
    if (!Find(block)) removed_.insert(block);
  }
  for (const auto& [alias, paths] : changes.lost_storage) {
    lost_storage_[alias].insert(paths.begin(), paths.end());
  }
}

}  // namespace headpond::cache
