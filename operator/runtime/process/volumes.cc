#include "operator/runtime/process/volumes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/log.h"
#include "base/units.h"
#include "io/env.h"
#include "operator/plan/restore.h"
#include "operator/runtime/journal_folders.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;

constexpr std::string_view kStampName = ".headpond-volume";
constexpr int64_t kMaxStampBytes = 64 << 10;
constexpr int64_t kMaxListBytes = 16 << 20;
constexpr mode_t kPrivate = 0700;
constexpr mode_t kForeignBits = 0077;

Status MakePrivateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), kPrivate) == 0 || errno == EEXIST) return Status::Ok();
  return ErrnoStatus(errno, "create " + path);
}

}  // namespace

Volumes::Volumes(ClusterRef cluster, std::string cluster_dir, std::string memory_dir)
    : cluster_(std::move(cluster)),
      cluster_dir_(std::move(cluster_dir)),
      memory_dir_(std::move(memory_dir)) {}

std::string Volumes::ListPath() const {
  return cluster_dir_ + "/volumes.json";
}

Result<std::vector<std::string>> Volumes::ReadList() const {
  ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(ListPath()));
  if (!exists) return std::vector<std::string>();
  ASSIGN_OR_RETURN(const std::string text,
                   io::ReadWholeFile(io::Env::Posix(), ListPath(), kMaxListBytes));
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool well_formed = list.is_array() && std::ranges::all_of(list, [](const json& item) {
                             return item.is_string();
                           });
  if (!well_formed) return Status(Code::kDataLoss, ListPath() + " is not a list of folders");
  return list.get<std::vector<std::string>>();
}

Status Volumes::AddToList(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<std::string> list, ReadList());
  if (std::ranges::find(list, path) != list.end()) return Status::Ok();
  list.push_back(path);
  return io::WriteFileAtomically(io::Env::Posix(), ListPath(), json(list).dump(2) + "\n");
}

Status Volumes::CheckOwner(const std::string& path) const {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISDIR(info.st_mode)) return FailedPrecondition("{} is not a folder", path);
  if (info.st_uid != ::geteuid())
    return FailedPrecondition("{} belongs to user {}, not to us", path, info.st_uid);
  return Status::Ok();
}

Result<std::string> Volumes::StampOf(const std::string& path) const {
  const std::string stamp = fmt::format("{}/{}", path, kStampName);
  ASSIGN_OR_RETURN(const std::string text,
                   io::ReadWholeFile(io::Env::Posix(), stamp, kMaxStampBytes));
  const json content = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!content.is_object() || !content.contains("uid") || !content["uid"].is_string())
    return Status(Code::kDataLoss, stamp + " is damaged");
  return content["uid"].get<std::string>();
}

Status Volumes::CheckSpace(const plan::Volume& volume) const {
  if (volume.kind != plan::VolumeKind::kMemory) return Status::Ok();
  struct statvfs info {};
  if (::statvfs(volume.path.c_str(), &info) != 0) return ErrnoStatus(errno, volume.path);
  const auto capacity = static_cast<int64_t>(info.f_blocks * info.f_frsize);
  if (volume.size_bytes <= capacity) return Status::Ok();
  return ResourceExhausted(
      "the memory level wants {}, but the file system of {} holds {} in all: lower the level's "
      "quota "
      "or enlarge it (mount -o remount,size=...)",
      FormatSize(volume.size_bytes), volume.path, FormatSize(capacity));
}

Status Volumes::Prepare(const plan::Volume& volume) {
  io::Env& env = io::Env::Posix();
  if (volume.kind == plan::VolumeKind::kUnderStore) return env.CreateDirectories(volume.path);

  RETURN_IF_ERROR(AddToList(volume.path));
  const std::string parent = io::ParentDirectory(volume.path);
  if (parent == memory_dir_) {
    RETURN_IF_ERROR(MakePrivateDirectory(parent));
    RETURN_IF_ERROR(CheckOwner(parent));
    struct stat info {};
    if (::stat(parent.c_str(), &info) != 0 || (info.st_mode & kForeignBits) != 0)
      return FailedPrecondition("{} is open to other users; run chmod 700 on it", parent);
  } else {
    RETURN_IF_ERROR(env.CreateDirectories(parent));
  }
  RETURN_IF_ERROR(MakePrivateDirectory(volume.path));
  RETURN_IF_ERROR(CheckOwner(volume.path));

  const auto stamp = StampOf(volume.path);
  if (stamp.ok() && *stamp != cluster_.uid)
    return FailedPrecondition(
        "{} holds data of another cluster (uid {}); move it away or use another folder",
        volume.path, *stamp);
  if (!stamp.ok()) {
    if (stamp.status().code() != Code::kNotFound) return stamp.status();
    ASSIGN_OR_RETURN(const auto names, env.List(volume.path));
    // Half a stamp is what a crash right here leaves behind.
    if (!std::ranges::all_of(names,
                             [](const std::string& name) { return name.starts_with(kStampName); }))
      return FailedPrecondition(
          "{} holds data that no cluster of ours made; move it away or use another folder",
          volume.path);
    RETURN_IF_ERROR(WriteStamp(volume.path, volume.name));
  }
  RETURN_IF_ERROR(MakePrivateDirectory(volume.data_path()));
  return CheckSpace(volume);
}

Status Volumes::WriteStamp(const std::string& path, const std::string& volume) const {
  const json content = {{"namespace", cluster_.name_space},
                        {"cluster", cluster_.name},
                        {"uid", cluster_.uid},
                        {"volume", volume}};
  return io::WriteFileAtomically(io::Env::Posix(), fmt::format("{}/{}", path, kStampName),
                                 content.dump(2) + "\n");
}

Status Volumes::CheckOurs(const std::string& path) const {
  ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(path));
  if (!exists) return Status::Ok();
  RETURN_IF_ERROR(CheckOwner(path));
  const auto stamp = StampOf(path);
  // Without one it is what a crash before the stamp leaves behind, or somebody else's.
  if (stamp.status().code() == Code::kNotFound) {
    ASSIGN_OR_RETURN(const auto names, io::Env::Posix().List(path));
    if (names.empty()) return Status::Ok();
    return FailedPrecondition("{} holds data that no cluster of ours made; move it away", path);
  }
  RETURN_IF_ERROR(stamp.status());
  if (*stamp == cluster_.uid) return Status::Ok();
  return FailedPrecondition("{} holds data of another cluster (uid {}); move it away", path,
                            *stamp);
}

Status Volumes::SetAside(const plan::Volume& volume, const std::string& tag) {
  const std::string aside = plan::SetAsidePath(volume.path, tag);
  for (const std::string& parent : {cluster_dir_, io::ParentDirectory(volume.path)})
    RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(parent));
  RETURN_IF_ERROR(CheckOurs(volume.path));
  RETURN_IF_ERROR(AddToList(aside));
  RETURN_IF_ERROR(SetAsideFolder(volume.path, tag));
  if (StampOf(aside).status().code() != Code::kNotFound) return Status::Ok();
  return WriteStamp(aside, volume.name);
}

Status Volumes::PutBack(const plan::Volume& volume, const std::string& tag) {
  RETURN_IF_ERROR(CheckOurs(volume.path));
  RETURN_IF_ERROR(AddToList(plan::FailedPath(volume.path, tag)));
  return PutBackFolder(volume.path, tag);
}

Result<bool> Volumes::HasData() const {
  ASSIGN_OR_RETURN(const auto list, ReadList());
  for (const std::string& path : list) {
    ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(path));
    if (exists) return true;
  }
  return false;
}

Status Volumes::DeleteAll() {
  ASSIGN_OR_RETURN(const auto list, ReadList());
  for (const std::string& path : list) {
    ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(path));
    if (!exists) continue;
    const Status owner = CheckOwner(path);
    const auto stamp = StampOf(path);
    if (!owner.ok() || !stamp.ok() || *stamp != cluster_.uid) {
      LogWarn("volumes", "kept {}: it is not (any more) a folder of cluster {}", path,
              cluster_.name);
      continue;
    }
    // The stamp goes last, so that an interrupted removal is resumed and not mistaken for
    // somebody's data.
    std::error_code error;
    std::filesystem::remove_all(path + "/data", error);
    if (!error) std::filesystem::remove_all(path, error);
    if (error) return ErrnoStatus(error.value(), "delete " + path);
    LogInfo("volumes", "deleted {}", path);
  }
  const Status removed = io::Env::Posix().Remove(ListPath());
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

}  // namespace headpond::runtime
