#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "operator/apiserver/faults.h"

namespace headpond::apiserver {

// Which requests a fault concerns; empty: all.
using RequestFilter = std::function<bool(const http::Request&)>;

// Faults on demand, at the places where the literature on operators found their bugs: between two
// writes, on a state that is over, on an event that never came. Thread safe.
class ScriptedFaults final : public Faults {
 public:
  // The next `count` requests are answered with this status (429, 500, 409, ...) and do nothing.
  void RefuseNext(int count, int code, RequestFilter which = {}) EXCLUDES(mutex_);

  // The `count`-th write from now on is done but its answer is lost, and so is everything after it,
  // as if the server or the client had been killed then: 503, until Restart.
  void CrashAfterWrite(int count, RequestFilter which = {}) EXCLUDES(mutex_);
  bool crashed() const EXCLUDES(mutex_);
  void Restart() EXCLUDES(mutex_);
  // Writes that were done.
  int writes() const EXCLUDES(mutex_);

  // Lists are answered as they were when this is called for the first time per list, `count` times:
  // RememberLists first, change something, then ServeOldLists.
  void RememberLists() EXCLUDES(mutex_);
  void ServeOldLists(int count) EXCLUDES(mutex_);

  // For watches that begin from now on, counted from 0 over all their events.
  void DropEvent(int index) EXCLUDES(mutex_);
  void RepeatEvent(int index) EXCLUDES(mutex_);
  // The stream ends in the middle of this event.
  void CutInEvent(int index) EXCLUDES(mutex_);

  std::optional<http::Response> Instead(const http::Request& request) override EXCLUDES(mutex_);
  http::Response Distort(const http::Request& request, http::Response response) override
      EXCLUDES(mutex_);

 private:
  enum class EventFault { kDrop, kRepeat, kCut };
  struct Refusal {
    int left = 0;
    int code = 0;
    RequestFilter which;
  };
  // What a watch sends of one piece; sets `ended` when it is cut.
  std::string DistortPiece(const std::string& piece, bool& ended) EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::deque<Refusal> refusals_ GUARDED_BY(mutex_);
  int writes_until_crash_ GUARDED_BY(mutex_) = 0;  // 0: never
  RequestFilter crash_filter_ GUARDED_BY(mutex_);
  bool crashed_ GUARDED_BY(mutex_) = false;
  int writes_ GUARDED_BY(mutex_) = 0;
  bool remembering_ GUARDED_BY(mutex_) = false;
  int old_lists_left_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, http::Response> old_lists_ GUARDED_BY(mutex_);  // by path and selectors
  std::map<int, EventFault> event_faults_ GUARDED_BY(mutex_);
  int events_ GUARDED_BY(mutex_) = 0;
};

}  // namespace headpond::apiserver
