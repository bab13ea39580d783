#include "base/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/unique_fd.h"

namespace headpond {
namespace {

using SteadyClock = std::chrono::steady_clock;

int MillisecondsLeft(SteadyClock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

// A child with a socket for its input and output. Killed, with its process group, and reaped at the
// end of its life here.
class Child {
 public:
  static Result<std::unique_ptr<Child>> Start(const ProgramCall& call) {
    int ends[2];
    // A socket, because writing to a pipe whose reader has died raises SIGPIPE.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return ErrnoStatus(errno, "socketpair");
    const UniqueFd theirs(ends[1]);
    std::unique_ptr<Child> child(new Child(UniqueFd(ends[0])));
    const int error = child->Spawn(call, theirs.get());
    if (error != 0) return ErrnoStatus(error, "run " + call.program);
    child->pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child->pid_, 0)));
    if (!child->pidfd_.valid()) return ErrnoStatus(errno, "pidfd_open");
    return child;
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    Reap();
  }

  // Sends the question; the answer is all that the child writes until it closes its output.
  Result<std::string> Ask(const ProgramCall& call, SteadyClock::time_point deadline) {
    // One that answers without reading may be gone by now.
    if (::send(socket_.get(), call.input.data(), call.input.size(), MSG_NOSIGNAL) < 0 &&
        errno != EPIPE)
      return ErrnoStatus(errno, "write to " + call.program);
    ::shutdown(socket_.get(), SHUT_WR);
    std::string answer;
    std::array<char, 4096> piece{};
    while (true) {
      pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      const int ready = ::poll(&entry, 1, MillisecondsLeft(deadline));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) return Status(Code::kDeadlineExceeded, "it doesn't answer");
      const ssize_t length = ::recv(socket_.get(), piece.data(), piece.size(), 0);
      if (length < 0 && errno == EINTR) continue;
      if (length <= 0) return answer;  // a reset is as good as an end
      answer.append(piece.data(), static_cast<size_t>(length));
      if (answer.size() > call.max_output_bytes)
        return Status(Code::kResourceExhausted, "its answer is too long to be one");
    }
  }

  // What waitpid tells.
  Result<int> WaitForEnd(SteadyClock::time_point deadline) {
    pollfd entry{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    int ready = 0;
    do ready = ::poll(&entry, 1, MillisecondsLeft(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready == 0) return Status(Code::kDeadlineExceeded, "it doesn't end");
    return Reap();
  }

 private:
  explicit Child(UniqueFd socket) : socket_(std::move(socket)) {}

  int Spawn(const ProgramCall& call, int channel) {
    std::vector<std::string> variables;
    for (const auto& [key, value] : call.environment) variables.push_back(key + "=" + value);
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::vector<std::string> words = {call.program};
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, channel, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, channel, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error =
        ::posix_spawn(&pid_, call.program.c_str(), &actions, &attributes, argv.data(), envp.data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) pid_ = 0;
    return error;
  }

  int Reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    pid_ = 0;
    return status;
  }

  const UniqueFd socket_;
  UniqueFd pidfd_;
  pid_t pid_ = 0;
};

}  // namespace

Result<ProgramOutcome> RunProgram(const ProgramCall& call) {
  const auto until = SteadyClock::now() + call.deadline;
  ASSIGN_OR_RETURN(const auto child, Child::Start(call));
  ASSIGN_OR_RETURN(std::string output, child->Ask(call, until));
  ASSIGN_OR_RETURN(const int ended, child->WaitForEnd(until));
  return ProgramOutcome{.succeeded = WIFEXITED(ended) && WEXITSTATUS(ended) == 0,
                        .output = std::move(output)};
}

}  // namespace headpond
