#include "operator/api/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

#include "operator/api/field_table.h"
#include "operator/api/kind.h"

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
                                                                           : " characters";
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

std::string FieldTable(const std::vector<Field>& fields, std::string_view part) {
  std::string table = fmt::format(
      "\n| field of `{}` | type | default | rules | meaning |\n|---|---|---|---|---|\n", part);
  for (const Field& field : fields)
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", field.path, TypeText(field),
                         field.default_json.empty() ? "" : fmt::format("`{}`", field.default_json),
                         RuleText(field), field.description);
  return table;
}

std::string KindPage(const Kind& kind) {
  std::string page = fmt::format(
      "\n# {}\n\n{}\n\n`kubectl get {}`, short {}. `metadata.name` is a DNS label of at most {} "
      "characters.\n",
      kind.kind, kind.description, kind.plural,
      fmt::format("`{}`", fmt::join(kind.short_names, "`, `")), kind.max_name);
  page += FieldTable(kind.spec, "spec");
  if (!kind.rules.empty()) page += "\n## Rules between fields\n\n";
  for (const Rule& rule : kind.rules)
    page += fmt::format("- {}{}\n", rule.description, rule.cel.empty() ? " †" : "");
  return page + "\n## Status\n" + FieldTable(kind.status, "status");
}

}  // namespace

std::string CrdReferencePage() {
  std::string page = fmt::format(
      "# Custom resources\n\n"
      "<!-- Made by `headpond-operator reference` from the field tables in operator/api. Do not "
      "edit. "
      "-->\n\n"
      "All are of `apiVersion: {}`. The operator's own API knows them; a Kubernetes cluster learns "
      "them from `kubectl apply -f manifests/crds`,\n"
      "which is made of the same tables (`headpond-operator crds` prints it).\n\n"
      "A field that is not in the table is ignored with a warning. Immutable fields can't change "
      "after creation. Sizes are a number of\n"
      "bytes or a text such as `512Mi` or `1.5G`; units are powers of 1024 in every spelling. "
      "Rules "
      "marked † are checked by the operator\n"
      "and its own API only: a schema can't say them.\n",
      kApiVersion);
  for (const Kind& kind : Kinds()) page += KindPage(kind);
  page +=
      "\n# Properties set by the operator\n\nThey can't be given in a CacheCluster's "
      "`properties`.\n\n| property | "
      "use |\n|---|---|\n";
  for (const OwnedProperty& owned : OwnedProperties())
    page += fmt::format("| `{}` | {} |\n", owned.key,
                        owned.instead.starts_with("spec.") ? fmt::format("`{}`", owned.instead)
                                                           : std::string(owned.instead));
  return page;
}

}  // namespace headpond::api
