#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "base/mutex.h"

namespace headpond {

// A bound on the bytes that many streams hold in buffers together. A stream that finds no room waits its turn instead of
// allocating. Thread safe.
class ByteBudget {
 public:
  explicit ByteBudget(size_t limit) : limit_(limit) {}

  // Calls `granted` once `bytes` are set aside: now, on this thread, or later on one that calls Release. First come, first
  // served. A request above the limit is granted when nothing else is held, so that it can't wait for ever.
  void Acquire(size_t bytes, std::function<void()> granted) EXCLUDES(mutex_);
  void Release(size_t bytes) EXCLUDES(mutex_);

  size_t held() const EXCLUDES(mutex_);
  // Whether somebody waits for a Release.
  bool contended() const EXCLUDES(mutex_);

 private:
  struct Waiter {
    size_t bytes;
    std::function<void()> granted;
  };
  bool Fits(size_t bytes) const REQUIRES(mutex_) { return held_ == 0 || held_ + bytes <= limit_; }

  const size_t limit_;
  mutable Mutex mutex_;
  size_t held_ GUARDED_BY(mutex_) = 0;
  std::deque<Waiter> waiters_ GUARDED_BY(mutex_);
};

}  // namespace headpond
