#include "operator/runtime/process/process_identity.h"

#include <poll.h>
#include <signal.h>

// glibc 2.36 declares these without extern "C".
extern "C" {
#include <sys/pidfd.h>
}

#include <cerrno>
#include <charconv>
#include <string_view>

#include "io/env.h"

namespace headpond::runtime {
namespace {

constexpr int kMaxProcFile = 4096;
constexpr int kFieldsBeforeStartTime =
    20;  // proc(5): starttime is field 22; the first two end with the name's ')'

Result<std::string> ReadProcFile(const std::string& path) {
  // Files in /proc have size 0, so ReadWholeFile can't be used.
  ASSIGN_OR_RETURN(const auto file, io::Env::Posix().OpenForRead(path));
  std::string content(kMaxProcFile, '\0');
  ASSIGN_OR_RETURN(const size_t length, file->ReadAt(0, content.size(), content.data()));
  content.resize(length);
  return content;
}

Result<uint64_t> StartTicks(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  ASSIGN_OR_RETURN(const std::string content, ReadProcFile(path));
  // The name may hold blanks and parentheses; nothing after its last ')' does.
  const size_t name_end = content.rfind(')');
  if (name_end == std::string::npos) return Internal("{} has no process name", path);
  std::string_view rest = std::string_view(content).substr(name_end + 1);
  for (int field = 0; field < kFieldsBeforeStartTime; ++field) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (field + 1 < kFieldsBeforeStartTime)
      rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
  uint64_t ticks = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
  if (error != std::errc()) return Internal("{} has no start time", path);
  return ticks;
}

Result<std::string> BootId() {
  ASSIGN_OR_RETURN(std::string id, ReadProcFile("/proc/sys/kernel/random/boot_id"));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace

Result<ProcessIdentity> IdentityOf(pid_t pid) {
  ASSIGN_OR_RETURN(const uint64_t ticks, StartTicks(pid));
  ASSIGN_OR_RETURN(std::string boot_id, BootId());
  return ProcessIdentity{pid, ticks, std::move(boot_id)};
}

Result<UniqueFd> OpenProcess(const ProcessIdentity& identity) {
  UniqueFd fd(::pidfd_open(identity.pid, 0));
  if (!fd.valid()) {
    if (errno == ESRCH) return NotFound("process {} has ended", identity.pid);
    return ErrnoStatus(errno, fmt::format("pidfd_open {}", identity.pid));
  }
  // Only now is the pid pinned, so what /proc says next is about the process behind the descriptor.
  const auto current = IdentityOf(identity.pid);
  if (!current.ok() || *current != identity)
    return NotFound("process {} has ended; the number belongs to another one", identity.pid);
  return fd;
}

Status SignalProcess(const ProcessIdentity& identity, int signal) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenProcess(identity));
  if (::pidfd_send_signal(fd.get(), signal, nullptr, 0) == 0) return Status::Ok();
  if (errno == ESRCH) return NotFound("process {} has ended", identity.pid);
  return ErrnoStatus(errno, fmt::format("send signal {} to process {}", signal, identity.pid));
}

bool HasEnded(int pidfd) {
  pollfd entry{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

}  // namespace headpond::runtime
