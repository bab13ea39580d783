#include "operator/controller/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "operator/api/placement.h"

namespace headpond::controller {
namespace {

constexpr const char* kDocker = "spec.runtime.docker";

bool IsForgotten(const api::CacheCluster& cluster, const std::string& node) {
  const auto found = cluster.metadata.annotations.find(std::string(kForgetNodesAnnotation));
  if (found == cluster.metadata.annotations.end()) return false;
  return fmt::format(",{},", found->second).find(fmt::format(",{},", node)) != std::string::npos;
}

// The first of the keys that is there; "" when none is.
std::string ValueOf(const SecretData& secret, std::string_view key, std::string_view other) {
  for (const std::string_view name : {key, other})
    if (const auto found = secret.find(std::string(name)); found != secret.end())
      return found->second;
  return "";
}

Result<runtime::Node::Tls> ReadTls(const api::CacheCluster& cluster, const std::string& name,
                                   const std::string& field, Secrets& secrets) {
  ASSIGN_OR_RETURN(const SecretData secret, secrets.Read(cluster, name, field));
  runtime::Node::Tls tls{.ca = ValueOf(secret, "ca.pem", "ca.crt"),
                         .certificate = ValueOf(secret, "cert.pem", "tls.crt"),
                         .key = ValueOf(secret, "key.pem", "tls.key")};
  if (tls.ca.empty() && tls.certificate.empty())
    return FailedPrecondition(
        "{}: Secret {} has neither ca.pem nor cert.pem (ca.crt, tls.crt): it proves nothing", field,
        name);
  if (tls.certificate.empty() != tls.key.empty())
    return FailedPrecondition("{}: Secret {} has only one of cert.pem and key.pem", field, name);
  return tls;
}

runtime::Node Resolve(const api::CacheCluster& cluster, std::string name,
                      const api::DockerEngine& engine, std::string field, Secrets& secrets) {
  runtime::Node node{.name = std::move(name),
                     .address = engine.address,
                     .context = engine.context,
                     .tls_secret = engine.tls_secret,
                     .field = std::move(field)};
  if (engine.tls_secret.empty()) return node;
  auto tls = ReadTls(cluster, engine.tls_secret, node.field + ".tlsSecret", secrets);
  if (tls.ok())
    node.tls = *std::move(tls);
  else
    node.trouble = tls.status();
  return node;
}

}  // namespace

std::vector<runtime::Node> NodesOf(const api::CacheCluster& cluster, const ClusterStatus& before,
                                   Secrets& secrets) {
  const api::DockerSettings& docker = cluster.spec.docker;
  std::vector<runtime::Node> nodes;
  const bool deleting = !cluster.metadata.deletion_timestamp.empty();
  for (size_t i = 0; i < docker.nodes.size(); ++i)
    if (!deleting || !IsForgotten(cluster, docker.nodes[i].name))
      nodes.push_back(Resolve(cluster, docker.nodes[i].name, docker.nodes[i].engine,
                              fmt::format("{}.nodes[{}]", kDocker, i), secrets));
  if (docker.nodes.empty()) {
    if (!docker.engine.address.empty() || !docker.engine.context.empty())
      nodes.push_back(Resolve(cluster, "", docker.engine, kDocker, secrets));
    return nodes;
  }
  for (const NodeStatus& node : before.nodes)
    if (api::FindNode(docker, node.name) == nullptr && !IsForgotten(cluster, node.name))
      nodes.push_back(Resolve(cluster, node.name, node.engine,
                              fmt::format("{}.nodes (once: {})", kDocker, node.name), secrets));
  return nodes;
}

std::vector<NodeStatus> NodeStatuses(const api::CacheCluster& cluster,
                                     const std::vector<runtime::Node>& nodes,
                                     const plan::ObservedCluster& observed,
                                     const ClusterStatus& before) {
  std::vector<NodeStatus> statuses;
  for (const runtime::Node& node : nodes) {
    if (node.name.empty()) continue;
    const api::DockerNode* const wanted = api::FindNode(cluster.spec.docker, node.name);
    const auto unreachable = observed.unreachable.find(node.name);
    const bool reached = unreachable == observed.unreachable.end();
    NodeStatus status{.name = node.name, .state = reached ? "Reachable" : "Unreachable"};
    if (!reached) status.message = unreachable->second;
    if (wanted != nullptr) {
      status.engine = wanted->engine;
    } else {
      const bool empty =
          reached && std::ranges::find(observed.workloads, node.name,
                                       &plan::ObservedWorkload::node) == observed.workloads.end();
      if (empty) continue;
      const auto last = std::ranges::find(before.nodes, node.name, &NodeStatus::name);
      if (last != before.nodes.end()) status.engine = last->engine;
      status.state = "Leaving";
    }
    statuses.push_back(std::move(status));
  }
  return statuses;
}

}  // namespace headpond::controller
