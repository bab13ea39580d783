#include "cache/recovery.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <system_error>
#include <tuple>

#include "base/log.h"

namespace headpond::cache {
namespace {

constexpr const char* kLockName = ".headpond.lock";
constexpr const char* kLengthAttribute = "user.headpond.length";

struct DirCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<UniqueFd> LockDirectory(const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kLockName);
  // Not for writing: an open writable file would keep a failing disk from being remounted
  // read-only.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return Internal("open {}: {}", path, std::generic_category().message(errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return Unavailable("block directory {} is in use by another process; give each worker its own",
                       directory);
  }
  LogWarn("block-store",
          "cannot lock {} ({}); make sure that no other worker is given this directory", path,
          std::generic_category().message(errno));
  return fd;
}

// Everything below the temporary folder, but not the folder.
Result<int64_t> DeleteTemporaries(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  int64_t deleted = 0;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code remove_error;
    const bool is_folder = entry->is_directory(remove_error) && !entry->is_symlink(remove_error);
    const uintmax_t removed = fs::remove_all(entry->path(), remove_error);
    if (remove_error) {
      return Internal("delete {}: {}", entry->path().string(), remove_error.message());
    }
    deleted += static_cast<int64_t>(removed) - (is_folder ? 1 : 0);
  }
  if (error) return Internal("list {}: {}", folder, error.message());
  return deleted;
}

}  // namespace

void KeepLength(int fd, int64_t length_bytes) {
  const std::string text = std::to_string(length_bytes);
  // Best effort: without it a block cut short by a crash is found by its reader instead.
  (void)::fsetxattr(fd, kLengthAttribute, text.data(), text.size(), 0);
}

std::optional<int64_t> KeptLength(const std::string& path) {
  std::array<char, 32> text;
  const ssize_t size = ::lgetxattr(path.c_str(), kLengthAttribute, text.data(), text.size());
  if (size <= 0) return std::nullopt;
  int64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, length);
  if (error != std::errc() || end != text.data() + size) return std::nullopt;
  return length;
}

Result<DirectoryScan> ScanBlockDirectory(const BlockLayout& layout) {
  DirectoryScan scan;
  ASSIGN_OR_RETURN(scan.lock, LockDirectory(layout.directory));
  ASSIGN_OR_RETURN(scan.temporaries_deleted, DeleteTemporaries(layout.temporary_directory));

  const std::unique_ptr<DIR, DirCloser> directory(::opendir(layout.directory.c_str()));
  const auto failure = [&](std::string_view operation) {
    return Internal("{} {}: {}", operation, layout.directory,
                    std::generic_category().message(errno));
  };
  if (directory == nullptr) return failure("open");
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return failure("list");
      return scan;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || name == kLockName) continue;
    if (layout.temporary_directory.ends_with(fmt::format("/{}", name))) continue;
    struct stat attributes;
    const BlockId block = ParseBlockName(name);
    if (block < 0 ||
        ::fstatat(::dirfd(directory.get()), entry->d_name, &attributes, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(attributes.st_mode)) {
      ++scan.ignored;
      continue;
    }
    const std::string path = layout.BlockPath(block);
    const auto kept_length = KeptLength(path);
    if (kept_length && *kept_length != attributes.st_size) {
      if (::unlink(path.c_str()) != 0) return failure("delete a block cut short in");
      ++scan.cut_short_deleted;
      continue;
    }
    scan.blocks.push_back(
        {block, attributes.st_size,
         int64_t{attributes.st_mtim.tv_sec} * 1'000'000'000 + attributes.st_mtim.tv_nsec});
  }
}

TrimPlan PlanTrim(std::vector<FoundBlock> blocks, int64_t quota_bytes) {
  std::sort(blocks.begin(), blocks.end(), [](const FoundBlock& a, const FoundBlock& b) {
    return std::tie(a.committed_ns, a.block) > std::tie(b.committed_ns, b.block);
  });
  TrimPlan plan;
  int64_t left = quota_bytes;
  for (const FoundBlock& block : blocks) {
    const bool fits = block.length_bytes <= left;
    if (fits) left -= block.length_bytes;
    (fits ? plan.kept : plan.dropped).push_back(block);
  }
  std::reverse(plan.kept.begin(), plan.kept.end());
  return plan;
}

}  // namespace headpond::cache
