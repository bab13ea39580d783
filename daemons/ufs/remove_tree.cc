#include "ufs/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>

#include "base/unique_fd.h"
#include "ufs/local_writer.h"
#include "ufs/posix_files.h"

namespace headpond::ufs {
namespace {

// Some file systems skip entries when others vanish during a listing, and somebody may add some.
constexpr int kMaxPasses = 3;

struct DirCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Calls `visit` with each entry of a directory but "." and "..".
Status ForEachEntry(int parent_fd, const std::string& name, std::string_view path,
                    const std::function<Status(int directory_fd, const dirent& entry)>& visit) {
  UniqueFd fd(::openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return UfsError(errno, "open directory", path);
  const std::unique_ptr<DIR, DirCloser> directory(::fdopendir(fd.get()));
  if (directory == nullptr) return UfsError(errno, "open directory", path);
  const int directory_fd = fd.Release();  // closedir closes it
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) return errno == 0 ? Status::Ok() : UfsError(errno, "list", path);
    const std::string_view entry_name = entry->d_name;
    if (entry_name == "." || entry_name == "..") continue;
    RETURN_IF_ERROR(visit(directory_fd, *entry));
  }
}

Status RemoveEntry(int directory_fd, const dirent& entry, const std::string& path) {
  if (entry.d_type != DT_DIR) {
    if (::unlinkat(directory_fd, entry.d_name, 0) == 0 || errno == ENOENT) return Status::Ok();
    if (errno != EISDIR)
      return UfsError(errno, "delete", path);  // EISDIR: a file system without d_type
  }
  return RemoveTree(directory_fd, entry.d_name, path);
}

// Each one by itself, never the whole tree: a writer may complete a file here at any moment.
Status RemoveAbandonedFiles(int parent_fd, const std::string& name, std::string_view path) {
  return ForEachEntry(parent_fd, name, path, [](int directory_fd, const dirent& entry) {
    if (IsTemporaryName(entry.d_name) && IsAbandoned(directory_fd, entry.d_name))
      ::unlinkat(directory_fd, entry.d_name, 0);
    return Status::Ok();
  });
}

}  // namespace

Status RemoveTree(int parent_fd, const std::string& name, std::string_view path) {
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const Status emptied =
        ForEachEntry(parent_fd, name, path, [&](int directory_fd, const dirent& entry) {
          return RemoveEntry(directory_fd, entry, fmt::format("{}/{}", path, entry.d_name));
        });
    if (!emptied.ok())
      return emptied.code() == Code::kNotFound && pass > 0 ? Status::Ok() : emptied;
    if (::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT)
      return Status::Ok();
    if (errno != ENOTEMPTY && errno != EEXIST) return UfsError(errno, "delete", path);
  }
  return FailedPrecondition("delete {}: somebody keeps adding to it", path);
}

Status RemoveAbandonedFiles(const std::string& path) {
  return RemoveAbandonedFiles(AT_FDCWD, path, path);
}

Status RemoveEmptyDirectory(int parent_fd, const std::string& name, std::string_view path) {
  if (::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR) == 0) return Status::Ok();
  if (errno != ENOTEMPTY && errno != EEXIST) return UfsError(errno, "delete", path);

  RETURN_IF_ERROR(RemoveAbandonedFiles(parent_fd, name, path));
  if (::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR) == 0) return Status::Ok();
  if (errno == ENOTEMPTY || errno == EEXIST) {
    return FailedPrecondition("delete {}: the directory is not empty", path);
  }
  return UfsError(errno, "delete", path);
}

}  // namespace headpond::ufs
