#include "operator/apiserver/resources.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/apiserver/human_duration.h"
#include "operator/apiserver/kinds.h"

namespace headpond::apiserver {

using nlohmann::json;

const std::string& ResourceType::StoreGroup() const {
  static const std::string core;
  return from_wire == nullptr ? group : core;
}

const std::vector<ResourceType>& ResourceTypes() {
  static const std::vector<ResourceType> types = [] {
    std::vector<ResourceType> made = {ConfigMapType(), CoreEventType(), NamespaceType(),
                                      SecretType(), LeaseType()};
    for (const api::Kind& kind : api::Kinds()) made.push_back(CustomType(kind));
    made.push_back(EventType());
    return made;
  }();
  return types;
}

const ResourceType* FindResourceType(std::string_view group, std::string_view version,
                                     std::string_view resource) {
  const auto& types = ResourceTypes();
  const auto found = std::ranges::find_if(types, [&](const ResourceType& type) {
    return type.group == group && type.version == version && type.resource == resource;
  });
  return found == types.end() ? nullptr : &*found;
}

const ResourceType& StoredType(std::string_view group, std::string_view resource) {
  const auto& types = ResourceTypes();
  const auto found = std::ranges::find_if(types, [&](const ResourceType& type) {
    return type.from_wire == nullptr && type.group == group && type.resource == resource;
  });
  assert(found != types.end());
  return *found;
}

json Age(const json& timestamp, int64_t now_ms) {
  if (!timestamp.is_string()) return nullptr;
  const auto then = ParseRfc3339(timestamp.get_ref<const std::string&>());
  return then ? json(HumanDuration(now_ms - then->ms())) : json();
}

const json& At(const json& object, std::string_view path) {
  static const json null;
  const json* at = &object;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    if (!at->is_object()) return null;
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return null;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *at;
}

std::string TextAt(const json& object, std::string_view path) {
  const json& value = At(object, path);
  return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace headpond::apiserver
