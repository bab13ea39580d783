#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"

namespace headpond::consensus {

// What becomes of packets: which arrive, how often and when. Delays are drawn one by one, so
// packets overtake each other. Time in units of a hundredth of a tick.
class SimNetwork {
 public:
  explicit SimNetwork(Random& random) : random_(random) {}

  // The delays of a packet's copies: none when it is lost.
  std::vector<int64_t> Route(uint64_t from, uint64_t to);

  // Draws how good the network is from now on.
  void ChangeQuality();
  // Splits `ids` in two sides; one direction may stay open.
  void Partition(const std::vector<uint64_t>& ids);
  void Isolate(uint64_t id, const std::vector<uint64_t>& ids);
  void Heal();
  // No loss, no partitions, one short delay for all packets: they stay in order.
  void MakePerfect();

 private:
  void Cut(uint64_t from, uint64_t to) { cut_.emplace(from, to); }

  Random& random_;
  std::set<std::pair<uint64_t, uint64_t>> cut_;  // from, to
  uint64_t lost_per_mille_ = 0;
  uint64_t doubled_per_mille_ = 0;
  uint64_t late_per_mille_ = 0;
  int64_t delay_ = 10;
  bool perfect_ = false;
};

}  // namespace headpond::consensus
