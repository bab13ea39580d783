#include "base/byte_budget.h"

namespace headpond {

void ByteBudget::Acquire(size_t bytes, std::function<void()> granted) {
  {
    MutexLock lock(mutex_);
    if (!waiters_.empty() || !Fits(bytes)) {
      waiters_.push_back({bytes, std::move(granted)});
      return;
    }
    held_ += bytes;
  }
  granted();
}

void ByteBudget::Release(size_t bytes) {
  std::vector<std::function<void()>> granted;
  {
    MutexLock lock(mutex_);
    held_ -= bytes;
    while (!waiters_.empty() && Fits(waiters_.front().bytes)) {
      held_ += waiters_.front().bytes;
      granted.push_back(std::move(waiters_.front().granted));
      waiters_.pop_front();
    }
  }
  for (const auto& callback : granted) callback();
}

size_t ByteBudget::held() const {
  MutexLock lock(mutex_);
  return held_;
}

bool ByteBudget::contended() const {
  MutexLock lock(mutex_);
  return !waiters_.empty();
}

}  // namespace headpond
