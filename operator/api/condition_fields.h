#pragma once

#include <vector>

#include "operator/api/schema.h"

namespace headpond::api {

// The fields of a status between those that all kinds have: `observedGeneration` first, and last
// `conditions` (metav1.Condition, but that times are plain text).
std::vector<Field> WithCommonStatus(std::vector<Field> fields);

}  // namespace headpond::api
