#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace headpond::kube {

// Keys that need work, each at most once: a key that is added while it is worked on comes again
// after Done, and never to two workers at a time. Behaves as client-go's rate-limiting queue, which
// controllers are written against. Thread safe.
class WorkQueue {
 public:
  struct Options {
    // Of one key, doubled by each failure until Forget. The values of client-go.
    std::chrono::milliseconds first_delay{5};
    std::chrono::milliseconds longest_delay{1'000'000};
    // Of all failures together: a bucket of `burst` that fills by `per_second`.
    double per_second = 10;
    double burst = 100;
  };
  explicit WorkQueue(const Clock& clock) : WorkQueue(clock, Options()) {}
  WorkQueue(const Clock& clock, Options options);

  void Add(const std::string& key) EXCLUDES(mutex_);
  // Later. The earliest time counts when it is added more than once.
  void AddAfter(const std::string& key, std::chrono::milliseconds delay) EXCLUDES(mutex_);
  // After a failure: later and later.
  void AddRateLimited(const std::string& key) EXCLUDES(mutex_);
  // After a success: the next failure counts as the first.
  void Forget(const std::string& key) EXCLUDES(mutex_);

  // The key that has waited longest, to be given back with Done; waits for one until `deadline` or
  // ShutDown.
  std::optional<std::string> Get(std::chrono::steady_clock::time_point deadline) EXCLUDES(mutex_);
  // The same without waiting.
  std::optional<std::string> TryGet() EXCLUDES(mutex_);
  void Done(const std::string& key) EXCLUDES(mutex_);

  // Ends all waits; nothing is given out any more.
  void ShutDown() EXCLUDES(mutex_);

  size_t depth() const EXCLUDES(mutex_);  // ready, not counting what is being worked on
  int failures(const std::string& key) const EXCLUDES(mutex_);
  // When the first delayed key becomes ready.
  std::optional<std::chrono::steady_clock::time_point> next_due() const EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;

  void AddLocked(const std::string& key) REQUIRES(mutex_);
  void AddAtLocked(const std::string& key, Time time) REQUIRES(mutex_);
  void MoveDue() REQUIRES(mutex_);
  std::optional<std::string> TakeLocked() REQUIRES(mutex_);
  std::chrono::milliseconds BucketDelay() REQUIRES(mutex_);

  const Clock& clock_;
  const Options options_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> ready_ GUARDED_BY(mutex_);
  std::set<std::string> dirty_ GUARDED_BY(mutex_);       // to be worked on
  std::set<std::string> processing_ GUARDED_BY(mutex_);  // given out
  std::map<std::string, Time> delayed_ GUARDED_BY(mutex_);
  std::set<std::pair<Time, std::string>> by_time_ GUARDED_BY(mutex_);
  std::map<std::string, int> failures_ GUARDED_BY(mutex_);
  double tokens_ GUARDED_BY(mutex_);
  Time filled_at_ GUARDED_BY(mutex_);
  bool shut_down_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::kube
