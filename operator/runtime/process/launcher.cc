#include "operator/runtime/process/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/unique_fd.h"

namespace headpond::runtime {
namespace {

constexpr int kNeverRan = 125;
constexpr mode_t kOutputMode = 0600;

struct Pipe {
  UniqueFd read, write;
};

// A socket pair, because writing to a pipe whose reader has died raises SIGPIPE.
Result<Pipe> MakePipe() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return ErrnoStatus(errno, "socketpair");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Reads one object of type T; false at the end of the pipe.
template <typename T>
bool ReadOne(int fd, T& value) {
  ssize_t length = 0;
  do length = ::read(fd, &value, sizeof(value));
  while (length < 0 && errno == EINTR);
  return length == sizeof(value);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Everything the child needs, made before fork: after it only async-signal-safe calls are allowed,
// because another thread may have held any lock.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* directory;
  int input, output, gate, errors;
};

[[noreturn]] void RunChild(const ChildPlan& plan) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);  // an ignored signal stays ignored across exec
  char go = 0;
  if (!ReadOne(plan.gate, go)) ::_exit(kNeverRan);
  const bool ready = ::dup2(plan.input, STDIN_FILENO) >= 0 &&
                     ::dup2(plan.output, STDOUT_FILENO) >= 0 &&
                     ::dup2(plan.output, STDERR_FILENO) >= 0 && ::chdir(plan.directory) == 0;
  if (ready) {
    // Descriptors that a library opened without O_CLOEXEC are not the daemon's business.
    ::close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    ::execve(plan.program, plan.argv, plan.envp);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t sent = ::send(plan.errors, &error, sizeof(error), MSG_NOSIGNAL);
  ::_exit(kNeverRan);
}

void Reap(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace

Result<ProcessIdentity> Launch(const LaunchRequest& request,
                               const std::function<Status(const ProcessIdentity&)>& record) {
  std::vector<std::string> args = request.args;
  args.insert(args.begin(), request.program);
  std::vector<std::string> env;
  for (const auto& [key, value] : request.env) env.push_back(key + "=" + value);
  const std::vector<char*> argv = Pointers(args), envp = Pointers(env);

  UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd output(::open(request.output.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kOutputMode));
  if (!output.valid()) return ErrnoStatus(errno, "open " + request.output);
  ASSIGN_OR_RETURN(Pipe gate, MakePipe());
  ASSIGN_OR_RETURN(Pipe errors, MakePipe());

  const ChildPlan plan{.program = request.program.c_str(),
                       .argv = argv.data(),
                       .envp = envp.data(),
                       .directory = request.directory.c_str(),
                       .input = input.get(),
                       .output = output.get(),
                       .gate = gate.read.get(),
                       .errors = errors.write.get()};
  // The child must not keep the gate's write end, or it would never see the caller's death.
  const int gate_write = gate.write.get();
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) {
    ::close(gate_write);
    RunChild(plan);
  }

  gate.read.Reset();
  errors.write.Reset();
  const auto identity = IdentityOf(pid);
  Status recorded = identity.ok() ? record(*identity) : identity.status();
  if (!recorded.ok()) {
    gate.write.Reset();  // the child gives up
    Reap(pid);
    return recorded;
  }
  const char go = 1;
  [[maybe_unused]] const ssize_t sent = ::send(gate.write.get(), &go, sizeof(go), MSG_NOSIGNAL);
  int error = 0;
  if (ReadOne(errors.read.get(), error)) {
    Reap(pid);
    return ErrnoStatus(error, "execute " + request.program);
  }
  return identity;
}

}  // namespace headpond::runtime
