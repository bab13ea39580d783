#include "operator/daemon/cluster_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/daemon.h"
#include "operator/api/backup.h"
#include "operator/api/field_table.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/object_patch.h"
#include "operator/kube/secret.h"

namespace headpond::operator_daemon {
namespace {

using controller::ClusterKey;
using controller::ClusterList;
using controller::DataRecord;
using kube::ObjectName;
using nlohmann::json;

const kube::Resource kClusters{"headpond.dev", "v1alpha1", "cacheclusters"};
const kube::Resource kBackups{"headpond.dev", "v1alpha1", "backups"};
const kube::Resource kConfigMaps{"", "v1", "configmaps"};

constexpr const char* kEventController = "headpond.dev/operator";

ObjectName NameOf(const ClusterKey& key) {
  return {key.name_space, key.name};
}

ObjectName RecordOf(const ObjectName& cluster) {
  return {cluster.name_space, controller::DataRecordName(cluster.name)};
}

ClusterKey KeyOf(const api::CacheCluster& cluster) {
  return {cluster.metadata.name_space, cluster.metadata.name};
}

}  // namespace

ApiClusterStore::ApiClusterStore(kube::Client& client, const Clock& clock, Random random,
                                 const Options& options, const std::function<void()>& changed)
    : client_(client),
      clusters_(
          client, clock, Random(random.Next()),
          {.resource = kClusters, .name_space = options.name_space, .may_write = options.may_write},
          changed),
      records_(client, clock, Random(random.Next()),
               {.resource = kConfigMaps,
                .name_space = options.name_space,
                .selector = controller::kDataLabel,
                .may_write = options.may_write},
               changed),
      events_(client, clock, Random(random.Next()), kEventController, LocalHostName()) {}

ApiClusterStore::~ApiClusterStore() {
  Stop();
}

void ApiClusterStore::Start() {
  clusters_.Start();
  records_.Start();
}

void ApiClusterStore::Stop() {
  events_.Stop();
  clusters_.Stop();
  records_.Stop();
}

bool ApiClusterStore::WaitForSync(std::chrono::steady_clock::time_point deadline) {
  return clusters_.WaitForSync(deadline) && records_.WaitForSync(deadline);
}

Result<std::string> ApiClusterStore::ClaimData(const api::CacheCluster& cluster) {
  const std::string& uid = cluster.metadata.uid;
  {
    MutexLock lock(mutex_);
    const auto known = data_uids_.find(uid);
    if (known != data_uids_.end()) return known->second;
  }
  const ObjectName name = RecordOf(NameOf(KeyOf(cluster)));
  auto found = client_.Get(kConfigMaps, name);
  if (found.status().code() == Code::kNotFound) {
    RETURN_IF_ERROR(clusters_.MayWrite());
    found = client_.Create(kConfigMaps,
                           controller::NewDataRecord(name.name_space, cluster.metadata.name, uid));
  }
  RETURN_IF_ERROR(found.status());
  ASSIGN_OR_RETURN(const DataRecord record, controller::ReadDataRecord(*found));
  if (!record.spec_json.empty()) {
    if (record.deleting) return Aborted("the data of an earlier cluster is being deleted");
    RETURN_IF_ERROR(controller::CheckKeptData(record, cluster));
    RETURN_IF_ERROR(records_.Patch(name, controller::DataSpecPatch(*found, std::nullopt)));
  }
  MutexLock lock(mutex_);
  data_uids_[uid] = record.uid;
  return record.uid;
}

void ApiClusterStore::Tell(const kube::Object& object, ClusterList& list) {
  const ObjectName name = kube::NameOf(*object);
  auto cluster = api::ReadCacheCluster(*object);
  if (!cluster.ok()) {
    list.unreadable.push_back(cluster.status().message());
    return;
  }
  api::ObjectMeta& metadata = cluster->metadata;
  metadata.object_uid = metadata.uid;
  const bool held = controller::HasFinalizer(*object, controller::kClusterFinalizer);
  const bool deleting = !metadata.deletion_timestamp.empty();
  // Others' finalizers hold what we are done with, or never began with.
  if (deleting && !held) return;
  const auto data_uid = ClaimData(*cluster);
  Status taken = deleting ? Status::Ok() : data_uid.status();
  if (taken.ok() && !held)
    taken = clusters_.Patch(
        name, controller::FinalizerPatch(*object, controller::kClusterFinalizer, true));
  // Somebody else was faster, or must end first; a watch will say so.
  if (taken.code() == Code::kNotFound || taken.code() == Code::kAborted) return;
  if (taken.code() == Code::kInvalidArgument) {
    list.refused.push_back({*std::move(cluster), std::move(taken)});
    return;
  }
  if (!taken.ok()) {
    list.unreadable.push_back(fmt::format("{}: {}", name.ToString(), taken.message()));
    return;
  }
  metadata.uid = data_uid.value_or(metadata.uid);
  const kube::Object record = records_.Get(RecordOf(name));
  if (record && record->at("metadata").contains("deletionTimestamp"))
    metadata.annotations[std::string(api::kDeleteDataAnnotation)] = "true";
  list.clusters.push_back(*std::move(cluster));
}

void ApiClusterStore::TellOfData(const kube::Object& object, ClusterList& list) {
  const ObjectName name = kube::NameOf(*object);
  const auto record = controller::ReadDataRecord(*object);
  if (!record.ok() || !record->deleting ||
      !controller::HasFinalizer(*object, controller::kDataFinalizer))
    return;
  // In use: it goes with its cluster. Without one, somebody took our finalizer off it, and nobody
  // knows what it had.
  if (record->spec_json.empty()) {
    const bool used = clusters_.Get({name.name_space, record->cluster}) != nullptr;
    if (!used && clusters_.version() >= kube::VersionOf(*object))
      (void)records_.Patch(name,
                           controller::FinalizerPatch(*object, controller::kDataFinalizer, false));
    return;
  }
  auto owner = controller::LastOwner(name.name_space, *record);
  if (!owner.ok()) {
    list.unreadable.push_back(fmt::format("{}: {}", name.ToString(), owner.status().message()));
    return;
  }
  {
    MutexLock lock(mutex_);
    data_only_.insert(KeyOf(*owner));
  }
  list.clusters.push_back(*std::move(owner));
}

Result<ClusterList> ApiClusterStore::List() {
  if (!clusters_.synced() || !records_.synced())
    return Unavailable("the clusters are not known yet: the API server has not listed them");
  ClusterList list;
  std::set<std::string> finalized;
  for (const kube::Object& object : clusters_.List().objects) {
    const std::string uid = object->at("metadata").value("uid", "");
    {
      MutexLock lock(mutex_);
      if (finalized_.contains(uid)) {
        finalized.insert(uid);
        continue;
      }
    }
    Tell(object, list);
  }
  {
    MutexLock lock(mutex_);
    finalized_ = std::move(finalized);  // the others are gone from the cache
    data_only_.clear();
  }
  for (const kube::Object& object : records_.List().objects) TellOfData(object, list);
  return list;
}

bool ApiClusterStore::IsDataOnly(const ClusterKey& key) {
  MutexLock lock(mutex_);
  return data_only_.contains(key);
}

Result<controller::ClusterStatus> ApiClusterStore::GetStatus(const ClusterKey& key) {
  if (IsDataOnly(key)) return controller::ClusterStatus();
  const kube::Object object = clusters_.Get(NameOf(key));
  if (!object) return NotFound("cluster {} is not there", key.ToString());
  return controller::StatusOf(*object);
}

Status ApiClusterStore::WriteStatus(const ClusterKey& key,
                                    const controller::ClusterStatus& status) {
  // There is no object that would have a status.
  if (IsDataOnly(key)) return Status::Ok();
  return clusters_.Patch(NameOf(key), controller::StatusPatch(controller::ToJson(status)),
                         "status");
}

Status ApiClusterStore::RemoveRecord(const ObjectName& name) {
  const Status removed = client_.Delete(kConfigMaps, name);
  if (removed.code() == Code::kNotFound) return Status::Ok();
  RETURN_IF_ERROR(removed);
  const auto left = client_.Get(kConfigMaps, name);
  if (left.status().code() == Code::kNotFound) return Status::Ok();
  RETURN_IF_ERROR(left.status());
  return records_.Patch(name, controller::FinalizerPatch(*left, controller::kDataFinalizer, false));
}

Status ApiClusterStore::Finalize(const ClusterKey& key, bool data_kept) {
  RETURN_IF_ERROR(clusters_.MayWrite());
  const ObjectName name = NameOf(key), record = RecordOf(name);
  if (IsDataOnly(key)) {
    if (data_kept)
      return FailedPrecondition("the data of cluster {} is still to be deleted", key.name);
    return RemoveRecord(record);
  }
  const auto object = client_.Get(kClusters, name);
  if (object.status().code() == Code::kNotFound) return Status::Ok();
  RETURN_IF_ERROR(object.status());
  ASSIGN_OR_RETURN(const api::CacheCluster cluster, api::ReadCacheCluster(*object));
  // The record first, so that a crash in between repeats it.
  if (!data_kept) {
    RETURN_IF_ERROR(RemoveRecord(record));
  } else {
    // The wish to delete the data may have come while the last daemon ended.
    if (cluster.metadata.annotations.contains(std::string(api::kDeleteDataAnnotation)))
      return FailedPrecondition("the data of cluster {} is still to be deleted", key.name);
    ASSIGN_OR_RETURN(const json kept, client_.Get(kConfigMaps, record));
    RETURN_IF_ERROR(records_.Patch(record, controller::DataSpecPatch(kept, cluster.spec_json)));
  }
  RETURN_IF_ERROR(clusters_.Patch(
      name, controller::FinalizerPatch(*object, controller::kClusterFinalizer, false)));
  MutexLock lock(mutex_);
  finalized_.insert(cluster.metadata.uid);
  data_uids_.erase(cluster.metadata.uid);
  return Status::Ok();
}

Result<controller::SecretData> ApiClusterStore::ReadSecret(const std::string& name_space,
                                                           const std::string& name) {
  return kube::ReadSecret(client_, name_space, name);
}

Result<std::string> ApiClusterStore::BackupUri(const std::string& name_space,
                                               const std::string& name) {
  using Phase = controller::BackupState::Phase;
  const auto object = client_.Get(kBackups, {name_space, name});
  if (object.status().code() == Code::kNotFound)
    return NotFound("there is no Backup {} in namespace {}", name, name_space);
  RETURN_IF_ERROR(object.status());
  const auto backup =
      controller::ReadBackupState(object->contains("status") ? object->at("status") : json());
  if (backup.phase == Phase::kComplete) return backup.uri;
  if (backup.phase == Phase::kFailed)
    return NotFound("Backup {} has failed; name another one: {}", name, backup.message);
  return NotFound("Backup {} is not complete yet", name);
}

void ApiClusterStore::Tell(const api::CacheCluster& cluster, const controller::Notice& notice) {
  const ClusterKey key = KeyOf(cluster);
  if (!clusters_.MayWrite().ok() || IsDataOnly(key)) return;
  events_.Record({.regarding = {std::string(api::kApiVersion), std::string(api::kCacheClusterKind),
                                key.name_space, key.name, cluster.metadata.object_uid},
                  .warning = notice.warning,
                  .reason = notice.reason,
                  .action = "Reconcile",
                  .text = notice.text});
}

}  // namespace headpond::operator_daemon
