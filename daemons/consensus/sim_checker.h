#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "consensus/raft_core.h"
#include "consensus/types.h"

namespace headpond::consensus {

// A state machine that remembers everything: a hash over all entries applied, in order.
struct SimState {
  uint64_t applied = 0;
  uint64_t history = 0;

  void Apply(const Entry& entry);
  std::string Encode() const;
  static SimState Decode(const std::string& text);

  friend bool operator==(const SimState&, const SimState&) = default;
};

// Sees what all nodes of a run do, and knows what Raft promises (Ongaro: Consensus: Bridging Theory
// and Practice, figure 3.2). Every call fails with Internal, naming the property, when it is
// broken.
//
//   election safety       at most one leader per term
//   log matching          equal index and term: equal entry, and equal logs before it
//   leader completeness   what is committed in a term is in the logs of all leaders of later terms
//   state machine safety  all nodes apply the same entry at an index: their states are equal
//   linearizable reads    a read index is not below what was committed, anywhere, when it was asked
//   for
class SimChecker {
 public:
  explicit SimChecker(const SnapshotMeta& first)
      : first_(first.index), committed_(1, {first.term, first.term, 0}) {}

  Status OnLeader(uint64_t id, uint64_t term, const LogReader& log);
  // Of entries a node is about to append to `log`.
  Status OnAppend(uint64_t id, const std::vector<Entry>& entries, const LogReader& log);
  // `state` is the node's after this entry. Of an entry that nobody applied before, `term` is the
  // node's: the entry was committed in it or earlier.
  bool IsNew(const Entry& entry) const { return entry.index > max_committed(); }
  Status OnApply(uint64_t id, const Entry& entry, uint64_t term, const SimState& state);
  // A state that did not come from applying: out of a snapshot.
  Status OnRestore(uint64_t id, const SimState& state);

  // At the moment a read is asked for: what OnRead needs to see.
  uint64_t max_committed() const { return first_ + committed_.size() - 1; }
  uint64_t terms() const { return leaders_.size(); }  // that had a leader
  Status OnRead(uint64_t id, uint64_t read_index, uint64_t committed_before);

  Status CheckLeader(uint64_t id, uint64_t term, const LogReader& log) const;
  // Since the last call: leaders of now are to be checked again.
  bool TakeNewlyCommitted() { return std::exchange(newly_committed_, false); }

 private:
  struct Committed {
    uint64_t term;      // the entry's
    uint64_t known_in;  // it was committed in this term or before; never falls
    uint64_t history;   // SimState::history after this entry
  };
  struct Seen {
    uint64_t content;
    uint64_t previous_term;
  };

  const uint64_t first_;  // the index of committed_[0]
  std::vector<Committed> committed_;
  std::map<uint64_t, uint64_t> leaders_;                   // by term
  std::map<std::pair<uint64_t, uint64_t>, Seen> entries_;  // by index and term
  bool newly_committed_ = false;
};

// A hash of an entry's kind and bytes, the same in every run.
uint64_t ContentHash(const Entry& entry);
uint64_t MixHash(uint64_t a, uint64_t b);

}  // namespace headpond::consensus
