#pragma once

#include <chrono>

#include "base/mutex.h"

namespace headpond::net {

// How many streams of one channel gRPC still runs. Reactors share it with the owner of the channel,
// which waits here before it drops the channel: that must not happen on one of gRPC's threads.
// Thread safe.
class RunningStreams {
 public:
  void Add() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++running_;
  }
  // The last thing a stream does in OnDone, after it let go of all else.
  void Remove() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (--running_ == 0) none_running_.NotifyAll();
  }
  // False when some still run at `deadline`.
  bool WaitForNone(std::chrono::steady_clock::time_point deadline) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (running_ > 0) {
      if (!none_running_.WaitUntil(mutex_, deadline)) return running_ == 0;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar none_running_;
  int running_ GUARDED_BY(mutex_) = 0;
};

}  // namespace headpond::net
