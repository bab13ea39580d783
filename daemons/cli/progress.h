#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "cli/sink.h"

namespace headpond::cli {

// A bar on a terminal: `[#####     ] 42% 420.00MB of 1000.00MB, 120.00MB/s, 5s left`. Draws nothing
// where nobody watches. Thread safe.
class Progress {
 public:
  // `total_bytes` may grow later, as files are found.
  Progress(Sink& sink, const Clock& clock, int64_t total_bytes);
  ~Progress() { Clear(); }

  void AddTotal(int64_t bytes) EXCLUDES(mutex_);
  void Add(int64_t bytes) EXCLUDES(mutex_);
  // Takes the bar away, so that a line can be printed; the next Add draws it again.
  void Clear() EXCLUDES(mutex_);

 private:
  const bool enabled_;
  Sink& sink_;
  const Clock& clock_;
  const std::chrono::steady_clock::time_point start_;
  Mutex mutex_;
  int64_t total_ GUARDED_BY(mutex_);
  int64_t done_ GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point next_draw_ GUARDED_BY(mutex_);
  bool drawn_ GUARDED_BY(mutex_) = false;
};

// The text of the bar: pure.
std::string ProgressText(int64_t done, int64_t total, std::chrono::milliseconds elapsed);

}  // namespace headpond::cli
