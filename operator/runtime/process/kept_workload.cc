#include "operator/runtime/process/kept_workload.h"

#include <nlohmann/json.hpp>

namespace headpond::runtime {

using nlohmann::json;

json KeptToJson(const plan::Workload& workload) {
  json ports = json::array();
  for (const plan::Port& port : workload.ports)
    ports.push_back({{"name", port.name}, {"number", port.number}, {"field", port.field}});
  json volumes = json::array();
  for (const plan::Volume& volume : workload.volumes)
    volumes.push_back({{"name", volume.name},
                       {"kind", static_cast<int>(volume.kind)},
                       {"path", volume.path},
                       {"sizeBytes", volume.size_bytes}});
  return {{"role", plan::RoleName(workload.role)},
          {"ordinal", workload.ordinal},
          {"name", workload.name},
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
          {"terminationGraceSeconds", workload.termination_grace.count()}};
}

plan::Workload ParseKept(const json& j) {
  const json& probe = j.at("probe");
  plan::Workload workload{
      .role = j.at("role") == plan::RoleName(plan::Role::kWorker) ? plan::Role::kWorker
                                                                  : plan::Role::kMaster,
      .ordinal = j.at("ordinal"),
      .name = j.at("name"),
      .args = j.at("args").get<std::vector<std::string>>(),
      .env = j.at("env").get<std::map<std::string, std::string>>(),
      .files = j.at("files").get<std::map<std::string, std::string>>(),
      .logs_dir = j.at("logsDir"),
      .bind_host = j.at("bindHost"),
      .probe = {probe.at("host"), probe.at("rpcPort"), probe.at("webPort"), probe.at("path")},
      .termination_grace = std::chrono::seconds(j.at("terminationGraceSeconds").get<int64_t>())};
  for (const json& port : j.at("ports"))
    workload.ports.push_back({port.at("name"), port.at("number"), port.at("field")});
  for (const json& volume : j.at("volumes"))
    workload.volumes.push_back({.name = volume.at("name"),
                                .kind = static_cast<plan::VolumeKind>(volume.at("kind").get<int>()),
                                .path = volume.at("path"),
                                .size_bytes = volume.at("sizeBytes")});
  return workload;
}

}  // namespace headpond::runtime
