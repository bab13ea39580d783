#pragma once

#include <atomic>

namespace headpond::worker {

// Streams that run now. Thread safe.
struct ActiveCalls {
  std::atomic<int> reads{0};
  std::atomic<int> writes{0};
};

// One of them, as long as it lives.
class ActiveCall {
 public:
  explicit ActiveCall(std::atomic<int>& calls) : calls_(calls) { ++calls_; }
  ~ActiveCall() { --calls_; }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

 private:
  std::atomic<int>& calls_;
};

}  // namespace headpond::worker
