#include "operator/runtime/docker/container_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "io/env.h"
#include "operator/runtime/docker/tar.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;

constexpr std::string_view kStampName = ".headpond-volume";
constexpr size_t kMaxStampBytes = 64 << 10;
constexpr int kFolderMode = 0700, kFileMode = 0600, kSharedMode = 0755;

struct Owner {
  int64_t uid = 0, gid = 0;
};

Owner OwnerOf(const plan::Workload& workload) {
  const std::string& user = workload.container->settings.user;  // "1000:1000", as the schema says
  Owner owner;
  const char* const end = user.data() + user.size();
  const auto uid = std::from_chars(user.data(), end, owner.uid);
  if (uid.ptr != end) std::from_chars(uid.ptr + 1, end, owner.gid);
  return owner;
}

bool IsStamped(const plan::Volume& volume) {
  return !volume.mount.empty() && volume.kind != plan::VolumeKind::kUnderStore;
}

// Collects the entries of one mount; parents come before what is in them, once.
class MountEntries {
 public:
  MountEntries(std::string mount, Owner owner) : mount_(std::move(mount)), owner_(owner) {}

  void AddFolder(const std::string& path, int mode) {
    if (path.size() <= mount_.size() || !path.starts_with(mount_ + "/")) return;
    AddFolder(path.substr(0, path.rfind('/')), mode);
    const std::string relative = path.substr(mount_.size() + 1);
    if (std::ranges::find(entries_, relative, &TarEntry::path) != entries_.end()) return;
    entries_.push_back(
        {.path = relative, .is_folder = true, .mode = mode, .uid = owner_.uid, .gid = owner_.gid});
  }
  void AddFile(const std::string& path, std::string content) {
    AddFolder(path.substr(0, path.rfind('/')), kFolderMode);
    entries_.push_back({.path = path.substr(mount_.size() + 1),
                        .mode = kFileMode,
                        .uid = owner_.uid,
                        .gid = owner_.gid,
                        .content = std::move(content)});
  }
  bool Contains(const std::string& path) const { return path.starts_with(mount_ + "/"); }
  Result<Upload> Make() const {
    ASSIGN_OR_RETURN(std::string tar, WriteTar(entries_));
    return Upload{mount_.empty() ? "/" : mount_, std::move(tar)};
  }
  const std::string& mount() const { return mount_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::string mount_;
  Owner owner_;
  std::vector<TarEntry> entries_;
};

std::string Stamp(const ClusterRef& cluster, const plan::Volume& volume) {
  const json stamp = {{"namespace", cluster.name_space},
                      {"cluster", cluster.name},
                      {"uid", cluster.uid},
                      {"volume", volume.name}};
  return stamp.dump(2) + "\n";
}

std::string UidOfStamp(const std::string& text) {
  const json stamp = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!stamp.is_object() || !stamp.contains("uid") || !stamp["uid"].is_string())
    return "unreadable";
  return stamp["uid"].get<std::string>();
}

Status CheckStamp(Engine& engine, const std::string& container_id, const ClusterRef& cluster,
                  const plan::Volume& volume) {
  const std::string where = volume.host_path.empty() ? "volume " + volume.volume_name : volume.path;
  const auto stamp = engine.GetArchive(container_id, fmt::format("{}/{}", volume.path, kStampName),
                                       kMaxStampBytes);
  if (stamp.ok()) {
    ASSIGN_OR_RETURN(const std::vector<TarEntry> entries, ReadTar(*stamp));
    const std::string uid = entries.empty() ? "unreadable" : UidOfStamp(entries[0].content);
    if (uid == cluster.uid) return Status::Ok();
    return FailedPrecondition(
        "{} holds data of another cluster (uid {}); move it away or use another folder", where,
        uid);
  }
  if (stamp.status().code() != Code::kNotFound) return stamp.status();
  // A volume with our label is ours from its creation on; half a start leaves it without a stamp.
  if (volume.host_path.empty()) return Status::Ok();
  const auto folder = engine.GetArchive(container_id, volume.path, kMaxStampBytes);
  if (folder.status().code() == Code::kNotFound) return Status::Ok();
  if (!folder.ok()) return folder.status();
  ASSIGN_OR_RETURN(const std::vector<TarEntry> entries, ReadTar(*folder));
  if (entries.size() <= 1) return Status::Ok();  // the folder itself
  return FailedPrecondition(
      "{} holds data that no cluster of ours made; move it away or use another folder", where);
}

}  // namespace

Result<std::vector<Upload>> UploadsFor(const ClusterRef& cluster, const plan::Workload& workload) {
  const Owner owner = OwnerOf(workload);
  std::vector<MountEntries> mounts;
  const auto at = [&](const std::string& mount) -> MountEntries& {
    const auto found = std::ranges::find(mounts, mount, &MountEntries::mount);
    if (found != mounts.end()) return *found;
    return mounts.emplace_back(mount, owner);
  };
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.mount.empty()) continue;
    MountEntries& entries = at(volume.mount);
    if (IsStamped(volume)) {
      entries.AddFile(fmt::format("{}/{}", volume.path, kStampName), Stamp(cluster, volume));
      entries.AddFolder(volume.data_path(), kFolderMode);
    } else if (!volume.volume_name.empty()) {
      entries.AddFolder(volume.path, kSharedMode);
    }
  }
  const auto holding = [&](const std::string& path) {
    return std::ranges::find_if(mounts, [&](const auto& mount) { return mount.Contains(path); });
  };
  if (const auto mount = holding(workload.logs_dir); mount != mounts.end())
    mount->AddFolder(workload.logs_dir, kFolderMode);
  MountEntries own("", owner);  // the container's own file system
  for (const auto& [path, content] : workload.files) {
    const auto mount = holding(path);
    (mount == mounts.end() ? own : *mount).AddFile(path, content);
  }
  std::vector<Upload> uploads;
  mounts.push_back(std::move(own));
  for (const MountEntries& mount : mounts) {
    if (mount.empty()) continue;
    ASSIGN_OR_RETURN(Upload upload, mount.Make());
    uploads.push_back(std::move(upload));
  }
  return uploads;
}

Status CheckStampOnHost(const std::string& folder, const ClusterRef& cluster) {
  // A container's user may keep it from ours: its start has seen to it then.
  const auto stamp = io::ReadWholeFile(io::Env::Posix(), fmt::format("{}/{}", folder, kStampName),
                                       int64_t{kMaxStampBytes});
  if (!stamp.ok()) return Status::Ok();
  const std::string uid = UidOfStamp(*stamp);
  if (uid == cluster.uid) return Status::Ok();
  return FailedPrecondition("{} holds data of another cluster (uid {}); move it away", folder, uid);
}

Status CheckStamps(Engine& engine, const std::string& container_id, const ClusterRef& cluster,
                   const plan::Workload& workload) {
  for (const plan::Volume& volume : workload.volumes)
    if (IsStamped(volume)) RETURN_IF_ERROR(CheckStamp(engine, container_id, cluster, volume));
  return Status::Ok();
}

}  // namespace headpond::runtime
