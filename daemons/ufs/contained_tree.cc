#include "ufs/contained_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/path.h"
#include "ufs/posix_files.h"

namespace headpond::ufs {
namespace {

constexpr std::string_view kTemporaryPrefix = ".headpond-";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr size_t kTemporaryDigits = 16;

// Where the kernel says that an open descriptor lies now.
Result<std::string> PlaceOf(int fd, std::string_view path) {
  const std::string link = fmt::format("/proc/self/fd/{}", fd);
  std::array<char, PATH_MAX> place;
  const ssize_t length = ::readlink(link.c_str(), place.data(), place.size());
  if (length < 0) {
    return Internal("cannot verify where {} leads: reading {} failed (is /proc mounted?)", path,
                    link);
  }
  return std::string(place.data(), static_cast<size_t>(length));
}

}  // namespace

Result<std::string> LocalPathOf(std::string_view path_or_uri) {
  std::string_view path = path_or_uri;
  if (path.starts_with("file:")) {
    path.remove_prefix(5);
    if (path.starts_with("//")) {
      path.remove_prefix(2);
      if (path.starts_with("localhost/")) path.remove_prefix(9);
    }
  }
  if (!path.starts_with('/')) {
    return InvalidArgument("{} is not a local path; give /folder or file:///folder",
                           path_or_uri.substr(0, 128));
  }
  return NormalizePath(path);
}

std::string TemporaryName(uint64_t random) {
  return fmt::format("{}{:016x}{}", kTemporaryPrefix, random, kTemporarySuffix);
}

bool IsTemporaryName(std::string_view name) {
  if (name.size() != kTemporaryPrefix.size() + kTemporaryDigits + kTemporarySuffix.size())
    return false;
  if (!name.starts_with(kTemporaryPrefix) || !name.ends_with(kTemporarySuffix)) return false;
  const std::string_view digits = name.substr(kTemporaryPrefix.size(), kTemporaryDigits);
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

ContainedTree::ContainedTree(std::string root, bool allow_links_outside)
    : root_(std::move(root)), allow_links_outside_(allow_links_outside) {}

Result<std::string> ContainedTree::Canonical(std::string_view path) const {
  ASSIGN_OR_RETURN(std::string canonical, LocalPathOf(path));
  if (!IsWithin(canonical, root_)) {
    return InvalidArgument("{} is outside the under-store folder {}", canonical, root_);
  }
  const auto names = PathComponents(canonical);
  if (std::any_of(names.begin(), names.end(), IsTemporaryName)) {
    return InvalidArgument("{} holds a name reserved for files being written ({}*{})", canonical,
                           kTemporaryPrefix, kTemporarySuffix);
  }
  return canonical;
}

Result<UniqueFd> ContainedTree::Open(const std::string& canonical) const {
  UniqueFd fd(::open(canonical.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) {
    // A component that is a file means the same to callers as one that is missing: there is no such
    // path.
    if (errno == ENOTDIR)
      return NotFound("open {}: a component of the path is not a directory", canonical);
    return UfsError(errno, "open", canonical);
  }
  RETURN_IF_ERROR(CheckInside(fd.get(), canonical));
  return fd;
}

Result<ContainedTree::Entry> ContainedTree::OpenParent(const std::string& canonical) const {
  if (canonical == root_) return InvalidArgument("{} is the under-store folder itself", canonical);
  ASSIGN_OR_RETURN(UniqueFd parent, Open(std::string(ParentOf(canonical))));
  return Entry{std::move(parent), std::string(BaseName(canonical))};
}

Status ContainedTree::CheckInside(int fd, const std::string& canonical) const {
  if (allow_links_outside_) return Status::Ok();
  ASSIGN_OR_RETURN(const std::string place, PlaceOf(fd, canonical));
  {
    MutexLock lock(mutex_);
    if (!real_root_.empty() && IsWithin(place, real_root_)) return Status::Ok();
  }
  // Not seen yet, or the folder's own path leads elsewhere since.
  ASSIGN_OR_RETURN(const std::string real_root, ReadRealRoot());
  {
    MutexLock lock(mutex_);
    real_root_ = real_root;
  }
  if (IsWithin(place, real_root)) return Status::Ok();
  return InvalidArgument("{} leads outside the under-store folder {} by a symbolic link", canonical,
                         root_);
}

Result<std::string> ContainedTree::ReadRealRoot() const {
  const UniqueFd fd(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return UfsError(errno, "open under-store folder", root_);
  return PlaceOf(fd.get(), root_);
}

}  // namespace headpond::ufs
