#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "operator/api/rules.h"

// What each runtime.type has and has not, each rule with the same in Kubernetes' expressions.
namespace headpond::api {

void FieldsFitTheRuntime(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> FieldsFitTheRuntimeCel();

void PodsShareTheUnderStore(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> PodsShareTheUnderStoreCel();

// The runtime doesn't ask masters who leads yet, without which several can't be served.
void PodsHaveOneMaster(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> PodsHaveOneMasterCel();

void PodsAreConfined(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> PodsAreConfinedCel();

}  // namespace headpond::api
