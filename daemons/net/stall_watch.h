#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/abort_call.h"

namespace headpond::net {

// Ends streams whose clients have stopped moving while they hold what others wait for: buffers out
// of a common budget, room for blocks. A client that stands still is no fault by itself (a job may
// compute for long between two reads), so its time counts only while somebody waits; without that
// only the limit far beyond any such pause does.
//
// Thread safe. Must outlive its streams.
class StallWatch {
 public:
  struct Options {
    // How long a client may stand still while others wait for what its stream holds, that time
    // only. It need not be one pause of the others.
    std::chrono::milliseconds contended_limit;
    // How long in any case.
    std::chrono::milliseconds idle_limit;
    std::string what;    // the client did not do, for texts: "took no message"
    std::string metric;  // counts the streams that were ended
  };

  // `contended` says whether somebody waits for what streams hold; called by Tick. Null: who does
  // not get it is turned away.
  StallWatch(Options options, const Clock& clock, MetricsRegistry& metrics,
             std::function<bool()> contended);

  // One stream; destroy it when the call is over.
  class Stream {
   public:
    ~Stream();
    // The stream waits for its client from now on, unless it does already. `holding`: it holds what
    // others may wait for.
    void Wait(bool holding);
    // The client moved, or nothing is expected of it.
    void Move();

   private:
    friend class StallWatch;
    struct State;
    Stream(StallWatch& watch, std::shared_ptr<State> state);

    StallWatch& watch_;
    const std::shared_ptr<State> state_;
  };

  // `abort` is called at most once, by Tick and without locks, perhaps just after the client moved
  // or the stream was destroyed; with Unavailable, which clients answer with another try.
  std::unique_ptr<Stream> Add(CallAborter abort) EXCLUDES(mutex_);

  // Somebody did not get what streams hold and was turned away: for a minute that counts as if he
  // waited.
  void NoteRefusal() EXCLUDES(mutex_);

  // Ends what is due. Called every second or so, by one thread.
  void Tick() EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  using State = Stream::State;

  void Wait(State& state, bool holding) EXCLUDES(mutex_);
  void Move(State& state) EXCLUDES(mutex_);
  void Remove(const std::shared_ptr<State>& state) EXCLUDES(mutex_);
  // Why the stream is to be ended now, or OK.
  Status Judge(const State& state, Time now) const REQUIRES(mutex_);
  void Report(int64_t ended, Time now);

  const Options options_;
  const Clock& clock_;
  Counter& ended_;
  const std::function<bool()> is_contended_;

  // Of Tick.
  int64_t unreported_ = 0;
  Time reported_;

  Mutex mutex_;
  std::unordered_set<std::shared_ptr<State>> streams_ GUARDED_BY(mutex_);
  Time ticked_ GUARDED_BY(mutex_);
  Time refused_until_ GUARDED_BY(mutex_);
  bool contended_ GUARDED_BY(mutex_) = false;
  // How long somebody waited, all in all.
  std::chrono::nanoseconds contention_ GUARDED_BY(mutex_){0};
};

}  // namespace headpond::net
