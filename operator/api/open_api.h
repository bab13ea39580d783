#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "operator/api/kind.h"

namespace headpond::api {

// The structural OpenAPI v3 schema of a whole object of the kind, with defaults, bounds and
// x-kubernetes-validations: what a CustomResourceDefinition holds and /openapi/v3 shows. An API
// server that follows it accepts and stores what CheckObject and CompleteObject do, but for the
// rules that have no CelRule.
nlohmann::json OpenApiSchema(const Kind& kind);

// Of a field table alone.
nlohmann::json OpenApiSchemaOfFields(const std::vector<Field>& fields, std::string_view description,
                                     Schema::Objects objects);

}  // namespace headpond::api
