#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace headpond::apiserver {

// The first value at a path of printer columns and scale: `.status.masters.ready`,
// `.status.conditions[?(@.type=="Ready")].status`. Null when a part is missing; names of fields
// hold no dots or brackets.
const nlohmann::json& AtJsonPath(const nlohmann::json& object, std::string_view path);

// Sets the value at a path of names only; makes the maps on the way.
void SetAtJsonPath(nlohmann::json& object, std::string_view path, nlohmann::json value);

}  // namespace headpond::apiserver
