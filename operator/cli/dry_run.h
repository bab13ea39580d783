#pragma once

#include <string>
#include <vector>

#include "operator/cli/clusters.h"
#include "operator/cli/operator_link.h"
#include "operator/plan/plan.h"

namespace headpond::operator_cli {

// What would become of one cluster.
struct Preview {
  controller::ClusterKey key;
  Applied applied = Applied::kUnchanged;
  plan::Plan plan;

  bool changes() const { return applied != Applied::kUnchanged || !plan.steps.empty(); }
};

// Looks at the cluster's daemons beside the operator, and plans as it does; changes nothing.
// Errors: those of TryCluster, and of looking.
Result<Preview> PreviewCluster(OperatorLink& link, const api::CacheCluster& cluster,
                               const nlohmann::json& written);

// A table for each cluster, or "json" or "yaml": a list of {cluster, change, steps: [{action,
// daemon, node, reason, waitsFor}], inProgress, keptBack}.
std::string ShowPreviews(const std::vector<Preview>& previews, const std::string& output);

}  // namespace headpond::operator_cli
