#pragma once

#include <nlohmann/json.hpp>

#include "operator/api/schema.h"
#include "operator/cli/convert_options.h"

namespace headpond::operator_cli {

struct Conversion {
  nlohmann::json
      cluster;  // a CacheCluster that CheckCacheCluster accepts, when there are no errors
  // Paths are those of the values; of the cluster (spec....) where only the whole of it is wrong.
  api::Findings findings;
};

// The CacheCluster, in pods, that does what the stock chart's values ask for. `values`: any JSON.
Conversion ConvertStockValues(const nlohmann::json& values, const ConvertOptions& options);

}  // namespace headpond::operator_cli
