#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace headpond::api {

// What a plain (unquoted) scalar means, by the rules of kubectl's YAML reader (go-yaml v2, then
// JSON): null, a boolean, a whole number, a fraction, or the text itself. A fraction without a
// fractional part is a whole number, because that is what reaches the server as JSON. Errors:
// InvalidArgument for .inf and .nan.
Result<nlohmann::json> ResolvePlainScalar(std::string_view text);

}  // namespace headpond::api
