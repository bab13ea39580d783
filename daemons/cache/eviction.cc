#include "cache/eviction.h"

#include <utility>

namespace headpond::cache {
namespace {

// The oldest blocks of one directory that make room; nothing when all of them do not.
std::optional<std::vector<LruEntry>> OldestUntilRoom(const EvictionCandidate& candidate,
                                                     int64_t needed_bytes) {
  if (candidate.free_bytes < 0) return std::nullopt;
  if (candidate.free_bytes + candidate.order->total_bytes() < needed_bytes) return std::nullopt;
  std::vector<LruEntry> victims;
  int64_t missing = needed_bytes - candidate.free_bytes;
  for (const LruEntry& entry : candidate.order->oldest_first()) {
    if (missing <= 0) break;
    victims.push_back(entry);
    missing -= entry.length_bytes;
  }
  return victims;
}

uint64_t YoungestUse(const std::vector<LruEntry>& victims) {
  return victims.empty() ? 0 : victims.back().last_use;
}

}  // namespace

std::optional<EvictionPlan> PlanEviction(std::span<const EvictionCandidate> candidates,
                                         int64_t needed_bytes) {
  std::optional<EvictionPlan> best;
  for (size_t index = 0; index < candidates.size(); ++index) {
    auto victims = OldestUntilRoom(candidates[index], needed_bytes);
    if (!victims) continue;
    if (best && YoungestUse(best->victims) <= YoungestUse(*victims)) continue;
    best = EvictionPlan{index, *std::move(victims)};
  }
  return best;
}

}  // namespace headpond::cache
