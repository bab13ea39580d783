#include "operator/controller/cluster_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/api/field_table.h"
#include "operator/controller/object_patch.h"

namespace headpond::controller {
namespace {

using nlohmann::json;

std::string TextOf(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<ClusterStatus> StatusOf(const json& object) {
  const auto status = object.find("status");
  if (status == object.end()) return ClusterStatus();
  return ParseStatus(*status);
}

std::string DataRecordName(const std::string& cluster) {
  return cluster + ".data";
}

json NewDataRecord(const std::string& name_space, const std::string& cluster,
                   const std::string& uid) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata",
           {{"namespace", name_space},
            {"name", DataRecordName(cluster)},
            {"labels", {{kDataLabel, cluster}}},
            {"finalizers", {kDataFinalizer}}}},
          {"data", {{"uid", uid}}}};
}

Result<DataRecord> ReadDataRecord(const json& config_map) {
  const json& metadata = config_map.at("metadata");
  const json data = config_map.value("data", json::object());
  const json labels = metadata.value("labels", json::object());
  DataRecord record{.cluster = TextOf(labels, kDataLabel),
                    .uid = TextOf(data, "uid"),
                    .spec_json = TextOf(data, "spec"),
                    .deleting = metadata.contains("deletionTimestamp")};
  if (record.cluster.empty() || record.uid.empty())
    return InvalidArgument(
        "ConfigMap {} is not the operator's (no label {}), but has the name that the operator "
        "needs for the cluster's data: rename one of them",
        TextOf(metadata, "name"), kDataLabel);
  return record;
}

json DataSpecPatch(const json& config_map, const std::optional<std::string>& spec_json) {
  json change = {{"op", "add"}, {"path", "/data/spec"}, {"value", spec_json.value_or("")}};
  return {VersionCheck(config_map), std::move(change)};
}

Result<api::CacheCluster> LastOwner(const std::string& name_space, const DataRecord& record) {
  const json spec = json::parse(record.spec_json, nullptr, /*allow_exceptions=*/false);
  ASSIGN_OR_RETURN(
      api::CacheCluster cluster,
      api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                             {"kind", api::kCacheClusterKind},
                             {"metadata", {{"namespace", name_space}, {"name", record.cluster}}},
                             {"spec", spec}}));
  cluster.metadata.uid = record.uid;
  cluster.metadata.deletion_timestamp = FormatRfc3339(0);  // what matters is that it has one
  cluster.metadata.annotations[std::string(api::kDeleteDataAnnotation)] = "true";
  return cluster;
}

Status CheckKeptData(const DataRecord& record, const api::CacheCluster& cluster) {
  if (record.spec_json.empty()) return Status::Ok();
  ASSIGN_OR_RETURN(const api::CacheCluster before, LastOwner(cluster.metadata.name_space, record));
  const auto issues = api::CheckUpdate(before, cluster);
  if (issues.empty()) return Status::Ok();
  return InvalidArgument(
      "{}; the data of the earlier cluster {} was kept: use the old value, or remove the data with "
      "`headpond down {} --delete-data` (`kubectl delete configmap {}`)",
      api::JoinIssues(issues), record.cluster, record.cluster, DataRecordName(record.cluster));
}

}  // namespace headpond::controller
