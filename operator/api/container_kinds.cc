#include "operator/api/container_kinds.h"

#include "operator/api/condition_fields.h"
#include "operator/api/container_task.h"

namespace headpond::api {
namespace {

using enum FieldType;

// Far more than the operator says; they keep a faulty writer from filling the store.
constexpr double kMaxText = 32768;
constexpr double kMaxRuns = 1024;
constexpr double kMaxCount = 1 << 20;

const std::vector<Field>& DefinitionStatusFields() {
  static const std::vector<Field> fields = WithCommonStatus({
      {.path = "usedBy",
       .type = kList,
       .max = kMaxRuns,
       .description = "Tasks that use it and have not ended; up to 100 are listed."},
      {.path = "usedBy[]", .type = kString, .max = 253, .description = "A task's name."},
  });
  return fields;
}

const std::vector<Field>& TaskStatusFields() {
  static const std::vector<Field> fields = WithCommonStatus({
      {.path = "phase",
       .type = kString,
       .max = 64,
       .description = "A summary for people: Pending, Suspended, Running, Stopping, Complete, "
                      "Failed, Cancelled or Terminating. Programs read `conditions`."},
      {.path = "active",
       .type = kInteger,
       .min = 0,
       .max = kMaxCount,
       .description = "Containers that run."},
      {.path = "succeeded",
       .type = kInteger,
       .min = 0,
       .max = kMaxCount,
       .description = "Runs that ended with exit code 0."},
      {.path = "failed",
       .type = kInteger,
       .min = 0,
       .max = kMaxCount,
       .description = "Runs that are given up."},
      {.path = "completions",
       .type = kString,
       .max = 32,
       .description = "Succeeded of those wanted, such as `1/1`."},
      {.path = "startedAt",
       .type = kString,
       .max = 64,
       .description = "When the first container started."},
      {.path = "finishedAt", .type = kString, .max = 64, .description = "When the task ended."},
      {.path = "exitCode",
       .type = kInteger,
       .description = "Of the container that ended last; complete for a task of one run."},
      {.path = "containerId",
       .type = kString,
       .max = 128,
       .description = "The engine's id of the latest container."},
      {.path = "hostPid",
       .type = kInteger,
       .min = 0,
       .description = "The process of the latest container as the host numbers it, while it "
                      "runs."},
      {.path = "node",
       .type = kString,
       .max = 253,
       .description = "The machine that the containers are on."},
      {.path = "image", .type = kString, .max = 255, .description = "The image."},
      {.path = "message",
       .type = kString,
       .max = kMaxText,
       .description = "What is wrong or waited for."},
      {.path = "logTail",
       .type = kString,
       .max = kMaxText,
       .description = "The end of what the container printed that ended last."},
      {.path = "runs",
       .type = kList,
       .max = kMaxRuns,
       .description = "Each run that has begun, by its number. Kept by the operator, which goes on "
                      "from it."},
      {.path = "runs[]", .description = "One run."},
      {.path = "runs[].index",
       .type = kInteger,
       .required = true,
       .min = 0,
       .description = "Its number, from 0 on."},
      {.path = "runs[].attempt",
       .type = kInteger,
       .min = 0,
       .description = "The latest try, from 0 on."},
      {.path = "runs[].failures", .type = kInteger, .min = 0, .description = "Tries that failed."},
      {.path = "runs[].phase",
       .type = kString,
       .max = 64,
       .description = "Pending, Created, Starting, Running, Succeeded or Failed."},
      {.path = "runs[].containerId",
       .type = kString,
       .max = 128,
       .description = "The engine's id of the latest container."},
      {.path = "runs[].hostPid",
       .type = kInteger,
       .min = 0,
       .description = "Its process on the host."},
      {.path = "runs[].exitCode", .type = kInteger, .description = "Of the try that ended last."},
      {.path = "runs[].reason",
       .type = kString,
       .max = 1024,
       .description = "Why the last try failed, in one word: ExitCode, OutOfMemory, CannotRun, "
                      "ContainerLost."},
      {.path = "runs[].message",
       .type = kString,
       .max = kMaxText,
       .description = "The same for people."},
      {.path = "runs[].startedAtMs",
       .type = kInteger,
       .min = 0,
       .description = "When the latest try started, in milliseconds since the epoch."},
      {.path = "runs[].finishedAtMs", .type = kInteger, .min = 0, .description = "When it ended."},
      {.path = "runs[].retryAtMs",
       .type = kInteger,
       .min = 0,
       .description = "When the next try is due."},
      {.path = "runs[].stopRequestedAtMs",
       .type = kInteger,
       .min = 0,
       .description = "When it was first asked to stop."},
      {.path = "admitted", .type = kBoolean, .description = "The image was found present."},
      {.path = "activeSinceMs",
       .type = kInteger,
       .min = 0,
       .description = "From when the deadline counts, in milliseconds since the epoch."},
      {.path = "finishedAtMs",
       .type = kInteger,
       .min = 0,
       .description = "When the task ended, in milliseconds since the epoch."},
      {.path = "ending", .description = "Why the task ends with runs left."},
      {.path = "ending.reason",
       .type = kString,
       .max = 64,
       .description = "Cancelled, DeadlineExceeded or BackoffLimitExceeded."},
      {.path = "ending.message",
       .type = kString,
       .max = kMaxText,
       .description = "The same for people."},
  });
  return fields;
}

}  // namespace

Kind ContainerDefinitionKind() {
  return {.kind = kContainerDefinitionKind,
          .plural = "containerdefinitions",
          .singular = "containerdefinition",
          .short_names = {"cdef"},
          .description = "The container that user work runs in: image, user, mounts, limits.",
          .spec = ContainerDefinitionFields(),
          .status = DefinitionStatusFields(),
          .rules = ContainerDefinitionRules(),
          .columns = {
              {"Image", "string", ".spec.image", "The image."},
              {"User", "string", ".spec.user", "Who the work runs as."},
              {"InUse", "string", R"(.status.conditions[?(@.type=="InUse")].status)",
               "True while tasks that have not ended use it."},
              {"Age", "date", ".metadata.creationTimestamp", "Time since the object was created."},
              {"Network", "string", ".spec.network.mode", "The container's network.", 1}}};
}

Kind ContainerTaskKind() {
  return {.kind = kContainerTaskKind,
          .plural = "containertasks",
          .singular = "containertask",
          .short_names = {"ct"},
          .description = "User work that runs in containers until it is done.",
          .max_name = kMaxTaskName,
          .spec = ContainerTaskFields(),
          .status = TaskStatusFields(),
          .rules = ContainerTaskRules(),
          .columns = {
              {"Phase", "string", ".status.phase", "A summary of the conditions."},
              {"Completions", "string", ".status.completions", "Succeeded of those wanted."},
              {"Exit Code", "integer", ".status.exitCode", "Of the container that ended last."},
              {"Started", "date", ".status.startedAt", "Since the first container started."},
              {"Age", "date", ".metadata.creationTimestamp", "Time since the object was created."},
              {"Pid", "integer", ".status.hostPid", "The process on the host.", 1},
              {"Node", "string", ".status.node", "Where the containers are.", 1},
              {"Image", "string", ".status.image", "The image.", 1}}};
}

}  // namespace headpond::api
