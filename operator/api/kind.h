#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "operator/api/rules.h"
#include "operator/api/schema.h"

namespace headpond::api {

// A column of `kubectl get`, after the name.
struct PrinterColumn {
  std::string_view name;
  std::string_view type;  // string, integer or date (shown as an age)
  // Fields and filters, as Kubernetes allows it: `.status.conditions[?(@.type=="Ready")].status`.
  std::string_view json_path;
  std::string_view description;
  int priority = 0;  // 1: with -o wide only
};

// Where `kubectl scale` finds its numbers: ".spec.worker.replicas".
struct ScalePaths {
  std::string_view spec_replicas;
  std::string_view status_replicas;
};

// Everything that is said once of a custom resource. The checks here, the embedded API, the
// CustomResourceDefinition and the reference page are made from it. Immutable; lives as long as the
// program. All kinds are namespaced, of group kGroup and version kVersion, and have a status
// subresource.
struct Kind {
  std::string_view kind;  // "CacheCluster"
  std::string_view plural;
  std::string_view singular;
  std::vector<std::string_view> short_names;
  std::string_view description;
  // Bytes; names are DNS labels, so at most 63.
  size_t max_name = 63;
  const std::vector<Field>& spec;
  const std::vector<Field>& status;
  const std::vector<Rule>& rules;
  std::vector<PrinterColumn> columns;
  std::optional<ScalePaths> scale = {};
};

// All of them, in the order of the documentation. Another kind is one more entry in kind.cc.
const std::vector<Kind>& Kinds();
// Null when there is none.
const Kind* FindKind(std::string_view kind);

// Of all kinds; `kubectl get headpond` lists them together.
inline constexpr std::string_view kCategories[] = {"all", "cache", "headpond"};

const Schema& SpecSchema(const Kind& kind);
const Schema& StatusSchema(const Kind& kind);

// The spec of an object as its author wrote it; a missing one is empty.
nlohmann::json SpecOf(const nlohmann::json& object);

// Checks a whole object as its author wrote it (JSON): header, metadata, fields, rules between
// fields. Findings are complete: errors and warnings for everything, so that one attempt shows all
// of them.
Findings CheckObject(const Kind& kind, const nlohmann::json& object);

// `object` with its spec's defaults and without what the kind doesn't have, in its status too.
// Expects one that CheckObject accepts.
nlohmann::json CompleteObject(const Kind& kind, nlohmann::json object);

// The errors of changing `before` into `after`, both complete: immutable fields, and rules about
// changes.
std::vector<FieldIssue> CheckChange(const Kind& kind, const nlohmann::json& before,
                                    const nlohmann::json& after);

}  // namespace headpond::api
