#pragma once

#include <string>
#include <utility>
#include <vector>

#include "operator/api/cache_cluster.h"
#include "operator/cli/operator_link.h"
#include "operator/controller/status.h"
#include "operator/controller/store.h"

namespace headpond::operator_cli {

using ClusterView = std::pair<api::CacheCluster, controller::ClusterStatus>;

enum class Applied { kCreated, kConfigured, kUnchanged };

struct ClusterListing {
  std::vector<ClusterView> clusters;
  std::vector<controller::ClusterKey> kept_data;  // of clusters that ended
};
// Of one namespace; from what is stored when no operator runs. Objects that can't be read are
// warned of on stderr.
Result<ClusterListing> ListClusters(OperatorLink& link, const std::string& name_space);

// The rest asks the operator's API, which must run. NotFound when there is no such cluster.
Result<ClusterView> GetCluster(OperatorLink& link, const controller::ClusterKey& key);

// Makes the cluster as its author wrote it (server-side apply: fields that others set stay, those
// that an earlier file had and this one has not go). Errors: InvalidArgument, also when data of an
// earlier cluster was kept that the new one can't use; FailedPrecondition while the cluster is
// being deleted.
Result<Applied> ApplyCluster(OperatorLink& link, const api::CacheCluster& cluster,
                             const nlohmann::json& written);

// What ApplyCluster would make of it, which changes nothing: the cluster with the uid that its data
// has, and the status of the one that is there. Without an operator the file is compared with what
// is stored, field by field, whoever set them. Errors: those of ApplyCluster, in the same words.
struct Trial {
  Applied applied = Applied::kUnchanged;
  api::CacheCluster cluster;
  controller::ClusterStatus before;
};
Result<Trial> TryCluster(OperatorLink& link, const api::CacheCluster& cluster,
                         const nlohmann::json& written);

// Asks for the end of a cluster; also, with `delete_data`, of the data of one that ended before.
// Repeating it is OK, and may add `delete_data`.
Status DeleteCluster(OperatorLink& link, const controller::ClusterKey& key, bool delete_data);

// OK(true) when neither the cluster nor, with `and_data`, a record of its data is there.
Result<bool> IsGone(OperatorLink& link, const controller::ClusterKey& key, bool and_data);

}  // namespace headpond::operator_cli
