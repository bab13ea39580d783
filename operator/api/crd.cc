#include "operator/api/crd.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/open_api.h"
#include "operator/api/yaml.h"

namespace headpond::api {
namespace {

using nlohmann::json;

json Names(const Kind& kind) {
  return {{"kind", kind.kind},
          {"listKind", fmt::format("{}List", kind.kind)},
          {"plural", kind.plural},
          {"singular", kind.singular},
          {"shortNames", kind.short_names},
          {"categories", kCategories}};
}

json Columns(const Kind& kind) {
  json columns = json::array();
  for (const PrinterColumn& column : kind.columns) {
    json entry = {{"name", column.name},
                  {"type", column.type},
                  {"jsonPath", column.json_path},
                  {"description", column.description}};
    if (column.priority != 0) entry["priority"] = column.priority;
    columns.push_back(std::move(entry));
  }
  return columns;
}

json Subresources(const Kind& kind) {
  json subresources = {{"status", json::object()}};
  if (kind.scale)
    subresources["scale"] = {{"specReplicasPath", kind.scale->spec_replicas},
                             {"statusReplicasPath", kind.scale->status_replicas}};
  return subresources;
}

}  // namespace

std::string CrdName(const Kind& kind) {
  return fmt::format("{}.{}", kind.plural, kGroup);
}

json CustomResourceDefinition(const Kind& kind) {
  const json version = {{"name", kVersion},
                        {"served", true},
                        {"storage", true},
                        {"schema", {{"openAPIV3Schema", OpenApiSchema(kind)}}},
                        {"subresources", Subresources(kind)},
                        {"additionalPrinterColumns", Columns(kind)}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", CrdName(kind)}}},
          {"spec",
           {{"group", kGroup},
            {"scope", "Namespaced"},
            {"names", Names(kind)},
            {"versions", json::array({version})}}}};
}

std::string CrdManifest(const Kind& kind) {
  return fmt::format("# Made by `headpond-operator crds` from the field table. Do not edit.\n{}\n",
                     ToYaml(CustomResourceDefinition(kind)));
}

std::string CrdManifests() {
  std::string text;
  for (const Kind& kind : Kinds()) text += fmt::format("---\n{}", CrdManifest(kind));
  return text;
}

}  // namespace headpond::api
