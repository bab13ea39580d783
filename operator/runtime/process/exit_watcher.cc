#include "operator/runtime/process/exit_watcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace headpond::runtime {

ExitWatcher::ExitWatcher(std::function<void()> ended)
    : ended_(std::move(ended)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ExitWatcher::~ExitWatcher() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  Wake();
  if (thread.joinable()) thread.join();
}

Status ExitWatcher::Watch(pid_t pid, int pidfd) {
  UniqueFd copy(::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return ErrnoStatus(errno, fmt::format("watch process {}", pid));
  {
    MutexLock lock(mutex_);
    watched_.insert_or_assign(pid, std::move(copy));
    if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Run(); });
  }
  Wake();
  return Status::Ok();
}

bool ExitWatcher::IsWatched(pid_t pid) const {
  MutexLock lock(mutex_);
  return watched_.contains(pid);
}

void ExitWatcher::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written =
      ::write(wake_.get(), &one, sizeof(one));  // full means it wakes anyway
}

void ExitWatcher::Run() {
  while (true) {
    // Duplicates of our own keep the descriptors open while we sleep, whatever Watch replaces.
    std::vector<UniqueFd> copies;
    std::vector<pid_t> pids;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      for (const auto& [pid, fd] : watched_) {
        copies.emplace_back(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
        pids.push_back(pid);
      }
    }
    std::vector<pollfd> entries = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    for (const UniqueFd& copy : copies)
      entries.push_back({.fd = copy.get(), .events = POLLIN, .revents = 0});
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return;
    if (entries[0].revents != 0) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t length = ::read(wake_.get(), &count, sizeof(count));
    }
    bool any = false;
    {
      MutexLock lock(mutex_);
      for (size_t i = 0; i < pids.size(); ++i) {
        if (entries[i + 1].revents == 0) continue;
        watched_.erase(pids[i]);
        any = true;
      }
    }
    if (any) ended_();
  }
}

}  // namespace headpond::runtime
