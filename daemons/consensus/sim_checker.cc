#include "consensus/sim_checker.h"

#include <algorithm>
#include <cstring>

#include "base/stable_hash.h"

namespace headpond::consensus {

uint64_t MixHash(uint64_t a, uint64_t b) {
  uint64_t z = a * 0x9e3779b97f4a7c15 + b;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t ContentHash(const Entry& entry) {
  return StableHash(entry.data, StableHash("") + static_cast<uint64_t>(entry.kind));
}

void SimState::Apply(const Entry& entry) {
  applied = entry.index;
  history = MixHash(MixHash(MixHash(history, entry.index), entry.term), ContentHash(entry));
}

std::string SimState::Encode() const {
  std::string text(sizeof(*this), '\0');
  std::memcpy(text.data(), this, sizeof(*this));
  return text;
}

SimState SimState::Decode(const std::string& text) {
  SimState state;
  if (text.size() == sizeof(state)) std::memcpy(&state, text.data(), sizeof(state));
  return state;
}

Status SimChecker::OnLeader(uint64_t id, uint64_t term, const LogReader& log) {
  const auto [known, fresh] = leaders_.emplace(term, id);
  if (known->second != id) {
    return Internal("election safety: term {} has the leaders {} and {}", term, known->second, id);
  }
  return CheckLeader(id, term, log);
}

Status SimChecker::CheckLeader(uint64_t id, uint64_t term, const LogReader& log) const {
  // The last entry that was committed before this term; log matching, which is checked on its own,
  // makes those before it equal too.
  const auto later = std::partition_point(committed_.begin(), committed_.end(),
                                          [&](const Committed& c) { return c.known_in < term; });
  if (later == committed_.begin()) return Status::Ok();
  const uint64_t index = first_ + static_cast<uint64_t>(later - committed_.begin()) - 1;
  const uint64_t expected = committed_[index - first_].term;
  if (index + 1 < log.first_index()) return Status::Ok();
  if (index > log.last_index()) {
    return Internal("leader completeness: entry {} of term {} is not at node {}, leader of term {}",
                    index, expected, id, term);
  }
  ASSIGN_OR_RETURN(const uint64_t own, log.Term(index));
  if (own != expected) {
    return Internal(
        "leader completeness: entry {} has term {} at node {}, leader of term {}, not {}", index,
        own, id, term, expected);
  }
  return Status::Ok();
}

Status SimChecker::OnAppend(uint64_t id, const std::vector<Entry>& entries, const LogReader& log) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    uint64_t previous_term = 0;
    if (i > 0) {
      previous_term = entries[i - 1].term;
    } else {
      ASSIGN_OR_RETURN(previous_term, log.Term(entry.index - 1));
    }
    const Seen seen = {ContentHash(entry), previous_term};
    const auto [known, fresh] = entries_.emplace(std::pair(entry.index, entry.term), seen);
    if (known->second.content != seen.content ||
        known->second.previous_term != seen.previous_term) {
      return Internal("log matching: entry {} of term {} differs at node {}", entry.index,
                      entry.term, id);
    }
  }
  return Status::Ok();
}

Status SimChecker::OnApply(uint64_t id, const Entry& entry, uint64_t term, const SimState& state) {
  if (entry.index == max_committed() + 1) {
    committed_.push_back({entry.term, std::max(term, committed_.back().known_in), state.history});
    newly_committed_ = true;
    return Status::Ok();
  }
  if (entry.index > max_committed()) {
    return Internal("state machine safety: node {} applied {}, but {} was the last committed", id,
                    entry.index, max_committed());
  }
  return OnRestore(id, state);
}

Status SimChecker::OnRestore(uint64_t id, const SimState& state) {
  if (state.applied < first_ || state.applied > max_committed()) {
    return Internal("node {} has a state at {}, outside [{}, {}]", id, state.applied, first_,
                    max_committed());
  }
  if (committed_[state.applied - first_].history != state.history) {
    return Internal("state machine safety: node {} differs at {}", id, state.applied);
  }
  return Status::Ok();
}

Status SimChecker::OnRead(uint64_t id, uint64_t read_index, uint64_t committed_before) {
  if (read_index < committed_before) {
    return Internal("linearizable reads: node {} may read at {}, but {} was committed before", id,
                    read_index, committed_before);
  }
  return Status::Ok();
}

}  // namespace headpond::consensus
