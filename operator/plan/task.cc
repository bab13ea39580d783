#include "operator/plan/task.h"

#include <fmt/format.h>

#include <algorithm>

namespace headpond::plan {
namespace {

constexpr int64_t kSecond = 1000;
constexpr int kMaxDoublings = 20;  // far beyond every longest wait

constexpr const char* kCancelled = "Cancelled";
constexpr const char* kDeadlineExceeded = "DeadlineExceeded";
constexpr const char* kBackoffLimitExceeded = "BackoffLimitExceeded";

int64_t Doubled(int64_t first_ms, int times, std::chrono::milliseconds longest) {
  return std::min(first_ms << std::clamp(times, 0, kMaxDoublings), longest.count());
}

class Decider {
 public:
  Decider(const DesiredTask& desired, const ObservedTask& observed, const TaskState& before,
          int64_t now_ms, const TaskPolicy& policy)
      : desired_(desired),
        spec_(desired.spec),
        observed_(observed),
        now_ms_(now_ms),
        policy_(policy),
        state_(out_.state) {
    out_.state = before;
  }

  TaskDecision Decide() {
    if (!state_.finished()) Absorb();
    if (desired_.deleting) {
      EndContainers(/*all=*/true);
      if (observed_.containers.empty()) Add(TaskActionKind::kRelease, {}, "nothing is left");
    } else if (state_.finished()) {
      AfterTheEnd();
    } else {
      Continue();
    }
    return std::move(out_);
  }

 private:
  void Add(TaskActionKind kind, const TaskAttempt& of, const char* reason,
           const std::string& container_id = "") {
    out_.actions.push_back({kind, of, container_id, reason});
  }

  void Due(int64_t at_ms) { out_.due_at_ms = std::min(out_.due_at_ms.value_or(at_ms), at_ms); }

  const ObservedContainer* Find(const TaskAttempt& of) const {
    const auto found = std::ranges::find(observed_.containers, of, &ObservedContainer::of);
    return found == observed_.containers.end() ? nullptr : &*found;
  }

  TaskRun* RunOf(int index) {
    const auto found = std::ranges::find(state_.runs, index, &TaskRun::index);
    return found == state_.runs.end() ? nullptr : &*found;
  }

  TaskRun& RunAt(int index) {
    if (TaskRun* const run = RunOf(index)) return *run;
    const auto place =
        std::ranges::upper_bound(state_.runs, index, std::ranges::less(), &TaskRun::index);
    return *state_.runs.insert(place, TaskRun{.index = index});
  }

  // --- what has happened

  void Absorb() {
    // A container whose record was lost is found again by its labels.
    for (const ObservedContainer& container : observed_.containers) {
      TaskRun& run = RunAt(container.of.index);
      if (container.of.attempt <= run.attempt) continue;
      run.attempt = container.of.attempt;
      run.phase = RunPhase::kPending;
    }
    for (TaskRun& run : state_.runs) AbsorbRun(run);
  }

  void AbsorbRun(TaskRun& run) {
    if (run.phase == RunPhase::kSucceeded || run.phase == RunPhase::kFailed) return;
    const ObservedContainer* const container = Find({run.index, run.attempt});
    if (container == nullptr) {
      const bool ran = run.phase == RunPhase::kStarting || run.phase == RunPhase::kRunning;
      run.phase = RunPhase::kPending;
      if (ran) {
        run.finished_at_ms = now_ms_;
        run.exit_code.reset();
        Ended(run, "ContainerLost",
              "its container is gone, and with it the exit code: somebody removed it");
      }
      return;
    }
    run.container_id = container->id;
    switch (container->state) {
      case ContainerState::kCreated:
        run.phase = RunPhase::kCreated;
        if (!container->start_error.empty()) {
          run.exit_code = container->exit_code;
          run.finished_at_ms = now_ms_;
          Ended(run, "CannotRun", container->start_error);
        }
        return;
      case ContainerState::kRunning:
        run.phase = RunPhase::kRunning;
        run.pid = container->pid;
        NoteStart(run, *container);
        return;
      case ContainerState::kExited: NoteStart(run, *container); return NoteExit(run, *container);
    }
  }

  void NoteStart(TaskRun& run, const ObservedContainer& container) {
    run.started_at_ms = container.started_at_ms;
    run.finished_at_ms = 0;
    if (state_.active_since_ms == 0 || container.started_at_ms < state_.active_since_ms)
      state_.active_since_ms = container.started_at_ms;
  }

  void NoteExit(TaskRun& run, const ObservedContainer& container) {
    run.pid = 0;
    run.exit_code = container.exit_code;
    run.finished_at_ms = container.finished_at_ms;
    if (container.exit_code == 0) {
      run.phase = RunPhase::kSucceeded;
      run.stop_requested_at_ms = 0;
      run.reason.clear();
      run.message.clear();
      return;
    }
    if (container.out_of_memory)
      Ended(run, "OutOfMemory",
            fmt::format("exited with code {}: it needed more memory than its limit",
                        container.exit_code));
    else
      Ended(run, "ExitCode", fmt::format("exited with code {}", container.exit_code));
  }

  // An attempt ended without success.
  void Ended(TaskRun& run, const char* reason, const std::string& message) {
    run.pid = 0;
    const bool asked_for = run.stop_requested_at_ms != 0;
    run.stop_requested_at_ms = 0;
    if (asked_for) {
      // Of a task that was suspended: it begins anew.
      run.reason = state_.ending.empty() ? "Suspended" : state_.ending;
      run.message = fmt::format("stopped: {}", message);
      run.phase = state_.ending.empty() ? RunPhase::kPending : RunPhase::kFailed;
      if (run.phase == RunPhase::kPending) run.attempt += 1;
      return;
    }
    run.reason = reason;
    run.message = message;
    run.failures += 1;
    if (run.failures > spec_.backoff_limit) {
      run.phase = RunPhase::kFailed;
      return;
    }
    run.phase = RunPhase::kPending;
    run.attempt += 1;
    run.retry_at_ms = run.finished_at_ms + Doubled(spec_.backoff_seconds * kSecond,
                                                   run.failures - 1, policy_.longest_backoff);
  }

  // --- what to do about it

  void Continue() {
    LookForTheEnd();
    if (state_.finished()) return AfterTheEnd();
    if (!state_.ending.empty()) {
      if (!EndContainers(/*all=*/false)) return;
      state_.finished_at_ms = now_ms_;
      return AfterTheEnd();
    }
    if (spec_.suspend) return Hold();
    Advance();
  }

  void LookForTheEnd() {
    if (state_.Count(RunPhase::kSucceeded) >= spec_.completions) {
      state_.ending.clear();  // all is done, whatever was to end it
      state_.ending_message.clear();
      for (const TaskRun& run : state_.runs)
        state_.finished_at_ms = std::max(state_.finished_at_ms, run.finished_at_ms);
      return;
    }
    if (!state_.ending.empty()) return;
    const auto failed = std::ranges::find(state_.runs, RunPhase::kFailed, &TaskRun::phase);
    const int64_t limit_ms = spec_.active_deadline_seconds * kSecond;
    if (failed != state_.runs.end()) {
      End(kBackoffLimitExceeded, spec_.completions == 1
                                     ? failed->message
                                     : fmt::format("run {} {}", failed->index, failed->message));
    } else if (!spec_.active) {
      End(kCancelled, "spec.active is false");
    } else if (limit_ms != 0 && state_.active_since_ms != 0) {
      if (now_ms_ >= state_.active_since_ms + limit_ms)
        End(kDeadlineExceeded, fmt::format("it ran longer than the {} s of "
                                           "spec.activeDeadlineSeconds",
                                           spec_.active_deadline_seconds));
      else
        Due(state_.active_since_ms + limit_ms);
    }
  }

  void End(const char* reason, std::string message) {
    state_.ending = reason;
    state_.ending_message = std::move(message);
  }

  void AfterTheEnd() {
    if (spec_.ttl_seconds < 0) return;
    const int64_t at_ms = state_.finished_at_ms + spec_.ttl_seconds * kSecond;
    if (now_ms_ >= at_ms)
      Add(TaskActionKind::kDelete, {}, "its time after the end is over");
    else
      Due(at_ms);
  }

  // Stops what runs, and removes what never ran, or (`all`) everything. True when there is nothing
  // left to do.
  bool EndContainers(bool all) {
    bool quiet = true;
    for (const ObservedContainer& container : observed_.containers) {
      if (container.state == ContainerState::kRunning) {
        Stop(container);
      } else if (all ||
                 (container.state == ContainerState::kCreated && container.start_error.empty())) {
        Add(TaskActionKind::kRemove, container.of, "the task ends", container.id);
      } else {
        continue;
      }
      quiet = false;
    }
    return quiet;
  }

  void Stop(const ObservedContainer& container) {
    TaskRun* const run = RunOf(container.of.index);
    if (run == nullptr || run->attempt != container.of.attempt) {
      // Of an attempt that has a successor: nobody waits for it.
      Add(TaskActionKind::kKill, container.of, "has a successor", container.id);
      return;
    }
    if (run->stop_requested_at_ms == 0) run->stop_requested_at_ms = now_ms_;
    const int64_t kill_at_ms =
        run->stop_requested_at_ms + spec_.termination_grace_period_seconds * kSecond;
    if (now_ms_ >= kill_at_ms) {
      Add(TaskActionKind::kKill, container.of, "did not stop in time", container.id);
    } else {
      Add(TaskActionKind::kStop, container.of, "shall not run", container.id);
      Due(kill_at_ms);
    }
  }

  // Suspended: the first containers are made, none runs.
  void Hold() {
    bool running = false;
    for (const ObservedContainer& container : observed_.containers) {
      if (container.state != ContainerState::kRunning) continue;
      Stop(container);
      running = true;
    }
    if (!running) state_.active_since_ms = 0;
    int made = 0;
    for (int index = 0; index < spec_.completions && made < spec_.parallelism; ++index) {
      const TaskRun* const run = RunOf(index);
      if (run != nullptr && run->phase == RunPhase::kSucceeded) continue;
      ++made;
      if (run == nullptr || run->phase == RunPhase::kPending) Create(index);
    }
  }

  void Advance() {
    int busy = 0;
    for (const TaskRun& run : state_.runs)
      busy += (run.phase == RunPhase::kRunning || run.phase == RunPhase::kStarting) ? 1 : 0;
    for (int index = 0; index < spec_.completions && busy < spec_.parallelism; ++index) {
      TaskRun* const run = RunOf(index);
      if (run == nullptr || run->phase == RunPhase::kPending) {
        // It counts from now on, so that later runs don't overtake one that waits.
        ++busy;
        Create(index);
      } else if (run->phase == RunPhase::kCreated) {
        ++busy;
        run->phase = RunPhase::kStarting;
        run->stop_requested_at_ms = 0;
        Add(TaskActionKind::kStart, {run->index, run->attempt}, "is due", run->container_id);
      }
    }
  }

  void Create(int index) {
    if (desired_.trouble) return Due(desired_.trouble->retry_at_ms);
    if (!HasImage()) return;
    TaskRun& run = RunAt(index);
    if (now_ms_ < run.retry_at_ms) return Due(run.retry_at_ms);
    if (observed_.trouble && now_ms_ < observed_.trouble->retry_at_ms)
      return Due(observed_.trouble->retry_at_ms);
    // The last failed attempt stays, for whoever wants to know why.
    for (const ObservedContainer& old : observed_.containers)
      if (old.of.index == index && old.of.attempt + 1 < run.attempt)
        Add(old.state == ContainerState::kRunning ? TaskActionKind::kKill : TaskActionKind::kRemove,
            old.of, "has successors", old.id);
    run.phase = RunPhase::kCreated;
    run.pid = 0;
    run.stop_requested_at_ms = 0;
    Add(TaskActionKind::kCreate, {run.index, run.attempt}, "is not there");
  }

  bool HasImage() {
    if (!observed_.image) return Fetch("the image was not looked for");
    const ObservedImage& image = *observed_.image;
    if (image.state == ImageState::kFetching) return false;
    if (image.state == ImageState::kFailed) {
      const int64_t again_ms =
          image.changed_at_ms + Doubled(policy_.first_image_retry.count(), image.failures - 1,
                                        policy_.longest_image_retry);
      if (now_ms_ >= again_ms) return Fetch("the image could not be had");
      Due(again_ms);
      return false;
    }
    if (desired_.pull_policy == api::PullPolicy::kAlways &&
        image.changed_at_ms < desired_.created_at_ms)
      return Fetch("the image is pulled for every task");
    state_.admitted = true;
    return true;
  }

  bool Fetch(const char* reason) {
    const bool asked = std::ranges::any_of(out_.actions, [](const TaskAction& action) {
      return action.kind == TaskActionKind::kFetch;
    });
    if (!asked) Add(TaskActionKind::kFetch, {}, reason);
    return false;
  }

  const DesiredTask& desired_;
  const api::ContainerTaskSpec& spec_;
  const ObservedTask& observed_;
  const int64_t now_ms_;
  const TaskPolicy& policy_;
  TaskDecision out_;
  TaskState& state_;
};

const char* Verb(TaskActionKind kind) {
  switch (kind) {
    case TaskActionKind::kFetch: return "fetch the image";
    case TaskActionKind::kCreate: return "create";
    case TaskActionKind::kStart: return "start";
    case TaskActionKind::kStop: return "stop";
    case TaskActionKind::kKill: return "kill";
    case TaskActionKind::kRemove: return "remove";
    case TaskActionKind::kDelete: return "delete the task";
    case TaskActionKind::kRelease: return "release the task";
  }
  return "";
}

}  // namespace

int TaskState::Count(RunPhase phase) const {
  return static_cast<int>(std::ranges::count(runs, phase, &TaskRun::phase));
}

TaskDecision DecideTask(const DesiredTask& desired, const ObservedTask& observed,
                        const TaskState& before, int64_t now_ms, const TaskPolicy& policy) {
  return Decider(desired, observed, before, now_ms, policy).Decide();
}

std::string Describe(const TaskAction& action) {
  const bool of_a_run = action.kind != TaskActionKind::kFetch &&
                        action.kind != TaskActionKind::kDelete &&
                        action.kind != TaskActionKind::kRelease;
  if (!of_a_run) return fmt::format("{} ({})", Verb(action.kind), action.reason);
  return fmt::format("{} run {}, attempt {} ({})", Verb(action.kind), action.of.index,
                     action.of.attempt, action.reason);
}

}  // namespace headpond::plan
