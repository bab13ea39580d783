#pragma once

#include <optional>

#include "http/http_server.h"

namespace headpond::apiserver {

// /openapi/v3 and its group versions: schemas with descriptions (kubectl explain) and the
// operations by which kubectl learns that the server checks fields itself. Nullopt for other paths;
// /openapi/v2 is among them, kubectl does without.
std::optional<http::Response> OpenApiAnswer(const http::Request& request);

}  // namespace headpond::apiserver
