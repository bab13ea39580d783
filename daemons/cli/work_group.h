#pragma once

#include <functional>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "base/result.h"

namespace headpond::cli {

// Runs many independent pieces of work on a few threads, with a bounded number waiting, and gathers
// what failed. Used by one thread, except that work may not add work.
class WorkGroup {
 public:
  // At most `threads` pieces run and twice as many wait.
  explicit WorkGroup(int threads);
  ~WorkGroup() { (void)Wait(); }

  // Waits for a free place, then queues `work`. What is given ends by itself (its calls have
  // deadlines).
  void Add(std::function<Status()> work) EXCLUDES(mutex_);

  // Waits for all; the errors joined by newlines, as 2.9 does with several paths.
  Status Wait() EXCLUDES(mutex_);

 private:
  const size_t limit_;
  Mutex mutex_;
  CondVar done_;
  size_t running_ GUARDED_BY(mutex_) = 0;
  Status failure_ GUARDED_BY(mutex_);
  ThreadPool pool_;  // last: its threads use the above
};

}  // namespace headpond::cli
