#pragma once

#include <vector>

#include "operator/api/cache_cluster.h"
#include "operator/plan/workload.h"

namespace headpond::plan {

// The daemons that a cluster's spec asks for, masters first, in order of their ordinals. Pure: the
// same input gives the same output. `cluster` has its uid.
std::vector<Workload> Desired(const api::CacheCluster& cluster, const Layout& layout);

// The layout of daemons in containers.
Layout ContainerLayout();

// A java.util.Properties text that reads back as `properties`, in ASCII.
std::string PropertiesText(const std::map<std::string, std::string>& properties);

}  // namespace headpond::plan
