#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "operator/plan/workload.h"
#include "operator/runtime/docker/engine.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// Identity: what carries these labels with a cluster's uid is that cluster's, and nothing else is.
inline constexpr std::string_view kUidLabel = "headpond.dev/cluster-uid";
inline constexpr std::string_view kRoleLabel = "headpond.dev/role";
inline constexpr std::string_view kOrdinalLabel = "headpond.dev/ordinal";
inline constexpr std::string_view kNodeLabel = "headpond.dev/node";  // of several
inline constexpr std::string_view kHashLabel = "headpond.dev/config-hash";
inline constexpr std::string_view kKindLabel = "headpond.dev/volume-kind";  // of volumes
inline constexpr std::string_view kManagedByLabel = "headpond.dev/managed-by";
inline constexpr std::string_view kManagedBy = "headpond-operator";

// "key=value", as a filter has it.
std::string LabelIs(std::string_view key, std::string_view value);

// What everything of a cluster carries.
Labels ClusterLabels(const ClusterRef& cluster);
Labels ContainerLabels(const ClusterRef& cluster, const plan::Workload& workload);
Labels VolumeLabels(const ClusterRef& cluster, const plan::Volume& volume);

// How the daemon in a container with these labels is probed. NotFound without a probe.
Result<plan::Probe> ReadProbe(const Labels& labels);

// The body of POST /containers/create. Files are not in it: they may hold secrets, which anybody
// who may inspect containers would read. Pure.
nlohmann::json ContainerBody(const ClusterRef& cluster, const plan::Workload& workload,
                             ApiVersion version);

// The limits among it, which are all that POST /containers/ID/update needs.
nlohmann::json LimitsBody(const plan::Limits& limits);

}  // namespace headpond::runtime
