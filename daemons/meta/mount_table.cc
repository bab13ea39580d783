#include "meta/mount_table.h"

#include "base/path.h"

namespace headpond::meta {
namespace {

// Whether an under-store path or URI is `ancestor` or inside it.
bool IsInside(std::string_view uri, std::string_view ancestor) {
  if (!uri.starts_with(ancestor)) return false;
  return uri.size() == ancestor.size() || ancestor.ends_with('/') || uri[ancestor.size()] == '/';
}

}  // namespace

std::string NormalizeUfsUri(std::string_view uri) {
  if (uri.starts_with("file://")) uri.remove_prefix(std::string_view("file://").size());
  const size_t scheme = uri.find("://");
  const size_t authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  const size_t first_slash = uri.find('/', authority);
  while (uri.ends_with('/') && uri.size() - 1 > first_slash) uri.remove_suffix(1);
  return std::string(uri);
}

std::string UfsRootOf(std::string_view uri) {
  const std::string plain = NormalizeUfsUri(uri);
  const size_t scheme = plain.find("://");
  if (scheme == std::string::npos) return "/";
  return plain.substr(0, plain.find('/', scheme + 3)) + "/";
}

std::string JoinUfsPath(std::string_view uri, std::string_view relative) {
  if (relative.empty()) return std::string(uri);
  std::string path;  // without fmt, as it is made for each entry of a listing
  path.reserve(uri.size() + 1 + relative.size());
  path.append(uri);
  if (!uri.ends_with('/')) path.append("/");
  return path.append(relative);
}

void MountTable::Put(MountInfo info) {
  std::string path = info.path;
  mounts_.insert_or_assign(std::move(path), std::move(info));
}

void MountTable::Remove(std::string_view path) {
  if (const auto found = mounts_.find(path); found != mounts_.end()) mounts_.erase(found);
}

const MountInfo* MountTable::FindAt(std::string_view mount_path) const {
  const auto found = mounts_.find(mount_path);
  return found == mounts_.end() ? nullptr : &found->second;
}

const MountInfo* MountTable::Find(std::string_view path) const {
  // Nearly all clusters have few mounts, so most of the path can usually be skipped.
  if (mounts_.size() <= 1) return FindAt("/");
  while (true) {
    if (const MountInfo* mount = FindAt(path)) return mount;
    if (path == "/") return nullptr;
    path = ParentOf(path);
  }
}

const MountInfo* MountTable::FindById(MountId id) const {
  for (const auto& [path, mount] : mounts_) {
    if (mount.id == id) return &mount;
  }
  return nullptr;
}

std::vector<std::string> MountTable::MountsBelow(std::string_view path) const {
  std::vector<std::string> found;
  for (const auto& [mount_path, mount] : mounts_) {
    if (mount_path != path && IsWithin(mount_path, path)) found.push_back(mount_path);
  }
  return found;
}

Result<UfsLocation> MountTable::Resolve(std::string_view path) const {
  const MountInfo* mount = Find(path);
  if (mount == nullptr) return NotFound("No mount found for path {}", path);
  std::string_view relative = path.substr(mount->path == "/" ? 0 : mount->path.size());
  if (relative.starts_with('/')) relative.remove_prefix(1);
  return UfsLocation{mount->id, JoinUfsPath(mount->ufs_uri, relative)};
}

std::optional<std::string> MountTable::ReverseResolve(std::string_view ufs_path) const {
  const std::string wanted = NormalizeUfsUri(ufs_path);
  const MountInfo* best = nullptr;
  for (const auto& [path, mount] : mounts_) {
    if (!IsInside(wanted, mount.ufs_uri)) continue;
    if (best == nullptr || mount.ufs_uri.size() > best->ufs_uri.size()) best = &mount;
  }
  if (best == nullptr) return std::nullopt;
  std::string_view relative = std::string_view(wanted).substr(best->ufs_uri.size());
  if (relative.starts_with('/')) relative.remove_prefix(1);
  return relative.empty() ? best->path : JoinPath(best->path, relative);
}

Status MountTable::CheckUriFree(std::string_view uri) const {
  const std::string wanted = NormalizeUfsUri(uri);
  for (const auto& [path, mount] : mounts_) {
    if (IsInside(wanted, mount.ufs_uri)) {
      return InvalidArgument("Mount point {} is a prefix of {}", mount.ufs_uri, wanted);
    }
    if (IsInside(mount.ufs_uri, wanted)) {
      return InvalidArgument("Mount point {} is a prefix of {}", wanted, mount.ufs_uri);
    }
  }
  return Status::Ok();
}

}  // namespace headpond::meta
