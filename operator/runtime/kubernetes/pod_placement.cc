#include "operator/runtime/kubernetes/pod_placement.h"

#include <nlohmann/json.hpp>

namespace headpond::runtime::k8s {
namespace {

using nlohmann::json;

// Daemons of a role on different nodes. Wished for by default, so that a Kubernetes cluster of one
// node will do.
json Apart(const std::string& how, const json& same) {
  constexpr int kFullWeight = 100;
  const json term = {{"topologyKey", "kubernetes.io/hostname"}, {"labelSelector", same}};
  if (how == "Required")
    return {{"requiredDuringSchedulingIgnoredDuringExecution", json::array({term})}};
  return {{"preferredDuringSchedulingIgnoredDuringExecution",
           json::array({{{"weight", kFullWeight}, {"podAffinityTerm", term}}})}};
}

json Spread(const json& placement, const json& same) {
  json constraints = placement.value("topologySpread",
                                     json::array({{{"maxSkew", 1},
                                                   {"topologyKey", "topology.kubernetes.io/zone"},
                                                   {"whenUnsatisfiable", "ScheduleAnyway"}}}));
  for (json& constraint : constraints) constraint["labelSelector"] = same;
  return constraints;
}

}  // namespace

void Place(const std::string& placement, const json& role_selector, json& pod_spec) {
  const json said = placement.empty() ? json::object() : json::parse(placement);
  const json where = said.value("placement", json::object());
  const json same = {{"matchLabels", role_selector}};
  json affinity = json::object();
  const std::string apart = where.value("antiAffinity", "Preferred");
  if (apart != "None") affinity["podAntiAffinity"] = Apart(apart, same);
  if (const auto nodes = where.find("nodeAffinity"); nodes != where.end() && !nodes->empty())
    affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            ["nodeSelectorTerms"] = json::array({{{"matchExpressions", *nodes}}});
  pod_spec["affinity"] = std::move(affinity);
  pod_spec["topologySpreadConstraints"] = Spread(where, same);
  for (const char* const field : {"nodeSelector", "tolerations"})
    if (where.contains(field)) pod_spec[field] = where.at(field);
  if (said.contains("priorityClassName"))
    pod_spec["priorityClassName"] = said.at("priorityClassName");
}

}  // namespace headpond::runtime::k8s
