#pragma once

#include <vector>

#include "operator/controller/secrets.h"
#include "operator/controller/status.h"
#include "operator/runtime/runtime.h"

// The Docker Engines that a cluster's spec names, as runtimes and the status have them.
namespace headpond::controller {

// Nodes to forget although they can't be reached, separated by commas: what runs there is given up.
// Counts for nodes that the spec has no more, and for all when the cluster is being deleted.
inline constexpr std::string_view kForgetNodesAnnotation = "headpond.dev/forget-nodes";

// Empty when the spec names no engine. Nodes that the spec has no more are among them until they
// are found to be empty: the status of `before` remembers them. A Secret that can't be read is the
// node's trouble, and nobody else's.
std::vector<runtime::Node> NodesOf(const api::CacheCluster& cluster, const ClusterStatus& before,
                                   Secrets& secrets);

// What the status says of them after a look.
std::vector<NodeStatus> NodeStatuses(const api::CacheCluster& cluster,
                                     const std::vector<runtime::Node>& nodes,
                                     const plan::ObservedCluster& observed,
                                     const ClusterStatus& before);

}  // namespace headpond::controller
