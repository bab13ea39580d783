#include "operator/daemon/task_objects.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/daemon.h"
#include "operator/api/container_task.h"
#include "operator/api/field_table.h"
#include "operator/kube/secret.h"

namespace headpond::operator_daemon {

using controller::TaskKind;
using kube::ObjectName;
using nlohmann::json;

namespace {

constexpr const char* kEventController = "headpond.dev/operator";

std::string TaskResource(TaskKind kind) {
  return kind == TaskKind::kTask ? "containertasks" : "containerdefinitions";
}

kube::Resource ResourceOf(TaskKind kind) {
  return {"headpond.dev", "v1alpha1", TaskResource(kind)};
}

}  // namespace

ApiTaskObjects::ApiTaskObjects(kube::Client& client, const Clock& clock, Random random,
                               const Options& options, const std::function<void()>& changed)
    : client_(client),
      tasks_(client, clock, Random(random.Next()),
             {.resource = ResourceOf(TaskKind::kTask),
              .name_space = options.name_space,
              .may_write = options.may_write},
             changed),
      definitions_(client, clock, Random(random.Next()),
                   {.resource = ResourceOf(TaskKind::kDefinition),
                    .name_space = options.name_space,
                    .may_write = options.may_write},
                   changed),
      events_(client, clock, Random(random.Next()), kEventController, LocalHostName()) {}

ApiTaskObjects::~ApiTaskObjects() {
  Stop();
}

void ApiTaskObjects::Start() {
  tasks_.Start();
  definitions_.Start();
}

void ApiTaskObjects::Stop() {
  events_.Stop();
  tasks_.Stop();
  definitions_.Stop();
}

FollowedKind& ApiTaskObjects::Of(TaskKind kind) {
  return kind == TaskKind::kTask ? tasks_ : definitions_;
}

Result<controller::TaskObjects::Listing> ApiTaskObjects::List(TaskKind kind) {
  const FollowedKind& followed = Of(kind);
  if (!followed.synced())
    return Unavailable("the API server has not listed its {} yet", TaskResource(kind));
  FollowedKind::Listing listing = followed.List();
  return Listing{.objects = std::move(listing.objects), .complete = listing.complete};
}

Status ApiTaskObjects::Patch(TaskKind kind, const std::string& name_space, const std::string& name,
                             const json& json_patch, const std::string& subresource) {
  return Of(kind).Patch({name_space, name}, json_patch, subresource);
}

Status ApiTaskObjects::DeleteTask(const std::string& name_space, const std::string& name,
                                  const std::string& uid) {
  RETURN_IF_ERROR(tasks_.MayWrite());
  const Status deleted = client_.Delete(ResourceOf(TaskKind::kTask), {name_space, name}, uid);
  return deleted.code() == Code::kNotFound ? Status::Ok() : deleted;
}

Result<std::map<std::string, std::string>> ApiTaskObjects::ReadSecret(const std::string& name_space,
                                                                      const std::string& name) {
  return kube::ReadSecret(client_, name_space, name);
}

void ApiTaskObjects::Tell(const json& task, const controller::Notice& notice) {
  if (!tasks_.MayWrite().ok()) return;
  const ObjectName name = kube::NameOf(task);
  events_.Record({.regarding = {std::string(api::kApiVersion), std::string(api::kContainerTaskKind),
                                name.name_space, name.name, task.at("metadata").value("uid", "")},
                  .warning = notice.warning,
                  .reason = notice.reason,
                  .action = "Reconcile",
                  .text = notice.text});
}

}  // namespace headpond::operator_daemon
