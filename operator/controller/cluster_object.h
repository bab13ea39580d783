#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "operator/controller/status.h"

// What the operator reads from API objects of clusters and of their data. Objects of clusters are
// those that api::ReadCacheCluster takes.
namespace headpond::controller {

// Said on every cluster before its first daemon starts, removed after its last one has ended.
inline constexpr const char* kClusterFinalizer = "headpond.dev/daemons";

// An empty status when there is none yet.
Result<ClusterStatus> StatusOf(const nlohmann::json& object);

// Data outlives clusters. A ConfigMap `<cluster>.data` beside the cluster says whose it is, and
// stays as long as there is data: a cluster of the same name then finds it again. Deleting the
// record is the wish to delete the data; our finalizer holds it until the data is gone.
struct DataRecord {
  std::string cluster;    // its name
  std::string uid;        // what folders and volumes carry: of the first cluster that had the data
  std::string spec_json;  // of the cluster that left the data; empty while one uses it
  bool deleting = false;
};

inline constexpr const char* kDataFinalizer = "headpond.dev/data";
// On each record, with the cluster's name, so that they can be listed.
inline constexpr const char* kDataLabel = "headpond.dev/data-of";

std::string DataRecordName(const std::string& cluster);
nlohmann::json NewDataRecord(const std::string& name_space, const std::string& cluster,
                             const std::string& uid);
// InvalidArgument when the ConfigMap is no record of ours.
Result<DataRecord> ReadDataRecord(const nlohmann::json& config_map);
// A JSON patch: a cluster uses the data again (no text), or left it with this spec.
nlohmann::json DataSpecPatch(const nlohmann::json& config_map,
                             const std::optional<std::string>& spec_json);

// The cluster that left the data, as one that is being deleted together with it.
Result<api::CacheCluster> LastOwner(const std::string& name_space, const DataRecord& record);
// InvalidArgument when the cluster can't use the data: a field that is fixed for as long as there
// is data has another value now.
Status CheckKeptData(const DataRecord& record, const api::CacheCluster& cluster);

}  // namespace headpond::controller
