#include "cache/space_check.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <fstream>
#include <map>
#include <optional>

namespace headpond::cache {
namespace {

// linux/magic.h
constexpr long kTmpfsMagic = 0x01021994;
constexpr long kRamfsMagic = 0x858458f6;

struct FileSystemNeed {
  std::string directories;
  int64_t quota_bytes = 0;
  int64_t used_bytes = 0;
  int64_t available_bytes = 0;
};

// The limit of the control group that a container sees as its own; none when there is none.
std::optional<int64_t> MemoryLimit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  int64_t limit = 0;
  if (!(file >> limit)) return std::nullopt;  // no such file, or "max"
  return limit;
}

}  // namespace

std::vector<std::string> SpaceWarnings(const std::vector<DirectoryNeed>& needs) {
  std::map<dev_t, FileSystemNeed> file_systems;
  int64_t memory_quota = 0;
  for (const DirectoryNeed& need : needs) {
    struct stat attributes;
    struct statfs space;
    if (::stat(need.directory.c_str(), &attributes) != 0) continue;
    if (::statfs(need.directory.c_str(), &space) != 0) continue;
    if (space.f_type == kTmpfsMagic || space.f_type == kRamfsMagic) {
      memory_quota += need.quota_bytes;
    }
    FileSystemNeed& file_system = file_systems[attributes.st_dev];
    if (!file_system.directories.empty()) file_system.directories += ", ";
    file_system.directories += need.directory;
    file_system.quota_bytes += need.quota_bytes;
    file_system.used_bytes += need.used_bytes;
    // ramfs says 0 of 0: it has no limit of its own.
    file_system.available_bytes =
        space.f_blocks == 0 ? INT64_MAX : static_cast<int64_t>(space.f_bavail) * space.f_bsize;
  }
  std::vector<std::string> warnings;
  for (const auto& [device, file_system] : file_systems) {
    const int64_t wanted = file_system.quota_bytes - file_system.used_bytes;
    if (wanted <= file_system.available_bytes) continue;
    warnings.push_back(fmt::format(
        "the quota of {} is {} bytes, {} of them used, but the file system has only {} bytes left; "
        "writes will fail before the quota is reached: lower the quota or free {} bytes",
        file_system.directories, file_system.quota_bytes, file_system.used_bytes,
        file_system.available_bytes, wanted - file_system.available_bytes));
  }
  const auto limit = MemoryLimit();
  if (limit && memory_quota > *limit) {
    warnings.push_back(fmt::format(
        "the quotas of directories in memory are {} bytes, but the memory limit of this container "
        "is {} bytes and their pages count to it; raise the limit above the quotas or lower them",
        memory_quota, *limit));
  }
  return warnings;
}

}  // namespace headpond::cache
