#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "operator/runtime/docker/engine_client.h"

namespace headpond::runtime {

// Calls `changed` on a thread of its own when a container of ours starts, ends or is removed; also
// each time the stream of events begins or breaks, because what happened without it is known only
// by looking: containers that end while the engine is down are never announced.
class EventWatch {
 public:
  EventWatch(Endpoint endpoint, std::function<void()> changed);
  ~EventWatch();

  // A stream is open, so the engine answers.
  bool flows() const { return flows_; }

 private:
  void Run();
  bool Follow();
  // False when it is time to end.
  bool Wait(std::chrono::milliseconds duration) EXCLUDES(mutex_);

  EngineClient client_;
  const std::function<void()> changed_;
  bool complained_ = false;  // on the thread
  std::atomic<bool> flows_ = false;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace headpond::runtime
