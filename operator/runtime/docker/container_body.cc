#include "operator/runtime/docker/container_body.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace headpond::runtime {
namespace {

using nlohmann::json;

constexpr std::string_view kProbeLabel = "headpond.dev/probe";
constexpr ApiVersion kStartIntervalSince{1, 44};
constexpr int64_t kSecond = 1'000'000'000;  // durations are in nanoseconds
constexpr int64_t kHealthInterval = 15 * kSecond;
constexpr int64_t kHealthTimeout = 5 * kSecond;
constexpr int64_t kHealthStartPeriod = 60 * kSecond;
constexpr int kHealthRetries = 3;

std::string PortKey(const plan::Port& port) {
  return fmt::format("{}/tcp", port.number);
}

json Mounts(const plan::Workload& workload) {
  json mounts = json::array();
  std::map<std::string, bool> seen;
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.mount.empty() || !seen.emplace(volume.mount, true).second) continue;
    const bool bind = volume.volume_name.empty();
    mounts.push_back({{"Type", bind ? "bind" : "volume"},
                      {"Source", bind ? volume.host_path : volume.volume_name},
                      {"Target", volume.mount}});
  }
  return mounts;
}

// Only for people and other tools: the operator asks the daemon itself. bash, because that is what
// a small image has to speak TCP.
json HealthCheck(const plan::Workload& workload, ApiVersion version) {
  const plan::Probe& probe = workload.probe;
  const bool bridge = !workload.container->network.empty();
  const std::string script = fmt::format(
      "exec 3<>/dev/tcp/{}/{} && printf 'GET {} HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && "
      "[[ $line == *' 200 '* ]]",
      bridge ? "127.0.0.1" : probe.host, probe.web_port, probe.path);
  json check = {{"Test", {"CMD", "bash", "-c", script}},
                {"Interval", kHealthInterval},
                {"Timeout", kHealthTimeout},
                {"StartPeriod", kHealthStartPeriod},
                {"Retries", kHealthRetries}};
  if (version >= kStartIntervalSince) check["StartInterval"] = kSecond;
  return check;
}

json HostConfig(const plan::Workload& workload) {
  const plan::Container& container = *workload.container;
  const api::ContainerSettings& settings = container.settings;
  json host = {{"Mounts", Mounts(workload)},
               {"NetworkMode", container.network.empty() ? "host" : container.network},
               // Only the operator starts daemons, or two would keep a broken one busy.
               {"RestartPolicy", {{"Name", "no"}}},
               {"CapDrop", settings.cap_drop},
               {"CapAdd", settings.cap_add},
               {"ReadonlyRootfs", settings.read_only_root},
               {"SecurityOpt", json::array()},
               {"LogConfig",
                {{"Type", "json-file"},
                 {"Config",
                  {{"max-size", std::to_string(settings.log_max_size_bytes)},
                   {"max-file", std::to_string(settings.log_max_files)}}}}}};
  if (settings.no_new_privileges) host["SecurityOpt"].push_back("no-new-privileges");
  if (container.shm_bytes > 0) host["ShmSize"] = container.shm_bytes;
  host.update(LimitsBody(container.limits()));
  if (settings.pids_limit > 0) host["PidsLimit"] = settings.pids_limit;
  for (const api::Ulimit& limit : settings.ulimits)
    host["Ulimits"].push_back({{"Name", limit.name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  for (const api::TmpfsFolder& folder : settings.tmpfs)
    host["Tmpfs"][folder.path] = fmt::format("rw,nosuid,nodev,size={}", folder.size_bytes);
  for (const api::Device& device : settings.devices)
    host["Devices"].push_back({{"PathOnHost", device.path},
                               {"PathInContainer", device.path},
                               {"CgroupPermissions", device.permissions}});
  if (container.publish_ports)
    for (const plan::Port& port : workload.ports)
      if (!port.internal)
        host["PortBindings"][PortKey(port)] = json::array(
            {{{"HostIp", workload.bind_host}, {"HostPort", std::to_string(port.number)}}});
  return host;
}

}  // namespace

std::string LabelIs(std::string_view key, std::string_view value) {
  return fmt::format("{}={}", key, value);
}

Labels ClusterLabels(const ClusterRef& cluster) {
  return {{std::string(kManagedByLabel), std::string(kManagedBy)},
          {std::string(kUidLabel), cluster.uid},
          {"headpond.dev/cluster", cluster.name},
          {"headpond.dev/namespace", cluster.name_space},
          {"app.kubernetes.io/name", "headpond"},
          {"app.kubernetes.io/instance", cluster.name},
          {"app.kubernetes.io/managed-by", std::string(kManagedBy)}};
}

Labels ContainerLabels(const ClusterRef& cluster, const plan::Workload& workload) {
  Labels labels = workload.container->settings.labels;
  labels.merge(ClusterLabels(cluster));
  const std::string role(plan::RoleName(workload.role));
  const plan::Probe& probe = workload.probe;
  labels["app.kubernetes.io/component"] = role;
  labels[std::string(kRoleLabel)] = role;
  if (!workload.node.empty()) labels[std::string(kNodeLabel)] = workload.node;
  labels[std::string(kOrdinalLabel)] = std::to_string(workload.ordinal);
  labels[std::string(kHashLabel)] = workload.ConfigHash();
  labels[std::string(kProbeLabel)] = json{
      {"host", probe.host},
      {"rpcPort", probe.rpc_port},
      {"webPort", probe.web_port},
      {"path", probe.path}}.dump();
  return labels;
}

Labels VolumeLabels(const ClusterRef& cluster, const plan::Volume& volume) {
  Labels labels = ClusterLabels(cluster);
  labels[std::string(kKindLabel)] = volume.kind == plan::VolumeKind::kUnderStore ? "under-store"
                                    : volume.kind == plan::VolumeKind::kDurable  ? "durable"
                                                                                 : "cache";
  return labels;
}

Result<plan::Probe> ReadProbe(const Labels& labels) {
  const auto found = labels.find(std::string(kProbeLabel));
  if (found == labels.end()) return NotFound("the container has no probe");
  const json probe = json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!probe.is_object()) return NotFound("the container's probe can't be read");
  try {
    return plan::Probe{probe.at("host"), probe.at("rpcPort"), probe.at("webPort"),
                       probe.at("path")};
  } catch (const json::exception& error) {
    return NotFound("the container's probe can't be read: {}", error.what());
  }
}

json LimitsBody(const plan::Limits& limits) {
  json body = json::object();
  if (limits.memory_bytes > 0) {
    body["Memory"] = limits.memory_bytes;
    body["MemorySwap"] = limits.memory_bytes;  // the same: no swap beyond it
  }
  if (limits.nano_cpus > 0) body["NanoCpus"] = limits.nano_cpus;
  return body;
}

json ContainerBody(const ClusterRef& cluster, const plan::Workload& workload, ApiVersion version) {
  const plan::Container& container = *workload.container;
  json env = json::array();
  for (const auto& [key, value] : workload.env) env.push_back(fmt::format("{}={}", key, value));
  env.push_back(fmt::format("HEADPOND_CLUSTER={}/{}", cluster.name_space, cluster.name));
  env.push_back("HEADPOND_WORKLOAD=" + workload.name);
  json body = {{"Image", container.image},
               {"Cmd", workload.args},
               {"Env", std::move(env)},
               {"User", container.settings.user},
               {"Labels", ContainerLabels(cluster, workload)},
               {"StopTimeout", workload.termination_grace.count()},
               {"Healthcheck", HealthCheck(workload, version)},
               {"HostConfig", HostConfig(workload)}};
  if (container.network.empty()) return body;
  body["Hostname"] = workload.name;
  for (const plan::Port& port : workload.ports)
    body["ExposedPorts"][PortKey(port)] = json::object();
  body["NetworkingConfig"]["EndpointsConfig"][container.network] = {
      {"Aliases", json::array({workload.name})}};
  return body;
}

}  // namespace headpond::runtime
