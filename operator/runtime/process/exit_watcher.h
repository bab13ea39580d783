#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace headpond::runtime {

// Calls `ended` on a thread of its own, once for each watched process that ends. The thread starts
// with the first Watch and sleeps in the kernel. Thread safe.
class ExitWatcher {
 public:
  explicit ExitWatcher(std::function<void()> ended);
  ~ExitWatcher();

  // Keeps a copy of the pidfd until the process ends.
  Status Watch(pid_t pid, int pidfd) EXCLUDES(mutex_);
  bool IsWatched(pid_t pid) const EXCLUDES(mutex_);

 private:
  void Run();
  void Wake();

  const std::function<void()> ended_;
  UniqueFd wake_;  // eventfd
  mutable Mutex mutex_;
  std::map<pid_t, UniqueFd> watched_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_ GUARDED_BY(mutex_);
};

}  // namespace headpond::runtime
