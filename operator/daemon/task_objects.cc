#include "operator/daemon/task_objects.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace headpond::operator_daemon {

using controller::TaskKind;
using kube::ObjectName;
using nlohmann::json;

namespace {

const kube::Resource kSecrets{"", "v1", "secrets"};

std::string TaskResource(TaskKind kind) {
  return kind == TaskKind::kTask ? "containertasks" : "containerdefinitions";
}

// The data of a Secret, decoded. DataLoss when it isn't base64.
Result<std::map<std::string, std::string>> SecretData(const json& secret) {
  std::map<std::string, std::string> out;
  const auto data = secret.find("data");
  if (data == secret.end() || !data->is_object()) return out;
  for (const auto& [key, value] : data->items()) {
    const auto decoded =
        value.is_string() ? DecodeBase64(value.get_ref<const std::string&>()) : std::nullopt;
    if (!decoded) return Status(Code::kDataLoss, fmt::format("data[{}] is not base64", key));
    out[key] = *decoded;
  }
  return out;
}

kube::Resource ResourceOf(TaskKind kind) {
  return {"headpond.dev", "v1alpha1", TaskResource(kind)};
}

}  // namespace

struct ApiTaskObjects::Watched {
  Watched(kube::Client& client, TaskKind kind, const std::string& name_space, const Clock& clock,
          Random random, const std::function<void()>& changed)
      : source(client.Source(ResourceOf(kind), name_space)),
        reflector({.name = TaskResource(kind)}, *source, cache, clock, std::move(random),
                  [changed](const ObjectName&) { changed(); }) {}

  kube::ObjectCache cache;
  kube::OwnWrites own_writes;
  const std::unique_ptr<kube::ObjectSource> source;
  kube::Reflector reflector;
};

ApiTaskObjects::ApiTaskObjects(kube::Client& client, const Clock& clock, Random random,
                               Options options, std::function<void()> changed)
    : client_(client),
      options_(std::move(options)),
      tasks_(std::make_unique<Watched>(client, TaskKind::kTask, options_.name_space, clock, random,
                                       changed)),
      definitions_(std::make_unique<Watched>(client, TaskKind::kDefinition, options_.name_space,
                                             clock, random, changed)) {}

ApiTaskObjects::~ApiTaskObjects() {
  Stop();
}

void ApiTaskObjects::Start() {
  tasks_->reflector.Start();
  definitions_->reflector.Start();
}

void ApiTaskObjects::Stop() {
  tasks_->reflector.Stop();
  definitions_->reflector.Stop();
}

ApiTaskObjects::Watched& ApiTaskObjects::Of(TaskKind kind) {
  return kind == TaskKind::kTask ? *tasks_ : *definitions_;
}

Status ApiTaskObjects::MayWrite() const {
  if (options_.may_write()) return Status::Ok();
  return Aborted("another operator leads");
}

Result<controller::TaskObjects::Listing> ApiTaskObjects::List(TaskKind kind) {
  Watched& watched = Of(kind);
  if (!watched.cache.synced())
    return Unavailable("the API server has not listed its {} yet", TaskResource(kind));
  Listing out;
  for (const kube::Object& object : watched.cache.All())
    if (watched.own_writes.SeenBy(watched.cache, kube::NameOf(*object)))
      out.objects.push_back(object);
    else
      out.complete = false;
  return out;
}

Status ApiTaskObjects::Patch(TaskKind kind, const std::string& name_space, const std::string& name,
                             const json& json_patch, const std::string& subresource) {
  RETURN_IF_ERROR(MayWrite());
  const ObjectName object{name_space, name};
  ASSIGN_OR_RETURN(const json answer,
                   client_.JsonPatch(ResourceOf(kind), object, json_patch, subresource));
  Of(kind).own_writes.Wrote(object, kube::VersionOf(answer));
  return Status::Ok();
}

Status ApiTaskObjects::DeleteTask(const std::string& name_space, const std::string& name,
                                  const std::string& uid) {
  RETURN_IF_ERROR(MayWrite());
  const Status deleted = client_.Delete(ResourceOf(TaskKind::kTask), {name_space, name}, uid);
  return deleted.code() == Code::kNotFound ? Status::Ok() : deleted;
}

Result<std::map<std::string, std::string>> ApiTaskObjects::ReadSecret(const std::string& name_space,
                                                                      const std::string& name) {
  ASSIGN_OR_RETURN(const json secret, client_.Get(kSecrets, {name_space, name}));
  return SecretData(secret);
}

}  // namespace headpond::operator_daemon
