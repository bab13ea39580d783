#include "consensus/raft_log_index.h"

#include <algorithm>
#include <iterator>

namespace headpond::consensus {
namespace {

// The range that holds `index`: the last that starts at or before it.
template <typename Ranges>
auto RangeOf(const Ranges& ranges, uint64_t index) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), index,
                       [](uint64_t i, const auto& range) { return i < range.first; });
  return after == ranges.begin() ? ranges.end() : std::prev(after);
}

// Drops the ranges that end before `first`.
template <typename Ranges>
void DropBefore(Ranges& ranges, uint64_t first) {
  while (ranges.size() > 1 && ranges[1].first <= first) ranges.pop_front();
}

}  // namespace

bool RaftLogIndex::Put(uint64_t index, uint64_t term, Place place) {
  if (index <= compacted_index_ || index > last_ + 1) return false;
  TruncateFrom(index);
  if (frames_.empty() || frames_.back().place != place) frames_.push_back({index, place});
  if (terms_.empty() || terms_.back().term != term) terms_.push_back({index, term});
  last_ = index;
  // What the one before held may be compacted up to here.
  DropBefore(frames_, compacted_index_ + 1);
  return true;
}

void RaftLogIndex::PutMissing(uint64_t last) {
  frames_.push_back({last_ + 1, Place{}});
  terms_.push_back({last_ + 1, 0});
  last_ = last;
}

void RaftLogIndex::TruncateFrom(uint64_t index) {
  while (!frames_.empty() && frames_.back().first >= index) frames_.pop_back();
  while (!terms_.empty() && terms_.back().first >= index) terms_.pop_back();
  last_ = std::min(last_, index - 1);
}

void RaftLogIndex::Compact(uint64_t index, uint64_t term) {
  if (index <= compacted_index_) return;
  if (index >= last_) return Reset(index, term);
  compacted_index_ = index;
  compacted_term_ = term;
  DropBefore(frames_, index + 1);
  DropBefore(terms_, index + 1);
}

void RaftLogIndex::Reset(uint64_t index, uint64_t term) {
  frames_.clear();
  terms_.clear();
  compacted_index_ = last_ = index;
  compacted_term_ = term;
}

std::optional<uint64_t> RaftLogIndex::Term(uint64_t index) const {
  if (index == compacted_index_) return compacted_term_;
  if (index < compacted_index_ || index > last_) return std::nullopt;
  return RangeOf(terms_, index)->term;
}

std::optional<RaftLogIndex::Place> RaftLogIndex::Find(uint64_t index) const {
  if (index <= compacted_index_ || index > last_) return std::nullopt;
  return RangeOf(frames_, index)->place;
}

std::optional<uint64_t> RaftLogIndex::OldestSegment() const {
  if (frames_.empty()) return std::nullopt;
  // Segments only grow along the log: what is written later holds later entries, or replaces all
  // from its first on.
  return frames_.front().place.segment;
}

}  // namespace headpond::consensus
