#include "operator/runtime/process/process_runtime.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "io/env.h"
#include "operator/plan/restore.h"
#include "operator/runtime/ports.h"
#include "operator/runtime/process/launcher.h"
#include "operator/runtime/process/volumes.h"

namespace headpond::runtime {
namespace {

constexpr int64_t kMaxOutputBytes =
    16 << 20;  // of daemon.out; the log files beside it rotate on their own
constexpr size_t kLastLineBytes = 400;
constexpr std::string_view kComponent = "process-runtime";

// The last line that is not empty, which is where a daemon says why it gave up.
std::string LastLine(const std::string& path) {
  const auto file = io::Env::Posix().OpenForRead(path);
  if (!file.ok()) return "";
  const int64_t size = (*file)->size();
  std::string tail(kLastLineBytes, '\0');
  const auto length = (*file)->ReadAt(
      std::max<int64_t>(0, size - static_cast<int64_t>(tail.size())), tail.size(), tail.data());
  tail.resize(length.value_or(0));
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == '\r' || tail.back() == ' '))
    tail.pop_back();
  const size_t start = tail.rfind('\n');
  return start == std::string::npos ? tail : tail.substr(start + 1);
}

// Keeps what a daemon prints from filling the disk. It appends, so it goes on at the new end.
void BoundOutput(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || info.st_size <= kMaxOutputBytes) return;
  if (::truncate(path.c_str(), 0) != 0) LogWarn(kComponent, "cannot shorten {}", path);
}

std::string DescribeWaitStatus(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with code {}", WEXITSTATUS(status));
  const char* const name = ::sigabbrev_np(WTERMSIG(status));
  return fmt::format("was killed by SIG{}",
                     name != nullptr ? name : std::to_string(WTERMSIG(status)));
}

plan::ObservedWorkload ToObserved(const DaemonRecord& record) {
  plan::Phase phase = plan::Phase::kRunning;
  if (record.ended())
    phase = plan::Phase::kExited;
  else if (record.stop_requested_at_ms != 0)
    phase = plan::Phase::kStopping;
  return {.name = record.name,
          .role = record.role,
          .ordinal = record.ordinal,
          .phase = phase,
          .config_hash = record.config_hash,
          .pid = record.process.pid,
          .started_at_ms = record.started_at_ms,
          .exited_at_ms = record.exited_at_ms,
          .crashes = record.crashes,
          .reason = record.reason,
          .message = record.message,
          .start_failed = record.ended() && record.process.pid == 0,
          .proven_hash = record.proven ? record.proven->ConfigHash() : "",
          .refusal = record.refusal};
}

}  // namespace

std::map<std::string, std::string> InheritedEnvironment(
    const std::map<std::string, std::string>& environment) {
  static constexpr std::array<std::string_view, 14> kKept = {
      "PATH",         "HOME",          "USER",         "LOGNAME",     "SHELL",
      "LANG",         "LC_ALL",        "TZ",           "TMPDIR",      "LD_LIBRARY_PATH",
      "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"};
  std::map<std::string, std::string> kept;
  for (const auto& [key, value] : environment)
    if (std::ranges::find(kKept, key) != kKept.end()) kept[key] = value;
  return kept;
}

std::string ProcessRuntime::UserMemoryDir() {
  return fmt::format("/dev/shm/headpond-{}", ::geteuid());
}

ProcessRuntime::ProcessRuntime(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

ProcessRuntime::~ProcessRuntime() = default;

void ProcessRuntime::OnChange(std::function<void()> changed) {
  watcher_ = std::make_unique<ExitWatcher>(std::move(changed));
}

std::string ProcessRuntime::ClusterDir(const ClusterRef& cluster) const {
  return fmt::format("{}/clusters/{}/{}", options_.home, cluster.name_space, cluster.name);
}

DaemonRecords ProcessRuntime::RecordsOf(const ClusterRef& cluster) const {
  return DaemonRecords(ClusterDir(cluster) + "/run");
}

plan::Layout ProcessRuntime::LayoutFor(const ClusterRef& cluster) const {
  return {
      .cluster_dir = ClusterDir(cluster), .memory_dir = options_.memory_dir, .shared_host = true};
}

Result<DaemonRecord> ProcessRuntime::FindRecord(const ClusterRef& cluster,
                                                const std::string& workload) const {
  ASSIGN_OR_RETURN(std::vector<DaemonRecord> records, RecordsOf(cluster).List());
  for (DaemonRecord& record : records)
    if (record.name == workload) return std::move(record);
  return NotFound("{} is not running", workload);
}

Result<plan::ObservedCluster> ProcessRuntime::Observe(const ClusterRef& cluster) {
  const DaemonRecords store = RecordsOf(cluster);
  ASSIGN_OR_RETURN(std::vector<DaemonRecord> records, store.List());
  plan::ObservedCluster observed;
  std::vector<plan::Probe> probes;
  std::vector<size_t> probed;
  for (DaemonRecord& record : records) {
    ASSIGN_OR_RETURN(const bool changed, Refresh(record));
    if (changed && !options_.look_only) RETURN_IF_ERROR(store.Write(record));
    observed.workloads.push_back(ToObserved(record));
    if (observed.workloads.back().phase == plan::Phase::kStopping) {
      if (!options_.look_only) RETURN_IF_ERROR(EnforceGrace(record));
      const int64_t kill_at = record.stop_requested_at_ms + record.termination_grace_ms;
      observed.due_at_ms = std::min(kill_at, observed.due_at_ms.value_or(kill_at));
    }
    if (observed.workloads.back().phase != plan::Phase::kRunning) continue;
    if (!options_.look_only) BoundOutput(record.output);
    probes.push_back(record.probe);
    probed.push_back(observed.workloads.size() - 1);
  }
  std::vector<ProbeResult> results = prober_.ProbeAll(probes, options_.probe_timeout);
  for (size_t i = 0; i < results.size(); ++i) {
    plan::ObservedWorkload& workload = observed.workloads[probed[i]];
    if (!results[i].serving) workload.message.clear();
    Take(std::move(results[i]), workload);
    DaemonRecord& record = records[probed[i]];
    const bool is_news =
        workload.serving && record.workload && workload.proven_hash != workload.config_hash;
    if (!is_news) continue;
    record.proven = record.workload;
    if (!options_.look_only) RETURN_IF_ERROR(store.Write(record));
    workload.proven_hash = workload.config_hash;
  }
  for (const std::string& folder : cluster.watched_folders) {
    ASSIGN_OR_RETURN(const bool there, io::Env::Posix().Exists(folder));
    if (there) observed.folders.insert(folder);
  }
  ASSIGN_OR_RETURN(observed.has_data,
                   Volumes(cluster, ClusterDir(cluster), options_.memory_dir).HasData());
  return observed;
}

Result<bool> ProcessRuntime::Refresh(DaemonRecord& record) {
  if (record.ended()) return false;
  const auto pidfd = OpenProcess(record.process);
  if (!pidfd.ok() && pidfd.status().code() != Code::kNotFound) return pidfd.status();
  if (pidfd.ok() && !HasEnded(pidfd->get())) {
    // Also how a daemon of an earlier operator is adopted.
    if (watcher_ && !watcher_->IsWatched(record.process.pid))
      RETURN_IF_ERROR(watcher_->Watch(record.process.pid, pidfd->get()));
    return false;
  }
  NoteEnd(record, HowItEnded(record));
  return true;
}

std::string ProcessRuntime::HowItEnded(const DaemonRecord& record) {
  if (children_.erase(record.process.pid) == 0)
    return "ended; an earlier operator started it, so its exit code is lost";
  int status = 0;
  pid_t reaped = 0;
  do reaped = ::waitpid(record.process.pid, &status, WNOHANG);
  while (reaped < 0 && errno == EINTR);
  return reaped == record.process.pid ? DescribeWaitStatus(status) : "ended";
}

void ProcessRuntime::NoteEnd(DaemonRecord& record, const std::string& how) {
  record.exited_at_ms = clock_.NowMs();
  const auto here = IdentityOf(::getpid());
  const bool machine_restarted = here.ok() && here->boot_id != record.process.boot_id;
  if (record.stop_requested_at_ms != 0 || machine_restarted) {
    record.crashes = 0;
    record.reason = machine_restarted ? "MachineRestarted" : "Stopped";
    record.message = how;
    LogInfo(kComponent, "{} (pid {}) {}", record.name, record.process.pid, how);
    return;
  }
  record.crashes = plan::NextCrashCount(record.crashes, record.started_at_ms, record.exited_at_ms,
                                        options_.restart_policy);
  record.reason = "Crashed";
  const std::string last = LastLine(record.output);
  record.message = last.empty() ? how : fmt::format("{}; last output: {}", how, last);
  LogWarn(kComponent, "{} (pid {}) {}", record.name, record.process.pid, record.message);
}

Status ProcessRuntime::EnforceGrace(const DaemonRecord& record) {
  if (clock_.NowMs() < record.stop_requested_at_ms + record.termination_grace_ms)
    return Status::Ok();
  LogWarn(kComponent, "{} (pid {}) outlived its grace period of {} ms: killing it", record.name,
          record.process.pid, record.termination_grace_ms);
  const Status killed = SignalProcess(record.process, SIGKILL);
  return killed.code() == Code::kNotFound ? Status::Ok() : killed;
}

Status ProcessRuntime::Start(const ClusterRef& cluster, const plan::Workload& workload) {
  DaemonRecord record;
  const std::string hash = workload.ConfigHash();
  const auto previous = FindRecord(cluster, workload.name);
  if (previous.ok()) {
    if (!previous->ended())
      return AlreadyExists("{} runs with pid {}", workload.name, previous->process.pid);
    // A changed configuration starts counting anew.
    if (previous->config_hash == hash) record.crashes = previous->crashes;
    record.proven = previous->proven;
    if (previous->refusal && previous->refusal->config_hash != hash)
      record.refusal = previous->refusal;
  } else if (previous.status().code() != Code::kNotFound) {
    return previous.status();
  }
  return Run(cluster, workload, std::move(record));
}

Status ProcessRuntime::Restore(const ClusterRef& cluster, const std::string& workload,
                               const std::optional<plan::Refusal>& refusal) {
  ASSIGN_OR_RETURN(DaemonRecord previous, FindRecord(cluster, workload));
  if (!previous.proven) return NotFound("{} has no configuration to go back to", workload);
  const plan::Workload proven = *previous.proven;
  const bool ran_it = previous.config_hash == proven.ConfigHash();
  if (!previous.ended() && ran_it) return FailedPrecondition("{} runs what served last", workload);
  if (refusal) {
    previous.refusal = *refusal;
    RETURN_IF_ERROR(RecordsOf(cluster).Write(previous));
    LogWarn(kComponent, "{}: configuration {} is refused: {}", workload, refusal->config_hash,
            refusal->message);
  }
  if (!previous.ended()) return Stop(cluster, workload);
  DaemonRecord record;
  record.proven = proven;
  record.refusal = previous.refusal;
  record.crashes = ran_it ? previous.crashes : 0;
  return Run(cluster, proven, std::move(record));
}

Status ProcessRuntime::Run(const ClusterRef& cluster, const plan::Workload& workload,
                           DaemonRecord record) {
  record.name = workload.name;
  record.role = workload.role;
  record.ordinal = workload.ordinal;
  record.config_hash = workload.ConfigHash();
  record.workload = workload;
  record.probe = workload.probe;
  record.output = workload.logs_dir + "/daemon.out";
  record.termination_grace_ms = std::chrono::milliseconds(workload.termination_grace).count();
  record.started_at_ms = clock_.NowMs();

  record.reason = "StartFailed";
  Status status = Prepare(cluster, workload, record);
  if (status.ok()) status = Launch(cluster, workload, record);
  if (status.ok()) return status;
  record.process = {};
  record.exited_at_ms = clock_.NowMs();
  record.crashes += 1;
  record.message = status.message();
  LogWarn(kComponent, "{} can't start: {}", workload.name, status.message());
  if (const Status written = RecordsOf(cluster).Write(record); !written.ok()) return written;
  return status;
}

Status ProcessRuntime::Prepare(const ClusterRef& cluster, const plan::Workload& workload,
                               DaemonRecord& record) {
  const Status ports = CheckPortsAreFree(workload);
  if (ports.code() == Code::kFailedPrecondition) record.reason = "PortInUse";
  RETURN_IF_ERROR(ports);
  io::Env& env = io::Env::Posix();
  RETURN_IF_ERROR(env.CreateDirectories(workload.logs_dir));
  for (const auto& [path, content] : workload.files) {
    RETURN_IF_ERROR(env.CreateDirectories(io::ParentDirectory(path)));
    RETURN_IF_ERROR(io::WriteFileAtomically(env, path, content));
  }
  Volumes volumes(cluster, ClusterDir(cluster), options_.memory_dir);
  for (const plan::Volume& volume : workload.volumes) {
    const Status prepared = volumes.Prepare(volume);
    if (prepared.ok()) continue;
    record.reason = prepared.code() == Code::kFailedPrecondition  ? "VolumeConflict"
                    : prepared.code() == Code::kResourceExhausted ? "NoSpace"
                                                                  : record.reason;
    return prepared;
  }
  return Status::Ok();
}

Status ProcessRuntime::Launch(const ClusterRef& cluster, const plan::Workload& workload,
                              DaemonRecord& record) {
  LaunchRequest request{.program = options_.program,
                        .args = workload.args,
                        .env = options_.environment,
                        .directory = ClusterDir(cluster),
                        .output = record.output};
  for (const auto& [key, value] : workload.env) request.env[key] = value;
  request.env["HEADPOND_CLUSTER"] = cluster.name_space + "/" + cluster.name;
  request.env["HEADPOND_WORKLOAD"] = workload.name;
  const DaemonRecords store = RecordsOf(cluster);
  BoundOutput(record.output);
  ASSIGN_OR_RETURN(const ProcessIdentity process,
                   runtime::Launch(request, [&](const ProcessIdentity& identity) {
                     DaemonRecord running = record;
                     running.process = identity;
                     running.reason.clear();
                     return store.Write(running);
                   }));
  children_.insert(process.pid);
  LogInfo(kComponent, "started {} (pid {})", workload.name, process.pid);
  const auto pidfd = OpenProcess(process);
  if (watcher_ && pidfd.ok()) return watcher_->Watch(process.pid, pidfd->get());
  return Status::Ok();
}

Status ProcessRuntime::Stop(const ClusterRef& cluster, const std::string& workload) {
  ASSIGN_OR_RETURN(DaemonRecord record, FindRecord(cluster, workload));
  if (record.ended()) return NotFound("{} is not running", workload);
  if (record.stop_requested_at_ms == 0) {
    // On record first: an end that was asked for must never look like a crash.
    record.stop_requested_at_ms = clock_.NowMs();
    RETURN_IF_ERROR(RecordsOf(cluster).Write(record));
  }
  const Status signalled = SignalProcess(record.process, SIGTERM);
  return signalled.code() == Code::kNotFound ? Status::Ok() : signalled;
}

Status ProcessRuntime::Remove(const ClusterRef& cluster, const std::string& workload) {
  const auto record = FindRecord(cluster, workload);
  if (!record.ok())
    return record.status().code() == Code::kNotFound ? Status::Ok() : record.status();
  if (!record->ended())
    return FailedPrecondition("{} runs with pid {}", workload, record->process.pid);
  return RecordsOf(cluster).Remove(workload);
}

Status ProcessRuntime::CanSetAside(const ClusterRef& /*cluster*/,
                                   const plan::Workload& workload) const {
  if (plan::JournalOf(workload) != nullptr) return Status::Ok();
  return FailedPrecondition("{} keeps no journal", workload.name);
}

Result<plan::Volume> ProcessRuntime::IdleJournal(const ClusterRef& cluster,
                                                 const plan::Workload& workload) const {
  RETURN_IF_ERROR(CanSetAside(cluster, workload));
  const auto record = FindRecord(cluster, workload.name);
  if (record.ok() && !record->ended())
    return FailedPrecondition("{} runs with pid {}", workload.name, record->process.pid);
  if (!record.ok() && record.status().code() != Code::kNotFound) return record.status();
  return *plan::JournalOf(workload);
}

Status ProcessRuntime::SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                                const std::string& tag) {
  ASSIGN_OR_RETURN(const plan::Volume journal, IdleJournal(cluster, workload));
  return Volumes(cluster, ClusterDir(cluster), options_.memory_dir).SetAside(journal, tag);
}

Status ProcessRuntime::PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                               const std::string& tag) {
  ASSIGN_OR_RETURN(const plan::Volume journal, IdleJournal(cluster, workload));
  return Volumes(cluster, ClusterDir(cluster), options_.memory_dir).PutBack(journal, tag);
}

Status ProcessRuntime::DeleteData(const ClusterRef& cluster) {
  ASSIGN_OR_RETURN(const std::vector<DaemonRecord> records, RecordsOf(cluster).List());
  for (const DaemonRecord& record : records)
    if (!record.ended())
      return FailedPrecondition("{} runs with pid {}", record.name, record.process.pid);
  RETURN_IF_ERROR(Volumes(cluster, ClusterDir(cluster), options_.memory_dir).DeleteAll());
  // May hold credentials; every start writes it anew.
  std::error_code error;
  std::filesystem::remove_all(ClusterDir(cluster) + "/conf", error);
  return error ? ErrnoStatus(error.value(), "delete configuration") : Status::Ok();
}

}  // namespace headpond::runtime
