#include "journal/write_queue.h"

#include <algorithm>

namespace headpond::journal {
namespace {

// One is being written while the next is filled.
constexpr size_t kSpareFrames = 2;

}  // namespace

void WriteQueue::Push(uint64_t first) {
  Batch batch{.first = first};
  if (!spare_.empty()) {
    batch.frame = std::move(spare_.back());
    spare_.pop_back();
  }
  batches_.push_back(std::move(batch));
}

void WriteQueue::Add(uint64_t sequence, std::string_view entry) {
  const size_t bytes = entry.size() + kRecordOverheadBytes;
  const bool full = !batches_.empty() && batches_.back().frame.count() > 0 &&
                    batches_.back().frame.bytes() + bytes > max_batch_bytes_;
  if (batches_.empty() || full) Push(sequence);
  batches_.back().frame.Add(entry);
  pending_bytes_ += bytes;
}

void WriteQueue::StartNewLog(uint64_t sequence) {
  if (batches_.empty() || batches_.back().frame.count() > 0) Push(sequence);
  batches_.back().new_log = true;
}

Batch WriteQueue::Take() {
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

void WriteQueue::Recycle(Batch batch) {
  pending_bytes_ -= std::min(pending_bytes_, batch.frame.bytes() - kFrameHeaderBytes);
  if (spare_.size() >= kSpareFrames || batch.frame.capacity() > 2 * max_batch_bytes_) return;
  batch.frame.Clear();
  spare_.push_back(std::move(batch.frame));
}

void WriteQueue::Drop() {
  batches_.clear();
  pending_bytes_ = 0;
}

void Waiters::Add(uint64_t sequence, Callback done) {
  // They come nearly in order, so the place is at or near the end.
  auto at = waiting_.end();
  while (at != waiting_.begin() && std::prev(at)->first > sequence) --at;
  waiting_.emplace(at, sequence, std::move(done));
}

std::vector<Waiters::Callback> Waiters::TakeUpTo(uint64_t sequence) {
  std::vector<Callback> taken;
  while (!waiting_.empty() && waiting_.front().first <= sequence) {
    taken.push_back(std::move(waiting_.front().second));
    waiting_.pop_front();
  }
  return taken;
}

}  // namespace headpond::journal
