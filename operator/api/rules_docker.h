#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "operator/api/rules.h"

// CacheCluster's rules about Docker Engines, in C++ and in Kubernetes' expression language.
namespace headpond::api {

void EnginesAreNamedOnce(const nlohmann::json& spec, Findings& findings);
void NodesTakeAllDaemons(const nlohmann::json& spec, Findings& findings);

std::vector<CelRule> EnginesAreNamedOnceCel();
std::vector<CelRule> NodesTakeAllDaemonsCel();

}  // namespace headpond::api
