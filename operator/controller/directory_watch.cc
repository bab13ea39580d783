#include "operator/controller/directory_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace headpond::controller {

Result<DirectoryWatch> DirectoryWatch::Open(const std::vector<std::string>& directories) {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, "inotify_init1");
  // Files are replaced by renaming, and removed.
  for (const std::string& directory : directories)
    if (::inotify_add_watch(fd.get(), directory.c_str(), IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) < 0)
      return ErrnoStatus(errno, "watch " + directory);
  return DirectoryWatch(std::move(fd));
}

void DirectoryWatch::Drain() {
  std::array<char, 4096> events;
  while (::read(fd_.get(), events.data(), events.size()) > 0) continue;
}

void DirectoryWatch::Wait(std::chrono::milliseconds timeout) {
  pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  ::poll(&entry, 1, static_cast<int>(timeout.count()));
  Drain();
}

}  // namespace headpond::controller
