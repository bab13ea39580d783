#include "base/config_machine.h"

#include <pwd.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace headpond {
namespace {

// What stock assumes when it can't tell: two thirds of this are its 1 GB memory tier.
constexpr int64_t kUnknownMemoryBytes = 3LL * 512 * 1024 * 1024;

int64_t Cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
}

int64_t MemoryBytes() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  int64_t bytes = pages > 0 ? pages * sysconf(_SC_PAGESIZE) : kUnknownMemoryBytes;
  // Version 2, then version 1; "max" or a huge number means no limit.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    int64_t limit = 0;
    if (std::ifstream(path) >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace

MachineFacts MachineFacts::Detect() {
  MachineFacts facts{.cpus = Cpus(), .memory_bytes = MemoryBytes()};
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16 * 1024> buffer;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found) {
    facts.user_name = found->pw_name;
    facts.user_home = found->pw_dir;
  }
  std::error_code error;
  facts.working_dir = std::filesystem::current_path(error).string();
  return facts;
}

int64_t MachineDefault::Compute(const MachineFacts& facts) const {
  const int64_t base = unit == Unit::kCpus ? facts.cpus : facts.memory_bytes;
  int64_t product = 0;
  if (__builtin_mul_overflow(base, multiply, &product)) product = most;
  return std::clamp(product / divide, least, most);
}

}  // namespace headpond
