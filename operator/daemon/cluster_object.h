#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/controller/status.h"

// What both cluster stores read from a CacheCluster and write to it. Objects are those that
// api::ReadCacheCluster takes.
namespace headpond::operator_daemon {

// Said on every cluster before its first daemon starts, removed after its last one has ended.
inline constexpr const char* kClusterFinalizer = "headpond.dev/daemons";

// Whether our finalizer is on the object.
bool IsHeld(const nlohmann::json& object);
// JSON patches that put our finalizer on the object and take it off, refused (409) when the object
// has changed since.
nlohmann::json HoldPatch(const nlohmann::json& object);
nlohmann::json ReleasePatch(const nlohmann::json& object);

// An empty status when there is none yet.
Result<controller::ClusterStatus> StatusOf(const nlohmann::json& object);
// A JSON patch of the status subresource that replaces it as a whole.
nlohmann::json StatusPatch(const controller::ClusterStatus& status);

// The ConfigMap beside a cluster that keeps the uid of its data.
std::string DataMapName(const std::string& cluster);

}  // namespace headpond::operator_daemon
