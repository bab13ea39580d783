#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"

namespace headpond::net {

// How long and how often to try again. The defaults are those of alluxio.user.rpc.retry.*.
struct RetryPolicy {
  std::chrono::milliseconds base_sleep{50};
  std::chrono::milliseconds max_sleep{3'000};
  std::chrono::milliseconds max_duration{120'000};
};

// Whether a call that failed with `code` may work when repeated: Unavailable, Cancelled,
// Unauthenticated and Unimplemented (a standby that is being promoted). compat/behaviour.md section
// 0, rule 6.
bool IsRetryable(Code code);

// The pauses of one operation: base_sleep, then twice as long each time up to max_sleep, each
// lengthened by up to a tenth at random so that clients spread out. The last one ends exactly at
// max_duration after construction, for one final attempt. Not thread safe.
class Backoff {
 public:
  // `clock` and `random` must outlive this.
  Backoff(const RetryPolicy& policy, const Clock& clock, Random& random);

  // How long to pause before the next attempt; nullopt when the time is up.
  std::optional<std::chrono::milliseconds> Next();

 private:
  const RetryPolicy policy_;
  const Clock& clock_;
  Random& random_;
  const std::chrono::steady_clock::time_point deadline_;
  std::chrono::milliseconds sleep_;
};

// A pause that another thread can end. Thread safe.
class Pause {
 public:
  // Returns after `duration`, or early and then with Cancelled once Interrupt was called.
  Status For(std::chrono::milliseconds duration) EXCLUDES(mutex_);
  // Ends this and all later pauses.
  void Interrupt() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  CondVar wake_;
  bool interrupted_ GUARDED_BY(mutex_) = false;
};

// Runs `attempt` until it succeeds, fails with a code that is not retryable, or `backoff` gives up;
// returns the last outcome, or what `pause` failed with. `pause` is Pause::For in production.
Status RetryCall(Backoff& backoff, const std::function<Status(std::chrono::milliseconds)>& pause,
                 const std::function<Status()>& attempt);

}  // namespace headpond::net
