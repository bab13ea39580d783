#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "operator/api/schema.h"

namespace headpond::api {

// A condition between fields, which no single row of the field table can say.
struct Rule {
  std::string_view description;  // for the reference page
  // The same in Kubernetes' expression language over the spec, or "" when it can't say it.
  std::string_view cel;
  // Adds what is wrong to the findings. Gets a spec that the schema accepts, with defaults.
  std::function<void(const nlohmann::json& spec, Findings& findings)> check;
};

const std::vector<Rule>& CacheClusterRules();

// Daemons of one role on a shared host are this many ports apart: room for the roles' other ports
// (the job daemons' 30001 to 30003 lie between two workers').
inline constexpr int kPortStride = 10;

}  // namespace headpond::api
