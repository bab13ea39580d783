#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace headpond {

// What defaults depend on. Injected, so that tests see the same values everywhere.
struct MachineFacts {
  int64_t cpus = 1;
  int64_t memory_bytes = 0;  // the container's limit when that is lower than the machine's memory
  std::string user_name;
  std::string user_home;
  std::string working_dir;

  // Asks the operating system. Reads files below /proc and /sys/fs/cgroup; never fails: 1 CPU,
  // 1.5 GiB and "" stand for what can't be found out.
  static MachineFacts Detect();
};

// A default computed from the machine: value * multiply / divide, kept within [least, most].
struct MachineDefault {
  enum class Unit { kNone, kCpus, kMemoryBytes };

  Unit unit = Unit::kNone;
  int64_t multiply = 1;
  int64_t divide = 1;
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();

  // The number for `facts`; a unit must be given. Saturates instead of overflowing.
  int64_t Compute(const MachineFacts& facts) const;
};

}  // namespace headpond
