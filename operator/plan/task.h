#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/container_task.h"
#include "operator/plan/plan.h"

namespace headpond::plan {

// One try of one run of a task. Its container is called after it, so it is made at most once.
struct TaskAttempt {
  int index = 0;    // of the run, from 0 on
  int attempt = 0;  // from 0 on
  friend auto operator<=>(const TaskAttempt&, const TaskAttempt&) = default;
};

enum class ContainerState { kCreated, kRunning, kExited };

// A task's container as a runtime found it. Times are milliseconds since the epoch; 0: didn't
// happen.
struct ObservedContainer {
  TaskAttempt of;
  ContainerState state = ContainerState::kCreated;
  std::string id;
  int pid = 0;
  int exit_code = 0;
  bool out_of_memory = false;
  std::string start_error;  // why it could not be started; such a container stays kCreated
  int64_t started_at_ms = 0;
  int64_t finished_at_ms = 0;
};

// Why something could not be done for a task: a CamelCase reason and words for people.
struct TaskTrouble {
  std::string reason;
  std::string message;
  int64_t retry_at_ms = 0;  // when it is worth another try
};

struct ObservedTask {
  std::vector<ObservedContainer> containers;
  std::optional<ObservedImage> image;  // of the task's; empty: nobody has looked for it
  std::optional<TaskTrouble> trouble;  // with making a container
};

enum class RunPhase { kPending, kCreated, kStarting, kRunning, kSucceeded, kFailed };

// What is known of one run: how its latest attempt goes, and how many have failed.
struct TaskRun {
  int index = 0;
  int attempt = 0;
  int failures = 0;
  RunPhase phase = RunPhase::kPending;
  std::string container_id;
  int pid = 0;
  std::optional<int> exit_code;  // of the last attempt that ended
  std::string reason, message;   // of its failure
  int64_t started_at_ms = 0;     // of the last attempt that started
  int64_t finished_at_ms = 0;
  int64_t retry_at_ms = 0;           // kPending: not before
  int64_t stop_requested_at_ms = 0;  // of the attempt under way
  friend bool operator==(const TaskRun&, const TaskRun&) = default;
};

// What a task has come to; the memory between two looks. Times are milliseconds since the epoch.
struct TaskState {
  std::vector<TaskRun> runs;    // by index; grows as runs begin
  int64_t active_since_ms = 0;  // the first start since the task was made or resumed
  bool admitted = false;        // its image was found present
  std::string ending;           // CamelCase: why the task ends although runs are left
  std::string ending_message;
  int64_t finished_at_ms = 0;  // nothing of the task runs or will
  friend bool operator==(const TaskState&, const TaskState&) = default;

  bool finished() const { return finished_at_ms != 0; }
  bool complete() const { return finished() && ending.empty(); }
  int Count(RunPhase phase) const;
};

enum class TaskActionKind {
  kFetch,    // begin to bring the image to where the task runs
  kCreate,   // make the container of an attempt; it doesn't run yet
  kStart,    // start it
  kStop,     // ask it to end
  kKill,     // end it
  kRemove,   // remove a container that doesn't run
  kDelete,   // delete the task itself: its time after the end is over
  kRelease,  // nothing of a deleted task is left
};

struct TaskAction {
  TaskActionKind kind = TaskActionKind::kFetch;
  TaskAttempt of;
  std::string container_id;  // empty for kFetch, kCreate, kDelete, kRelease
  std::string reason;        // for logs
  friend bool operator==(const TaskAction&, const TaskAction&) = default;
};

struct TaskDecision {
  TaskState state;  // to be on record before an action is done
  std::vector<TaskAction> actions;
  // When time alone makes a difference; milliseconds since the epoch.
  std::optional<int64_t> due_at_ms;
};

struct TaskPolicy {
  // Between tries to get an image: doubled from the first to the longest.
  std::chrono::milliseconds first_image_retry{5000};
  std::chrono::milliseconds longest_image_retry{300'000};
  std::chrono::milliseconds longest_backoff{360'000};
};

// What a task's spec asks for that time and containers don't tell. Pure.
struct DesiredTask {
  api::ContainerTaskSpec spec;
  api::PullPolicy pull_policy = api::PullPolicy::kIfNotPresent;
  int64_t created_at_ms = 0;
  bool deleting = false;
  // Why no container can be made now: a definition or secret that isn't there, ...
  std::optional<TaskTrouble> trouble;
};

// What to do next for a task that was at `before` and is found as `observed`. Pure. It never
//   - makes a container before the image is present, or starts one of a task that is suspended or
//     not active,
//   - makes or starts an attempt twice: a container that was started and is gone counts as failed,
//   - has more than spec.parallelism containers made or running (those that stop not counted),
//   - changes anything about a task that is finished, but to delete it.
// Doing the actions over and over ends a task that isn't suspended, provided its image can be had.
TaskDecision DecideTask(const DesiredTask& desired, const ObservedTask& observed,
                        const TaskState& before, int64_t now_ms, const TaskPolicy& policy);

// "create run 0, attempt 1 (not there)", for logs and golden tests.
std::string Describe(const TaskAction& action);

}  // namespace headpond::plan
