#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/api/container_definition.h"
#include "operator/plan/task.h"
#include "operator/runtime/pull_access.h"

namespace headpond::runtime {

// Which task; the uid is what identity hangs on, the names are for people.
struct TaskRef {
  std::string name_space;
  std::string name;
  std::string uid;
  PullAccess pull_access = {};  // for Fetch and what Observe tells of the image
};

// All that the containers of a task are made from.
struct TaskContainer {
  api::ContainerTemplate container;
  std::vector<std::string> command, args;  // empty: the image's
  int termination_grace_period_seconds = 10;
  // Of the mounts of Secrets, by the Secret's name: content by key. For the task's user alone.
  std::map<std::string, std::map<std::string, std::string>> secrets;
};

// "<task>-<8 of the uid>-<run>-<attempt>".
std::string TaskContainerName(const TaskRef& task, const plan::TaskAttempt& of);

// Where user work runs. As Runtime it observes and executes, decides nothing, and finds everything
// again by observing. Not thread safe: one reconcile loop owns it.
class TaskRuntime {
 public:
  virtual ~TaskRuntime() = default;

  // The task's containers, and what is known of its image. Unavailable when nobody can tell.
  virtual Result<plan::ObservedTask> Observe(const TaskRef& task, const std::string& image) = 0;

  // Begins to bring the image to where the task runs; Observe tells how that goes.
  virtual Status Fetch(const TaskRef& task, const api::ContainerTemplate& container) = 0;

  // Makes the container of an attempt, which doesn't run yet. OK when it is there already. Errors
  // are what has to be changed or waited for: AlreadyExists (something of somebody else has the
  // name), FailedPrecondition (not allowed, a mount is missing), NotFound (the image or network is
  // gone), others of the engine. ReasonOf tells them as a condition's reason.
  virtual Status Create(const TaskRef& task, const plan::TaskAttempt& of,
                        const TaskContainer& container) = 0;
  // The engine's own failure to run it is on record in the container.
  virtual Status Start(const std::string& container_id) = 0;
  // SIGTERM, once however often it is asked for; NotFound and Aborted when it doesn't run.
  virtual Status Stop(const std::string& container_id) = 0;
  virtual Status Kill(const std::string& container_id) = 0;
  virtual Status Remove(const std::string& container_id) = 0;
  // Forgets what was kept for a task without containers.
  virtual Status CleanUp(const TaskRef& task) = 0;

  // The end of what it printed, at most `max_bytes`, whole lines.
  virtual Result<std::string> LogTail(const std::string& container_id, size_t max_bytes) = 0;

  // The machine that containers run on, for people.
  virtual std::string Node() const = 0;

  // `changed` is called, from any thread, when Observe would report something new. Set once, before
  // the first Observe.
  virtual void OnChange(std::function<void()> changed) = 0;
};

}  // namespace headpond::runtime
