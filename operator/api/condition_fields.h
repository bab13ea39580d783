#pragma once

#include <vector>

#include "operator/api/schema.h"

namespace headpond::api {

// The fields of a status followed by those of `conditions`, which are the same in all kinds
// (metav1.Condition), but that times are plain text.
std::vector<Field> WithConditions(std::vector<Field> fields);

}  // namespace headpond::api
