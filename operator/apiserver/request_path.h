#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headpond::apiserver {

// "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters/a/status".
struct RequestPath {
  std::string group;  // "" for core
  std::string version;
  std::string name_space;  // "": cluster-wide, or all namespaces
  std::string resource;
  std::string name;         // "": the collection
  std::string subresource;  // "": the object itself
};

// Nullopt when it is no path of objects.
std::optional<RequestPath> ParseRequestPath(std::string_view path);

}  // namespace headpond::apiserver
