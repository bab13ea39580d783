#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace headpond {

// A real process that writes until it is killed, for tests of what a kill -9 may lose: this test's
// own program, run again with "--child PATH". What it has made durable it acknowledges.
class WritingChild {
 public:
  // In the child: tells the test that everything up to `number` is durable. Any thread; false when
  // nobody listens.
  static bool Acknowledge(uint64_t number) {
    // At most PIPE_BUF bytes: whole or not at all.
    return ::write(kFd, &number, sizeof(number)) == sizeof(number);
  }

  explicit WritingChild(const std::string& path) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read_ = ends[0];
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], kFd);  // without O_CLOEXEC
      ::execl("/proc/self/exe", "writing_child", "--child", path.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
  }
  ~WritingChild() {
    Kill();
    ::close(read_);
  }
  WritingChild(const WritingChild&) = delete;
  WritingChild& operator=(const WritingChild&) = delete;

  // Kills it after `count` acknowledgements. The greatest of all that it gave until it died; 0 when
  // it ended by itself, or was silent for a minute.
  uint64_t KillAfter(uint64_t count) {
    uint64_t greatest = 0, number = 0;
    for (; count > 0; --count) {
      pollfd ready{.fd = read_, .events = POLLIN};
      if (::poll(&ready, 1, 60'000) != 1 || !Read(number)) break;
      greatest = std::max(greatest, number);
    }
    Kill();
    if (count > 0) return 0;
    while (Read(number)) greatest = std::max(greatest, number);
    return greatest;
  }

 private:
  static constexpr int kFd = 3;

  bool Read(uint64_t& number) { return ::read(read_, &number, sizeof(number)) == sizeof(number); }
  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  pid_t pid_ = -1;
  int read_ = -1;
};

}  // namespace headpond
