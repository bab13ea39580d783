#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/controller/reconcile_stats.h"
#include "operator/controller/secrets.h"
#include "operator/controller/task_objects.h"
#include "operator/runtime/task_runtime.h"

namespace headpond::controller {

// Held by every task before its first container, until its last one is removed.
inline constexpr const char* kTaskFinalizer = "headpond.dev/containers";
// Held by every definition that a task which has not ended uses.
inline constexpr const char* kDefinitionFinalizer = "headpond.dev/in-use";

// Runs what ContainerTasks ask for. Level based, as Controller: each pass looks at everything anew.
// What an action may not be done twice for is in the task's status before it is done, so that an
// operator that dies in between finds it there. Not thread safe.
class TaskController {
 public:
  struct Options {
    plan::TaskPolicy policy;
    // Between looks at a task that nothing changes about, and after each change.
    std::chrono::milliseconds steady_interval{5000};
    std::chrono::milliseconds shortest_interval{50};
    // Between tries to make a container.
    std::chrono::milliseconds first_retry{500};
    std::chrono::milliseconds longest_retry{30'000};
    ReconcileStats* stats = nullptr;  // where passes are counted, if anywhere; outlives us
  };
  // All must outlive the controller.
  TaskController(TaskObjects& objects, runtime::TaskRuntime& runtime, const Clock& clock,
                 Options options);
  TaskController(TaskObjects& objects, runtime::TaskRuntime& runtime, const Clock& clock)
      : TaskController(objects, runtime, clock, Options()) {}

  // One pass over all tasks and definitions. Returns how long the next one may wait if no event
  // comes before.
  std::chrono::milliseconds ReconcileAll();

 private:
  using Json = nlohmann::json;
  struct Subject;  // one task, with all that was looked up for it
  struct Failure {
    plan::TaskTrouble trouble;
    int count = 0;
  };

  std::chrono::milliseconds ReconcileCounted(const Json& object);
  std::chrono::milliseconds Reconcile(const Json& object);
  std::chrono::milliseconds Work(Subject& subject);
  // Fills in the container, or why there is none.
  void Resolve(Subject& subject);
  // True when the status is as wanted, now or already.
  bool Report(const Subject& subject, const Json& status);
  bool Execute(const Subject& subject, const plan::TaskAction& action);
  Status Do(const Subject& subject, const plan::TaskAction& action);
  Status Fetch(const Subject& subject);
  Status Create(const Subject& subject, const plan::TaskAttempt& of);
  void NoteFailure(const Subject& subject, const Status& failure);
  std::optional<std::string> NewLogTail(const Subject& subject, const plan::TaskState& after);

  void ReconcileDefinition(const Json& object);

  TaskObjects& objects_;
  runtime::TaskRuntime& runtime_;
  const Clock& clock_;
  const Options options_;
  Secrets secrets_;
  bool failed_ = false;                      // something, in the present Reconcile
  bool complained_ = false;                  // that there is nothing to list
  std::map<std::string, Failure> failures_;  // by task uid; found again when lost
  // Of the pass under way, by "namespace/name".
  std::map<std::string, TaskObjects::Object> definitions_;
  std::map<std::string, std::set<std::string>> users_;  // names of tasks that have not ended
};

}  // namespace headpond::controller
