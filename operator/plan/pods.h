#pragma once

#include <string>
#include <string_view>

#include "operator/api/cache_cluster.h"
#include "operator/plan/workload.h"

// Names and addresses of daemons in pods. Each daemon is a StatefulSet of its own, and is reached
// by name, because the addresses of pods change: a name means the same pod before it is ready, too,
// since masters have to find each other before they can be.
namespace headpond::plan {

// The longest name of a StatefulSet: its controller puts "-" and ten characters behind it and makes
// a label of that, which may have 63.
inline constexpr size_t kMaxStatefulSetName = 52;

// `name`, or what is left of it and eight digits that stand for the whole of it. The result is a
// DNS label where `name` is one.
std::string ShortName(std::string_view name, size_t limit);

// The daemon's name, and its StatefulSet's.
std::string PodWorkloadName(const std::string& cluster, Role role, int ordinal);

// The headless Service of all pods of a cluster, which gives each a name.
std::string PodsService(const std::string& cluster);
// The Service that clients use: the masters that are ready.
std::string ClientService(const std::string& cluster);

// Where the daemon is reached from pods of the same Kubernetes cluster, whatever its DNS domain is:
// a master at a Service of its own, "<workload>.<namespace>.svc", a worker at its pod's name.
// Stable as long as the CacheCluster lives.
std::string PodAddress(const api::CacheCluster& cluster, Role role, int ordinal);

// The layout of daemons in pods.
Layout PodLayout();

}  // namespace headpond::plan
