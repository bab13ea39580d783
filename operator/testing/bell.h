#pragma once

#include <chrono>

#include "base/mutex.h"

namespace headpond::testing_operator {

// Something that others note and one waits for. Thread safe.
class Bell {
 public:
  void Ring() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    rung_ = true;
    changed_.NotifyAll();
  }
  // Until it has rung since the last wait, at most `limit`.
  void Wait(std::chrono::milliseconds limit) EXCLUDES(mutex_) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    MutexLock lock(mutex_);
    while (!rung_ && changed_.WaitUntil(mutex_, deadline)) continue;
    rung_ = false;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool rung_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::testing_operator
