#include "operator/api/rules_docker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "operator/api/placement.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr const char* kDocker = "spec.runtime.docker";

void CheckEngine(const DockerEngine& engine, const std::string& path, Findings& findings) {
  if (!engine.address.empty() && !engine.context.empty())
    findings.errors.push_back({path + ".context", "endpoint is given, too; leave one of them out"});
  if (!engine.tls_secret.empty() && !engine.address.starts_with("tcp://"))
    findings.errors.push_back({path + ".tlsSecret", "needs an endpoint of tcp://"});
}

void CheckMasterNodes(const DockerSettings& docker, Findings& findings) {
  for (size_t i = 0; i < docker.master_nodes.size(); ++i)
    if (FindNode(docker, docker.master_nodes[i]) == nullptr)
      findings.errors.push_back({fmt::format("{}.masterNodes[{}]", kDocker, i),
                                 fmt::format("there is no node {}", docker.master_nodes[i])});
}

void CheckWorkers(const DockerSettings& docker, int replicas, Findings& findings) {
  std::map<int, std::string> owner;
  for (size_t i = 0; i < docker.nodes.size(); ++i) {
    const auto workers = docker.nodes[i].workers.value_or(std::vector<int>());
    const std::set<int> once(workers.begin(), workers.end());
    if (once.size() != workers.size()) {
      findings.errors.push_back(
          {fmt::format("{}.nodes[{}].workers", kDocker, i), "a worker is there twice"});
      continue;
    }
    for (size_t k = 0; k < workers.size(); ++k)
      if (const auto [other, added] = owner.emplace(workers[k], docker.nodes[i].name); !added)
        findings.errors.push_back(
            {fmt::format("{}.nodes[{}].workers[{}]", kDocker, i, k),
             fmt::format("worker {} is on node {} already", workers[k], other->second)});
  }
  for (int ordinal = 0; ordinal < replicas; ++ordinal)
    if (!PlaceWorker(docker, ordinal)) {
      findings.errors.push_back(
          {fmt::format("{}.nodes", kDocker),
           fmt::format("no node takes worker {}: name it in a node's workers, or give a node no "
                       "workers, so that it takes what is left",
                       ordinal)});
      return;
    }
}

// At runtime.docker and at runtime.docker.nodes[].
std::vector<CelRule> NamedOnceAt(std::string_view at) {
  return {{at, "!has(self.endpoint) || !has(self.context)",
           "endpoint is given, too; leave one of them out", ".context"},
          {at, "!has(self.tlsSecret) || (has(self.endpoint) && self.endpoint.startsWith('tcp://'))",
           "needs an endpoint of tcp://", ".tlsSecret"}};
}

}  // namespace

void EnginesAreNamedOnce(const json& spec, Findings& findings) {
  const DockerSettings docker = ReadDockerSettings(spec);
  CheckEngine(docker.engine, kDocker, findings);
  for (size_t i = 0; i < docker.nodes.size(); ++i)
    CheckEngine(docker.nodes[i].engine, fmt::format("{}.nodes[{}]", kDocker, i), findings);
}

void NodesTakeAllDaemons(const json& spec, Findings& findings) {
  const DockerSettings docker = ReadDockerSettings(spec);
  const std::string masters = fmt::format("{}.masterNodes", kDocker);
  if (docker.nodes.empty()) {
    if (!docker.master_nodes.empty()) findings.errors.push_back({masters, "needs nodes"});
    return;
  }
  if (docker.master_nodes.empty()) findings.errors.push_back({masters, "is required with nodes"});
  const DockerEngine& engine = docker.engine;
  if (!engine.address.empty() || !engine.context.empty())
    findings.errors.push_back({fmt::format("{}.nodes", kDocker),
                               "an engine is named beside them: leave endpoint and context out"});
  if (spec.at("network").at("mode") != "host")
    findings.errors.push_back(
        {"spec.network.mode", "several nodes need mode host: a bridge ends at its engine"});
  CheckMasterNodes(docker, findings);
  CheckWorkers(docker, spec.at("worker").at("replicas").get<int>(), findings);
}

std::vector<CelRule> EnginesAreNamedOnceCel() {
  std::vector<CelRule> rules = NamedOnceAt("runtime.docker");
  std::ranges::move(NamedOnceAt("runtime.docker.nodes[]"), std::back_inserter(rules));
  return rules;
}

// That no two nodes name one worker is left to the operator: the expression would cost too much.
std::vector<CelRule> NodesTakeAllDaemonsCel() {
  return {
      {"runtime.docker", "!has(self.masterNodes) || has(self.nodes)", "needs nodes",
       ".masterNodes"},
      {"runtime.docker", "!has(self.nodes) || has(self.masterNodes)", "is required with nodes",
       ".masterNodes"},
      {"runtime.docker", "!has(self.nodes) || (!has(self.endpoint) && !has(self.context))",
       "an engine is named beside them: leave endpoint and context out", ".nodes"},
      {"runtime.docker",
       "!has(self.nodes) || !has(self.masterNodes) || "
       "self.masterNodes.all(m, self.nodes.exists(n, n.name == m))",
       "names a node that is not there", ".masterNodes"},
      {"runtime.docker.nodes[].workers", "self.all(w, self.exists_one(v, v == w))",
       "a worker is there twice"},
      {"", "!has(self.runtime.docker.nodes) || self.network.mode == 'host'",
       "several nodes need mode host: a bridge ends at its engine", ".network.mode"},
      {"",
       "!has(self.runtime.docker.nodes) || self.runtime.docker.nodes.exists(n, !has(n.workers)) || "
       "self.runtime.docker.nodes.map(n, n.workers.filter(w, w < self.worker.replicas).size())"
       ".sum() >= self.worker.replicas",
       "no node takes some worker: name it in a node's workers, or give a node no workers",
       ".runtime.docker.nodes"}};
}

}  // namespace headpond::api
