#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "operator/kube/object_cache.h"
#include "operator/kube/object_source.h"
#include "operator/kube/watch_decoder.h"

namespace headpond::kube {

// Keeps an ObjectCache equal to what an API server has: a list, then a watch from its version,
// again and again. What was missed while a watch was down comes with the next one, or with the next
// list when the server has forgotten; the names of objects that vanished meanwhile are told too.
// One thread, from Start to Stop. Thread safe.
class Reflector {
 public:
  struct Options {
    std::string name;  // of the kind, for logs
    // Between tries while the server fails: doubled from the first to the longest, with up to as
    // much again at random, so that many clients don't come back together.
    std::chrono::milliseconds first_backoff{200};
    std::chrono::milliseconds longest_backoff{30'000};
    // The longest while nobody answers at all.
    std::chrono::milliseconds away_backoff{1'000};
    // A watch is asked to end after this, or up to twice as long: as client-go does.
    std::chrono::seconds watch_timeout{300};
    // What the administrator can do about a server that doesn't have the kind; it is looked for
    // again at least every `missing_backoff`.
    std::string remedy_when_missing;
    std::chrono::milliseconds missing_backoff{2'000};
  };
  // `on_change` is called on the reflector's thread for each object that changed, appeared or
  // vanished, after the cache shows it. All must outlive the reflector.
  Reflector(Options options, ObjectSource& source, ObjectCache& cache, const Clock& clock,
            Random random, std::function<void(const ObjectName&)> on_change);
  ~Reflector();  // Stop()

  void Start();
  // Ends within the time the source takes to notice. Idempotent.
  void Stop() EXCLUDES(mutex_);

  // True when the cache was complete before `deadline`.
  bool WaitForSync(std::chrono::steady_clock::time_point deadline) EXCLUDES(mutex_);

  int64_t lists() const { return lists_; }  // begun so far
  int64_t watches() const { return watches_; }

 private:
  void Run();
  // One list and the watches that follow, until a new list is due. The error is why.
  Status ListAndWatch();
  Status ListAll();
  Status WatchOnce();
  Status Take(const WatchEvent& event);
  void BackOff(const Status& why) EXCLUDES(mutex_);

  const Options options_;
  ObjectSource& source_;
  ObjectCache& cache_;
  const Clock& clock_;
  Random random_;
  const std::function<void(const ObjectName&)> on_change_;

  int64_t version_ = 0;                                           // of the next watch
  int failures_ = 0;                                              // in a row
  std::optional<std::chrono::steady_clock::time_point> told_at_;  // of them, last
  int64_t events_ = 0;                                            // of all watches
  std::atomic<int64_t> lists_ = 0, watches_ = 0;
  std::atomic<bool> stopped_ = false;
  Mutex mutex_;
  CondVar changed_;
  bool synced_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace headpond::kube
