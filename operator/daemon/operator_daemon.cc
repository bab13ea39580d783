#include "operator/daemon/operator_daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "operator/apiserver/listeners.h"
#include "operator/controller/controller.h"
#include "operator/controller/directory_watch.h"
#include "operator/controller/file_store.h"
#include "operator/controller/home.h"
#include "operator/daemon/api_cluster_store.h"
#include "operator/runtime/docker/docker_runtime.h"
#include "operator/runtime/process/process_runtime.h"

namespace headpond::operator_daemon {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kComponent = "operator";
constexpr milliseconds kLockTimeout(
    2000);  // a command that looks whether we run holds it for a moment

// SIGTERM and SIGINT as a descriptor; blocked for all threads started later.
Result<UniqueFd> WatchSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return Internal("cannot block signals");
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, "signalfd");
  return fd;
}

// What the loop sleeps on.
class Wakeups {
 public:
  Wakeups(UniqueFd signals, UniqueFd wake, controller::DirectoryWatch watch)
      : signals_(std::move(signals)), wake_(std::move(wake)), watch_(std::move(watch)) {}

  int wake_fd() const { return wake_.get(); }

  // False when a signal asks for the end.
  bool Wait(milliseconds timeout) {
    pollfd entries[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                        {.fd = wake_.get(), .events = POLLIN, .revents = 0},
                        {.fd = watch_.fd(), .events = POLLIN, .revents = 0}};
    ::poll(entries, std::size(entries), static_cast<int>(timeout.count()));
    if (entries[0].revents != 0) return false;
    uint64_t count = 0;
    if (entries[1].revents != 0) [[maybe_unused]]
      const ssize_t length = ::read(wake_.get(), &count, sizeof(count));
    watch_.Drain();
    return true;
  }

 private:
  UniqueFd signals_, wake_;
  controller::DirectoryWatch watch_;
};

void Notify(int event_fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof(one));
}

// The embedded API with what the loop needs of it.
class ServedApi {
 public:
  static Result<std::unique_ptr<ServedApi>> Start(const Options& options, int wake_fd) {
    ASSIGN_OR_RETURN(auto api, apiserver::EmbeddedApi::Start(
                                   {.folder = options.home + "/api", .port = options.api_port},
                                   Clock::System()));
    LogInfo(kComponent, "the API serves; use KUBECONFIG={}", api->kubeconfig_path());
    return std::unique_ptr<ServedApi>(new ServedApi(std::move(api), wake_fd));
  }
  ~ServedApi() { waker_.Stop(); }

  ApiClusterStore& store() { return store_; }

 private:
  ServedApi(std::unique_ptr<apiserver::EmbeddedApi> api, int wake_fd)
      : api_(std::move(api)),
        store_(api_->server(), api_->store()),
        waker_("api-wake", milliseconds(1), [this, wake_fd] { WakeAtChange(wake_fd); }) {}

  void WakeAtChange(int wake_fd) {
    constexpr milliseconds kLongestStop(500);
    apiserver::ObjectStore& objects = api_->store();
    if (!objects.WaitForChange(seen_, std::chrono::steady_clock::now() + kLongestStop)) return;
    seen_ = objects.version();
    Notify(wake_fd);
  }

  const std::unique_ptr<apiserver::EmbeddedApi> api_;
  ApiClusterStore store_;
  int64_t seen_ = 0;  // on the waker's thread
  PeriodicTask waker_;
};

// With changes held off, so that a command that adds a cluster now either sees us end or is seen by
// us.
bool MayEnd(controller::FileStore& store, std::unique_ptr<io::FileLock>& operator_lock) {
  const auto changes = store.LockChanges();
  if (!changes.ok()) return false;
  const auto list = store.List();
  if (!list.ok() || !list->clusters.empty() || !list->unreadable.empty()) return false;
  operator_lock.reset();
  return true;
}

}  // namespace

std::string LockPath(const std::string& home) {
  return home + "/operator.lock";
}
std::string LogPath(const std::string& home) {
  return home + "/operator.log";
}

Status Run(const Options& options) {
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(options.home));
  ASSIGN_OR_RETURN(auto lock, controller::LockWithin(LockPath(options.home), kLockTimeout));
  ASSIGN_OR_RETURN(UniqueFd signals, WatchSignals());
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoStatus(errno, "eventfd");

  const Clock& clock = Clock::System();
  controller::FileStore store(options.home, clock);
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(store.objects_dir()));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(store.status_dir()));
  ASSIGN_OR_RETURN(controller::DirectoryWatch watch,
                   controller::DirectoryWatch::Open({store.objects_dir()}));
  Wakeups wakeups(std::move(signals), std::move(wake), std::move(watch));

  runtime::ProcessRuntime runtime(
      {.home = options.home,
       .program = options.program,
       .memory_dir = fmt::format("/dev/shm/headpond-{}", ::geteuid()),
       .environment = runtime::InheritedEnvironment(options.environment),
       .restart_policy = options.restart_policy},
      clock);
  runtime.OnChange([fd = wakeups.wake_fd()] { Notify(fd); });
  ASSIGN_OR_RETURN(runtime::Endpoint engine, runtime::EndpointFrom(options.environment));
  runtime::DockerRuntime docker({.endpoint = std::move(engine),
                                 .home = options.home,
                                 .environment = options.environment,
                                 .restart_policy = options.restart_policy},
                                clock);
  docker.OnChange([fd = wakeups.wake_fd()] { Notify(fd); });
  std::unique_ptr<ServedApi> api;
  if (options.serve_api) {
    ASSIGN_OR_RETURN(api, ServedApi::Start(options, wakeups.wake_fd()));
  }
  controller::ClusterStore& clusters = api ? static_cast<controller::ClusterStore&>(api->store())
                                           : static_cast<controller::ClusterStore&>(store);
  controller::Controller controller(clusters, {.process = &runtime, .docker = &docker}, clock,
                                    {.restart_policy = options.restart_policy});

  LogInfo(kComponent, "operator of {} runs with pid {}; daemons run {}", options.home, ::getpid(),
          options.program);
  while (true) {
    const milliseconds next = controller.ReconcileAll();
    if (options.exit_when_empty && !api && controller.cluster_count() == 0 && MayEnd(store, lock)) {
      LogInfo(kComponent, "no cluster is left; the operator ends");
      return Status::Ok();
    }
    if (!wakeups.Wait(next)) {
      LogInfo(kComponent, "the operator was asked to end; daemons run on");
      return Status::Ok();
    }
  }
}

}  // namespace headpond::operator_daemon
