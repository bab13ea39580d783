#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "operator/apiserver/api_error.h"

namespace headpond::apiserver {

inline constexpr size_t kMaxBodyBytes = 3 << 20;  // as kube-apiserver's limit

// A JSON text from a client. 400 when it is none, nests deeper than any object of ours could (which
// bounds every recursion over it), or is no object or list.
Outcome<nlohmann::json> ParseBody(std::string_view text);

// A YAML text of one document; JSON is YAML. 400 when it is none, or one that costs too much: deep,
// or blown up by aliases.
Outcome<nlohmann::json> ParseYamlBody(std::string_view text);

// RFC 7386. Never fails.
nlohmann::json MergePatch(nlohmann::json object, const nlohmann::json& patch);

// RFC 6902. 400 when the patch is malformed; 422, as Kubernetes answers, when a test or a path
// fails; 413 when its copies would make the object larger than a body may be.
Outcome<nlohmann::json> JsonPatch(nlohmann::json object, const nlohmann::json& patch);

}  // namespace headpond::apiserver
