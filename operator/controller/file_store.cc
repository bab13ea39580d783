#include "operator/controller/file_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "operator/controller/home.h"

namespace headpond::controller {
namespace {

using api::CacheCluster;
using nlohmann::json;

constexpr int64_t kMaxObjectBytes = 4 << 20;
constexpr std::chrono::seconds kLockTimeout(10);  // changes take milliseconds
constexpr std::string_view kSuffix = ".json";
constexpr const char* kObjects = "objects";
constexpr const char* kStatus = "status";
constexpr const char* kRetained = "retained";

ClusterKey KeyOf(const CacheCluster& cluster) {
  return {cluster.metadata.name_space, cluster.metadata.name};
}

Result<std::vector<std::string>> ListFiles(const std::string& directory) {
  io::Env& env = io::Env::Posix();
  ASSIGN_OR_RETURN(const bool exists, env.Exists(directory));
  if (!exists) return std::vector<std::string>();
  ASSIGN_OR_RETURN(std::vector<std::string> names, env.List(directory));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kSuffix); });
  return names;
}

Result<json> ReadJson(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text,
                   io::ReadWholeFile(io::Env::Posix(), path, kMaxObjectBytes));
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Status(Code::kDataLoss, path + " is not JSON");
  return value;
}

Status RemoveIfThere(const std::string& path) {
  const Status removed = io::Env::Posix().Remove(path);
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

}  // namespace

FileStore::FileStore(std::string home, const Clock& clock)
    : home_(std::move(home)), clock_(clock) {}

// Names are DNS labels, so the dot divides them.
std::string FileStore::PathIn(const char* folder, const ClusterKey& key) const {
  return fmt::format("{}/{}/{}.{}{}", home_, folder, key.name_space, key.name, kSuffix);
}

Result<CacheCluster> FileStore::ReadObject(const std::string& path) {
  ASSIGN_OR_RETURN(const json object, ReadJson(path));
  auto cluster = api::ReadCacheCluster(object);
  if (!cluster.ok()) return cluster.status().WithContext(path);
  return cluster;
}

Status FileStore::WriteObject(const char* folder, const CacheCluster& cluster) {
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(fmt::format("{}/{}", home_, folder)));
  return io::WriteFileAtomically(io::Env::Posix(), PathIn(folder, KeyOf(cluster)),
                                 ToJson(cluster).dump(2) + "\n");
}

Result<std::unique_ptr<io::FileLock>> FileStore::LockChanges() {
  RETURN_IF_ERROR(EnsurePrivateDirectory(home_));
  return LockWithin(home_ + "/store.lock", kLockTimeout);
}

Result<ClusterList> FileStore::List() {
  ASSIGN_OR_RETURN(const auto names, ListFiles(objects_dir()));
  ClusterList list;
  for (const std::string& name : names) {
    auto cluster = ReadObject(objects_dir() + "/" + name);
    if (cluster.ok())
      list.clusters.push_back(*std::move(cluster));
    else if (cluster.status().code() != Code::kNotFound)  // deleted since the listing
      list.unreadable.push_back(cluster.status().message());
  }
  return list;
}

Result<CacheCluster> FileStore::Get(const ClusterKey& key) {
  auto cluster = ReadObject(PathIn(kObjects, key));
  if (!cluster.ok() && cluster.status().code() == Code::kNotFound)
    return NotFound("there is no cluster {}", key.name);
  return cluster;
}

Result<ClusterStatus> FileStore::GetStatus(const ClusterKey& key) {
  const auto value = ReadJson(PathIn(kStatus, key));
  if (value.ok()) return ParseStatus(*value);
  if (value.status().code() == Code::kNotFound) return ClusterStatus();
  return value.status();
}

Status FileStore::WriteStatus(const ClusterKey& key, const ClusterStatus& status) {
  ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(PathIn(kObjects, key)));
  if (!exists) return NotFound("there is no cluster {}", key.name);
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(status_dir()));
  return io::WriteFileAtomically(io::Env::Posix(), PathIn(kStatus, key),
                                 controller::ToJson(status).dump(2) + "\n");
}

Result<Applied> FileStore::Apply(const CacheCluster& cluster) {
  ASSIGN_OR_RETURN(const auto lock, LockChanges());
  const ClusterKey key = KeyOf(cluster);
  CacheCluster next = cluster;
  const auto current = Get(key);
  if (!current.ok() && current.status().code() != Code::kNotFound) return current.status();
  if (current.ok()) {
    if (!current->metadata.deletion_timestamp.empty())
      return FailedPrecondition("cluster {} is being deleted; try again when it is gone", key.name);
    if (const auto issues = api::CheckUpdate(*current, next); !issues.empty())
      return InvalidArgument("{}", api::JoinIssues(issues));
    // Whoever says nothing about it doesn't take back an earlier wish.
    const auto retry = current->metadata.annotations.find(std::string(api::kRetryAnnotation));
    if (retry != current->metadata.annotations.end()) next.metadata.annotations.insert(*retry);
    const bool same_spec = current->spec_json == next.spec_json;
    next.metadata.uid = current->metadata.uid;
    next.metadata.creation_timestamp = current->metadata.creation_timestamp;
    next.metadata.generation = current->metadata.generation + (same_spec ? 0 : 1);
    if (same_spec && current->metadata.labels == next.metadata.labels &&
        current->metadata.annotations == next.metadata.annotations)
      return Applied::kUnchanged;
    RETURN_IF_ERROR(WriteObject(kObjects, next));
    return Applied::kConfigured;
  }
  const auto retained = ReadObject(PathIn(kRetained, key));
  if (!retained.ok() && retained.status().code() != Code::kNotFound) return retained.status();
  if (retained.ok()) {
    if (const auto issues = api::CheckUpdate(*retained, next); !issues.empty())
      return InvalidArgument(
          "{}; the data of the earlier cluster {} was kept: remove it with `headpond down {} "
          "--delete-data`",
          api::JoinIssues(issues), key.name, key.name);
  }
  next.metadata.uid = retained.ok() ? retained->metadata.uid : Random::FromSystem().Uuid();
  next.metadata.creation_timestamp = Rfc3339(clock_.NowMs());
  next.metadata.deletion_timestamp.clear();
  next.metadata.generation = 1;
  RETURN_IF_ERROR(RemoveIfThere(PathIn(kStatus, key)));
  RETURN_IF_ERROR(WriteObject(kObjects, next));
  RETURN_IF_ERROR(RemoveIfThere(PathIn(kRetained, key)));
  return Applied::kCreated;
}

Status FileStore::MarkDeleted(const ClusterKey& key, bool delete_data) {
  ASSIGN_OR_RETURN(const auto lock, LockChanges());
  auto found = Get(key);
  if (!found.ok() && found.status().code() == Code::kNotFound && delete_data) {
    found = ReadObject(PathIn(kRetained, key));
    if (!found.ok() && found.status().code() == Code::kNotFound)
      return NotFound("there is no cluster {}, and no data of one", key.name);
  }
  if (!found.ok()) return found.status();
  CacheCluster cluster = *std::move(found);
  if (cluster.metadata.deletion_timestamp.empty()) {
    cluster.metadata.deletion_timestamp = Rfc3339(clock_.NowMs());
    cluster.metadata.generation += 1;
  }
  if (delete_data) cluster.metadata.annotations[std::string(api::kDeleteDataAnnotation)] = "true";
  return WriteObject(kObjects, cluster);
}

Status FileStore::Finalize(const ClusterKey& key, bool data_kept) {
  ASSIGN_OR_RETURN(const auto lock, LockChanges());
  ASSIGN_OR_RETURN(CacheCluster cluster, Get(key));
  if (cluster.metadata.deletion_timestamp.empty())
    return FailedPrecondition("cluster {} is not being deleted", key.name);
  const auto& annotations = cluster.metadata.annotations;
  // The wish to delete the data may have come while the last daemon ended.
  if (data_kept && annotations.contains(std::string(api::kDeleteDataAnnotation)))
    return FailedPrecondition("the data of cluster {} is still to be deleted", key.name);
  if (data_kept) {
    cluster.metadata.deletion_timestamp.clear();
    RETURN_IF_ERROR(WriteObject(kRetained, cluster));
  } else {
    RETURN_IF_ERROR(RemoveIfThere(PathIn(kRetained, key)));
  }
  RETURN_IF_ERROR(RemoveIfThere(PathIn(kStatus, key)));
  // Last: its absence is what a waiting command looks for.
  return io::Env::Posix().Remove(PathIn(kObjects, key));
}

Result<std::vector<ClusterKey>> FileStore::ListRetained() {
  ASSIGN_OR_RETURN(const auto names, ListFiles(fmt::format("{}/{}", home_, kRetained)));
  std::vector<ClusterKey> keys;
  for (const std::string& name : names) {
    const size_t dot = name.find('.');
    const std::string_view rest = std::string_view(name).substr(0, name.size() - kSuffix.size());
    if (dot < rest.size())
      keys.push_back({std::string(rest.substr(0, dot)), std::string(rest.substr(dot + 1))});
  }
  return keys;
}

}  // namespace headpond::controller
