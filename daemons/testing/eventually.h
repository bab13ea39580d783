#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace headpond {

// How long a test waits for what must come.
inline constexpr std::chrono::seconds kTestDeadline{30};

// True when `condition` came true before the deadline.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace headpond
