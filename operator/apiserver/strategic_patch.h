#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/apiserver/shape.h"

namespace headpond::apiserver {

// A strategic merge patch, which clients send for built-in kinds: a merge patch whose lists are
// merged where the shape knows how (keyed ones by key, sets by item) and replaced elsewhere, with
// the directives $patch (delete, replace), $deleteFromPrimitiveList and $retainKeys.
// $setElementOrder is skipped: the order of lists of the kinds that are kept here means nothing.
// Never fails.
nlohmann::json StrategicMergePatch(const Shape& shape, nlohmann::json object,
                                   const nlohmann::json& patch);

}  // namespace headpond::apiserver
