#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "operator/plan/plan.h"

namespace headpond::runtime {

// As runtimes keep it on record; null when there is none.
nlohmann::json RefusalToJson(const std::optional<plan::Refusal>& refusal);

// Throws nlohmann::json::exception when `json` is neither null nor a refusal, for callers that
// parse a record which contains it.
std::optional<plan::Refusal> ParseRefusal(const nlohmann::json& json);

}  // namespace headpond::runtime
