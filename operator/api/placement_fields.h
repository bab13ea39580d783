#pragma once

#include <vector>

#include "operator/api/field_table.h"

namespace headpond::api {

// `fields` with the rows that say where the pods of masters and of workers run, behind the last row
// of each role's `resources`.
std::vector<Field> WithPodPlacement(std::vector<Field> fields);

}  // namespace headpond::api
