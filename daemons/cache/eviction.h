#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "cache/block_store.h"

// Which blocks go when room is needed. Pure: no locks, no clock, no I/O.
namespace headpond::cache {

struct LruEntry {
  BlockId block;
  int64_t length_bytes;
  uint64_t last_use;  // from one counter for all orders, so that ages compare across directories
};

// Blocks by their last use. Holds only those that may go at all: whoever pins, opens or moves a
// block takes it out. All operations are O(1). Not thread safe.
class LruOrder {
 public:
  using Handle = std::list<LruEntry>::iterator;  // good until Remove

  // As the most recently used; `entry.last_use` must be larger than all before.
  Handle Add(const LruEntry& entry) {
    total_bytes_ += entry.length_bytes;
    return entries_.insert(entries_.end(), entry);
  }
  void Touch(Handle handle, uint64_t last_use) {
    handle->last_use = last_use;
    entries_.splice(entries_.end(), entries_, handle);
  }
  void Remove(Handle handle) {
    total_bytes_ -= handle->length_bytes;
    entries_.erase(handle);
  }

  const std::list<LruEntry>& oldest_first() const { return entries_; }
  int64_t total_bytes() const { return total_bytes_; }

 private:
  int64_t total_bytes_ = 0;
  std::list<LruEntry> entries_;
};

// A directory that could make room.
struct EvictionCandidate {
  int64_t free_bytes;  // negative: may not be used
  const LruOrder* order;
};

struct EvictionPlan {
  size_t candidate;               // index
  std::vector<LruEntry> victims;  // oldest first; empty when there was room already
};

// The least painful way to get `needed_bytes` free in one directory: for each, its oldest blocks
// until there is room; of these sets the one whose youngest member is the oldest. That is the
// directory that gets there first when blocks are dropped strictly by age over all candidates,
// without dropping those of the other directories. Nothing when no directory gets there.
// O(blocks looked at), which is the number of victims times the number of directories.
std::optional<EvictionPlan> PlanEviction(std::span<const EvictionCandidate> candidates,
                                         int64_t needed_bytes);

}  // namespace headpond::cache
