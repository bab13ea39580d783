#include "operator/apiserver/openapi.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/apiserver/representation.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using api::Field;
using api::FieldType;
using nlohmann::json;

constexpr std::string_view kItemSuffix = "[]";
constexpr const char* kMetadataSchema = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

json StringMapSchema(std::string_view description) {
  return {{"type", "object"},
          {"description", description},
          {"additionalProperties", {{"type", "string"}}}};
}

json Typed(std::string_view type, std::string_view description) {
  return {{"type", type}, {"description", description}};
}

void AddBounds(json& schema, const Field& field, const char* minimum, const char* maximum) {
  const auto number = [](double value) {
    return value == static_cast<double>(static_cast<int64_t>(value))
               ? json(static_cast<int64_t>(value))
               : json(value);
  };
  if (field.min != api::kNoMin) schema[minimum] = number(field.min);
  if (field.max != api::kNoMax) schema[maximum] = number(field.max);
}

// One field without its children.
json SchemaOfField(const Field& field) {
  json schema = {{"description", field.description}};
  switch (field.type) {
    case FieldType::kObject:
      schema["type"] = "object";
      schema["properties"] = json::object();
      break;
    case FieldType::kList:
      schema["type"] = "array";
      AddBounds(schema, field, "minItems", "maxItems");
      if (!field.list_key.empty()) {
        schema["x-kubernetes-list-type"] = "map";
        schema["x-kubernetes-list-map-keys"] = json::array({field.list_key});
      }
      break;
    case FieldType::kStringMap:
      schema["type"] = "object";
      schema["additionalProperties"] = {{"type", "string"}};
      AddBounds(schema, field, "minProperties", "maxProperties");
      break;
    case FieldType::kString:
      schema["type"] = "string";
      AddBounds(schema, field, "minLength", "maxLength");
      if (!field.pattern.empty()) schema["pattern"] = fmt::format("^({})$", field.pattern);
      break;
    case FieldType::kEnum:
      schema["type"] = "string";
      schema["enum"] = field.values;
      break;
    case FieldType::kInteger:
      schema["type"] = "integer";
      schema["format"] = "int64";
      AddBounds(schema, field, "minimum", "maximum");
      break;
    case FieldType::kNumber:
      schema["type"] = "number";
      AddBounds(schema, field, "minimum", "maximum");
      break;
    case FieldType::kBoolean: schema["type"] = "boolean"; break;
    case FieldType::kSize: schema["x-kubernetes-int-or-string"] = true; break;
  }
  if (!field.default_json.empty()) schema["default"] = json::parse(field.default_json);
  return schema;
}

// The schema that holds the children of the object or list at `path`.
json& SchemaAt(json& root, std::string_view path) {
  json* at = &root;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    std::string_view part = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const bool item = part.ends_with(kItemSuffix);
    if (item) part.remove_suffix(kItemSuffix.size());
    at = &(*at)["properties"][std::string(part)];
    if (item) at = &(*at)["items"];
  }
  return *at;
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
  if (type.custom)
    return {{"spec", SchemaOf(type.custom->spec, "What is wanted.")},
            {"status", SchemaOf(type.custom->status, "What is. Written by the operator.")}};
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

json SchemaOf(const std::vector<Field>& fields, std::string_view description) {
  json root = Typed("object", description);
  root["properties"] = json::object();
  for (const Field& field : fields) {
    SchemaAt(root, field.path) = SchemaOfField(field);
    if (!field.required) continue;
    const size_t dot = field.path.rfind('.');
    const std::string_view parent =
        dot == std::string_view::npos ? std::string_view() : field.path.substr(0, dot);
    SchemaAt(root, parent)["required"].push_back(field.path.substr(dot + 1));
  }
  return root;
}

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
