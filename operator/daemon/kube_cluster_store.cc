#include "operator/daemon/kube_cluster_store.h"

#include <nlohmann/json.hpp>

#include "operator/daemon/cluster_object.h"

namespace headpond::operator_daemon {
namespace {

using controller::ClusterKey;
using kube::ObjectName;
using nlohmann::json;

const kube::Resource kClusters{"headpond.dev", "v1alpha1", "cacheclusters"};
const kube::Resource kConfigMaps{"", "v1", "configmaps"};

ObjectName NameOf(const ClusterKey& key) {
  return {key.name_space, key.name};
}

ObjectName DataMapOf(const ObjectName& cluster) {
  return {cluster.name_space, DataMapName(cluster.name)};
}

}  // namespace

KubeClusterStore::KubeClusterStore(kube::Client& client, const Clock& clock, Random random,
                                   Options options, std::function<void()> changed)
    : client_(client),
      options_(std::move(options)),
      source_(client.Source(kClusters, options_.name_space)),
      reflector_({.name = kClusters.plural,
                  .remedy_when_missing = "install the kinds with `headpond-operator crds | kubectl "
                                         "apply -f -` (or `kubectl apply -f manifests/crds`)"},
                 *source_, cache_, clock, std::move(random),
                 [changed = std::move(changed)](const ObjectName&) { changed(); }) {}

KubeClusterStore::~KubeClusterStore() {
  Stop();
}

void KubeClusterStore::Start() {
  reflector_.Start();
}

void KubeClusterStore::Stop() {
  reflector_.Stop();
}

Status KubeClusterStore::MayWrite() const {
  if (options_.may_write()) return Status::Ok();
  return Aborted("another operator leads");
}

Status KubeClusterStore::PatchCluster(const ObjectName& name, const json& patch,
                                      const std::string& subresource) {
  RETURN_IF_ERROR(MayWrite());
  ASSIGN_OR_RETURN(const json answer, client_.JsonPatch(kClusters, name, patch, subresource));
  own_writes_.Wrote(name, kube::VersionOf(answer));
  return Status::Ok();
}

Result<std::string> KubeClusterStore::ClaimData(const ObjectName& name, const std::string& uid) {
  {
    MutexLock lock(mutex_);
    const auto known = data_uids_.find(uid);
    if (known != data_uids_.end()) return known->second;
  }
  std::string data_uid = uid;
  const ObjectName map_name = DataMapOf(name);
  const auto kept = client_.Get(kConfigMaps, map_name);
  if (kept.ok()) {
    data_uid = kept->value("data", json::object()).value("uid", uid);
  } else if (kept.status().code() == Code::kNotFound) {
    RETURN_IF_ERROR(MayWrite());
    const json map = {{"apiVersion", "v1"},
                      {"kind", "ConfigMap"},
                      {"metadata", {{"namespace", map_name.name_space}, {"name", map_name.name}}},
                      {"data", {{"uid", uid}}}};
    RETURN_IF_ERROR(client_.Create(kConfigMaps, map).status());
  } else {
    return kept.status();
  }
  MutexLock lock(mutex_);
  data_uids_[uid] = data_uid;
  return data_uid;
}

Result<controller::ClusterList> KubeClusterStore::List() {
  if (!cache_.synced())
    return Unavailable("the clusters are not known yet: the API server has not listed them");
  controller::ClusterList list;
  std::set<std::string> finalized;
  for (const kube::Object& object : cache_.All()) {
    const ObjectName name = kube::NameOf(*object);
    if (!own_writes_.SeenBy(cache_, name)) continue;
    auto cluster = api::ReadCacheCluster(*object);
    if (!cluster.ok()) {
      list.unreadable.push_back(cluster.status().message());
      continue;
    }
    api::ObjectMeta& metadata = cluster->metadata;
    const bool deleting = !metadata.deletion_timestamp.empty();
    // Others' finalizers hold what we are done with.
    if (deleting && !IsHeld(*object)) continue;
    {
      MutexLock lock(mutex_);
      if (finalized_.contains(metadata.uid)) {
        finalized.insert(metadata.uid);
        continue;
      }
    }
    const auto data_uid = ClaimData(name, metadata.uid);
    Status held = !data_uid.ok() && !deleting ? data_uid.status() : Status::Ok();
    if (held.ok() && !IsHeld(*object)) held = PatchCluster(name, HoldPatch(*object));
    // Somebody else was faster; the watch will say so.
    if (held.code() == Code::kNotFound || held.code() == Code::kAborted) continue;
    if (!held.ok()) {
      list.unreadable.push_back(fmt::format("{}: {}", name.ToString(), held.message()));
      continue;
    }
    metadata.uid = data_uid.value_or(metadata.uid);
    list.clusters.push_back(*std::move(cluster));
  }
  MutexLock lock(mutex_);
  finalized_ = std::move(finalized);  // the others are gone from the cache
  return list;
}

Result<controller::ClusterStatus> KubeClusterStore::GetStatus(const ClusterKey& key) {
  const kube::Object object = cache_.Get(NameOf(key));
  if (!object) return NotFound("cluster {} is not there", key.ToString());
  return StatusOf(*object);
}

Status KubeClusterStore::WriteStatus(const ClusterKey& key,
                                     const controller::ClusterStatus& status) {
  return PatchCluster(NameOf(key), StatusPatch(status), "status");
}

Status KubeClusterStore::Finalize(const ClusterKey& key, bool data_kept) {
  RETURN_IF_ERROR(MayWrite());
  // First, so that a crash in between repeats it.
  if (!data_kept) {
    const Status removed = client_.Delete(kConfigMaps, DataMapOf(NameOf(key)));
    if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
  }
  const auto object = client_.Get(kClusters, NameOf(key));
  if (object.status().code() == Code::kNotFound) return Status::Ok();
  if (!object.ok()) return object.status();
  const std::string uid = object->at("metadata").value("uid", "");
  RETURN_IF_ERROR(PatchCluster(NameOf(key), ReleasePatch(*object)));
  MutexLock lock(mutex_);
  finalized_.insert(uid);
  data_uids_.erase(uid);
  return Status::Ok();
}

}  // namespace headpond::operator_daemon
