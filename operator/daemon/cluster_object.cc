#include "operator/daemon/cluster_object.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;

json FinalizersOf(const json& object) {
  const json& metadata = object.at("metadata");
  const auto found = metadata.find("finalizers");
  return found != metadata.end() && found->is_array() ? *found : json::array();
}

json FinalizersPatch(const json& object, const json& finalizers) {
  // Replacing the version makes it a precondition.
  return {{{"op", "replace"},
           {"path", "/metadata/resourceVersion"},
           {"value", object.at("metadata").at("resourceVersion")}},
          {{"op", "add"}, {"path", "/metadata/finalizers"}, {"value", finalizers}}};
}

}  // namespace

bool IsHeld(const json& object) {
  const json finalizers = FinalizersOf(object);
  return std::find(finalizers.begin(), finalizers.end(), kClusterFinalizer) != finalizers.end();
}

json HoldPatch(const json& object) {
  json finalizers = FinalizersOf(object);
  finalizers.push_back(kClusterFinalizer);
  return FinalizersPatch(object, finalizers);
}

json ReleasePatch(const json& object) {
  json rest = json::array();
  for (const json& finalizer : FinalizersOf(object))
    if (finalizer != kClusterFinalizer) rest.push_back(finalizer);
  return FinalizersPatch(object, rest);
}

Result<controller::ClusterStatus> StatusOf(const json& object) {
  const auto status = object.find("status");
  if (status == object.end()) return controller::ClusterStatus();
  return controller::ParseStatus(*status);
}

json StatusPatch(const controller::ClusterStatus& status) {
  return {{{"op", "add"}, {"path", "/status"}, {"value", controller::ToJson(status)}}};
}

std::string DataMapName(const std::string& cluster) {
  return cluster + ".data";
}

}  // namespace headpond::operator_daemon
