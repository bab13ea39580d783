#include "operator/apiserver/openapi.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "operator/api/open_api.h"
#include "operator/apiserver/representation.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr const char* kMetadataSchema = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

json StringMapSchema(std::string_view description) {
  return {{"type", "object"},
          {"description", description},
          {"additionalProperties", {{"type", "string"}}}};
}

json Typed(std::string_view type, std::string_view description) {
  return {{"type", type}, {"description", description}};
}

json MetadataSchema() {
  json properties = {
      {"name", Typed("string", "Unique within the namespace. Can't change.")},
      {"namespace", Typed("string", "The space within which the name is unique.")},
      {"generateName", Typed("string", "Start of a name that the server completes.")},
      {"labels", StringMapSchema("Names and values to select objects by.")},
      {"annotations", StringMapSchema("Names and values kept for tools.")},
      {"uid", Typed("string", "Unique in time and space. Set by the server.")},
      {"resourceVersion", Typed("string", "Changes with every change of the object.")},
      {"creationTimestamp", Typed("string", "When the object was created.")},
      {"deletionTimestamp", Typed("string", "When the deletion of the object was asked for.")},
      {"generation", Typed("integer", "Grows with every change of the spec.")},
  };
  properties["finalizers"] = {{"type", "array"},
                              {"description", "Must be empty before the object is removed."},
                              {"items", {{"type", "string"}}}};
  properties["ownerReferences"] = {{"type", "array"},
                                   {"description", "Objects with which this one ends."},
                                   {"items", {{"type", "object"}}}};
  json schema = Typed("object", "What all objects have.");
  schema["properties"] = std::move(properties);
  return schema;
}

json FreeObject(std::string_view description) {
  json schema = Typed("object", description);
  schema["x-kubernetes-preserve-unknown-fields"] = true;
  return schema;
}

// What a kind has besides apiVersion, kind and metadata.
json PropertiesOf(const ResourceType& type) {
  if (type.custom != nullptr) return api::OpenApiSchema(*type.custom).at("properties");
  if (type.kind == "ConfigMap")
    return {{"data", StringMapSchema("Texts.")},
            {"binaryData", StringMapSchema("Bytes, as base64.")}};
  if (type.kind == "Secret")
    return {{"data", StringMapSchema("Values, as base64.")},
            {"stringData", StringMapSchema("Values as plain text; merged into data.")},
            {"type", Typed("string", "What the secret is for.")}};
  if (type.kind == "Event") return json::object();
  return {{"spec", FreeObject("What is wanted.")}, {"status", FreeObject("What is.")}};
}

std::string SchemaName(const ResourceType& type) {
  return fmt::format("{}.{}.{}", type.group.empty() ? "core" : type.group, type.version, type.kind);
}

json GroupVersionKind(const ResourceType& type) {
  return {{"group", type.group}, {"version", type.version}, {"kind", type.kind}};
}

json KindSchema(const ResourceType& type) {
  json properties = PropertiesOf(type);
  properties["apiVersion"] = Typed("string", "The version of the kind: " + type.GroupVersion());
  properties["kind"] = Typed("string", type.kind);
  properties["metadata"] = {{"$ref", fmt::format("#/components/schemas/{}", kMetadataSchema)}};
  json schema = Typed("object", type.custom != nullptr ? std::string(type.custom->description)
                                                       : fmt::format("The kind {}.", type.kind));
  schema["properties"] = std::move(properties);
  schema["x-kubernetes-group-version-kind"] = json::array({GroupVersionKind(type)});
  return schema;
}

// kubectl takes a server for one that checks fields when it finds a patch with these parameters.
json PatchOperation(const ResourceType& type) {
  json parameters = json::array();
  for (const char* const name : {"dryRun", "fieldManager", "fieldValidation", "force"})
    parameters.push_back({{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
  return {{"operationId", fmt::format("patch{}", type.kind)},
          {"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-action", "patch"},
          {"x-kubernetes-group-version-kind", GroupVersionKind(type)}};
}

// "api/v1" or "apis/headpond.dev/v1alpha1".
std::string GroupVersionPath(const ResourceType& type) {
  return type.group.empty() ? "api/" + type.version : "apis/" + type.GroupVersion();
}

json Document(const std::string& group_version_path) {
  json schemas = {{kMetadataSchema, MetadataSchema()}};
  json paths = json::object();
  for (const ResourceType& type : ResourceTypes()) {
    if (GroupVersionPath(type) != group_version_path) continue;
    schemas[SchemaName(type)] = KindSchema(type);
    paths[fmt::format("/{}/{}{}/{{name}}", group_version_path,
                      type.namespaced ? "namespaces/{namespace}/" : "", type.resource)] = {
        {"patch", PatchOperation(type)}};
  }
  return {{"openapi", "3.0.0"},
          {"info", {{"title", "Headpond"}, {"version", "v1"}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", std::move(schemas)}}}};
}

// Texts by path, made once.
const std::map<std::string, std::string>& Documents() {
  static const std::map<std::string, std::string> documents = [] {
    std::map<std::string, std::string> out;
    for (const ResourceType& type : ResourceTypes())
      if (const std::string path = GroupVersionPath(type); !out.contains(path))
        out[path] = Dump(Document(path));
    return out;
  }();
  return documents;
}

json Index() {
  json paths = json::object();
  for (const auto& [path, text] : Documents())
    paths[path] = {{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={:016X}", path,
                                                     std::hash<std::string>()(text))}};
  return {{"paths", std::move(paths)}};
}

}  // namespace

std::optional<http::Response> OpenApiAnswer(const http::Request& request) {
  constexpr std::string_view kRoot = "/openapi/v3";
  if (request.path == kRoot) return JsonResponse(200, Index());
  if (!request.path.starts_with(kRoot)) return std::nullopt;
  const auto found = Documents().find(request.path.substr(kRoot.size() + 1));
  if (found == Documents().end()) return std::nullopt;
  http::Response response{.body = found->second};
  const std::string hash = Query(request, "hash");
  if (!hash.empty()) response.headers.emplace("Cache-Control", "public, immutable");
  return response;
}

}  // namespace headpond::apiserver
