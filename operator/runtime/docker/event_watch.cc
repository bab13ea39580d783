#include "operator/runtime/docker/event_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/runtime/docker/container_body.h"

namespace headpond::runtime {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait(100), kLongestWait(2000);

}  // namespace

EventWatch::EventWatch(Endpoint endpoint, std::function<void()> changed)
    : client_(std::move(endpoint)), changed_(std::move(changed)), thread_([this] { Run(); }) {}

EventWatch::~EventWatch() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  client_.Cancel();
  thread_.join();
}

void EventWatch::Run() {
  milliseconds wait = kFirstWait;
  do {
    const bool worked = Follow();
    changed_();
    wait = worked ? kFirstWait : std::min(wait * 2, kLongestWait);
  } while (Wait(wait));
}

bool EventWatch::Follow() {
  const nlohmann::json filters = {
      {"type", {"container"}},
      {"event", {"start", "die", "destroy", "rename", "pause", "unpause"}},
      {"label", {LabelIs(kManagedByLabel, kManagedBy)}}};
  bool worked = false;
  const auto reply = client_.Do({.path = "/events",
                                 .query = {{"filters", filters.dump()}},
                                 .timeout = milliseconds(0),
                                 // What an event says is found again by looking, so it isn't read.
                                 .on_data =
                                     [&](std::string_view piece) {
                                       if (piece.find('{') != std::string_view::npos) changed_();
                                       return true;
                                     },
                                 .on_accepted =
                                     [&] {
                                       worked = true;
                                       flows_ = true;
                                       changed_();
                                     }});
  flows_ = false;
  // Once for each time the engine is away, however often it is looked for.
  if (!reply.ok() && reply.status().code() != Code::kCancelled && (worked || !complained_))
    LogWarn("docker-runtime", "no events: {}", reply.status().message());
  complained_ = !reply.ok();
  return worked;
}

bool EventWatch::Wait(milliseconds duration) {
  const auto deadline = std::chrono::steady_clock::now() + duration;
  MutexLock lock(mutex_);
  while (!stopping_ && wake_.WaitUntil(mutex_, deadline)) continue;
  return !stopping_;
}

}  // namespace headpond::runtime
