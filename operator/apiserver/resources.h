#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/kind.h"

namespace headpond::apiserver {

// A column of `kubectl get`.
struct Column {
  std::string_view name;
  std::string_view type;    // string, integer or date
  std::string_view format;  // "name" for the first
  std::string_view description;
  int priority = 0;  // 1: with -o wide only
};

// One kind of object that the server keeps. Immutable.
struct ResourceType {
  std::string group, version;
  std::string resource, singular, kind;
  std::vector<std::string> short_names, categories;
  bool namespaced = true;
  // Of a custom resource, which has a generation and a status subresource, and whose updates must
  // name the version that they are based on; null: built into Kubernetes.
  const api::Kind* custom = nullptr;
  // Selectable besides metadata.name and metadata.namespace.
  std::vector<std::string> field_selectors;

  std::vector<Column> columns;
  // A JSON list, one value per column.
  std::function<nlohmann::json(const nlohmann::json& object, int64_t now_ms)> cells = nullptr;
  // Kept without looking into it, but for metadata.
  bool opaque = false;
  // Checks what is particular to the kind; metadata's common rules come on top.
  std::function<api::Findings(const nlohmann::json& object)> check = nullptr;
  // The errors of changing `before` into `after`, both complete; null: any change is fine.
  std::function<std::vector<api::FieldIssue>(const nlohmann::json& before,
                                             const nlohmann::json& after)>
      check_change = nullptr;
  // Fills defaults and removes unknown fields; of an object that `check` accepts.
  std::function<nlohmann::json(nlohmann::json object)> complete = nullptr;
  // Between the stored form and this version's; null: they are the same.
  nlohmann::json (*to_wire)(nlohmann::json object) = nullptr;
  nlohmann::json (*from_wire)(nlohmann::json object) = nullptr;

  std::string GroupVersion() const { return group.empty() ? version : group + "/" + version; }
  // The group that its objects are stored under.
  const std::string& StoreGroup() const;
  // "cacheclusters.headpond.dev", "secrets".
  std::string QualifiedName() const { return group.empty() ? resource : resource + "." + group; }
};

// All of them, in the order of discovery: core first.
const std::vector<ResourceType>& ResourceTypes();

// Null when there is none.
const ResourceType* FindResourceType(std::string_view group, std::string_view version,
                                     std::string_view resource);
// The type whose objects are stored under this group and name.
const ResourceType& StoredType(std::string_view group, std::string_view resource);

// Ages as kubectl prints them: "0s", "7m55s", "3h", "325d". `timestamp` is RFC 3339; null when it
// is absent or unreadable.
nlohmann::json Age(const nlohmann::json& timestamp, int64_t now_ms);

// The value at a path of names such as "metadata.name"; null when a part is missing.
const nlohmann::json& At(const nlohmann::json& object, std::string_view path);
// The text at a path, "" when there is none.
std::string TextAt(const nlohmann::json& object, std::string_view path);

}  // namespace headpond::apiserver
