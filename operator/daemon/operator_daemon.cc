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
#include <optional>

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
#include "operator/daemon/remote_api.h"
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
  static Result<std::unique_ptr<Wakeups>> Make() {
    ASSIGN_OR_RETURN(UniqueFd signals, WatchSignals());
    UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake.valid()) return ErrnoStatus(errno, "eventfd");
    return std::unique_ptr<Wakeups>(new Wakeups(std::move(signals), std::move(wake)));
  }

  int wake_fd() const { return wake_.get(); }
  // Changes in these folders wake too.
  void Add(controller::DirectoryWatch watch) { watch_.emplace(std::move(watch)); }

  // False when a signal asks for the end.
  bool Wait(milliseconds timeout) {
    pollfd entries[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                        {.fd = wake_.get(), .events = POLLIN, .revents = 0},
                        {.fd = watch_ ? watch_->fd() : -1, .events = POLLIN, .revents = 0}};
    ::poll(entries, std::size(entries), static_cast<int>(timeout.count()));
    if (entries[0].revents != 0) return false;
    uint64_t count = 0;
    if (entries[1].revents != 0) [[maybe_unused]]
      const ssize_t length = ::read(wake_.get(), &count, sizeof(count));
    if (watch_) watch_->Drain();
    return true;
  }

 private:
  Wakeups(UniqueFd signals, UniqueFd wake) : signals_(std::move(signals)), wake_(std::move(wake)) {}

  UniqueFd signals_, wake_;
  std::optional<controller::DirectoryWatch> watch_;
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

// Everywhere that daemons can run.
class AllRuntimes {
 public:
  static Result<std::unique_ptr<AllRuntimes>> Make(const Options& options, const Clock& clock,
                                                   int wake_fd) {
    ASSIGN_OR_RETURN(runtime::Endpoint engine, runtime::EndpointFrom(options.environment));
    std::unique_ptr<AllRuntimes> runtimes(new AllRuntimes(options, std::move(engine), clock));
    runtimes->process_.OnChange([wake_fd] { Notify(wake_fd); });
    runtimes->docker_.OnChange([wake_fd] { Notify(wake_fd); });
    return runtimes;
  }

  controller::Runtimes all() { return {.process = &process_, .docker = &docker_}; }

 private:
  AllRuntimes(const Options& options, runtime::Endpoint engine, const Clock& clock)
      : process_({.home = options.home,
                  .program = options.program,
                  .memory_dir = fmt::format("/dev/shm/headpond-{}", ::geteuid()),
                  .environment = runtime::InheritedEnvironment(options.environment),
                  .restart_policy = options.restart_policy},
                 clock),
        docker_({.endpoint = std::move(engine),
                 .home = options.home,
                 .environment = options.environment,
                 .restart_policy = options.restart_policy},
                clock) {}

  runtime::ProcessRuntime process_;
  runtime::DockerRuntime docker_;
};

// With changes held off, so that a command that adds a cluster now either sees us end or is seen
// by us.
bool MayEnd(controller::FileStore& store, std::unique_ptr<io::FileLock>& operator_lock) {
  const auto changes = store.LockChanges();
  if (!changes.ok()) return false;
  const auto list = store.List();
  if (!list.ok() || !list->clusters.empty() || !list->unreadable.empty()) return false;
  operator_lock.reset();
  return true;
}

// False when the operator was asked to end before it came to lead.
bool WaitToLead(const RemoteApi& api, Wakeups& wakeups) {
  constexpr std::chrono::minutes kTellAgain{5};
  while (!api.Leads()) {
    if (!wakeups.Wait(kTellAgain)) return false;
    if (!api.Leads()) LogInfo(kComponent, "waits while {} leads", api.leader());
  }
  return true;
}

}  // namespace

std::string LockPath(const std::string& home) {
  return home + "/operator.lock";
}
std::string LogPath(const std::string& home) {
  return home + "/operator.log";
}

Status ServeApi(const Options& options) {
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(options.home));
  ASSIGN_OR_RETURN(const auto wakeups, Wakeups::Make());
  ASSIGN_OR_RETURN(const auto api, ServedApi::Start(options, wakeups->wake_fd()));
  while (wakeups->Wait(std::chrono::hours(1))) {
  }
  return Status::Ok();
}

Status Run(const Options& options) {
  const Clock& clock = Clock::System();
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(options.home));
  ASSIGN_OR_RETURN(const auto wakeups, Wakeups::Make());
  const int wake_fd = wakeups->wake_fd();
  std::unique_ptr<RemoteApi> remote;
  if (options.remote_api()) {
    ASSIGN_OR_RETURN(remote, RemoteApi::Connect(options, clock, [wake_fd] { Notify(wake_fd); }));
    if (!WaitToLead(*remote, *wakeups)) return Status::Ok();
  }
  ASSIGN_OR_RETURN(auto lock, controller::LockWithin(LockPath(options.home), kLockTimeout));
  controller::FileStore store(options.home, clock);
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(store.objects_dir()));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(store.status_dir()));
  ASSIGN_OR_RETURN(controller::DirectoryWatch watch,
                   controller::DirectoryWatch::Open({store.objects_dir()}));
  wakeups->Add(std::move(watch));

  ASSIGN_OR_RETURN(const auto runtimes, AllRuntimes::Make(options, clock, wake_fd));
  std::unique_ptr<ServedApi> api;
  if (options.serve_api) {
    ASSIGN_OR_RETURN(api, ServedApi::Start(options, wake_fd));
  }
  controller::ClusterStore* clusters = &store;
  if (remote) clusters = &remote->store();
  if (api) clusters = &api->store();
  controller::Controller controller(*clusters, runtimes->all(), clock,
                                    {.restart_policy = options.restart_policy});

  LogInfo(kComponent, "operator of {} runs with pid {}; daemons run {}", options.home, ::getpid(),
          options.program);
  while (true) {
    // What we know may be old, and another may be acting already: begin anew.
    if (remote && !remote->Leads())
      return Aborted("the lease was lost; {} leads now, daemons run on", remote->leader());
    const milliseconds next = controller.ReconcileAll();
    if (options.exit_when_empty && clusters == &store && controller.cluster_count() == 0 &&
        MayEnd(store, lock)) {
      LogInfo(kComponent, "no cluster is left; the operator ends");
      return Status::Ok();
    }
    if (!wakeups->Wait(next)) {
      LogInfo(kComponent, "the operator was asked to end; daemons run on");
      return Status::Ok();
    }
  }
}

}  // namespace headpond::operator_daemon
