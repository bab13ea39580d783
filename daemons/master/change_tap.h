#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace headpond::master {

// Copies of the changes made to a namespace while a backup listens. Whoever makes them never waits:
// past `limit_bytes` that nobody has taken, the copies are dropped and the listener is told. Thread
// safe.
class ChangeTap {
 public:
  explicit ChangeTap(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void Add(std::string_view entry) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    bytes_ += entry.size();
    if (bytes_ > limit_bytes_) {
      entries_ = {};
      overflown_ = true;
    }
    if (!overflown_) entries_.emplace_back(entry);
  }

  // What came since the last call, in order. ResourceExhausted once something was dropped.
  Result<std::vector<std::string>> Take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (overflown_)
      return ResourceExhausted(
          "changes came faster than the backup could be written ({} MiB were waiting); take it to "
          "a faster store or at a quieter hour",
          limit_bytes_ >> 20);
    bytes_ = 0;
    return std::exchange(entries_, {});
  }

 private:
  const size_t limit_bytes_;
  Mutex mutex_;
  std::vector<std::string> entries_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool overflown_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::master
