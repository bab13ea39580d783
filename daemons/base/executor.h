#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace headpond {

// Runs short tasks somewhere else. Thread safe.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` once, later, on some thread of this executor. ResourceExhausted when its queue is
  // full and Cancelled after shutdown began; the task is then dropped unrun.
  virtual Status Submit(std::function<void()> task) = 0;
};

// A fixed number of threads behind one bounded queue. Threads start with the first task, so an idle
// pool costs nothing.
class ThreadPool final : public Executor {
 public:
  // `name` labels the threads (at most 15 bytes are kept by the kernel).
  ThreadPool(std::string name, int threads, size_t queue_limit);
  ~ThreadPool() override;  // Shutdown()

  Status Submit(std::function<void()> task) override;

  // Refuses new tasks, runs what is queued, joins. Idempotent. Not from a task of its own.
  void Shutdown() EXCLUDES(mutex_);

  size_t queued() const EXCLUDES(mutex_);

 private:
  void Run();

  const std::string name_;
  const size_t max_threads_;
  const size_t queue_limit_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

// Runs each task at once on the caller's thread: for tests and simulations.
class InlineExecutor final : public Executor {
 public:
  Status Submit(std::function<void()> task) override {
    task();
    return Status::Ok();
  }
};

// Calls `tick` every `interval` on one thread of its own, the first time after one interval (or at
// once with `immediately`), until Stop. A tick that overruns delays the next; ticks never overlap.
class PeriodicTask {
 public:
  PeriodicTask(std::string name, std::chrono::milliseconds interval, std::function<void()> tick,
               bool immediately = false);
  ~PeriodicTask();  // Stop()

  // Ends the wait and joins. Idempotent. Not from its own tick.
  void Stop() EXCLUDES(mutex_);
  // Runs the next tick now instead of at the end of the interval.
  void Wake() EXCLUDES(mutex_);

 private:
  void Run();

  const std::string name_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> tick_;
  Mutex mutex_;
  CondVar wake_;
  bool woken_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace headpond
