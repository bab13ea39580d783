#include "net/stall_watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"

namespace headpond::net {
namespace {

// A tick that comes late must not count as a long wait of others.
constexpr std::chrono::seconds kLongestStep{5};
constexpr std::chrono::minutes kReportInterval{1};
constexpr std::chrono::minutes kRefusalLasts{1};

int64_t Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

// All under the watch's mutex, but for `abort`.
struct StallWatch::Stream::State {
  explicit State(CallAborter a) : abort(std::move(a)) {}

  const CallAborter abort;
  bool waiting = false;
  bool holding = false;
  Time since;                                 // of the wait
  std::chrono::nanoseconds contention_at{0};  // when it began
};

StallWatch::Stream::Stream(StallWatch& watch, std::shared_ptr<State> state)
    : watch_(watch), state_(std::move(state)) {}
StallWatch::Stream::~Stream() {
  watch_.Remove(state_);
}
void StallWatch::Stream::Wait(bool holding) {
  watch_.Wait(*state_, holding);
}
void StallWatch::Stream::Move() {
  watch_.Move(*state_);
}

StallWatch::StallWatch(Options options, const Clock& clock, MetricsRegistry& metrics,
                       std::function<bool()> contended)
    : options_(std::move(options)),
      clock_(clock),
      ended_(metrics.counter(options_.metric)),
      is_contended_(std::move(contended)),
      reported_(clock.Now() - kReportInterval),
      ticked_(clock.Now()),
      refused_until_(clock.Now()) {}

std::unique_ptr<StallWatch::Stream> StallWatch::Add(CallAborter abort) {
  auto state = std::make_shared<State>(std::move(abort));
  MutexLock lock(mutex_);
  streams_.insert(state);
  return std::unique_ptr<Stream>(new Stream(*this, std::move(state)));
}

void StallWatch::Remove(const std::shared_ptr<State>& state) {
  MutexLock lock(mutex_);
  streams_.erase(state);
}

void StallWatch::Wait(State& state, bool holding) {
  const Time now = clock_.Now();
  MutexLock lock(mutex_);
  state.holding = holding;
  if (std::exchange(state.waiting, true)) return;
  state.since = now;
  state.contention_at = contention_;
}

void StallWatch::Move(State& state) {
  MutexLock lock(mutex_);
  state.waiting = false;
}

Status StallWatch::Judge(const State& state, Time now) const {
  if (!state.waiting) return Status::Ok();
  const auto contended = contention_ - state.contention_at;
  if (state.holding && contended_ && contended >= options_.contended_limit)
    return Unavailable(
        "the client {} for {} s while others waited for what its stream holds: ask "
        "for the rest again",
        options_.what, Seconds(contended));
  if (now - state.since >= options_.idle_limit)
    return Unavailable("the client {} for {} s: ask for the rest again", options_.what,
                       Seconds(now - state.since));
  return Status::Ok();
}

void StallWatch::NoteRefusal() {
  const Time now = clock_.Now();
  MutexLock lock(mutex_);
  refused_until_ = now + kRefusalLasts;
}

void StallWatch::Tick() {
  bool contended = is_contended_ && is_contended_();
  const Time now = clock_.Now();
  std::vector<std::pair<std::shared_ptr<State>, Status>> due;
  {
    MutexLock lock(mutex_);
    contended = contended || now < refused_until_;
    if (contended && contended_)
      contention_ += std::min<std::chrono::nanoseconds>(now - ticked_, kLongestStep);
    contended_ = contended;
    ticked_ = now;
    for (const auto& state : streams_)
      if (Status why = Judge(*state, now); !why.ok()) due.emplace_back(state, std::move(why));
    for (const auto& [state, why] : due) streams_.erase(state);
  }
  for (const auto& [state, why] : due) state->abort(why);
  Report(static_cast<int64_t>(due.size()), now);
}

void StallWatch::Report(int64_t ended, Time now) {
  ended_.Add(ended);
  unreported_ += ended;
  if (unreported_ == 0 || now - reported_ < kReportInterval) return;
  LogWarn("net", "ended {} streams whose clients {} though others waited, or for {} s",
          std::exchange(unreported_, 0), options_.what, Seconds(options_.idle_limit));
  reported_ = now;
}

}  // namespace headpond::net
