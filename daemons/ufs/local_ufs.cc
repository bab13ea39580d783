#include "ufs/local_ufs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/log.h"
#include "base/path.h"
#include "ufs/local_reader.h"
#include "ufs/local_writer.h"
#include "ufs/posix_files.h"
#include "ufs/remove_tree.h"

namespace headpond::ufs {
namespace {

constexpr uint16_t kPermissionBits = 07777;
constexpr uint16_t kParentMode = 0755;

struct DirCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<struct stat> StatFd(int fd, std::string_view path) {
  struct stat attributes;
  if (::fstat(fd, &attributes) != 0) return UfsError(errno, "stat", path);
  return attributes;
}

// Neither takes the place of something, where the file system can promise that.
int RenameWithoutReplacing(const ContainedTree::Entry& from, const ContainedTree::Entry& to) {
  const int from_fd = from.parent.get();
  const int to_fd = to.parent.get();
  if (::renameat2(from_fd, from.name.c_str(), to_fd, to.name.c_str(), RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  struct stat existing;
  if (::fstatat(to_fd, to.name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return ::renameat(from_fd, from.name.c_str(), to_fd, to.name.c_str()) == 0 ? 0 : errno;
}

Result<bool> ParseBool(const std::map<std::string, std::string>& properties,
                       const std::string& key) {
  const auto property = properties.find(key);
  if (property == properties.end() || property->second == "false") return false;
  if (property->second == "true") return true;
  return InvalidArgument("{}={}: must be true or false", key, property->second);
}

}  // namespace

Result<LocalUfsOptions> LocalUfsOptions::FromProperties(
    const std::map<std::string, std::string>& properties) {
  LocalUfsOptions options;
  ASSIGN_OR_RETURN(options.skip_broken_links,
                   ParseBool(properties, "alluxio.underfs.local.skip.broken.symlinks"));
  ASSIGN_OR_RETURN(options.allow_links_outside,
                   ParseBool(properties, "headpond.underfs.local.allow.links.outside"));
  ASSIGN_OR_RETURN(options.allow_set_owner_failure,
                   ParseBool(properties, "alluxio.underfs.allow.set.owner.failure"));
  return options;
}

LocalUfs::LocalUfs(std::string root, LocalUfsOptions options, const Clock& clock)
    : tree_(std::move(root), options.allow_links_outside),
      options_(options),
      owners_(std::make_shared<Owners>(clock)),
      random_(Random::FromSystem()) {}

Result<UfsStatus> LocalUfs::GetStatus(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  return StatusOf(canonical);
}

Result<UfsStatus> LocalUfs::StatusOf(const std::string& canonical) {
  ASSIGN_OR_RETURN(const UniqueFd fd, tree_.Open(canonical));
  ASSIGN_OR_RETURN(const struct stat attributes, StatFd(fd.get(), canonical));
  if (!S_ISREG(attributes.st_mode) && !S_ISDIR(attributes.st_mode)) {
    return InvalidArgument("{} is neither a file nor a directory", canonical);
  }
  return ToUfsStatus(attributes, std::string(BaseName(canonical)), *owners_);
}

Status LocalUfs::List(const std::string& path, const std::function<Status(UfsStatus)>& visit) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const UniqueFd place, tree_.Open(canonical));
  UniqueFd fd(::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return UfsError(errno, "list", canonical);
  const std::unique_ptr<DIR, DirCloser> directory(::fdopendir(fd.get()));
  if (directory == nullptr) return UfsError(errno, "list", canonical);
  const int directory_fd = fd.Release();  // closedir closes it
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) return errno == 0 ? Status::Ok() : UfsError(errno, "list", canonical);
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || IsTemporaryName(name)) continue;
    ASSIGN_OR_RETURN(auto child, StatusOfChild(directory_fd, canonical, entry->d_name));
    if (child) RETURN_IF_ERROR(visit(*std::move(child)));
  }
}

Result<std::optional<UfsStatus>> LocalUfs::StatusOfChild(int directory_fd,
                                                         const std::string& canonical,
                                                         const char* name) {
  struct stat attributes;
  if (::fstatat(directory_fd, name, &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<UfsStatus>();  // removed since the directory was read
    return UfsError(errno, "stat", JoinPath(canonical, name));
  }
  if (S_ISREG(attributes.st_mode) || S_ISDIR(attributes.st_mode)) {
    return std::optional(ToUfsStatus(attributes, name, *owners_));
  }
  if (!S_ISLNK(attributes.st_mode)) return std::optional<UfsStatus>();

  auto target = StatusOf(JoinPath(canonical, name));
  if (target.ok()) return std::optional(*std::move(target));
  switch (target.status().code()) {
    case Code::kNotFound:
      if (options_.skip_broken_links) return std::optional<UfsStatus>();
      return NotFound(
          "list {}: {} is a symbolic link that leads nowhere; remove it or mount with "
          "alluxio.underfs.local.skip.broken.symlinks=true",
          canonical, name);
    case Code::kInvalidArgument:
      // Leads outside, or to a device. Failing the listing would let one user's link hide
      // everybody's files.
      LogDebug("ufs", "list {}: left out {}: {}", canonical, name, target.status().message());
      return std::optional<UfsStatus>();
    default: return target.status();
  }
}

Result<std::unique_ptr<UfsReader>> LocalUfs::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const UniqueFd place, tree_.Open(canonical));
  ASSIGN_OR_RETURN(const struct stat attributes, StatFd(place.get(), canonical));
  // Before the real open, which would block on a pipe and may move a device.
  if (!S_ISREG(attributes.st_mode)) return InvalidArgument("open {}: it is not a file", canonical);
  ASSIGN_OR_RETURN(UniqueFd fd, Reopen(place.get(), O_RDONLY, canonical));
  return LocalReader::Make(std::move(fd), canonical);
}

Result<std::unique_ptr<UfsWriter>> LocalUfs::Create(const std::string& path,
                                                    const CreateOptions& options) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  if (canonical == root())
    return InvalidArgument("create {}: it is the under-store folder itself", canonical);
  const auto existing = StatusOf(canonical);
  if (existing.ok() && existing->is_directory)
    return InvalidArgument("create {}: it is a directory", canonical);
  if (!existing.ok() && existing.status().code() != Code::kNotFound) return existing.status();

  auto entry = tree_.OpenParent(canonical);
  if (!entry.ok() && entry.status().code() == Code::kNotFound && options.create_parents) {
    CreateOptions parent_options = options;
    parent_options.mode = kParentMode;
    RETURN_IF_ERROR(MakeDirectories(std::string(ParentOf(canonical)), parent_options));
    entry = tree_.OpenParent(canonical);
  }
  if (!entry.ok()) return entry.status();
  return LocalWriter::Make({*std::move(entry), canonical, options}, NextRandom(), owners_);
}

Status LocalUfs::CreateDirectory(const std::string& path, const CreateOptions& options) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  if (canonical != root()) return MakeDirectories(canonical, options);
  // The store's own folder, asked for by name: its parents are not the store's business and must
  // exist.
  const UniqueFd existing(::open(canonical.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (existing.valid()) return Status::Ok();
  const std::string parent_path(ParentOf(canonical));
  const UniqueFd parent(::open(parent_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return UfsError(errno, "open", parent_path);
  return MakeDirectory(parent.get(), canonical, options);
}

Status LocalUfs::MakeDirectories(const std::string& canonical, const CreateOptions& options) {
  std::vector<std::string> missing;  // deepest first
  std::string existing = canonical;
  while (true) {
    const auto fd = tree_.Open(existing);
    if (fd.ok()) {
      ASSIGN_OR_RETURN(const struct stat attributes, StatFd(fd->get(), existing));
      if (!S_ISDIR(attributes.st_mode))
        return InvalidArgument("create {}: {} is a file", canonical, existing);
      break;
    }
    if (fd.status().code() != Code::kNotFound) return fd.status();
    if (existing == root())
      return NotFound("create {}: the under-store folder {} does not exist", canonical, root());
    if (!options.create_parents && !missing.empty())
      return NotFound("create {}: {} does not exist", canonical, existing);
    missing.push_back(existing);
    existing = std::string(ParentOf(existing));
  }
  for (auto level = missing.rbegin(); level != missing.rend(); ++level) {
    ASSIGN_OR_RETURN(const auto entry, tree_.OpenParent(*level));
    RETURN_IF_ERROR(MakeDirectory(entry.parent.get(), *level, options));
  }
  return Status::Ok();
}

Status LocalUfs::MakeDirectory(int parent_fd, const std::string& canonical,
                               const CreateOptions& options) {
  const std::string name(BaseName(canonical));
  if (::mkdirat(parent_fd, name.c_str(), 0700) != 0) {
    if (errno != EEXIST) return UfsError(errno, "create directory", canonical);
    struct stat existing;
    if (::fstatat(parent_fd, name.c_str(), &existing, 0) == 0 && S_ISDIR(existing.st_mode))
      return Status::Ok();
    return InvalidArgument("create directory {}: something else has that name", canonical);
  }
  const UniqueFd fd(
      ::openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return UfsError(errno, "open directory", canonical);
  owners_->TryChange(fd.get(), options.owner, options.group, canonical);
  if (::fchmod(fd.get(), options.mode & kPermissionBits) != 0)
    return UfsError(errno, "chmod", canonical);
  return SyncDirectory(parent_fd, canonical);
}

Status LocalUfs::DeleteFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const auto entry, tree_.OpenParent(canonical));
  if (::unlinkat(entry.parent.get(), entry.name.c_str(), 0) != 0)
    return UfsError(errno, "delete", canonical);
  return Status::Ok();
}

Status LocalUfs::DeleteDirectory(const std::string& path, const DeleteOptions& options) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const auto entry, tree_.OpenParent(canonical));
  struct stat attributes;
  if (::fstatat(entry.parent.get(), entry.name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
    return UfsError(errno, "delete", canonical);
  }
  if (S_ISLNK(attributes.st_mode)) {
    ASSIGN_OR_RETURN(const UfsStatus target, StatusOf(canonical));
    if (!target.is_directory) return InvalidArgument("delete {}: it is not a directory", canonical);
    if (::unlinkat(entry.parent.get(), entry.name.c_str(), 0) != 0)
      return UfsError(errno, "delete", canonical);
    return Status::Ok();
  }
  if (!S_ISDIR(attributes.st_mode))
    return InvalidArgument("delete {}: it is not a directory", canonical);
  return options.recursive ? RemoveTree(entry.parent.get(), entry.name, canonical)
                           : RemoveEmptyDirectory(entry.parent.get(), entry.name, canonical);
}

Status LocalUfs::Rename(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const std::string canonical_from, tree_.Canonical(from));
  ASSIGN_OR_RETURN(const std::string canonical_to, tree_.Canonical(to));
  ASSIGN_OR_RETURN(const auto source, tree_.OpenParent(canonical_from));
  ASSIGN_OR_RETURN(const auto target, tree_.OpenParent(canonical_to));
  const int error = RenameWithoutReplacing(source, target);
  if (error != 0) {
    const Status status =
        UfsError(error, "rename", fmt::format("{} to {}", canonical_from, canonical_to));
    return error == EXDEV
               ? status.WithContext("another file system is mounted inside the under-store folder")
               : status;
  }
  RETURN_IF_ERROR(SyncDirectory(target.parent.get(), canonical_to));
  return SyncDirectory(source.parent.get(), canonical_from);
}

Status LocalUfs::SetOwner(const std::string& path, const std::string& owner,
                          const std::string& group) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const UniqueFd fd, tree_.Open(canonical));
  if (options_.allow_set_owner_failure) {
    owners_->TryChange(fd.get(), owner, group, canonical);
    return Status::Ok();
  }
  ASSIGN_OR_RETURN(const OwnerIds ids, Owners::Find(owner, group));
  return Owners::Change(fd.get(), ids, canonical);
}

Status LocalUfs::SetMode(const std::string& path, uint16_t mode) {
  ASSIGN_OR_RETURN(const std::string canonical, tree_.Canonical(path));
  ASSIGN_OR_RETURN(const UniqueFd fd, tree_.Open(canonical));
  const std::string link =
      fmt::format("/proc/self/fd/{}", fd.get());  // fchmod does not take O_PATH descriptors
  if (::chmod(link.c_str(), mode & kPermissionBits) != 0)
    return UfsError(errno, "chmod", canonical);
  return Status::Ok();
}

Result<Ufs::Space> LocalUfs::GetSpace() {
  struct statvfs space;
  if (::statvfs(root().c_str(), &space) != 0) return UfsError(errno, "statvfs", root());
  const int64_t unit = static_cast<int64_t>(space.f_frsize);
  return Space{.total_bytes = static_cast<int64_t>(space.f_blocks) * unit,
               .used_bytes = static_cast<int64_t>(space.f_blocks - space.f_bfree) * unit};
}

uint64_t LocalUfs::NextRandom() {
  MutexLock lock(mutex_);
  return random_.Next();
}

}  // namespace headpond::ufs
