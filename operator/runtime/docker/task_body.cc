#include "operator/runtime/docker/task_body.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/runtime/docker/container_body.h"

namespace headpond::runtime {
namespace {

using api::ContainerMount;
using api::ContainerNetwork;
using api::ContainerTemplate;
using api::MountSource;
using nlohmann::json;

constexpr double kCpu = 1e9;  // of NanoCpus
constexpr const char* kLogSize = "16m";
constexpr const char* kLogFiles = "2";

json Mounts(const ContainerTemplate& container, const std::string& secrets_dir) {
  json mounts = json::array();
  for (const ContainerMount& mount : container.mounts) {
    const bool secret = mount.source == MountSource::kSecret;
    mounts.push_back(
        {{"Type", mount.source == MountSource::kVolume ? "volume" : "bind"},
         {"Source", secret ? fmt::format("{}/{}", secrets_dir, mount.name) : mount.name},
         {"Target", mount.path},
         {"ReadOnly", secret || mount.read_only}});
  }
  return mounts;
}

std::string NetworkOf(const ContainerTemplate& container) {
  switch (container.network) {
    case ContainerNetwork::kHost: return "host";
    case ContainerNetwork::kNone: return "none";
    case ContainerNetwork::kBridge: break;
  }
  return container.network_name.empty() ? "bridge" : container.network_name;
}

json HostConfig(const ContainerTemplate& container, const std::string& secrets_dir) {
  json host = {
      {"Mounts", Mounts(container, secrets_dir)},
      {"NetworkMode", NetworkOf(container)},
      // Only the operator tries again.
      {"RestartPolicy", {{"Name", "no"}}},
      {"CapDrop", {"ALL"}},
      {"CapAdd", container.cap_add},
      {"SecurityOpt", {"no-new-privileges"}},
      {"Privileged", false},
      {"ReadonlyRootfs", container.read_only_root},
      {"LogConfig",
       {{"Type", "json-file"}, {"Config", {{"max-size", kLogSize}, {"max-file", kLogFiles}}}}}};
  if (container.shm_bytes > 0) host["ShmSize"] = container.shm_bytes;
  if (container.resources.memory_bytes > 0) {
    host["Memory"] = container.resources.memory_bytes;
    host["MemorySwap"] = container.resources.memory_bytes;  // the same: no swap beyond it
  }
  if (container.resources.cpus > 0)
    host["NanoCpus"] = static_cast<int64_t>(container.resources.cpus * kCpu);
  if (container.pids_limit > 0) host["PidsLimit"] = container.pids_limit;
  for (const api::Device& device : container.devices)
    host["Devices"].push_back({{"PathOnHost", device.path},
                               {"PathInContainer", device.path},
                               {"CgroupPermissions", device.permissions}});
  return host;
}

}  // namespace

Labels TaskLabels(const TaskRef& task, const plan::TaskAttempt& of) {
  return {{std::string(kManagedByLabel), std::string(kManagedBy)},
          {std::string(kTaskUidLabel), task.uid},
          {std::string(kTaskIndexLabel), std::to_string(of.index)},
          {std::string(kTaskAttemptLabel), std::to_string(of.attempt)},
          {"headpond.dev/task", task.name},
          {"headpond.dev/namespace", task.name_space},
          {"app.kubernetes.io/name", "headpond-task"},
          {"app.kubernetes.io/instance", task.name},
          {"app.kubernetes.io/managed-by", std::string(kManagedBy)}};
}

json TaskContainerBody(const TaskRef& task, const plan::TaskAttempt& of,
                       const TaskContainer& task_container, const std::string& secrets_dir) {
  const ContainerTemplate& container = task_container.container;
  json env = json::array();
  for (const auto& [name, value] : container.env) env.push_back(fmt::format("{}={}", name, value));
  env.push_back(fmt::format("HEADPOND_TASK={}/{}", task.name_space, task.name));
  env.push_back(fmt::format("HEADPOND_TASK_INDEX={}", of.index));
  env.push_back(fmt::format("HEADPOND_TASK_ATTEMPT={}", of.attempt));
  json body = {{"Image", container.image},
               {"Env", std::move(env)},
               {"User", fmt::format("{}:{}", container.uid, container.gid)},
               {"Labels", TaskLabels(task, of)},
               {"StopTimeout", task_container.termination_grace_period_seconds},
               {"HostConfig", HostConfig(container, secrets_dir)}};
  // A command without arguments replaces the image's arguments, too, as in Kubernetes.
  if (!task_container.command.empty()) body["Entrypoint"] = task_container.command;
  if (!task_container.command.empty() || !task_container.args.empty())
    body["Cmd"] = task_container.args;
  if (!container.working_dir.empty()) body["WorkingDir"] = container.working_dir;
  return body;
}

}  // namespace headpond::runtime
