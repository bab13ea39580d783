#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headpond::cache {

// What a block directory may still take, for comparison with what its file system has.
struct DirectoryNeed {
  std::string directory;
  int64_t quota_bytes;
  int64_t used_bytes;
};

// One text for each file system that is too small for the quotas of the directories on it, with the
// figures, and one when directories in memory (tmpfs, ramfs) may together outgrow the memory limit
// of this process's control group, to which their pages count: the kernel then kills the worker. A
// worker can run like that: a write that finds no room fails with ResourceExhausted.
std::vector<std::string> SpaceWarnings(const std::vector<DirectoryNeed>& needs);

}  // namespace headpond::cache
