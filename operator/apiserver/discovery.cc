#include "operator/apiserver/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/apiserver/representation.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr const char* kVerbs[] = {"create", "delete", "deletecollection", "get",
                                  "list",   "patch",  "update",           "watch"};
// Namespaces can't be deleted all at once.
constexpr const char* kNamespaceVerbs[] = {"create", "delete", "get",  "list",
                                           "patch",  "update", "watch"};
constexpr const char* kSubresourceVerbs[] = {"get", "patch", "update"};

// Groups but core, in the order of the registry.
std::vector<std::string> Groups() {
  std::vector<std::string> groups;
  for (const ResourceType& type : ResourceTypes())
    if (!type.group.empty() && std::ranges::find(groups, type.group) == groups.end())
      groups.push_back(type.group);
  return groups;
}

std::string VersionOf(const std::string& group) {
  for (const ResourceType& type : ResourceTypes())
    if (type.group == group) return type.version;
  return "";
}

json VerbsOf(const ResourceType& type) {
  return type.namespaced ? json(kVerbs) : json(kNamespaceVerbs);
}

json ResponseKind(const std::string& group, const std::string& version, const std::string& kind) {
  return {{"group", group}, {"version", version}, {"kind", kind}};
}

json AggregatedResource(const ResourceType& type) {
  json out = {{"resource", type.resource},
              {"responseKind", ResponseKind(type.group, type.version, type.kind)},
              {"scope", type.namespaced ? "Namespaced" : "Cluster"},
              {"singularResource", type.singular},
              {"verbs", VerbsOf(type)}};
  if (!type.short_names.empty()) out["shortNames"] = type.short_names;
  if (!type.categories.empty()) out["categories"] = type.categories;
  if (type.custom != nullptr && type.custom->scale)
    out["subresources"].push_back({{"subresource", "scale"},
                                   {"responseKind", ResponseKind("autoscaling", "v1", "Scale")},
                                   {"verbs", kSubresourceVerbs}});
  if (type.custom != nullptr)
    out["subresources"].push_back(
        {{"subresource", "status"},
         {"responseKind", ResponseKind(type.group, type.version, type.kind)},
         {"verbs", kSubresourceVerbs}});
  return out;
}

json AggregatedGroup(const std::string& group) {
  json resources = json::array();
  for (const ResourceType& type : ResourceTypes())
    if (type.group == group) resources.push_back(AggregatedResource(type));
  json metadata = json::object();
  if (!group.empty()) metadata["name"] = group;
  return {{"metadata", std::move(metadata)},
          {"versions",
           {{{"version", VersionOf(group)},
             {"freshness", "Current"},
             {"resources", std::move(resources)}}}}};
}

json AggregatedList(const std::vector<std::string>& groups) {
  json items = json::array();
  for (const std::string& group : groups) items.push_back(AggregatedGroup(group));
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", json::object()},
          {"items", std::move(items)}};
}

json ApiGroup(const std::string& group) {
  const json version = {{"groupVersion", group + "/" + VersionOf(group)},
                        {"version", VersionOf(group)}};
  return {{"kind", "APIGroup"},
          {"apiVersion", "v1"},
          {"name", group},
          {"versions", {version}},
          {"preferredVersion", version}};
}

json ResourceList(const std::string& group, const std::string& version) {
  json resources = json::array();
  for (const ResourceType& type : ResourceTypes()) {
    if (type.group != group || type.version != version) continue;
    json entry = {{"name", type.resource},
                  {"singularName", type.singular},
                  {"namespaced", type.namespaced},
                  {"kind", type.kind},
                  {"verbs", VerbsOf(type)}};
    if (!type.short_names.empty()) entry["shortNames"] = type.short_names;
    if (!type.categories.empty()) entry["categories"] = type.categories;
    resources.push_back(std::move(entry));
    if (type.custom == nullptr) continue;
    resources.push_back({{"name", type.resource + "/status"},
                         {"singularName", ""},
                         {"namespaced", type.namespaced},
                         {"kind", type.kind},
                         {"verbs", kSubresourceVerbs}});
    if (type.custom->scale)
      resources.push_back({{"name", type.resource + "/scale"},
                           {"singularName", ""},
                           {"namespaced", type.namespaced},
                           {"group", "autoscaling"},
                           {"version", "v1"},
                           {"kind", "Scale"},
                           {"verbs", kSubresourceVerbs}});
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group.empty() ? version : group + "/" + version},
          {"resources", std::move(resources)}};
}

bool WantsAggregated(const http::Request& request) {
  const std::string accept = Header(request, "accept");
  for (size_t at = accept.find("as=APIGroupDiscoveryList"); at != std::string::npos;
       at = accept.find("as=APIGroupDiscoveryList", at + 1)) {
    const size_t begin = accept.rfind(',', at);
    const std::string media =
        accept.substr(begin == std::string::npos ? 0 : begin + 1, accept.find(',', at) - begin - 1);
    if ((media + ";").find(";v=v2;") != std::string::npos) return true;
  }
  return false;
}

http::Response Aggregated(const json& list) {
  http::Response response = JsonResponse(200, list);
  response.content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  response.headers.emplace("Vary", "Accept");
  return response;
}

json VersionAnswer() {
  // What clients compare themselves with: the API level that this server follows.
  return {{"major", "1"},    {"minor", "34"},           {"gitVersion", "v1.34.0+headpond"},
          {"gitCommit", ""}, {"gitTreeState", "clean"}, {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""}, {"compiler", "gcc"},       {"platform", "linux/amd64"}};
}

}  // namespace

std::optional<http::Response> DiscoveryAnswer(const http::Request& request) {
  const std::string& path = request.path;
  if (path == "/version" || path == "/version/") return JsonResponse(200, VersionAnswer());
  if (path == "/api") {
    if (WantsAggregated(request)) return Aggregated(AggregatedList({""}));
    return JsonResponse(200, {{"kind", "APIVersions"},
                              {"versions", {"v1"}},
                              {"serverAddressByClientCIDRs", json::array()}});
  }
  if (path == "/apis") {
    if (WantsAggregated(request)) return Aggregated(AggregatedList(Groups()));
    json groups = json::array();
    for (const std::string& name : Groups()) {
      json group = ApiGroup(name);
      group.erase("kind");
      group.erase("apiVersion");
      groups.push_back(std::move(group));
    }
    return JsonResponse(
        200, {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
  }
  if (path == "/api/v1") return JsonResponse(200, ResourceList("", "v1"));
  for (const std::string& group : Groups()) {
    if (path == "/apis/" + group) return JsonResponse(200, ApiGroup(group));
    const std::string version = VersionOf(group);
    if (path == fmt::format("/apis/{}/{}", group, version))
      return JsonResponse(200, ResourceList(group, version));
  }
  return std::nullopt;
}

}  // namespace headpond::apiserver
