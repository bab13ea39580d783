#include "operator/api/open_api.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "base/units.h"
#include "operator/api/limits.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr std::string_view kItemSuffix = "[]";
constexpr const char* kValidations = "x-kubernetes-validations";

json Typed(std::string_view type, std::string_view description) {
  return {{"type", type}, {"description", description}};
}

json Number(double value) {
  return value == static_cast<double>(static_cast<int64_t>(value))
             ? json(static_cast<int64_t>(value))
             : json(value);
}

void AddBounds(json& schema, const Field& field, const char* minimum, const char* maximum) {
  if (field.min != kNoMin) schema[minimum] = Number(field.min);
  if (field.max != kNoMax) schema[maximum] = Number(field.max);
}

json Validation(std::string rule, std::string message, std::string_view field = {}) {
  json validation = {{"rule", std::move(rule)}, {"message", std::move(message)}};
  if (!field.empty()) validation["fieldPath"] = field;
  return validation;
}

std::string SizeRule(double limit, std::string_view comparison) {
  const auto bytes = static_cast<int64_t>(limit);
  return fmt::format("type(self) == int ? self {1} {0} : {2}.compareTo(quantity('{0}')) {1} 0",
                     bytes, comparison, CelBytes("self"));
}

// An integer, or a text that ParseSize reads.
json SizeSchema(const Field& field) {
  json schema = {{"x-kubernetes-int-or-string", true},
                 {"anyOf", {{{"type", "integer"}}, {{"type", "string"}}}},
                 {"pattern", fmt::format("^({})$", kSizePattern)},
                 {"maxLength", kMaxSizeText}};
  const double min = field.min == kNoMin ? 0 : field.min;
  const double max = field.max == kNoMax ? static_cast<double>(kMaxSizeBytes) : field.max;
  const auto text = [](double bytes) { return FormatSize(static_cast<int64_t>(bytes)); };
  schema[kValidations] = json::array(
      {Validation(SizeRule(min, ">="), fmt::format("is below the minimum {}", text(min))),
       Validation(SizeRule(max, "<="), fmt::format("is above the maximum {}", text(max)))});
  return schema;
}

json StringMapSchema(const Field& field) {
  json schema = {{"type", "object"},
                 {"additionalProperties", {{"type", "string"}, {"maxLength", kMaxMapValue}}}};
  AddBounds(schema, field, "minProperties", "maxProperties");
  schema[kValidations] =
      json::array({Validation(fmt::format("self.all(k, size(k) >= 1 && size(k) <= {})", kMaxMapKey),
                              fmt::format("a key has 1 to {} characters", kMaxMapKey))});
  return schema;
}

// One field without its children.
json SchemaOfField(const Field& field, Schema::Objects objects) {
  json schema = json::object();
  switch (field.type) {
    case FieldType::kObject:
      schema["type"] = "object";
      schema["properties"] = json::object();
      // Else the defaults of its fields would not reach an object without it.
      if (objects == Schema::Objects::kEmpty && !field.required &&
          !field.path.ends_with(kItemSuffix))
        schema["default"] = json::object();
      break;
    case FieldType::kList:
      schema["type"] = "array";
      AddBounds(schema, field, "minItems", "maxItems");
      schema["x-kubernetes-list-type"] = field.list_key.empty() ? "atomic" : "map";
      if (!field.list_key.empty())
        schema["x-kubernetes-list-map-keys"] = json::array({field.list_key});
      break;
    case FieldType::kStringMap: schema = StringMapSchema(field); break;
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
      // Kubernetes cuts a minimum to a whole number where the value is one.
      if (field.min != kNoMin && field.min != std::floor(field.min))
        schema[kValidations] =
            json::array({Validation(fmt::format("self >= {}", field.min),
                                    fmt::format("is below the minimum {}", field.min))});
      break;
    case FieldType::kBoolean: schema["type"] = "boolean"; break;
    case FieldType::kSize: schema = SizeSchema(field); break;
  }
  schema["description"] = field.description;
  if (!field.default_json.empty()) schema["default"] = json::parse(field.default_json);
  return schema;
}

// The schema of the field at `path`; a part that ends in [] stands for the items.
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

// The path of what holds a field, and the field's own name.
std::pair<std::string_view, std::string_view> Split(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

// A field's name as the expression language wants it: its own words are written __in__.
std::string CelName(std::string_view name) {
  static constexpr std::array<std::string_view, 21> kWords = {
      "true",  "false",  "null",     "in",     "as",  "break",    "const",
      "else",  "for",    "if",       "import", "let", "loop",     "package",
      "while", "return", "continue", "void",   "var", "function", "namespace"};
  return std::ranges::find(kWords, name) == kWords.end() ? std::string(name)
                                                         : fmt::format("__{}__", name);
}

// Said of the parent: of the field itself, Kubernetes would ask only while it is set.
json ImmutableRule(std::string_view name) {
  const std::string field = CelName(name);
  return Validation(fmt::format("has(self.{0}) == has(oldSelf.{0}) && (!has(self.{0}) || "
                                "self.{0} == oldSelf.{0})",
                                field),
                    "cannot change after creation", fmt::format(".{}", name));
}

json NameSchema(const Kind& kind) {
  return {{"type", "object"},
          {"properties",
           {{"name",
             {{"type", "string"},
              {"maxLength", kind.max_name},
              {"pattern", "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}}}}}};
}

// `value` with the defaults of what is below it.
json Completed(const json& schema, json value) {
  if (value.is_array() && schema.contains("items"))
    for (json& item : value) item = Completed(schema["items"], std::move(item));
  if (!value.is_object() || !schema.contains("properties")) return value;
  for (const auto& [name, child] : schema["properties"].items()) {
    if (!value.contains(name) && child.contains("default")) value[name] = child["default"];
    if (value.contains(name)) value[name] = Completed(child, std::move(value[name]));
  }
  return value;
}

// Kubernetes tries each default against the rules as it stands there, so they are all complete.
void CompleteDefaults(json& schema) {
  if (const auto items = schema.find("items"); items != schema.end()) CompleteDefaults(*items);
  if (const auto properties = schema.find("properties"); properties != schema.end())
    for (json& child : *properties) CompleteDefaults(child);
  if (const auto value = schema.find("default"); value != schema.end())
    *value = Completed(schema, *value);
}

// Kubernetes refuses a definition with a default that its own rules refuse.
bool AcceptsEmptySpec(const Kind& kind) {
  return CheckObject(kind, {{"apiVersion", kApiVersion},
                            {"kind", kind.kind},
                            {"metadata", {{"name", "a"}}},
                            {"spec", json::object()}})
      .ok();
}

}  // namespace

json OpenApiSchemaOfFields(const std::vector<Field>& fields, std::string_view description,
                           Schema::Objects objects) {
  json root = Typed("object", description);
  root["properties"] = json::object();
  for (const Field& field : fields) {
    SchemaAt(root, field.path) = SchemaOfField(field, objects);
    const auto [parent, name] = Split(field.path);
    if (field.required) SchemaAt(root, parent)["required"].push_back(name);
    if (field.mutability == Mutability::kImmutable)
      SchemaAt(root, parent)[kValidations].push_back(ImmutableRule(name));
  }
  return root;
}

json OpenApiSchema(const Kind& kind) {
  json spec = OpenApiSchemaOfFields(kind.spec, "What is wanted.", Schema::Objects::kEmpty);
  const bool may_be_left_out = AcceptsEmptySpec(kind);
  if (may_be_left_out) spec["default"] = json::object();
  CompleteDefaults(spec);
  for (const Rule& rule : kind.rules)
    for (const CelRule& cel : rule.cel)
      SchemaAt(spec, cel.at)[kValidations].push_back(Validation(cel.rule, cel.message, cel.field));
  json schema = Typed("object", kind.description);
  schema["properties"] = {
      {"apiVersion", Typed("string", fmt::format("The version of the kind: {}.", kApiVersion))},
      {"kind", Typed("string", fmt::format("{}.", kind.kind))},
      {"metadata", NameSchema(kind)},
      {"spec", std::move(spec)},
      {"status", OpenApiSchemaOfFields(kind.status, "What is. Written by the operator.",
                                       Schema::Objects::kAbsent)}};
  if (!may_be_left_out) schema["required"] = json::array({"spec"});
  return schema;
}

std::string CelSize(std::string_view size) {
  return fmt::format("(type({0}) == int ? quantity(string({0})) : {1})", size, CelBytes(size));
}

std::string CelBytes(std::string_view size) {
  std::string text = fmt::format("{}.lowerAscii().replace('b', '').replace('i', '')", size);
  for (const char unit : {'k', 'm', 'g', 't', 'p'})
    text += fmt::format(".replace('{}', '{}i')", unit, static_cast<char>(unit - 'a' + 'A'));
  return fmt::format("quantity({})", text);
}

}  // namespace headpond::api
