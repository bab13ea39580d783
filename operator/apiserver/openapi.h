#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "http/http_server.h"
#include "operator/api/field_table.h"

namespace headpond::apiserver {

// /openapi/v3 and its group versions: schemas with descriptions (kubectl explain) and the
// operations by which kubectl learns that the server checks fields itself. Nullopt for other paths;
// /openapi/v2 is among them, kubectl does without.
std::optional<http::Response> OpenApiAnswer(const http::Request& request);

// The OpenAPI v3 schema of what a field table describes.
nlohmann::json SchemaOf(const std::vector<api::Field>& fields, std::string_view description);

}  // namespace headpond::apiserver
