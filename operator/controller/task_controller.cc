#include "operator/controller/task_controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/log.h"
#include "base/rfc3339.h"
#include "operator/controller/object_json.h"
#include "operator/controller/object_patch.h"
#include "operator/controller/status.h"
#include "operator/controller/task_status.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using plan::TaskActionKind;
using std::chrono::milliseconds;

constexpr std::string_view kComponent = "tasks";
constexpr size_t kLogTailBytes = 2048;
constexpr size_t kMaxUsersShown = 100;
constexpr int kMaxDoublings = 16;

// Where a task's Secrets for pulls are named; those of its definition come first.
std::string PullSecretsField(const api::ContainerTaskSpec& spec) {
  if (spec.definition.empty()) return "spec.container.imagePullSecrets";
  return fmt::format("ContainerDefinition {} and spec.container: imagePullSecrets",
                     spec.definition);
}

const char* ReasonOf(const Status& failure) {
  switch (failure.code()) {
    case Code::kAlreadyExists: return "NameConflict";
    case Code::kPermissionDenied: return "NotAllowed";
    case Code::kFailedPrecondition: return "MountUnavailable";
    case Code::kNotFound: return "NotFound";
    case Code::kUnavailable: return "EngineUnavailable";
    default: return "CreateFailed";
  }
}

}  // namespace

struct TaskController::Subject {
  const json& object;
  api::ContainerTask task;
  runtime::TaskRef ref;
  plan::TaskState before;
  std::optional<api::ContainerTemplate> container;
  std::optional<plan::TaskTrouble> trouble;

  bool deleting() const { return !task.metadata.deletion_timestamp.empty(); }
  std::string name() const { return ref.name_space + "/" + ref.name; }
};

TaskController::TaskController(TaskObjects& objects, runtime::TaskRuntime& runtime,
                               const Clock& clock, Options options)
    : objects_(objects),
      runtime_(runtime),
      clock_(clock),
      options_(options),
      secrets_([&objects](const auto& name_space,
                          const auto& name) { return objects.ReadSecret(name_space, name); },
               clock) {}

milliseconds TaskController::ReconcileAll() {
  const auto definitions = objects_.List(TaskKind::kDefinition);
  const auto tasks = objects_.List(TaskKind::kTask);
  if (!definitions.ok() || !tasks.ok()) {
    // Once: an API server may not have the kinds at all.
    if (!complained_)
      LogWarn(kComponent, "no tasks are run: {}",
              (tasks.ok() ? definitions.status() : tasks.status()).message());
    complained_ = true;
    return options_.steady_interval;
  }
  complained_ = false;
  definitions_.clear();
  users_.clear();
  for (const auto& definition : definitions->objects) {
    const json& metadata = definition->at("metadata");
    definitions_[fmt::format("{}/{}", metadata.value("namespace", ""),
                             metadata.value("name", ""))] = definition;
  }
  milliseconds next = options_.steady_interval;
  for (const auto& task : tasks->objects) next = std::min(next, ReconcileCounted(*task));
  // A task that is left out now may use any of them.
  if (!tasks->complete) return next;
  for (const auto& definition : definitions->objects) ReconcileDefinition(*definition);
  return next;
}

milliseconds TaskController::ReconcileCounted(const json& object) {
  failed_ = false;
  const auto begin = clock_.Now();
  const milliseconds next = Reconcile(object);
  if (options_.stats != nullptr) options_.stats->Record(!failed_, clock_.Now() - begin);
  return next;
}

milliseconds TaskController::Reconcile(const json& object) {
  auto task = api::ReadContainerTask(object);
  if (!task.ok()) {
    LogError(kComponent, "left alone: {}", task.status().message());
    failed_ = true;
    return options_.steady_interval;
  }
  Subject subject{.object = object,
                  .task = *std::move(task),
                  .before = ReadTaskState(Member(object, "status"))};
  const api::ObjectMeta& metadata = subject.task.metadata;
  subject.ref = {metadata.name_space, metadata.name, metadata.uid};
  const bool held = HasFinalizer(object, kTaskFinalizer);
  // Others' finalizers hold what we are done with.
  if (subject.deleting() && !held) return options_.steady_interval;
  const std::string& definition = subject.task.spec.definition;
  if (!definition.empty() && !subject.before.finished())
    users_[fmt::format("{}/{}", metadata.name_space, definition)].insert(metadata.name);
  if (!held) {
    const Status done = objects_.Patch(TaskKind::kTask, metadata.name_space, metadata.name,
                                       FinalizerPatch(object, kTaskFinalizer, true), "");
    failed_ = !done.ok();
    if (!done.ok()) LogWarn(kComponent, "{}: {}", subject.name(), done.message());
    return options_.shortest_interval;
  }
  return Work(subject);
}

void TaskController::Resolve(Subject& subject) {
  const api::ContainerTaskSpec& spec = subject.task.spec;
  const auto trouble = [&](const char* reason, std::string message) {
    subject.trouble =
        plan::TaskTrouble{.reason = reason,
                          .message = std::move(message),
                          .retry_at_ms = clock_.NowMs() + options_.steady_interval.count()};
  };
  json definition;
  if (!spec.definition.empty()) {
    const auto found =
        definitions_.find(fmt::format("{}/{}", subject.ref.name_space, spec.definition));
    if (found == definitions_.end())
      return trouble("DefinitionMissing",
                     fmt::format("spec.definitionRef.name: there is no ContainerDefinition {} in "
                                 "namespace {}",
                                 spec.definition, subject.ref.name_space));
    const auto read = api::ReadContainerDefinition(*found->second);
    if (!read.ok()) return trouble("DefinitionUnreadable", read.status().message());
    definition = json::parse(read->spec_json);
  }
  auto container = api::ResolveContainer(definition, json::parse(spec.overlay_json));
  if (!container.ok()) return trouble("InvalidContainer", container.status().message());
  subject.container = *std::move(container);
}

milliseconds TaskController::Work(Subject& subject) {
  const int64_t now_ms = clock_.NowMs();
  const json& status_before = Member(subject.object, "status");
  const bool over = subject.before.finished() && !subject.deleting();
  Resolve(subject);
  TaskLook look{.generation = subject.task.metadata.generation,
                .spec = subject.task.spec,
                .deleting = subject.deleting(),
                .state = subject.before,
                .node = runtime_.Node()};
  if (subject.container) look.image = subject.container->image;
  if (subject.container && !over)
    subject.ref.pull_access =
        secrets_.ReadForPulls(subject.ref.name_space, subject.container->image_pull_secrets,
                              PullSecretsField(subject.task.spec));
  plan::ObservedTask observed;
  if (!over) {
    auto seen = runtime_.Observe(subject.ref, look.image);
    if (!seen.ok()) {
      failed_ = true;
      look.unavailable = seen.status().message();
      (void)Report(subject, TaskStatus(look, status_before, now_ms));
      return options_.longest_retry < options_.steady_interval ? options_.longest_retry
                                                               : milliseconds(1000);
    }
    observed = *std::move(seen);
  }
  if (const auto failed = failures_.find(subject.ref.uid); failed != failures_.end())
    observed.trouble = failed->second.trouble;
  const plan::DesiredTask desired{
      .spec = subject.task.spec,
      .pull_policy =
          subject.container ? subject.container->pull_policy : api::PullPolicy::kIfNotPresent,
      .created_at_ms = ParseRfc3339Ms(subject.task.metadata.creation_timestamp),
      .deleting = subject.deleting(),
      .trouble = subject.trouble};
  const plan::TaskDecision decision =
      plan::DecideTask(desired, observed, subject.before, now_ms, options_.policy);
  look.state = decision.state;
  look.observed_image = observed.image;
  look.trouble = subject.trouble ? subject.trouble : observed.trouble;
  look.log_tail = NewLogTail(subject, decision.state);

  const bool releases = std::ranges::any_of(decision.actions, [](const plan::TaskAction& action) {
    return action.kind == TaskActionKind::kRelease || action.kind == TaskActionKind::kDelete;
  });
  const json status = over ? status_before : TaskStatus(look, status_before, now_ms);
  const bool changed = status != status_before;
  // Nothing is done that is not on record.
  if (!releases && !Report(subject, status)) return options_.shortest_interval;
  for (const Notice& notice : TaskNotices(subject.before, decision.state, look.image))
    objects_.Tell(subject.object, notice);
  if (decision.state.finished() && !subject.before.finished()) (void)runtime_.CleanUp(subject.ref);
  bool acted = false;
  for (const plan::TaskAction& action : decision.actions) acted |= Execute(subject, action);
  milliseconds next = acted || changed ? options_.shortest_interval : options_.steady_interval;
  if (decision.due_at_ms)
    next = std::min(next, milliseconds(std::max<int64_t>(*decision.due_at_ms - now_ms, 1)));
  return next;
}

bool TaskController::Report(const Subject& subject, const json& status) {
  const json& before = Member(subject.object, "status");
  if (status == before) return true;
  const std::string phase = status.value("phase", "");
  if (!before.is_object() || before.value("phase", "") != phase)
    LogInfo(kComponent, "task {} is {}", subject.name(), phase);
  const Status written = objects_.Patch(TaskKind::kTask, subject.ref.name_space, subject.ref.name,
                                        StatusPatch(status), "status");
  failed_ |= !written.ok();
  if (!written.ok())
    LogWarn(kComponent, "cannot write the status of task {}: {}", subject.name(),
            written.message());
  return written.ok();
}

// True when the task looks different now.
bool TaskController::Execute(const Subject& subject, const plan::TaskAction& action) {
  const Status done = Do(subject, action);
  failed_ |= !done.ok();
  if (action.kind == TaskActionKind::kCreate) {
    if (done.ok())
      failures_.erase(subject.ref.uid);
    else
      NoteFailure(subject, done);
  }
  // Stops are asked for again until the container has ended.
  const bool waits = action.kind == TaskActionKind::kStop;
  if (!waits || !done.ok())
    LogInfo(kComponent, "task {}: {}{}", subject.name(), plan::Describe(action),
            done.ok() ? "" : ": " + done.message());
  return !waits;
}

Status TaskController::Do(const Subject& subject, const plan::TaskAction& action) {
  switch (action.kind) {
    case TaskActionKind::kFetch: return subject.container ? Fetch(subject) : Status::Ok();
    case TaskActionKind::kCreate: return Create(subject, action.of);
    case TaskActionKind::kStart: return runtime_.Start(action.container_id);
    case TaskActionKind::kStop: return runtime_.Stop(action.container_id);
    case TaskActionKind::kKill: return runtime_.Kill(action.container_id);
    case TaskActionKind::kRemove: return runtime_.Remove(action.container_id);
    case TaskActionKind::kDelete:
      return objects_.DeleteTask(subject.ref.name_space, subject.ref.name, subject.ref.uid);
    case TaskActionKind::kRelease:
      failures_.erase(subject.ref.uid);
      RETURN_IF_ERROR(runtime_.CleanUp(subject.ref));
      return objects_.Patch(TaskKind::kTask, subject.ref.name_space, subject.ref.name,
                            FinalizerPatch(subject.object, kTaskFinalizer, false), "");
  }
  return Status::Ok();
}

Status TaskController::Fetch(const Subject& subject) {
  runtime::TaskRef ref = subject.ref;
  if (!ref.pull_access.secrets.empty())
    ref.pull_access.secrets = secrets_.ReadForPullNow(
        ref.name_space, subject.container->image_pull_secrets, PullSecretsField(subject.task.spec));
  return runtime_.Fetch(ref, *subject.container);
}

Status TaskController::Create(const Subject& subject, const plan::TaskAttempt& of) {
  if (!subject.container) return Internal("task {} has no container", subject.name());
  const api::ContainerTaskSpec& spec = subject.task.spec;
  runtime::TaskContainer container{
      .container = *subject.container,
      .command = spec.command,
      .args = spec.args,
      .termination_grace_period_seconds = spec.termination_grace_period_seconds};
  for (const api::ContainerMount& mount : subject.container->mounts) {
    if (mount.source != api::MountSource::kSecret) continue;
    auto secret = objects_.ReadSecret(subject.ref.name_space, mount.name);
    if (secret.status().code() == Code::kNotFound)
      return FailedPrecondition("there is no Secret {} in namespace {} to mount at {}", mount.name,
                                subject.ref.name_space, mount.path);
    RETURN_IF_ERROR(secret.status());
    container.secrets[mount.name] = *std::move(secret);
  }
  return runtime_.Create(subject.ref, of, container);
}

void TaskController::NoteFailure(const Subject& subject, const Status& failure) {
  Failure& known = failures_[subject.ref.uid];
  const int64_t wait =
      std::min(options_.first_retry.count() << std::min(known.count, kMaxDoublings),
               options_.longest_retry.count());
  known.count += 1;
  known.trouble = {.reason = ReasonOf(failure),
                   .message = failure.message(),
                   .retry_at_ms = clock_.NowMs() + wait};
}

std::optional<std::string> TaskController::NewLogTail(const Subject& subject,
                                                      const plan::TaskState& after) {
  std::string ended;
  for (const plan::TaskRun& run : after.runs) {
    const auto before = std::ranges::find(subject.before.runs, run.index, &plan::TaskRun::index);
    const int64_t ended_before = before == subject.before.runs.end() ? 0 : before->finished_at_ms;
    if (run.finished_at_ms != 0 && run.finished_at_ms != ended_before) ended = run.container_id;
  }
  if (ended.empty()) return std::nullopt;
  auto tail = runtime_.LogTail(ended, kLogTailBytes);
  if (!tail.ok()) return std::nullopt;
  return *std::move(tail);
}

void TaskController::ReconcileDefinition(const json& object) {
  const json& metadata = object.at("metadata");
  const std::string name_space = metadata.value("namespace", ""), name = metadata.value("name", "");
  const auto found = users_.find(fmt::format("{}/{}", name_space, name));
  json used_by = json::array();
  if (found != users_.end())
    for (const std::string& task : found->second)
      if (used_by.size() < kMaxUsersShown) used_by.push_back(task);
  const bool used = !used_by.empty();
  if (HasFinalizer(object, kDefinitionFinalizer) != used &&
      (!used || Member(metadata, "deletionTimestamp").is_null())) {
    const Status done = objects_.Patch(TaskKind::kDefinition, name_space, name,
                                       FinalizerPatch(object, kDefinitionFinalizer, used), "");
    if (!done.ok()) LogWarn(kComponent, "definition {}/{}: {}", name_space, name, done.message());
    return;  // the change is seen in the next pass
  }
  const json& before = Member(object, "status");
  const int64_t generation = metadata.value("generation", int64_t{0});
  const Verdict in_use =
      used ? Verdict{"True", "Used", "tasks that have not ended use it; it can't go before them"}
           : Verdict{"False", "NotUsed", ""};
  const json status = {
      {"observedGeneration", generation},
      {"usedBy", used_by},
      {"conditions",
       json::array({ConditionJson("InUse", in_use, generation, before, clock_.NowMs())})}};
  if (status == before) return;
  const Status done =
      objects_.Patch(TaskKind::kDefinition, name_space, name, StatusPatch(status), "status");
  if (!done.ok()) LogWarn(kComponent, "definition {}/{}: {}", name_space, name, done.message());
}

}  // namespace headpond::controller
