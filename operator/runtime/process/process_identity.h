#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace headpond::runtime {

// One process, for ever: a pid alone is used again, and after a restart of the machine so is a
// start time.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // since boot: field 22 of /proc/<pid>/stat
  std::string boot_id;       // /proc/sys/kernel/random/boot_id
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

// NotFound when there is no such process.
Result<ProcessIdentity> IdentityOf(pid_t pid);

// A pidfd of exactly this process, which becomes readable when it ends and through which signals
// can't reach another. NotFound when it has ended (a zombie that is not reaped yet still counts as
// there).
Result<UniqueFd> OpenProcess(const ProcessIdentity& identity);

// NotFound when it has ended.
Status SignalProcess(const ProcessIdentity& identity, int signal);

// True when the process has ended (a zombie has), told from its pidfd without waiting.
bool HasEnded(int pidfd);

}  // namespace headpond::runtime
