#include "image/credential_helper.h"

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
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace headpond::image {
namespace {

using Environment = std::map<std::string, std::string>;
using nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxAnswerBytes = 64 << 10;
constexpr size_t kMaxSaidBytes = 300;  // of a failure, in an error's message
// How every helper says that it keeps nothing for a server.
constexpr std::string_view kNothingKept = "credentials not found";
constexpr std::string_view kTokenUser = "<token>";

int MillisecondsLeft(SteadyClock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

std::string FindProgram(const Environment& environment, const std::string& name) {
  const auto path = environment.find("PATH");
  std::string_view rest = path == environment.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const std::string program = fmt::format("{}/{}", folder, name);
    if (folder.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

// A child with a socket for its input and output. Killed, with its process group, and reaped at the
// end of its life here.
class Child {
 public:
  static Result<std::unique_ptr<Child>> Start(const std::string& program,
                                              const Environment& environment) {
    int ends[2];
    // A socket, because writing to a pipe whose reader has died raises SIGPIPE.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return ErrnoStatus(errno, "socketpair");
    const UniqueFd theirs(ends[1]);
    std::unique_ptr<Child> child(new Child(UniqueFd(ends[0])));
    const int error = child->Spawn(program, environment, theirs.get());
    if (error != 0) return ErrnoStatus(error, "run " + program);
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
  Result<std::string> Ask(const std::string& question, SteadyClock::time_point deadline) {
    // One that answers without reading may be gone by now.
    if (::send(socket_.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
      return ErrnoStatus(errno, "write to the helper");
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
      if (answer.size() > kMaxAnswerBytes)
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

  int Spawn(const std::string& program, const Environment& environment, int channel) {
    std::vector<std::string> variables;
    for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::string name = program, get = "get";
    char* const argv[] = {name.data(), get.data(), nullptr};

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
        ::posix_spawn(&pid_, program.c_str(), &actions, &attributes, argv, envp.data());
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

std::string StringAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<std::optional<Credentials>> AskCredentialHelper(const Environment& environment,
                                                       const std::string& helper,
                                                       const std::string& server,
                                                       std::chrono::milliseconds deadline) {
  const std::string name = "docker-credential-" + helper;
  if (helper.empty() || helper.find('/') != std::string::npos)
    return InvalidArgument("\"{}\" is no name of a credential helper", helper);
  const std::string program = FindProgram(environment, name);
  if (program.empty()) return NotFound("{} is not in PATH", name);
  const auto until = SteadyClock::now() + deadline;
  auto child = Child::Start(program, environment);
  if (!child.ok()) return child.status().WithContext(name);
  auto answer = (*child)->Ask(server, until);
  if (!answer.ok()) return answer.status().WithContext(name);
  const auto ended = (*child)->WaitForEnd(until);
  if (!ended.ok()) return ended.status().WithContext(name);
  if (answer->find(kNothingKept) != std::string::npos) return std::optional<Credentials>();
  if (!WIFEXITED(*ended) || WEXITSTATUS(*ended) != 0)
    return FailedPrecondition("{} failed: {}", name, answer->substr(0, kMaxSaidBytes));
  const json kept = json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  const std::string user = kept.is_object() ? StringAt(kept, "Username") : "";
  const std::string secret = kept.is_object() ? StringAt(kept, "Secret") : "";
  // What it said may be a secret, so it is not repeated.
  if (secret.empty()) return DataLoss("{} gives an answer that can't be read", name);
  if (user == kTokenUser) return std::optional(Credentials{.identity_token = secret});
  return std::optional(Credentials{.user = user, .password = secret});
}

}  // namespace headpond::image
