#pragma once

#include "operator/api/kind.h"

namespace headpond::api {

Kind CacheClusterKind();

// The rows of CacheCluster's status, which controller/status writes.
const std::vector<Field>& CacheClusterStatusFields();

}  // namespace headpond::api
