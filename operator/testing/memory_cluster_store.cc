#include "operator/testing/memory_cluster_store.h"

#include <fmt/format.h>

namespace headpond::testing_operator {

using api::CacheCluster;
using controller::ClusterKey;
using controller::ClusterStatus;

namespace {

// What matters is that it is there.
constexpr const char* kSomeTime = "2026-01-02T03:04:05Z";

ClusterKey KeyOf(const CacheCluster& cluster) {
  return {cluster.metadata.name_space, cluster.metadata.name};
}

}  // namespace

Result<controller::ClusterList> MemoryClusterStore::List() {
  MutexLock lock(mutex_);
  controller::ClusterList list{.clusters = {}, .unreadable = unreadable_};
  for (const auto& [key, cluster] : clusters_) list.clusters.push_back(cluster);
  return list;
}

Result<ClusterStatus> MemoryClusterStore::GetStatus(const ClusterKey& key) {
  MutexLock lock(mutex_);
  const auto found = statuses_.find(key);
  return found == statuses_.end() ? ClusterStatus() : found->second;
}

Status MemoryClusterStore::WriteStatus(const ClusterKey& key, const ClusterStatus& status) {
  MutexLock lock(mutex_);
  if (!clusters_.contains(key)) return NotFound("there is no cluster {}", key.name);
  RETURN_IF_ERROR(status_writes_);
  statuses_[key] = status;
  return Status::Ok();
}

void MemoryClusterStore::SetStatusWrites(const Status& outcome) {
  MutexLock lock(mutex_);
  status_writes_ = outcome;
}

Status MemoryClusterStore::Finalize(const ClusterKey& key, bool data_kept) {
  MutexLock lock(mutex_);
  const auto found = clusters_.find(key);
  if (found == clusters_.end()) return NotFound("there is no cluster {}", key.name);
  CacheCluster cluster = std::move(found->second);
  clusters_.erase(found);
  statuses_.erase(key);
  retained_.erase(key);
  cluster.metadata.deletion_timestamp.clear();
  if (data_kept) retained_.emplace(key, std::move(cluster));
  return Status::Ok();
}

Result<controller::SecretData> MemoryClusterStore::ReadSecret(const std::string& name_space,
                                                              const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = secrets_.find({name_space, name});
  if (found == secrets_.end()) return NotFound("secrets \"{}\" not found", name);
  return found->second;
}

void MemoryClusterStore::SetSecret(const std::string& name_space, const std::string& name,
                                   controller::SecretData data) {
  MutexLock lock(mutex_);
  if (data.empty())
    secrets_.erase({name_space, name});
  else
    secrets_[{name_space, name}] = std::move(data);
}

Result<std::string> MemoryClusterStore::BackupUri(const std::string& name_space,
                                                  const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = backups_.find({name_space, name});
  if (found == backups_.end())
    return NotFound("there is no Backup {} in namespace {}", name, name_space);
  return found->second;
}

void MemoryClusterStore::SetBackup(const std::string& name_space, const std::string& name,
                                   const std::string& uri) {
  MutexLock lock(mutex_);
  if (uri.empty())
    backups_.erase({name_space, name});
  else
    backups_[{name_space, name}] = uri;
}

void MemoryClusterStore::Tell(const CacheCluster& /*cluster*/, const controller::Notice& notice) {
  MutexLock lock(mutex_);
  notices_.push_back(
      fmt::format("{} {}: {}", notice.warning ? "Warning" : "Normal", notice.reason, notice.text));
}

std::vector<std::string> MemoryClusterStore::notices() {
  MutexLock lock(mutex_);
  return notices_;
}

Result<CacheCluster> MemoryClusterStore::Get(const ClusterKey& key) {
  MutexLock lock(mutex_);
  const auto found = clusters_.find(key);
  if (found == clusters_.end()) return NotFound("there is no cluster {}", key.name);
  return found->second;
}

Status MemoryClusterStore::Apply(const CacheCluster& cluster) {
  MutexLock lock(mutex_);
  const ClusterKey key = KeyOf(cluster);
  CacheCluster next = cluster;
  if (const auto current = clusters_.find(key); current != clusters_.end()) {
    if (const auto issues = api::CheckUpdate(current->second, next); !issues.empty())
      return InvalidArgument("{}", api::JoinIssues(issues));
    next.metadata.uid = current->second.metadata.uid;
    next.metadata.generation =
        current->second.metadata.generation + (current->second.spec_json == next.spec_json ? 0 : 1);
  } else {
    const auto retained = retained_.find(key);
    next.metadata.uid = retained == retained_.end() ? fmt::format("uid-{}", ++uids_)
                                                    : retained->second.metadata.uid;
    next.metadata.generation = 1;
    retained_.erase(key);
  }
  clusters_[key] = std::move(next);
  return Status::Ok();
}

Status MemoryClusterStore::MarkDeleted(const ClusterKey& key, bool delete_data) {
  MutexLock lock(mutex_);
  if (delete_data)
    if (auto retained = retained_.extract(key)) clusters_.insert(std::move(retained));
  const auto found = clusters_.find(key);
  if (found == clusters_.end()) return NotFound("there is no cluster {}", key.name);
  CacheCluster& cluster = found->second;
  cluster.metadata.deletion_timestamp = kSomeTime;
  if (delete_data) cluster.metadata.annotations[std::string(api::kDeleteDataAnnotation)] = "true";
  return Status::Ok();
}

std::vector<ClusterKey> MemoryClusterStore::ListRetained() {
  MutexLock lock(mutex_);
  std::vector<ClusterKey> keys;
  for (const auto& [key, cluster] : retained_) keys.push_back(key);
  return keys;
}

void MemoryClusterStore::AddUnreadable(const std::string& what) {
  MutexLock lock(mutex_);
  unreadable_.push_back(what);
}

}  // namespace headpond::testing_operator
