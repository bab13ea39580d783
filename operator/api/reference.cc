#include "operator/api/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

#include "operator/api/field_table.h"
#include "operator/api/rules.h"

namespace headpond::api {
namespace {

std::string TypeText(const Field& field) {
  switch (field.type) {
    case FieldType::kObject: return "object";
    case FieldType::kList: return "list";
    case FieldType::kStringMap: return "map of strings";
    case FieldType::kString: return "string";
    case FieldType::kEnum: return fmt::format("`{}`", fmt::join(field.values, "`, `"));
    case FieldType::kInteger: return "integer";
    case FieldType::kNumber: return "number";
    case FieldType::kBoolean: return "boolean";
    case FieldType::kSize: return "size";
  }
  return "";
}

std::string RuleText(const Field& field) {
  std::vector<std::string> rules;
  if (field.required) rules.emplace_back("required");
  const bool counts = field.type == FieldType::kList || field.type == FieldType::kStringMap;
  const bool number = field.type == FieldType::kInteger || field.type == FieldType::kNumber;
  const std::string_view unit = counts                                     ? " items"
                                : field.type == FieldType::kSize || number ? ""
                                                                           : " bytes";
  if (field.type == FieldType::kSize && field.min != kNoMin)
    rules.push_back(fmt::format("at least {}Mi", field.min / (1 << 20)));
  else if (field.min != kNoMin && field.max != kNoMax)
    rules.push_back(field.min == field.max ? fmt::format("{}{}", field.min, unit)
                                           : fmt::format("{} to {}{}", field.min, field.max, unit));
  else if (field.max != kNoMax)
    rules.push_back(fmt::format("at most {}{}", field.max, unit));
  if (!field.pattern_text.empty()) rules.emplace_back(field.pattern_text);
  if (!field.list_key.empty()) rules.push_back(fmt::format("items differ in `{}`", field.list_key));
  if (field.mutability == Mutability::kImmutable) rules.emplace_back("immutable");
  return fmt::format("{}", fmt::join(rules, "; "));
}

}  // namespace

std::string CrdReferencePage() {
  std::string page = fmt::format(
      "# CacheCluster\n\n"
      "<!-- Made by `headpond-operator reference` from operator/api/field_table.cc. Do not edit. "
      "-->\n\n"
      "`apiVersion: {}`, `kind: {}`, short name `cc`.\n\n"
      "`metadata.name` is a DNS label of at most 52 characters. A field that is not in the table "
      "is ignored with a warning.\n"
      "Immutable fields can't change after creation; every other change is rolled out. Sizes are "
      "written as in Kubernetes\n"
      "(`512Mi`, `1Gi`) or as a number of bytes.\n\n"
      "| field of `spec` | type | default | rules | meaning |\n|---|---|---|---|---|\n",
      kApiVersion, kCacheClusterKind);
  for (const Field& field : CacheClusterFields())
    page += fmt::format("| `{}` | {} | {} | {} | {} |\n", field.path, TypeText(field),
                        field.default_json.empty() ? "" : fmt::format("`{}`", field.default_json),
                        RuleText(field), field.description);
  page += "\n## Rules between fields\n\n";
  for (const Rule& rule : CacheClusterRules()) page += fmt::format("- {}\n", rule.description);
  page +=
      "\n## Properties set by the operator\n\nThey can't be given in `properties`.\n\n| property | "
      "use |\n|---|---|\n";
  for (const OwnedProperty& owned : OwnedProperties())
    page += fmt::format("| `{}` | {} |\n", owned.key,
                        owned.instead.starts_with("spec.") ? fmt::format("`{}`", owned.instead)
                                                           : std::string(owned.instead));
  return page;
}

}  // namespace headpond::api
