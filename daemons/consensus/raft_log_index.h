#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace headpond::consensus {

// Where each entry of a log is, and of which term: some bytes per frame and per term, not per
// entry. Not thread safe.
class RaftLogIndex {
 public:
  // A frame of a file. Segment 0: the entry was in a file that was not there to be read.
  struct Place {
    uint64_t segment = 0;
    int64_t offset = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };

  uint64_t first_index() const { return compacted_index_ + 1; }
  uint64_t last_index() const { return last_; }  // first_index() - 1 when there are none
  uint64_t compacted_index() const { return compacted_index_; }
  uint64_t compacted_term() const { return compacted_term_; }

  // The entry takes its place; entries from its index on are forgotten first. False if it would
  // leave a gap, or replace what was compacted.
  bool Put(uint64_t index, uint64_t term, Place place);
  // The entries up to `last` exist, but their file (place 0) and term are not known.
  void PutMissing(uint64_t last);
  // The entries up to `index` are of no use any more. Those that follow stay.
  void Compact(uint64_t index, uint64_t term);
  // The log goes on after `index`, and no entry stays.
  void Reset(uint64_t index, uint64_t term);

  // Of entries first_index() - 1 to last_index().
  std::optional<uint64_t> Term(uint64_t index) const;
  std::optional<Place> Find(uint64_t index) const;
  // The oldest file that holds an entry; nothing when there is no entry.
  std::optional<uint64_t> OldestSegment() const;

 private:
  // Entries from `first` up to the next one's.
  struct Frame {
    uint64_t first = 0;
    Place place;
  };
  struct TermRange {
    uint64_t first = 0;
    uint64_t term = 0;
  };

  void TruncateFrom(uint64_t index);

  std::deque<Frame> frames_;
  std::deque<TermRange> terms_;
  uint64_t compacted_index_ = 0;
  uint64_t compacted_term_ = 0;
  uint64_t last_ = 0;
};

}  // namespace headpond::consensus
