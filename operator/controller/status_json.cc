#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/controller/status.h"

namespace headpond::controller {
namespace {

using nlohmann::json;

json RoleJson(const RoleStatus& role) {
  return {{"desired", role.desired},
          {"ready", role.ready},
          {"updated", role.updated},
          {"summary", fmt::format("{}/{}", role.ready, role.desired)}};
}

json NodeJson(const NodeStatus& node) {
  json out = {{"name", node.name}, {"state", node.state}};
  const auto set = [&](const char* field, const std::string& value) {
    if (!value.empty()) out[field] = value;
  };
  set("endpoint", node.engine.address);
  set("context", node.engine.context);
  set("tlsSecret", node.engine.tls_secret);
  set("message", node.message);
  return out;
}

NodeStatus ParseNode(const json& j) {
  return {.name = j.at("name"),
          .state = j.at("state"),
          .engine = {j.value("endpoint", ""), j.value("context", ""), j.value("tlsSecret", "")},
          .message = j.value("message", "")};
}

RoleStatus ParseRole(const json& j) {
  return {j.at("desired"), j.at("ready"), j.at("updated")};
}

json RestoreJson(const plan::RestoreRecord& restore) {
  json out = {{"uid", restore.uid},
              {"name", restore.name},
              {"uri", restore.uri},
              {"step", plan::NameOf(restore.step)},
              {"startedAtMs", restore.started_at_ms},
              {"deadlineAtMs", restore.deadline_at_ms}};
  if (restore.finished_at_ms != 0) out["finishedAtMs"] = restore.finished_at_ms;
  if (!restore.message.empty()) out["message"] = restore.message;
  return out;
}

plan::RestoreRecord ParseRestore(const json& j) {
  plan::RestoreRecord restore{.uid = j.at("uid"),
                              .name = j.at("name"),
                              .uri = j.at("uri"),
                              .started_at_ms = j.at("startedAtMs"),
                              .deadline_at_ms = j.at("deadlineAtMs"),
                              .finished_at_ms = j.value("finishedAtMs", int64_t{0}),
                              .message = j.value("message", "")};
  // One that is not known leads back, and nothing that is set aside is lost.
  restore.step = plan::RestoreStepOf(j.at("step").get<std::string>())
                     .value_or(plan::RestoreStep::kWithdrawing);
  return restore;
}

}  // namespace

json ToJson(const ClusterStatus& status) {
  json daemons = json::array();
  for (const DaemonStatus& d : status.daemons) {
    json daemon = {{"name", d.name},       {"role", d.role},       {"state", d.state},
                   {"crashes", d.crashes}, {"address", d.address}, {"web", d.web},
                   {"logs", d.logs}};
    if (!d.node.empty()) daemon["node"] = d.node;
    if (d.pid != 0) daemon["pid"] = d.pid;
    if (d.exited_at_ms != 0) daemon["exitedAtMs"] = d.exited_at_ms;
    if (!d.message.empty()) daemon["message"] = d.message;
    if (!d.standing.empty()) daemon["standing"] = d.standing;
    daemons.push_back(std::move(daemon));
  }
  json conditions = json::array();
  for (const Condition& c : status.conditions)
    conditions.push_back({{"type", c.type},
                          {"status", c.status},
                          {"reason", c.reason},
                          {"message", c.message},
                          {"lastTransitionTime", c.last_transition_time},
                          {"observedGeneration", c.observed_generation}});
  json workers = RoleJson(status.workers);
  if (status.registered_workers >= 0) workers["registered"] = status.registered_workers;
  json out = {{"observedGeneration", status.observed_generation},
              {"phase", status.phase},
              {"masters", RoleJson(status.masters)},
              {"workers", std::move(workers)},
              {"daemons", std::move(daemons)},
              {"endpoints", status.endpoints},
              {"underStore", status.under_store},
              {"data", status.data},
              {"conditions", std::move(conditions)}};
  if (status.leader)
    out["leader"] = {{"name", status.leader->name},
                     {"address", status.leader->address},
                     {"term", status.leader->term}};
  if (!status.bootstrap_uri.empty()) out["bootstrap"] = {{"uri", status.bootstrap_uri}};
  if (status.restore) out["restore"] = RestoreJson(*status.restore);
  for (const NodeStatus& node : status.nodes) out["nodes"].push_back(NodeJson(node));
  if (!status.rollout.empty())
    out["rollout"] = {{"plan", status.rollout},
                      {"step", status.rollout_step},
                      {"startedAt", status.rollout_started_at}};
  return out;
}

Result<ClusterStatus> ParseStatus(const json& j) {
  try {
    ClusterStatus status;
    status.observed_generation = j.at("observedGeneration");
    status.phase = j.at("phase");
    status.masters = ParseRole(j.at("masters"));
    status.workers = ParseRole(j.at("workers"));
    status.registered_workers = j.at("workers").value("registered", -1);
    for (const json& d : j.at("daemons"))
      status.daemons.push_back({.name = d.at("name"),
                                .role = d.at("role"),
                                .node = d.value("node", ""),
                                .state = d.at("state"),
                                .pid = d.value("pid", 0),
                                .crashes = d.at("crashes"),
                                .exited_at_ms = d.value("exitedAtMs", int64_t{0}),
                                .address = d.at("address"),
                                .web = d.at("web"),
                                .logs = d.at("logs"),
                                .message = d.value("message", ""),
                                .standing = d.value("standing", "")});
    if (const auto leader = j.find("leader"); leader != j.end() && leader->is_object())
      status.leader = {leader->at("name"), leader->at("address"), leader->at("term")};
    for (const json& node : j.value("nodes", json::array()))
      status.nodes.push_back(ParseNode(node));
    status.endpoints = j.at("endpoints").get<std::map<std::string, std::string>>();
    status.under_store = j.at("underStore");
    if (const auto bootstrap = j.find("bootstrap"); bootstrap != j.end() && bootstrap->is_object())
      status.bootstrap_uri = bootstrap->value("uri", "");
    if (const auto restore = j.find("restore"); restore != j.end() && restore->is_object())
      status.restore = ParseRestore(*restore);
    status.data = j.at("data").get<std::vector<std::string>>();
    if (const auto rollout = j.find("rollout"); rollout != j.end() && rollout->is_object()) {
      status.rollout = rollout->at("plan").get<std::vector<std::string>>();
      status.rollout_step = rollout->at("step");
      status.rollout_started_at = rollout->at("startedAt");
    }
    for (const json& c : j.at("conditions"))
      status.conditions.push_back({.type = c.at("type"),
                                   .status = c.at("status"),
                                   .reason = c.at("reason"),
                                   .message = c.at("message"),
                                   .last_transition_time = c.at("lastTransitionTime"),
                                   .observed_generation = c.at("observedGeneration")});
    return status;
  } catch (const json::exception& e) {
    return Status(Code::kDataLoss, fmt::format("not a status: {}", e.what()));
  }
}

}  // namespace headpond::controller
