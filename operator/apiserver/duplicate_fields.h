#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headpond::apiserver {

// The fields that a JSON text names twice, as people read them: "spec.env[1].value". The first ones
// only when there are very many. Of a text that is no JSON: those before the mistake.
std::vector<std::string> DuplicateFields(std::string_view text);

}  // namespace headpond::apiserver
