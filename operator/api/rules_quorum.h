#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "operator/api/rules.h"

// Rules about several masters, each with its counterpart in Kubernetes' expression language.
namespace headpond::api {

void MastersAreAQuorum(const nlohmann::json& spec, Findings& findings);
std::vector<CelRule> MastersAreAQuorumCel();

// Of changes: the masters' journal addresses are how they know each other, so nothing that these
// are made of may become another (plan::Desired makes them); masters may come and go, but for the
// last two.
void MastersStayWhoTheyAre(const nlohmann::json& before, const nlohmann::json& after,
                           Findings& findings);
std::vector<CelRule> MastersStayWhoTheyAreCel();

}  // namespace headpond::api
