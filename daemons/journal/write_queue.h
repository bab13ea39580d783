#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "journal/format.h"

namespace headpond::journal {

// What the writer takes at once: consecutive entries, as the frame that goes to disk.
struct Batch {
  FrameBuilder frame;
  uint64_t first = 0;    // sequence of its first entry
  bool new_log = false;  // belongs at the beginning of a log file, even if it has no entries yet
};

// Entries on their way to the disk, in order. Not thread safe: guarded by its owner's mutex.
class WriteQueue {
 public:
  explicit WriteQueue(size_t max_batch_bytes) : max_batch_bytes_(max_batch_bytes) {}

  bool empty() const { return batches_.empty(); }
  // Whether Take gives entries, and not only the beginning of a log file.
  bool HasEntries() const { return !empty() && batches_.front().frame.count() > 0; }
  // Whether what Take gives has no room for more.
  bool HasFullBatch() const { return batches_.size() > 1; }
  // Entries that were added and not yet Recycled, with their overhead.
  size_t pending_bytes() const { return pending_bytes_; }

  void Add(uint64_t sequence, std::string_view entry);
  // Entries from `sequence` on, the next one to be added, go to a new log file.
  void StartNewLog(uint64_t sequence);
  Batch Take();
  // Takes the memory of a batch back after it was written.
  void Recycle(Batch batch);
  void Drop();  // everything that waits

 private:
  void Push(uint64_t first);

  const size_t max_batch_bytes_;
  std::deque<Batch> batches_;
  std::vector<FrameBuilder> spare_;
  size_t pending_bytes_ = 0;
};

// Who waits for which sequence. Not thread safe: guarded by its owner's mutex.
class Waiters {
 public:
  using Callback = std::function<void(Status)>;

  void Add(uint64_t sequence, Callback done);
  // Removes and returns those that wait for `sequence` or less, in the order of their sequences.
  std::vector<Callback> TakeUpTo(uint64_t sequence);
  std::vector<Callback> TakeAll() { return TakeUpTo(UINT64_MAX); }

 private:
  std::deque<std::pair<uint64_t, Callback>> waiting_;  // by sequence
};

}  // namespace headpond::journal
