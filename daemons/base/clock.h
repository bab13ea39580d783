#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace headpond {

// Source of time, injected everywhere so that tests and simulations own it. Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, milliseconds since the Unix epoch: what goes into inodes and journal entries.
  virtual int64_t NowMs() const = 0;
  // Monotonic time: what deadlines and durations are measured with.
  virtual std::chrono::steady_clock::time_point Now() const = 0;

  // The machine's clock; lives for the whole process.
  static const Clock& System();
};

// A clock that moves only when told to. Thread safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t start_ms = 1'700'000'000'000) : now_ms_(start_ms) {}
  int64_t NowMs() const override { return now_ms_.load(); }
  std::chrono::steady_clock::time_point Now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms_.load()));
  }
  void Advance(std::chrono::milliseconds by) { now_ms_ += by.count(); }

 private:
  std::atomic<int64_t> now_ms_;
};

}  // namespace headpond
