#include "operator/controller/object_patch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace headpond::controller {
namespace {

using nlohmann::json;

json FinalizersOf(const json& object) {
  const json& metadata = object.at("metadata");
  const auto found = metadata.find("finalizers");
  return found != metadata.end() && found->is_array() ? *found : json::array();
}

}  // namespace

// Replacing the version makes it a precondition.
json VersionCheck(const json& object) {
  return {{"op", "replace"},
          {"path", "/metadata/resourceVersion"},
          {"value", object.at("metadata").at("resourceVersion")}};
}

bool HasFinalizer(const json& object, std::string_view finalizer) {
  const json all = FinalizersOf(object);
  return std::find(all.begin(), all.end(), finalizer) != all.end();
}

json FinalizerPatch(const json& object, std::string_view finalizer, bool held) {
  json finalizers = json::array();
  for (const json& other : FinalizersOf(object))
    if (other != finalizer) finalizers.push_back(other);
  if (held) finalizers.push_back(finalizer);
  return {VersionCheck(object),
          {{"op", "add"}, {"path", "/metadata/finalizers"}, {"value", std::move(finalizers)}}};
}

json StatusPatch(const json& status) {
  return {{{"op", "add"}, {"path", "/status"}, {"value", status}}};
}

}  // namespace headpond::controller
