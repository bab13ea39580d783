#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "operator/api/cache_cluster.h"

// Where the daemons of a cluster with several Docker Engines run.
namespace headpond::api {

// Of a spec that the schema accepts, with defaults.
DockerSettings ReadDockerSettings(const nlohmann::json& spec);

// A daemon's place. Its ports don't depend on it, so that a daemon that moves is in nobody's way.
struct Placement {
  const DockerNode* node = nullptr;  // null: there are no nodes, all share one host
};

// Empty: no node takes it, which a rule refuses. Masters stay where they are as long as
// `masterNodes` does, which can't change; workers may move when nodes come, go or name others.
std::optional<Placement> PlaceMaster(const DockerSettings& docker, int ordinal);
std::optional<Placement> PlaceWorker(const DockerSettings& docker, int ordinal);

// Null when there is none of the name.
const DockerNode* FindNode(const DockerSettings& docker, const std::string& name);

// The name under which clients reach the daemons of the node.
const std::string& HostnameOf(const CacheClusterSpec& spec, const std::string& node);

}  // namespace headpond::api
