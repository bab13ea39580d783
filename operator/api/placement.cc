#include "operator/api/placement.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace headpond::api {
namespace {

using nlohmann::json;

DockerEngine ReadEngine(const json& holder) {
  return {.address = holder.value("endpoint", ""),
          .context = holder.value("context", ""),
          .tls_secret = holder.value("tlsSecret", "")};
}

const DockerNode* NodeOfMaster(const DockerSettings& docker, int ordinal) {
  if (docker.master_nodes.empty()) return nullptr;
  return FindNode(docker,
                  docker.master_nodes[static_cast<size_t>(ordinal) % docker.master_nodes.size()]);
}

bool Names(const DockerNode& node, int ordinal) {
  return node.workers && std::ranges::find(*node.workers, ordinal) != node.workers->end();
}

const DockerNode* NodeNaming(const DockerSettings& docker, int ordinal) {
  const auto found = std::ranges::find_if(
      docker.nodes, [&](const DockerNode& node) { return Names(node, ordinal); });
  return found == docker.nodes.end() ? nullptr : &*found;
}

const DockerNode* NodeOfWorker(const DockerSettings& docker, int ordinal) {
  if (const DockerNode* const named = NodeNaming(docker, ordinal)) return named;
  std::vector<const DockerNode*> open;
  for (const DockerNode& node : docker.nodes)
    if (!node.workers) open.push_back(&node);
  if (open.empty()) return nullptr;
  size_t before = 0;  // of those that are spread
  for (int other = 0; other < ordinal; ++other) before += NodeNaming(docker, other) == nullptr;
  return open[before % open.size()];
}

std::optional<Placement> Place(const DockerSettings& docker, const DockerNode* node) {
  if (node == nullptr && !docker.nodes.empty()) return std::nullopt;
  return Placement{node};
}

}  // namespace

DockerSettings ReadDockerSettings(const json& spec) {
  const json& docker = spec.at("runtime").at("docker");
  DockerSettings out{.engine = ReadEngine(docker)};
  if (const auto nodes = docker.find("nodes"); nodes != docker.end())
    for (const json& node : *nodes) {
      DockerNode read{.name = node.at("name"),
                      .engine = ReadEngine(node),
                      .hostname = node.value("hostname", "")};
      if (const auto workers = node.find("workers"); workers != node.end())
        read.workers = workers->get<std::vector<int>>();
      out.nodes.push_back(std::move(read));
    }
  if (const auto masters = docker.find("masterNodes"); masters != docker.end())
    out.master_nodes = masters->get<std::vector<std::string>>();
  return out;
}

std::optional<Placement> PlaceMaster(const DockerSettings& docker, int ordinal) {
  return Place(docker, NodeOfMaster(docker, ordinal));
}

std::optional<Placement> PlaceWorker(const DockerSettings& docker, int ordinal) {
  return Place(docker, NodeOfWorker(docker, ordinal));
}

const DockerNode* FindNode(const DockerSettings& docker, const std::string& name) {
  const auto found = std::ranges::find(docker.nodes, name, &DockerNode::name);
  return found == docker.nodes.end() ? nullptr : &*found;
}

const std::string& HostnameOf(const CacheClusterSpec& spec, const std::string& node) {
  const DockerNode* const found = FindNode(spec.docker, node);
  return found == nullptr || found->hostname.empty() ? spec.hostname : found->hostname;
}

}  // namespace headpond::api
