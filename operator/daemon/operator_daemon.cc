#include "operator/daemon/operator_daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "operator/api/backup.h"
#include "operator/api/field_table.h"
#include "operator/api/restore.h"
#include "operator/apiserver/listeners.h"
#include "operator/controller/backup_controller.h"
#include "operator/controller/controller.h"
#include "operator/controller/home.h"
#include "operator/controller/object_patch.h"
#include "operator/controller/restore_controller.h"
#include "operator/controller/task_controller.h"
#include "operator/daemon/backup_caller.h"
#include "operator/daemon/cluster_store.h"
#include "operator/daemon/monitor.h"
#include "operator/daemon/one_time_objects.h"
#include "operator/daemon/quorum_caller.h"
#include "operator/daemon/remote_api.h"
#include "operator/daemon/task_objects.h"
#include "operator/runtime/docker/docker_nodes.h"
#include "operator/runtime/docker/task_containers.h"
#include "operator/runtime/kubernetes/kubernetes_runtime.h"
#include "operator/runtime/process/process_runtime.h"

namespace headpond::operator_daemon {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kComponent = "operator";
constexpr milliseconds kLockTimeout(
    2000);                              // a command that looks whether we run holds it for a moment
constexpr milliseconds kIdleLook(100);  // whether commands still need an operator without clusters

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

  // False when a signal asks for the end.
  bool Wait(milliseconds timeout) {
    pollfd entries[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                        {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    ::poll(entries, std::size(entries), static_cast<int>(timeout.count()));
    if (entries[0].revents != 0) return false;
    uint64_t count = 0;
    if (entries[1].revents != 0) [[maybe_unused]]
      const ssize_t length = ::read(wake_.get(), &count, sizeof(count));
    return true;
  }

 private:
  Wakeups(UniqueFd signals, UniqueFd wake) : signals_(std::move(signals)), wake_(std::move(wake)) {}

  UniqueFd signals_, wake_;
};

void Notify(int event_fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof(one));
}

// The embedded API, and the clusters in it.
class ServedApi {
 public:
  static Result<std::unique_ptr<ServedApi>> Start(const Options& options, const Clock& clock,
                                                  Monitor& monitor,
                                                  const std::function<void()>& changed) {
    ASSIGN_OR_RETURN(
        auto api,
        apiserver::EmbeddedApi::Start(
            {.folder = controller::ApiFolder(options.home), .port = options.api_port}, clock));
    LogInfo(kComponent, "the API serves; use KUBECONFIG={}", api->kubeconfig_path());
    std::unique_ptr<ServedApi> served(new ServedApi(std::move(api), clock, monitor, changed));
    served->store_.Start();
    served->tasks_.Start();
    served->backups_.Start();
    served->restores_.Start();
    if (!served->store_.WaitForSync(std::chrono::steady_clock::now() + kSyncTimeout))
      return Unavailable("the own API did not answer within {} s", kSyncTimeout.count());
    return served;
  }
  ~ServedApi() { Stop(); }

  controller::ClusterStore& store() { return store_; }
  controller::TaskObjects& tasks() { return tasks_; }
  controller::OneTimeObjects& backups() { return backups_; }
  controller::OneTimeObjects& restores() { return restores_; }
  kube::Client& client() { return client_; }

  // True when something is asked of the operator, or will go on to be.
  bool HasWork() const {
    for (const auto& [key, stored] : api_->store().AllObjects()) {
      // Definitions alone ask for nothing, nor do Backups and Restores where no cluster is.
      if (key.group == api::kGroup && key.resource != "containerdefinitions" &&
          key.resource != api::kBackupPlural && key.resource != api::kRestorePlural)
        return true;
      const bool held = controller::HasFinalizer(*stored.object, controller::kClusterFinalizer) ||
                        controller::HasFinalizer(*stored.object, controller::kDataFinalizer);
      if (held && stored.object->at("metadata").contains("deletionTimestamp")) return true;
    }
    return false;
  }
  void Stop() {
    store_.Stop();
    tasks_.Stop();
    backups_.Stop();
    restores_.Stop();
    client_.CloseIdle();
    api_.reset();
  }

 private:
  static constexpr std::chrono::seconds kSyncTimeout{10};

  ServedApi(std::unique_ptr<apiserver::EmbeddedApi> api, const Clock& clock, Monitor& monitor,
            const std::function<void()>& changed)
      : api_(std::move(api)),
        client_(kube::AtSocket(api_->socket_path()), clock, TellingOptions(monitor)),
        store_(client_, clock, Random::FromSystem(), {}, changed),
        tasks_(client_, clock, Random::FromSystem(), {}, changed),
        backups_(ApiOneTimeObjects::kBackups, client_, clock, Random::FromSystem(), {}, changed),
        restores_(ApiOneTimeObjects::kRestores, client_, clock, Random::FromSystem(), {}, changed) {
  }

  std::unique_ptr<apiserver::EmbeddedApi> api_;
  kube::Client client_;
  ApiClusterStore store_;
  ApiTaskObjects tasks_;
  ApiOneTimeObjects backups_;
  ApiOneTimeObjects restores_;
};

// Everywhere that daemons can run. `remote` outlives it; null: no API server has pods.
class AllRuntimes {
 public:
  static Result<std::unique_ptr<AllRuntimes>> Make(const Options& options, const Clock& clock,
                                                   int wake_fd, RemoteApi* remote) {
    ASSIGN_OR_RETURN(runtime::Endpoint engine, runtime::EndpointFrom(options.environment));
    std::unique_ptr<AllRuntimes> runtimes(new AllRuntimes(options, std::move(engine), clock));
    runtimes->process_.OnChange([wake_fd] { Notify(wake_fd); });
    runtimes->docker_.OnChange([wake_fd] { Notify(wake_fd); });
    runtimes->tasks_.OnChange([wake_fd] { Notify(wake_fd); });
    if (remote == nullptr) return runtimes;
    runtimes->kubernetes_ = std::make_unique<runtime::KubernetesRuntime>(
        runtime::KubernetesRuntime::Options{.name_space = options.name_space,
                                            .restart_policy = options.restart_policy,
                                            .may_write = [remote] { return remote->Leads(); }},
        remote->client(), clock);
    runtimes->kubernetes_->OnChange([wake_fd] { Notify(wake_fd); });
    return runtimes;
  }

  runtime::TaskRuntime& tasks() { return tasks_; }
  controller::Runtimes all() {
    return {.process = runs_processes_ ? &process_ : nullptr,
            .docker = &docker_,
            .kubernetes = kubernetes_.get()};
  }

 private:
  AllRuntimes(const Options& options, runtime::Endpoint engine, const Clock& clock)
      : process_({.home = options.home,
                  .program = options.program,
                  .environment = runtime::InheritedEnvironment(options.environment),
                  .restart_policy = options.restart_policy},
                 clock),
        tasks_({.endpoint = engine, .home = options.home, .environment = options.environment},
               clock),
        docker_({.endpoint = std::move(engine),
                 .home = options.home,
                 .environment = options.environment,
                 .restart_policy = options.restart_policy},
                clock),
        runs_processes_(!options.in_cluster) {}

  runtime::ProcessRuntime process_;
  runtime::DockerTaskRuntime tasks_;
  runtime::DockerNodes docker_;
  const bool runs_processes_;  // not in a pod: they would end with it, and so would their data
  std::unique_ptr<runtime::KubernetesRuntime> kubernetes_;  // where there is such an API server
};

// Ends the API when nothing is left to do. A command that needs the operator holds the lock, so it
// is served until it is done.
bool EndIfIdle(ServedApi& api, const std::string& home,
               std::unique_ptr<io::FileLock>& operator_lock) {
  const auto changes = io::Env::Posix().Lock(controller::ChangeLockPath(home));
  if (!changes.ok() || api.HasWork()) return false;
  api.Stop();
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

// Acts, once it leads, until it is asked to end or has lost the lease: true then.
Result<bool> Serve(const Options& options, const std::string& identity, const Clock& clock,
                   Monitor& monitor, Wakeups& wakeups) {
  const int wake_fd = wakeups.wake_fd();
  const auto wake = [wake_fd] { Notify(wake_fd); };
  std::unique_ptr<RemoteApi> remote;
  if (options.remote_api()) {
    ASSIGN_OR_RETURN(remote, RemoteApi::Connect(options, identity, clock, monitor, wake));
    monitor.SetReady();  // to take over; whoever waits is as it should be
    if (!WaitToLead(*remote, wakeups)) return false;
  }
  ASSIGN_OR_RETURN(
      auto lock, controller::LockWithin(controller::OperatorLockPath(options.home), kLockTimeout));
  ASSIGN_OR_RETURN(const auto runtimes, AllRuntimes::Make(options, clock, wake_fd, remote.get()));
  std::unique_ptr<ServedApi> served;
  if (!remote) {
    ASSIGN_OR_RETURN(served, ServedApi::Start(options, clock, monitor, wake));
  }
  controller::ClusterStore& clusters = remote ? remote->store() : served->store();
  const AdminProgram admin{options.program, runtime::InheritedEnvironment(options.environment)};
  controller::RestoreOrders restore_orders;
  controller::Controller controller(clusters, runtimes->all(), clock,
                                    {.restart_policy = options.restart_policy,
                                     .stats = &monitor.clusters(),
                                     .restores = &restore_orders,
                                     .call_quorum = QuorumCaller(admin)});
  controller::TaskController tasks(remote ? remote->tasks() : served->tasks(), runtimes->tasks(),
                                   clock, {.stats = &monitor.tasks()});
  AdminBackupCaller backup_caller(admin, wake);
  controller::BackupController backups(
      remote ? remote->backups() : served->backups(), backup_caller,
      [&](const controller::ClusterKey& cluster) { return controller.AccessTo(cluster); }, clock,
      {.stats = &monitor.backups()});
  controller::RestoreController restores(
      remote ? remote->restores() : served->restores(), restore_orders,
      [&](const controller::ClusterKey& cluster) { return controller.SiteOf(cluster); },
      [&](const std::string& name_space, const std::string& name) {
        return FindBackup(remote ? remote->client() : served->client(), name_space, name);
      },
      clock, {.stats = &monitor.restores()});
  monitor.SetReady();
  monitor.SetLeads(true);
  LogInfo(kComponent, "operator of {} runs with pid {}; daemons run {}", options.home, ::getpid(),
          options.program);
  while (true) {
    if (remote && !remote->Leads()) {
      monitor.SetLeads(false);
      LogWarn(kComponent, "the lease was lost, by the last look {} has it; daemons run on",
              remote->leader());
      return true;
    }
    monitor.PassBegins();
    milliseconds next = std::min({controller.ReconcileAll(), tasks.ReconcileAll(),
                                  backups.ReconcileAll(), restores.ReconcileAll()});
    monitor.PassEnds();
    if (options.exit_when_empty && served && controller.cluster_count() == 0) {
      if (EndIfIdle(*served, options.home, lock)) {
        LogInfo(kComponent, "no cluster is left; the operator ends");
        return false;
      }
      next = std::min(next, kIdleLook);
    }
    if (!wakeups.Wait(next)) {
      LogInfo(kComponent, "the operator was asked to end; daemons run on");
      return false;
    }
  }
}

}  // namespace

Result<std::string> StoredObjects(const std::string& home) {
  using nlohmann::json;
  json items = json::array();
  const std::string database = controller::ApiFolder(home) + "/api.db";
  ASSIGN_OR_RETURN(const bool there, io::Env::Posix().Exists(database));
  if (there) {
    ASSIGN_OR_RETURN(const auto lock,
                     controller::LockWithin(controller::OperatorLockPath(home), kLockTimeout));
    ASSIGN_OR_RETURN(const auto store, apiserver::ObjectStore::Open({.path = database}));
    for (const auto& [key, stored] : store->AllObjects())
      if (key.resource == "cacheclusters" || controller::ReadDataRecord(*stored.object).ok())
        items.push_back(*stored.object);
  }
  return json({{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}).dump();
}

Status ServeApi(const Options& options) {
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(options.home));
  ASSIGN_OR_RETURN(const auto wakeups, Wakeups::Make());
  ASSIGN_OR_RETURN(const auto api,
                   apiserver::EmbeddedApi::Start(
                       {.folder = controller::ApiFolder(options.home), .port = options.api_port},
                       Clock::System()));
  LogInfo(kComponent, "the API serves; use KUBECONFIG={}", api->kubeconfig_path());
  while (wakeups->Wait(std::chrono::hours(1))) {
  }
  return Status::Ok();
}

Status Run(const Options& options) {
  const Clock& clock = Clock::System();
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(options.home));
  ASSIGN_OR_RETURN(const auto wakeups, Wakeups::Make());
  Monitor monitor(clock);
  if (options.monitor_port) {
    RETURN_IF_ERROR(monitor.Serve(options.monitor_host, *options.monitor_port));
    LogInfo(kComponent, "monitors find us at http://{}:{}/metrics", options.monitor_host,
            monitor.port());
  }
  const std::string identity = fmt::format("{}_{}", LocalHostName(), Random::FromSystem().Uuid());
  // What we know may be old when the lease was lost, and another may be acting already: all of it
  // goes. The identity stays, so that the lease is ours again at once where nobody took it.
  while (true) {
    ASSIGN_OR_RETURN(const bool again, Serve(options, identity, clock, monitor, *wakeups));
    if (!again) return Status::Ok();
  }
}

}  // namespace headpond::operator_daemon
