#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/schema.h"

namespace headpond::api {

// A part of a rule in Kubernetes' expression language: x-kubernetes-validations of one field.
struct CelRule {
  // The row whose value is `self`: "worker.tieredStore.levels[]"; "": the whole spec.
  std::string_view at;
  std::string rule;
  std::string message;  // as the C++ check says it, but without what only that knows
  // The field below `at` that a violation is told of: ".lowWatermark"; "": `at` itself. Without
  // list indexes and map keys, which Kubernetes can't tell here.
  std::string field = {};
};

// A condition between fields, which no single row of the field table can say.
struct Rule {
  std::string_view description;  // for the reference page
  // The same for an API server that only has our CustomResourceDefinition; empty when the language
  // can't say it, and then only the operator refuses.
  std::vector<CelRule> cel;
  // Adds what is wrong to the findings. Gets a spec that the schema accepts, with defaults.
  std::function<void(const nlohmann::json& spec, Findings& findings)> check;
  // The same for a change from one such spec to another: what no spec is wrong by itself.
  std::function<void(const nlohmann::json& before, const nlohmann::json& after, Findings& findings)>
      check_change = {};
};

const std::vector<Rule>& CacheClusterRules();

// Daemons of one role on a shared host are this many ports apart: room for the roles' other ports
// (the job daemons' 30001 to 30003 lie between two workers').
inline constexpr int kPortStride = 10;

}  // namespace headpond::api
