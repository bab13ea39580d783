#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "operator/api/rules.h"

// Rules about several masters, each with its counterpart in Kubernetes' expression language.
namespace headpond::api {

void MastersAreAQuorum(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> MastersAreAQuorumCel();

// Of changes: the list of the masters' journal addresses is what makes them one quorum, so nothing
// that it is made of may become another (plan::Desired makes it).
void MastersStayWhoTheyAre(const nlohmann::json& before, const nlohmann::json& after,
                           Findings& findings);
std::vector<CelRule> MastersStayWhoTheyAreCel();

}  // namespace headpond::api
