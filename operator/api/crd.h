#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/api/kind.h"

namespace headpond::api {

// "cacheclusters.headpond.dev"
std::string CrdName(const Kind& kind);

// The CustomResourceDefinition that makes a Kubernetes API server keep objects of the kind.
nlohmann::json CustomResourceDefinition(const Kind& kind);

// manifests/crds/<CrdName>.yaml: the same as YAML, with a line that says where it comes from.
std::string CrdManifest(const Kind& kind);

// All kinds' manifests in one text of many documents: `headpond-operator crds`.
std::string CrdManifests();

}  // namespace headpond::api
