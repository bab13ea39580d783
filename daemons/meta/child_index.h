#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace headpond::meta {

// The children of one directory: slot numbers in byte order of the names they stand for, in sorted
// runs of up to kRunLength. Insertion moves at most one run (1 KiB), so a directory of millions
// stays cheap; a small one is one small array. Names are looked up through `name_of(slot)`, a
// callable the owner passes to each call. Not synchronised.
class ChildIndex {
 public:
  static constexpr size_t kRunLength = 256;

  size_t size() const { return size_; }

  template <typename NameOf>
  std::optional<uint32_t> Find(std::string_view name, const NameOf& name_of) const {
    const Position at = LowerBound(name, name_of);
    if (at.run == runs_.size()) return std::nullopt;
    const uint32_t slot = runs_[at.run].slots[at.offset];
    return name_of(slot) == name ? std::optional(slot) : std::nullopt;
  }

  // The name must not be there yet.
  template <typename NameOf>
  void Insert(uint32_t slot, std::string_view name, const NameOf& name_of) {
    InsertAt(LowerBound(name, name_of), slot);
  }

  // The name must be there.
  template <typename NameOf>
  void Remove(std::string_view name, const NameOf& name_of) {
    RemoveAt(LowerBound(name, name_of));
  }

  // Slots whose names are greater than `after` (with `inclusive`: or equal), in order, until
  // `visit` returns false.
  template <typename NameOf, typename Visit>
  void ForEach(std::string_view after, bool inclusive, const NameOf& name_of,
               const Visit& visit) const {
    if (size_ == 0) return;
    Position at{0, 0};
    if (!after.empty()) {
      at = LowerBound(after, name_of);
      const bool found = at.run < runs_.size() && name_of(runs_[at.run].slots[at.offset]) == after;
      if (found && !inclusive) ++at.offset;
    }
    for (; at.run < runs_.size(); ++at.run, at.offset = 0) {
      const Run& run = runs_[at.run];
      for (; at.offset < run.size; ++at.offset) {
        if (!visit(run.slots[at.offset])) return;
      }
    }
  }

  // Replaces everything by slots that are in order already.
  void Assign(const uint32_t* slots, size_t count);

  size_t MemoryBytes() const;

 private:
  struct Run {
    std::unique_ptr<uint32_t[]> slots;
    uint32_t size = 0;
    uint32_t capacity = 0;
  };
  struct Position {
    size_t run;
    size_t offset;
  };

  // The first slot whose name is not less than `name`; run == runs_.size() when there is none.
  template <typename NameOf>
  Position LowerBound(std::string_view name, const NameOf& name_of) const {
    const auto run = std::partition_point(runs_.begin(), runs_.end(), [&](const Run& candidate) {
      return name_of(candidate.slots[candidate.size - 1]) < name;
    });
    if (run == runs_.end()) return {runs_.size(), 0};
    const uint32_t* begin = run->slots.get();
    const uint32_t* found = std::partition_point(
        begin, begin + run->size, [&](uint32_t slot) { return name_of(slot) < name; });
    return {static_cast<size_t>(run - runs_.begin()), static_cast<size_t>(found - begin)};
  }

  static void Resize(Run& run, uint32_t capacity);
  void InsertAt(Position at, uint32_t slot);
  void RemoveAt(Position at);
  void MergeWithNext(size_t run);

  std::vector<Run> runs_;  // none is empty
  size_t size_ = 0;
};

}  // namespace headpond::meta
