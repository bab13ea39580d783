#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/random.h"
#include "operator/kube/client.h"

namespace headpond::kube {

// What an event is about.
struct ObjectReference {
  std::string api_version, kind, name_space, name, uid;
};

struct EventNote {
  ObjectReference regarding;
  bool warning = false;
  std::string reason;  // CamelCase: why
  std::string action;  // CamelCase: what was done
  std::string text;    // for people
};

// Which notes become events. Repeated ones are counted on the first (a series); who talks too much
// about one object is not heard. Pure but for its memory, which is bounded. Not thread safe.
class EventFilter {
 public:
  // A series ends when nothing was said for this long; a bucket of notes for each object, and how
  // long one takes to come back: client-go's (tools/events, tools/record).
  static constexpr std::chrono::minutes kSeriesEnd{6};
  static constexpr int kBurst = 25;
  static constexpr std::chrono::minutes kRefill{5};
  static constexpr size_t kMostObjects = 1024;

  struct Verdict {
    bool heard = false;
    std::string name;  // of the event
    int count = 1;     // greater: add to the event that is there
  };
  explicit EventFilter(Random random) : random_(std::move(random)) {}
  Verdict Judge(const EventNote& note, int64_t now_ms);
  // The event of this note is gone: the next one is a new event.
  void Forget(const EventNote& note);

 private:
  using Key = std::tuple<std::string, bool, std::string, std::string, std::string>;
  struct Series {
    std::string name;
    int count = 0;
    int64_t last_ms = 0;
  };
  struct Bucket {
    double tokens = kBurst;
    int64_t at_ms = 0;
  };
  static Key KeyOf(const EventNote& note);
  void MakeRoom(int64_t now_ms);

  Random random_;
  std::map<Key, Series> series_;
  std::map<std::string, Bucket> buckets_;  // by uid
};

// Tells an API server what happened, as events.k8s.io/v1. Never waits and never fails: what can't
// be told is dropped, since events are for people and the status is what counts. Thread safe.
class EventRecorder {
 public:
  // `controller` is who tells ("headpond.dev/operator"), `instance` which one of it. `client` and
  // `clock` must outlive the recorder.
  EventRecorder(Client& client, const Clock& clock, Random random, std::string controller,
                std::string instance);
  ~EventRecorder();  // Stop()

  void Record(EventNote note);
  // Drops what is queued and takes nothing more. Idempotent.
  void Stop();

 private:
  void Send(const EventNote& note) EXCLUDES(mutex_);

  Client& client_;
  const Clock& clock_;
  const std::string controller_, instance_;
  std::atomic<bool> stopped_ = false;
  Mutex mutex_;
  EventFilter filter_ GUARDED_BY(mutex_);
  ThreadPool sender_;
};

}  // namespace headpond::kube
