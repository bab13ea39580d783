#include "operator/cli/clusters.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "operator/api/field_table.h"
#include "operator/controller/cluster_object.h"

namespace headpond::operator_cli {
namespace {

using api::CacheCluster;
using controller::ClusterKey;
using nlohmann::json;

const kube::Resource kClusters{"headpond.dev", "v1alpha1", "cacheclusters"};
const kube::Resource kConfigMaps{"", "v1", "configmaps"};
// The owner of what files say, whichever command applied them.
constexpr const char* kFieldManager = "headpond";

kube::ObjectName NameOf(const ClusterKey& key) {
  return {key.name_space, key.name};
}

kube::ObjectName RecordOf(const ClusterKey& key) {
  return {key.name_space, controller::DataRecordName(key.name)};
}

Result<ClusterView> ReadView(const json& object) {
  ASSIGN_OR_RETURN(CacheCluster cluster, api::ReadCacheCluster(object));
  ASSIGN_OR_RETURN(controller::ClusterStatus status, controller::StatusOf(object));
  return ClusterView(std::move(cluster), std::move(status));
}

struct Objects {
  std::vector<json> clusters, records;
};

Result<Objects> ServedObjects(OperatorLink& link, const std::string& name_space) {
  ASSIGN_OR_RETURN(const auto clusters, link.api().List(kClusters, name_space));
  ASSIGN_OR_RETURN(const auto records,
                   link.api().List(kConfigMaps, name_space, controller::kDataLabel));
  Objects objects;
  for (const kube::Object& cluster : clusters) objects.clusters.push_back(*cluster);
  for (const kube::Object& record : records) objects.records.push_back(*record);
  return objects;
}

Result<Objects> StoredObjects(OperatorLink& link, const std::string& name_space) {
  ASSIGN_OR_RETURN(json list, link.StoredObjects());
  Objects objects;
  for (json& object : list.at("items")) {
    if (kube::NameOf(object).name_space != name_space) continue;
    const bool is_cluster = object.value("kind", "") == api::kCacheClusterKind;
    (is_cluster ? objects.clusters : objects.records).push_back(std::move(object));
  }
  return objects;
}

// A record of the cluster's data, where there is one.
Result<std::optional<controller::DataRecord>> RecordFor(OperatorLink& link, const ClusterKey& key) {
  const auto kept = link.api().Get(kConfigMaps, RecordOf(key));
  if (kept.status().code() == Code::kNotFound) return std::optional<controller::DataRecord>();
  RETURN_IF_ERROR(kept.status());
  ASSIGN_OR_RETURN(controller::DataRecord record, controller::ReadDataRecord(*kept));
  return std::optional(std::move(record));
}

Result<Trial> ApplyOrTry(OperatorLink& link, const CacheCluster& cluster, const json& written,
                         bool dry_run) {
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  const auto before = GetCluster(link, key);
  if (!before.ok() && before.status().code() != Code::kNotFound) return before.status();
  if (before.ok() && !before->first.metadata.deletion_timestamp.empty())
    return FailedPrecondition("cluster {} is being deleted; try again when it is gone", key.name);
  ASSIGN_OR_RETURN(const auto record, RecordFor(link, key));
  if (!before.ok() && record) RETURN_IF_ERROR(controller::CheckKeptData(*record, cluster));
  json object = written;
  object["metadata"]["namespace"] = key.name_space;
  ASSIGN_OR_RETURN(
      const json answer,
      link.api().Apply(kClusters, object,
                       {.field_manager = kFieldManager, .force = true, .dry_run = dry_run}));
  ASSIGN_OR_RETURN(CacheCluster after, api::ReadCacheCluster(answer));
  Trial trial{.applied = Applied::kCreated, .cluster = std::move(after)};
  if (record) trial.cluster.metadata.uid = record->uid;
  if (!before.ok()) return trial;
  const api::ObjectMeta& was = before->first.metadata;
  const api::ObjectMeta& is = trial.cluster.metadata;
  const bool same = before->first.spec_json == trial.cluster.spec_json && was.labels == is.labels &&
                    was.annotations == is.annotations;
  trial.applied = same ? Applied::kUnchanged : Applied::kConfigured;
  trial.before = before->second;
  return trial;
}

// The same without an operator.
Result<Trial> CompareWithStored(OperatorLink& link, const CacheCluster& cluster) {
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  ASSIGN_OR_RETURN(const Objects objects, StoredObjects(link, key.name_space));
  Trial trial{.applied = Applied::kCreated, .cluster = cluster};
  for (const json& object : objects.clusters) {
    if (kube::NameOf(object).name != key.name) continue;
    ASSIGN_OR_RETURN(const ClusterView before, ReadView(object));
    if (const auto issues = api::CheckUpdate(before.first, cluster); !issues.empty())
      return InvalidArgument("{}", api::JoinIssues(issues));
    const bool same = before.first.spec_json == cluster.spec_json;
    trial.applied = same ? Applied::kUnchanged : Applied::kConfigured;
    trial.cluster.metadata.uid = before.first.metadata.uid;
    trial.cluster.metadata.generation = before.first.metadata.generation + (same ? 0 : 1);
    trial.before = before.second;
  }
  for (const json& object : objects.records) {
    const auto record = controller::ReadDataRecord(object);
    if (!record.ok() || record->cluster != key.name) continue;
    if (trial.applied == Applied::kCreated)
      RETURN_IF_ERROR(controller::CheckKeptData(*record, cluster));
    trial.cluster.metadata.uid = record->uid;
  }
  return trial;
}

}  // namespace

Result<ClusterListing> ListClusters(OperatorLink& link, const std::string& name_space) {
  ASSIGN_OR_RETURN(const Objects objects, link.IsRunning() ? ServedObjects(link, name_space)
                                                           : StoredObjects(link, name_space));
  ClusterListing listing;
  for (const json& object : objects.clusters) {
    auto view = ReadView(object);
    if (view.ok())
      listing.clusters.push_back(*std::move(view));
    else
      fmt::print(stderr, "warning: {}\n", view.status().message());
  }
  for (const json& object : objects.records) {
    const auto record = controller::ReadDataRecord(object);
    if (record.ok() && !record->spec_json.empty())
      listing.kept_data.push_back({name_space, record->cluster});
  }
  return listing;
}

Result<ClusterView> GetCluster(OperatorLink& link, const ClusterKey& key) {
  const auto object = link.api().Get(kClusters, NameOf(key));
  if (object.status().code() == Code::kNotFound)
    return NotFound("there is no cluster {}", key.name);
  RETURN_IF_ERROR(object.status());
  return ReadView(*object);
}

Result<Applied> ApplyCluster(OperatorLink& link, const CacheCluster& cluster, const json& written) {
  ASSIGN_OR_RETURN(const Trial done, ApplyOrTry(link, cluster, written, /*dry_run=*/false));
  return done.applied;
}

Result<Trial> TryCluster(OperatorLink& link, const CacheCluster& cluster, const json& written) {
  return link.IsRunning() ? ApplyOrTry(link, cluster, written, /*dry_run=*/true)
                          : CompareWithStored(link, cluster);
}

Status DeleteCluster(OperatorLink& link, const ClusterKey& key, bool delete_data) {
  Status deleted = Status::Ok();
  if (delete_data) {
    const json wish = {
        {"metadata", {{"annotations", {{std::string(api::kDeleteDataAnnotation), "true"}}}}}};
    deleted = link.api().MergePatch(kClusters, NameOf(key), wish).status();
  }
  if (deleted.ok()) deleted = link.api().Delete(kClusters, NameOf(key));
  if (deleted.code() != Code::kNotFound) return deleted;
  if (!delete_data) return NotFound("there is no cluster {}", key.name);
  const Status removed = link.api().Delete(kConfigMaps, RecordOf(key));
  if (removed.code() == Code::kNotFound)
    return NotFound("there is no cluster {}, and no data of one", key.name);
  return removed;
}

Result<bool> IsGone(OperatorLink& link, const ClusterKey& key, bool and_data) {
  const Status cluster = link.api().Get(kClusters, NameOf(key)).status();
  if (cluster.code() != Code::kNotFound) {
    if (cluster.ok()) return false;
    return cluster;
  }
  if (!and_data) return true;
  const Status record = link.api().Get(kConfigMaps, RecordOf(key)).status();
  if (record.ok()) return false;
  if (record.code() == Code::kNotFound) return true;
  return record;
}

}  // namespace headpond::operator_cli
