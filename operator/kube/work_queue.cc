#include "operator/kube/work_queue.h"

#include <algorithm>
#include <cmath>

namespace headpond::kube {

using std::chrono::milliseconds;

WorkQueue::WorkQueue(const Clock& clock, Options options)
    : clock_(clock), options_(options), tokens_(options.burst), filled_at_(clock.Now()) {}

void WorkQueue::AddLocked(const std::string& key) {
  if (shut_down_ || !dirty_.insert(key).second) return;
  if (processing_.contains(key)) return;  // Done puts it back
  ready_.push_back(key);
  changed_.NotifyOne();
}

void WorkQueue::AddAtLocked(const std::string& key, Time time) {
  if (shut_down_) return;
  if (time <= clock_.Now()) return AddLocked(key);
  const auto found = delayed_.find(key);
  if (found != delayed_.end()) {
    if (found->second <= time) return;
    by_time_.erase({found->second, key});
  }
  delayed_[key] = time;
  by_time_.insert({time, key});
  changed_.NotifyOne();  // a waiter may have to wake earlier
}

void WorkQueue::Add(const std::string& key) {
  MutexLock lock(mutex_);
  AddLocked(key);
}

void WorkQueue::AddAfter(const std::string& key, milliseconds delay) {
  MutexLock lock(mutex_);
  AddAtLocked(key, clock_.Now() + delay);
}

milliseconds WorkQueue::BucketDelay() {
  const Time now = clock_.Now();
  const double elapsed = std::chrono::duration<double>(now - filled_at_).count();
  filled_at_ = now;
  tokens_ = std::min(options_.burst, tokens_ + elapsed * options_.per_second) - 1;
  if (tokens_ >= 0) return milliseconds(0);
  return milliseconds(static_cast<int64_t>(std::ceil(-tokens_ / options_.per_second * 1000)));
}

void WorkQueue::AddRateLimited(const std::string& key) {
  constexpr int kMaxDoublings = 30;  // past every sensible longest_delay
  MutexLock lock(mutex_);
  const int failure = failures_[key]++;
  const auto own = std::min(options_.first_delay * (int64_t{1} << std::min(failure, kMaxDoublings)),
                            options_.longest_delay);
  AddAtLocked(key, clock_.Now() + std::max(own, BucketDelay()));
}

void WorkQueue::Forget(const std::string& key) {
  MutexLock lock(mutex_);
  failures_.erase(key);
}

void WorkQueue::MoveDue() {
  const Time now = clock_.Now();
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    const std::string key = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    delayed_.erase(key);
    AddLocked(key);
  }
}

std::optional<std::string> WorkQueue::TakeLocked() {
  MoveDue();
  if (shut_down_ || ready_.empty()) return std::nullopt;
  std::string key = std::move(ready_.front());
  ready_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return key;
}

std::optional<std::string> WorkQueue::TryGet() {
  MutexLock lock(mutex_);
  return TakeLocked();
}

std::optional<std::string> WorkQueue::Get(Time deadline) {
  MutexLock lock(mutex_);
  for (;;) {
    if (auto key = TakeLocked()) return key;
    if (shut_down_ || clock_.Now() >= deadline) return std::nullopt;
    changed_.WaitUntil(mutex_,
                       by_time_.empty() ? deadline : std::min(deadline, by_time_.begin()->first));
  }
}

void WorkQueue::Done(const std::string& key) {
  MutexLock lock(mutex_);
  processing_.erase(key);
  if (!dirty_.contains(key) || shut_down_) return;
  ready_.push_back(key);
  changed_.NotifyOne();
}

void WorkQueue::ShutDown() {
  MutexLock lock(mutex_);
  shut_down_ = true;
  changed_.NotifyAll();
}

size_t WorkQueue::depth() const {
  MutexLock lock(mutex_);
  return ready_.size();
}

int WorkQueue::failures(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto found = failures_.find(key);
  return found == failures_.end() ? 0 : found->second;
}

std::optional<std::chrono::steady_clock::time_point> WorkQueue::next_due() const {
  MutexLock lock(mutex_);
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

}  // namespace headpond::kube
