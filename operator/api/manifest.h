#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/api/cache_cluster.h"

namespace headpond::api {

// What a manifest file holds. With errors there are no clusters: a file is taken as a whole or not
// at all.
struct Manifest {
  std::vector<CacheCluster> clusters;
  std::vector<std::string> written;  // the same clusters as their author wrote them, in JSON
  // One line each: "quickstart.yaml:12: spec.worker.replicas: "two" is a string; must be a whole
  // number".
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

// Reads a YAML or JSON text of one or more CacheClusters. `origin` names it in messages. Never
// fails otherwise: all problems, also bad YAML, are in the result.
Manifest LoadManifest(std::string_view text, std::string_view origin);

}  // namespace headpond::api
