#pragma once

#include <chrono>
#include <cstddef>

namespace headpond::journal {

// Decides when a batch has waited long enough for company. A flush costs the same CPU for one entry
// as for fifty, and on a fast disk writers that work side by side come back one by one: without
// waiting, each would get a flush of its own.
//
//   one writer               a batch goes at once: nobody else is expected
//   n writers in step        it goes as soon as all n are there
//   writers that come later  it goes `window` after the flush before it started
//
// Pure; not thread safe.
class Gathering {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Flushes start at least `window` apart while writers overlap; 0 never waits.
  explicit Gathering(std::chrono::microseconds window) : window_(window) {}

  // A flush that began at `start` made `count` entries durable; `queued` more came meanwhile.
  void OnFlushed(Time start, size_t count, size_t queued) {
    last_start_ = start;
    expected_ = count + queued;
  }

  // Whether as many wait as there were writers last time.
  bool Enough(size_t queued) const { return queued >= expected_; }
  // When a batch goes even so.
  Time Deadline() const { return last_start_ + window_; }

 private:
  const std::chrono::microseconds window_;
  Time last_start_{};
  size_t expected_ = 0;
};

}  // namespace headpond::journal
