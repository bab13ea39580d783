#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/plan/workload.h"

namespace headpond::runtime {

// A workload as a runtime keeps it, so that it can be started again when the spec asks for another
// one already. May hold secrets.
nlohmann::json KeptToJson(const plan::Workload& workload);

// The same workload, with the same ConfigHash. Throws nlohmann::json::exception when `json` isn't
// one, for callers that parse a record which contains it.
plan::Workload ParseKept(const nlohmann::json& json);

}  // namespace headpond::runtime
