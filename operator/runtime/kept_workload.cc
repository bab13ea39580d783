#include "operator/runtime/kept_workload.h"

#include <nlohmann/json.hpp>

namespace headpond::runtime {

using nlohmann::json;

namespace {

json SettingsToJson(const api::ContainerSettings& settings) {
  json ulimits = json::array(), tmpfs = json::array(), devices = json::array();
  for (const api::Ulimit& limit : settings.ulimits)
    ulimits.push_back({{"name", limit.name}, {"soft", limit.soft}, {"hard", limit.hard}});
  for (const api::TmpfsFolder& folder : settings.tmpfs)
    tmpfs.push_back({{"path", folder.path}, {"sizeBytes", folder.size_bytes}});
  for (const api::Device& device : settings.devices)
    devices.push_back({{"path", device.path}, {"permissions", device.permissions}});
  return {{"user", settings.user},
          {"readOnlyRoot", settings.read_only_root},
          {"noNewPrivileges", settings.no_new_privileges},
          {"capDrop", settings.cap_drop},
          {"capAdd", settings.cap_add},
          {"pidsLimit", settings.pids_limit},
          {"ulimits", std::move(ulimits)},
          {"tmpfs", std::move(tmpfs)},
          {"devices", std::move(devices)},
          {"logMaxSizeBytes", settings.log_max_size_bytes},
          {"logMaxFiles", settings.log_max_files},
          {"labels", settings.labels}};
}

api::ContainerSettings ParseSettings(const json& j) {
  api::ContainerSettings settings{
      .user = j.at("user"),
      .read_only_root = j.at("readOnlyRoot"),
      .no_new_privileges = j.at("noNewPrivileges"),
      .cap_drop = j.at("capDrop").get<std::vector<std::string>>(),
      .cap_add = j.at("capAdd").get<std::vector<std::string>>(),
      .pids_limit = j.at("pidsLimit"),
      .log_max_size_bytes = j.at("logMaxSizeBytes"),
      .log_max_files = j.at("logMaxFiles"),
      .labels = j.at("labels").get<std::map<std::string, std::string>>()};
  for (const json& limit : j.at("ulimits"))
    settings.ulimits.push_back({limit.at("name"), limit.at("soft"), limit.at("hard")});
  for (const json& folder : j.at("tmpfs"))
    settings.tmpfs.push_back({folder.at("path"), folder.at("sizeBytes")});
  for (const json& device : j.at("devices"))
    settings.devices.push_back({device.at("path"), device.at("permissions")});
  return settings;
}

json ContainerToJson(const plan::Container& container) {
  return {{"image", container.image},
          {"pullPolicy", static_cast<int>(container.pull_policy)},
          {"imageTars", container.image_tars},
          {"pullSecrets", container.pull_secrets},
          {"network", container.network},
          {"publishPorts", container.publish_ports},
          {"shmBytes", container.shm_bytes},
          {"memoryBytes", container.resources.memory_bytes},
          {"cpus", container.resources.cpus},
          {"pod", container.pod},
          {"hostNetwork", container.host_network},
          {"placement", container.placement},
          {"settings", SettingsToJson(container.settings)}};
}

plan::Container ParseContainer(const json& j) {
  return {.image = j.at("image"),
          .pull_policy = static_cast<api::PullPolicy>(j.at("pullPolicy").get<int>()),
          .image_tars = j.at("imageTars").get<std::vector<std::string>>(),
          .pull_secrets = j.value("pullSecrets", std::vector<std::string>()),
          .network = j.at("network"),
          .publish_ports = j.at("publishPorts"),
          .shm_bytes = j.at("shmBytes"),
          .resources = {j.at("memoryBytes"), j.at("cpus")},
          .settings = ParseSettings(j.at("settings")),
          .pod = j.value("pod", false),
          .host_network = j.value("hostNetwork", false),
          .placement = j.value("placement", "")};
}

}  // namespace

json KeptToJson(const plan::Workload& workload) {
  json ports = json::array();
  for (const plan::Port& port : workload.ports)
    ports.push_back({{"name", port.name},
                     {"number", port.number},
                     {"field", port.field},
                     {"internal", port.internal}});
  json volumes = json::array();
  for (const plan::Volume& volume : workload.volumes)
    volumes.push_back({{"name", volume.name},
                       {"kind", static_cast<int>(volume.kind)},
                       {"path", volume.path},
                       {"sizeBytes", volume.size_bytes},
                       {"mount", volume.mount},
                       {"hostPath", volume.host_path},
                       {"volumeName", volume.volume_name},
                       {"claimBytes", volume.claim_bytes},
                       {"storageClass", volume.storage_class}});
  json out = {{"role", plan::RoleName(workload.role)},
              {"ordinal", workload.ordinal},
              {"name", workload.name},
              {"node", workload.node},
              {"host", workload.host},
              {"args", workload.args},
              {"env", workload.env},
              {"files", workload.files},
              {"logsDir", workload.logs_dir},
              {"ports", std::move(ports)},
              {"bindHost", workload.bind_host},
              {"volumes", std::move(volumes)},
              {"probe",
               {{"host", workload.probe.host},
                {"rpcPort", workload.probe.rpc_port},
                {"webPort", workload.probe.web_port},
                {"path", workload.probe.path}}},
              {"terminationGraceSeconds", workload.termination_grace.count()},
              {"quorumAddress", workload.quorum_address}};
  if (workload.container) out["container"] = ContainerToJson(*workload.container);
  return out;
}

plan::Workload ParseKept(const json& j) {
  const json& probe = j.at("probe");
  plan::Workload workload{
      .role = j.at("role") == plan::RoleName(plan::Role::kWorker) ? plan::Role::kWorker
                                                                  : plan::Role::kMaster,
      .ordinal = j.at("ordinal"),
      .name = j.at("name"),
      .node = j.value("node", ""),
      .host = j.value("host", ""),
      .args = j.at("args").get<std::vector<std::string>>(),
      .env = j.at("env").get<std::map<std::string, std::string>>(),
      .files = j.at("files").get<std::map<std::string, std::string>>(),
      .logs_dir = j.at("logsDir"),
      .bind_host = j.at("bindHost"),
      .probe = {probe.at("host"), probe.at("rpcPort"), probe.at("webPort"), probe.at("path")},
      .termination_grace = std::chrono::seconds(j.at("terminationGraceSeconds").get<int64_t>()),
      .quorum_address = j.value("quorumAddress", "")};
  for (const json& port : j.at("ports"))
    workload.ports.push_back(
        {port.at("name"), port.at("number"), port.at("field"), port.value("internal", false)});
  for (const json& volume : j.at("volumes"))
    workload.volumes.push_back({.name = volume.at("name"),
                                .kind = static_cast<plan::VolumeKind>(volume.at("kind").get<int>()),
                                .path = volume.at("path"),
                                .size_bytes = volume.at("sizeBytes"),
                                .mount = volume.value("mount", ""),
                                .host_path = volume.value("hostPath", ""),
                                .volume_name = volume.value("volumeName", ""),
                                .claim_bytes = volume.value("claimBytes", int64_t{0}),
                                .storage_class = volume.value("storageClass", "")});
  if (const auto container = j.find("container"); container != j.end())
    workload.container = ParseContainer(*container);
  return workload;
}

}  // namespace headpond::runtime
