#include "net/retry.h"

#include <algorithm>

namespace headpond::net {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool IsRetryable(Code code) {
  return code == Code::kUnavailable || code == Code::kCancelled || code == Code::kUnauthenticated ||
         code == Code::kUnimplemented;
}

Backoff::Backoff(const RetryPolicy& policy, const Clock& clock, Random& random)
    : policy_(policy),
      clock_(clock),
      random_(random),
      deadline_(clock.Now() + policy.max_duration),
      sleep_(policy.base_sleep) {}

std::optional<milliseconds> Backoff::Next() {
  const auto now = clock_.Now();
  if (now >= deadline_) return std::nullopt;
  const auto tenth = static_cast<uint64_t>(std::max<int64_t>(sleep_.count() / 10, 0));
  const milliseconds jitter(random_.Below(tenth + 1));
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
  const milliseconds pause = std::min(sleep_ + jitter, left);
  sleep_ = std::min(sleep_ * 2, policy_.max_sleep);
  return pause;
}

Status Pause::For(milliseconds duration) {
  const auto deadline = steady_clock::now() + duration;
  MutexLock lock(mutex_);
  while (!interrupted_) {
    if (!wake_.WaitUntil(mutex_, deadline)) break;
  }
  return interrupted_ ? Cancelled("interrupted while waiting to try again") : Status::Ok();
}

void Pause::Interrupt() {
  MutexLock lock(mutex_);
  interrupted_ = true;
  wake_.NotifyAll();
}

Status RetryCall(Backoff& backoff, const std::function<Status(milliseconds)>& pause,
                 const std::function<Status()>& attempt) {
  while (true) {
    Status status = attempt();
    if (status.ok() || !IsRetryable(status.code())) return status;
    const auto next = backoff.Next();
    if (!next) return status;
    RETURN_IF_ERROR(pause(*next));
  }
}

}  // namespace headpond::net
