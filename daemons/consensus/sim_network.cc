#include "consensus/sim_network.h"

namespace headpond::consensus {

std::vector<int64_t> SimNetwork::Route(uint64_t from, uint64_t to) {
  if (perfect_) return {5};
  if (cut_.contains({from, to}) || random_.Below(1000) < lost_per_mille_) return {};
  std::vector<int64_t> delays(random_.Below(1000) < doubled_per_mille_ ? 2 : 1);
  for (int64_t& delay : delays) {
    const int64_t bound = random_.Below(1000) < late_per_mille_ ? 3000 : delay_;
    delay = 1 + static_cast<int64_t>(random_.Below(bound));
  }
  return delays;
}

void SimNetwork::ChangeQuality() {
  lost_per_mille_ = random_.OneIn(3) ? random_.Below(300) : random_.Below(20);
  doubled_per_mille_ = random_.Below(100);
  late_per_mille_ = random_.Below(50);
  delay_ = 1 + static_cast<int64_t>(random_.Below(random_.OneIn(4) ? 400 : 30));
}

void SimNetwork::Partition(const std::vector<uint64_t>& ids) {
  Heal();
  std::vector<bool> side(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) side[i] = random_.OneIn(2);
  const bool one_way = random_.OneIn(3);
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t j = 0; j < ids.size(); ++j) {
      if (side[i] && !side[j]) {
        Cut(ids[i], ids[j]);
        if (!one_way) Cut(ids[j], ids[i]);
      }
    }
  }
}

void SimNetwork::Isolate(uint64_t id, const std::vector<uint64_t>& ids) {
  const uint64_t ways = random_.Below(3);  // hears nobody, is heard by nobody, both
  for (const uint64_t other : ids) {
    if (other == id) continue;
    if (ways != 1) Cut(other, id);
    if (ways != 0) Cut(id, other);
  }
}

void SimNetwork::Heal() {
  cut_.clear();
}

void SimNetwork::MakePerfect() {
  Heal();
  perfect_ = true;
}

}  // namespace headpond::consensus
