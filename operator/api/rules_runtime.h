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

// Of changes: Kubernetes makes no claim smaller.
void JournalsOnlyGrow(const nlohmann::json& before, const nlohmann::json& after,
                      Findings& findings);
std::vector<CelRule> JournalsOnlyGrowCel();

void PoliciesReachThePods(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> PoliciesReachThePodsCel();
void PodsAreConfined(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> PodsAreConfinedCel();

}  // namespace headpond::api
