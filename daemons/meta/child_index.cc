#include "meta/child_index.h"

#include <cassert>

namespace headpond::meta {
namespace {

constexpr uint32_t kSmallestRun = 4;

uint32_t GrownCapacity(uint32_t capacity) {
  return std::clamp<uint32_t>(capacity * 2, kSmallestRun, ChildIndex::kRunLength);
}

}  // namespace

void ChildIndex::Resize(Run& run, uint32_t capacity) {
  auto slots = std::make_unique_for_overwrite<uint32_t[]>(capacity);
  std::copy_n(run.slots.get(), run.size, slots.get());
  run.slots = std::move(slots);
  run.capacity = capacity;
}

void ChildIndex::InsertAt(Position at, uint32_t slot) {
  if (at.run == runs_.size()) {  // behind all: names that grow fill their runs completely
    if (runs_.empty() || runs_.back().size == kRunLength) {
      runs_.emplace_back();
      at = {runs_.size() - 1, 0};
    } else {
      at = {runs_.size() - 1, runs_.back().size};
    }
  }
  if (runs_[at.run].size == kRunLength) {
    Run upper;
    Run& lower = runs_[at.run];
    Resize(upper, kRunLength);
    lower.size = upper.size = kRunLength / 2;
    std::copy_n(lower.slots.get() + lower.size, upper.size, upper.slots.get());
    if (at.offset > lower.size) at = {at.run + 1, at.offset - lower.size};
    runs_.insert(runs_.begin() + static_cast<ptrdiff_t>(&lower - runs_.data()) + 1,
                 std::move(upper));
  }
  Run& run = runs_[at.run];
  if (run.size == run.capacity) Resize(run, GrownCapacity(run.capacity));
  uint32_t* place = run.slots.get() + at.offset;
  std::copy_backward(place, run.slots.get() + run.size, run.slots.get() + run.size + 1);
  *place = slot;
  ++run.size;
  ++size_;
}

void ChildIndex::RemoveAt(Position at) {
  assert(at.run < runs_.size());
  Run& run = runs_[at.run];
  uint32_t* place = run.slots.get() + at.offset;
  std::copy(place + 1, run.slots.get() + run.size, place);
  --run.size;
  --size_;
  if (run.size == 0) {
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(at.run));
    return;
  }
  if (run.capacity > kSmallestRun && run.size <= run.capacity / 4) Resize(run, run.capacity / 2);
  if (at.run + 1 < runs_.size()) MergeWithNext(at.run);
}

void ChildIndex::MergeWithNext(size_t index) {
  Run& run = runs_[index];
  Run& next = runs_[index + 1];
  if (run.size + next.size > kRunLength / 2) return;
  if (run.capacity < run.size + next.size) Resize(run, kRunLength / 2);
  std::copy_n(next.slots.get(), next.size, run.slots.get() + run.size);
  run.size += next.size;
  runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(index) + 1);
}

void ChildIndex::Assign(const uint32_t* slots, size_t count) {
  runs_.clear();
  runs_.reserve((count + kRunLength - 1) / kRunLength);
  for (size_t begin = 0; begin < count; begin += kRunLength) {
    Run run;
    const size_t length = std::min(kRunLength, count - begin);
    Resize(run, static_cast<uint32_t>(length));
    run.size = static_cast<uint32_t>(length);
    std::copy_n(slots + begin, length, run.slots.get());
    runs_.push_back(std::move(run));
  }
  size_ = count;
}

size_t ChildIndex::MemoryBytes() const {
  size_t bytes = sizeof(*this) + runs_.capacity() * sizeof(Run);
  for (const Run& run : runs_) bytes += run.capacity * sizeof(uint32_t);
  return bytes;
}

}  // namespace headpond::meta
