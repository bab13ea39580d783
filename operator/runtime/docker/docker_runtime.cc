#include "operator/runtime/docker/docker_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "io/env.h"
#include "operator/plan/desired.h"
#include "operator/plan/restore.h"
#include "operator/runtime/docker/container_body.h"
#include "operator/runtime/docker/container_files.h"
#include "operator/runtime/journal_folders.h"
#include "operator/runtime/ports.h"

namespace headpond::runtime {
namespace {

using plan::Phase;

constexpr std::string_view kComponent = "docker-runtime";
// No name of a daemon ends like this: a dot is no part of a DNS label.
constexpr std::string_view kOldSuffix = ".old";
constexpr std::string_view kDefaultNamespace = "default";
constexpr int kFirstSignalCode = 128;  // exit codes above it stand for signals

std::string OldName(const std::string& name) {
  return name + std::string(kOldSuffix);
}
// What containers of the namespace are called: names are one namespace for the whole engine, and
// a dot is no part of a DNS label, so no two daemons of ours get the same one.
std::string Prefix(const ClusterRef& cluster) {
  return cluster.name_space == kDefaultNamespace ? "" : cluster.name_space + ".";
}
std::string ContainerName(const ClusterRef& cluster, const std::string& workload) {
  return Prefix(cluster) + workload;
}
bool IsOld(const ContainerInfo& container) {
  return container.name.ends_with(kOldSuffix);
}
std::string BaseName(const ContainerInfo& container) {
  return IsOld(container) ? container.name.substr(0, container.name.size() - kOldSuffix.size())
                          : container.name;
}

std::string LabelOf(const Labels& labels, std::string_view key) {
  const auto found = labels.find(std::string(key));
  return found == labels.end() ? std::string() : found->second;
}

bool BelongsTo(const Labels& labels, const ClusterRef& cluster) {
  return LabelOf(labels, kUidLabel) == cluster.uid;
}

const ContainerInfo* FindContainer(const std::vector<ContainerInfo>& containers,
                                   const std::string& name) {
  const auto found = std::ranges::find(containers, name, &ContainerInfo::name);
  return found == containers.end() ? nullptr : &*found;
}

std::string HowItEnded(const ContainerInfo& container) {
  if (container.out_of_memory)
    return fmt::format("ran out of memory (limit {} bytes; spec.{}.resources.memory)",
                       container.memory_bytes, LabelOf(container.labels, kRoleLabel));
  if (container.exit_code > kFirstSignalCode)
    return fmt::format("was killed by signal {}", container.exit_code - kFirstSignalCode);
  return fmt::format("exited with code {}", container.exit_code);
}

// What is known from labels, whatever the container does.
plan::ObservedWorkload Identify(const ContainerInfo& container) {
  plan::ObservedWorkload workload{.name = BaseName(container),
                                  .role = LabelOf(container.labels, kRoleLabel) == "worker"
                                              ? plan::Role::kWorker
                                              : plan::Role::kMaster,
                                  .config_hash = LabelOf(container.labels, kHashLabel)};
  const std::string ordinal = LabelOf(container.labels, kOrdinalLabel);
  std::from_chars(ordinal.data(), ordinal.data() + ordinal.size(), workload.ordinal);
  return workload;
}

plan::ObservedWorkload FailedStart(const DaemonNote& note) {
  return {.name = note.name,
          .role = note.role,
          .ordinal = note.ordinal,
          .phase = Phase::kExited,
          .config_hash = note.config_hash,
          .exited_at_ms = note.failed_at_ms,
          .crashes = note.crashes,
          .reason = note.reason,
          .message = note.message,
          .start_failed = true,
          .refusal = note.refusal};
}

// What is known when no container is left, but what one served with is kept.
plan::ObservedWorkload LookAtKept(const DaemonNote& note) {
  plan::ObservedWorkload workload = note.start_failed
                                        ? FailedStart(note)
                                        : plan::ObservedWorkload{.name = note.name,
                                                                 .role = note.role,
                                                                 .ordinal = note.ordinal,
                                                                 .phase = Phase::kExited,
                                                                 .config_hash = note.proven_hash,
                                                                 .refusal = note.refusal};
  workload.proven_hash = note.proven_hash;
  return workload;
}

// What is known when only the predecessor is there: its successor could not be made, or the
// operator ended between setting it aside and making that.
plan::ObservedWorkload LookAtPredecessor(const ContainerInfo& old,
                                         const std::vector<DaemonNote>& notes) {
  plan::ObservedWorkload workload = Identify(old);
  workload.phase = Phase::kExited;
  const std::string proven_hash = workload.config_hash;
  const auto note = std::ranges::find(notes, workload.name, &DaemonNote::name);
  if (note != notes.end() && note->start_failed) workload = FailedStart(*note);
  workload.proven_hash = proven_hash;
  if (note != notes.end()) workload.refusal = note->refusal;
  return workload;
}

}  // namespace

DockerRuntime::DockerRuntime(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), engine_(options_.endpoint) {}

DockerRuntime::~DockerRuntime() = default;

void DockerRuntime::OnChange(std::function<void()> changed) {
  changed_ = std::move(changed);
}

DaemonNotes DockerRuntime::NotesOf(const ClusterRef& cluster) const {
  return DaemonNotes(fmt::format("{}/docker/{}{}{}", options_.home, cluster.uid,
                                 cluster.node.empty() ? "" : ".", cluster.node));
}

Result<DockerRuntime::Containers> DockerRuntime::ContainersOf(const ClusterRef& cluster) {
  std::vector<std::string> labels = {LabelIs(kUidLabel, cluster.uid),
                                     LabelIs(kManagedByLabel, kManagedBy)};
  if (!cluster.node.empty()) labels.push_back(LabelIs(kNodeLabel, cluster.node));
  ASSIGN_OR_RETURN(Containers containers, engine_.ListContainers(labels));
  const std::string prefix = Prefix(cluster);
  for (ContainerInfo& container : containers)
    if (container.name.starts_with(prefix)) container.name.erase(0, prefix.size());
  return containers;
}

plan::Layout DockerRuntime::LayoutFor(const ClusterRef& /*cluster*/) const {
  return plan::ContainerLayout();
}

Result<plan::ObservedCluster> DockerRuntime::Observe(const ClusterRef& cluster) {
  if (!events_ && changed_) events_ = std::make_unique<EventWatch>(options_.endpoint, changed_);
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const DaemonNotes store = NotesOf(cluster);
  ASSIGN_OR_RETURN(std::vector<DaemonNote> notes, store.List());
  plan::ObservedCluster observed;
  for (const ContainerInfo& container : containers) {
    if (IsOld(container)) {
      if (FindContainer(containers, BaseName(container)) == nullptr)
        observed.workloads.push_back(LookAtPredecessor(container, notes));
      continue;
    }
    const auto found = std::ranges::find(notes, container.name, &DaemonNote::name);
    DaemonNote note = found == notes.end() ? DaemonNote{.name = container.name} : *found;
    const int64_t counted_before = note.counted_exit_at_ms;
    observed.workloads.push_back(Look(container, note));
    if (const ContainerInfo* const old = FindContainer(containers, OldName(container.name)))
      observed.workloads.back().proven_hash = LabelOf(old->labels, kHashLabel);
    if (options_.look_only) continue;
    if (note.counted_exit_at_ms != counted_before) RETURN_IF_ERROR(store.Write(note));
    if (note.stop_requested_at_ms == 0 || observed.workloads.back().phase != Phase::kStopping)
      continue;
    RETURN_IF_ERROR(EnforceGrace(container, note));
    const int64_t kill_at = note.stop_requested_at_ms + int64_t{container.stop_timeout_s} * 1000;
    observed.due_at_ms = std::min(kill_at, observed.due_at_ms.value_or(kill_at));
  }
  for (const DaemonNote& note : notes) {
    const auto seen =
        std::ranges::find(observed.workloads, note.name, &plan::ObservedWorkload::name);
    if (seen != observed.workloads.end()) continue;
    if (!note.proven_hash.empty() && store.Proven(note.name, note.proven_hash).ok())
      observed.workloads.push_back(LookAtKept(note));
    else if (note.start_failed)
      observed.workloads.push_back(FailedStart(note));
  }
  for (const std::string& folder : cluster.watched_folders) {
    ASSIGN_OR_RETURN(const bool there, io::Env::Posix().Exists(folder));
    if (there) observed.folders.insert(folder);
  }
  Probe(containers, observed);
  RETURN_IF_ERROR(Prove(cluster, containers, observed));
  ASSIGN_OR_RETURN(observed.has_data, HasData(cluster));
  if (containers.empty()) {
    ASSIGN_OR_RETURN(const auto networks, engine_.ListNetworks({LabelIs(kUidLabel, cluster.uid)}));
    observed.has_leftovers = !networks.empty();
  }
  if (fetcher_) observed.images = fetcher_->images(cluster.pull_access);
  return observed;
}

Result<bool> DockerRuntime::HasData(const ClusterRef& cluster) {
  ASSIGN_OR_RETURN(const auto volumes, engine_.ListVolumes({LabelIs(kUidLabel, cluster.uid)}));
  return std::ranges::any_of(volumes, [](const ResourceInfo& volume) {
    return LabelOf(volume.labels, kKindLabel) != "under-store";
  });
}

Status DockerRuntime::Fetch(const ClusterRef& cluster, const plan::Workload& workload) {
  if (!workload.container) return Internal("{} has no container", workload.name);
  if (!fetcher_)
    fetcher_ = std::make_unique<ImageFetcher>(
        options_.endpoint, options_.environment, clock_, changed_ ? changed_ : [] {});
  fetcher_->Fetch(*workload.container, cluster.pull_access);
  return Status::Ok();
}

Status DockerRuntime::Adjust(const ClusterRef& cluster, const plan::Workload& workload) {
  if (!workload.container) return Internal("{} has no container", workload.name);
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const ContainerInfo* const container = FindContainer(containers, workload.name);
  if (container == nullptr) return NotFound("{} has no container", workload.name);
  const plan::Limits limits = workload.container->limits();
  Status updated = engine_.Update(container->id, LimitsBody(limits));
  if (updated.code() == Code::kUnavailable || updated.code() == Code::kCancelled) return updated;
  const DaemonNotes store = NotesOf(cluster);
  DaemonNote note = store.Find(workload.name);
  if (updated.ok() && !note.refused_limits) return updated;
  if (note.container_id != container->id) (void)Look(*container, note);
  note.refused_limits.reset();
  if (!updated.ok()) note.refused_limits = {limits, clock_.NowMs(), updated.message()};
  RETURN_IF_ERROR(store.Write(note));
  return updated;
}

Status JournalCanMove(const Endpoint& engine, const ClusterRef& cluster,
                      const plan::Workload& master) {
  const plan::Volume* const journal = plan::JournalOf(master);
  if (journal == nullptr || journal->host_path.empty())
    return FailedPrecondition(
        "spec.master.journal.folder: is not given, and volumes of Docker can't be renamed; make a "
        "new cluster with spec.bootstrap.fromBackup");
  if (!engine.is_local() || !cluster.node.empty())
    return FailedPrecondition(
        "spec.runtime.docker: folders of other machines can't be renamed; make a new cluster with "
        "spec.bootstrap.fromBackup");
  return Status::Ok();
}

Result<std::string> DockerRuntime::IdleJournal(const ClusterRef& cluster,
                                               const plan::Workload& workload) {
  RETURN_IF_ERROR(CanSetAside(cluster, workload));
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const ContainerInfo* const container = FindContainer(containers, workload.name);
  if (container != nullptr && container->is_running())
    return FailedPrecondition("{} runs in container {}", workload.name,
                              container->id.substr(0, 12));
  const plan::Volume& journal = *plan::JournalOf(workload);
  // The operator may run in a container itself, whose folders are others.
  const std::string parent = io::ParentDirectory(journal.path);
  ASSIGN_OR_RETURN(const bool there, io::Env::Posix().Exists(parent));
  if (!there)
    return FailedPrecondition(
        "spec.master.journal.folder: the operator does not see {}; mount it into its container",
        parent);
  RETURN_IF_ERROR(CheckStampOnHost(journal.path, cluster));
  return journal.path;
}

Status DockerRuntime::SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                               const std::string& tag) {
  ASSIGN_OR_RETURN(const std::string journal, IdleJournal(cluster, workload));
  return SetAsideFolder(journal, tag);
}

Status DockerRuntime::PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                              const std::string& tag) {
  ASSIGN_OR_RETURN(const std::string journal, IdleJournal(cluster, workload));
  return PutBackFolder(journal, tag);
}

Status DockerRuntime::CleanUp(const ClusterRef& cluster) {
  return RemoveNetworks(cluster);
}

// Tells what one container does, and counts its end in the note when that is new.
plan::ObservedWorkload DockerRuntime::Look(const ContainerInfo& container, DaemonNote& note) {
  plan::ObservedWorkload workload = Identify(container);
  if (note.container_id != container.id)  // notes were lost, or are about an earlier container
    note = {.name = container.name,
            .role = workload.role,
            .ordinal = workload.ordinal,
            .config_hash = workload.config_hash,
            .container_id = container.id};
  workload.started_at_ms = container.started_at_ms;
  workload.refusal = note.refusal;
  workload.refused_limits = note.refused_limits;
  if (note.proven_hash == workload.config_hash) workload.proven_hash = note.proven_hash;
  const bool stop_requested = note.stop_requested_at_ms != 0;
  if (container.is_running() || container.status == "restarting") {
    workload.phase = stop_requested ? Phase::kStopping : Phase::kRunning;
    workload.pid = container.pid;
    workload.limits = plan::Limits{container.memory_bytes, container.nano_cpus};
    workload.crashes = note.crashes;
    workload.reason = note.reason;
    workload.message = note.message;
    if (container.status == "paused")
      workload.message = "is paused: docker unpause " + container.id.substr(0, 12);
    return workload;
  }
  if (container.status == "removing") {
    workload.phase = Phase::kStopping;
    return workload;
  }
  workload.phase = Phase::kExited;
  const bool ran = container.status != "created" && container.finished_at_ms != 0;
  if (ran && !note.start_failed && note.counted_exit_at_ms != container.finished_at_ms)
    NoteEnd(container, note);
  // What failed to start may be another configuration than the one that lies there.
  workload.start_failed = note.start_failed;
  if (note.start_failed) workload.config_hash = note.config_hash;
  workload.exited_at_ms = note.start_failed ? note.failed_at_ms : note.counted_exit_at_ms;
  workload.crashes = note.crashes;
  workload.reason = note.reason;
  workload.message = note.message;
  return workload;
}

void DockerRuntime::NoteEnd(const ContainerInfo& container, DaemonNote& note) {
  note.counted_exit_at_ms = container.finished_at_ms;
  note.message = HowItEnded(container);
  if (note.stop_requested_at_ms != 0) {
    note.crashes = 0;
    note.reason = "Stopped";
    LogInfo(kComponent, "{} {}", container.name, note.message);
    return;
  }
  note.crashes = plan::NextCrashCount(note.crashes, container.started_at_ms,
                                      container.finished_at_ms, options_.restart_policy);
  note.reason = container.out_of_memory ? "OutOfMemory" : "Crashed";
  const std::string last = engine_.LastOutput(container.id).value_or("");
  if (!last.empty()) note.message += "; last output: " + last;
  LogWarn(kComponent, "{} {}", container.name, note.message);
}

Status DockerRuntime::EnforceGrace(const ContainerInfo& container, const DaemonNote& note) {
  constexpr int64_t kSecond = 1000;
  if (clock_.NowMs() < note.stop_requested_at_ms + container.stop_timeout_s * kSecond)
    return Status::Ok();
  LogWarn(kComponent, "{} outlived its grace period of {} s: killing it", container.name,
          container.stop_timeout_s);
  const Status killed = engine_.Kill(container.id, "SIGKILL");
  const bool gone = killed.code() == Code::kAborted || killed.code() == Code::kNotFound;
  return gone ? Status::Ok() : killed;
}

void DockerRuntime::Probe(const Containers& containers, plan::ObservedCluster& observed) {
  std::vector<plan::Probe> probes;
  std::vector<plan::ObservedWorkload*> probed;
  for (plan::ObservedWorkload& workload : observed.workloads) {
    const ContainerInfo* container = FindContainer(containers, workload.name);
    if (workload.phase != Phase::kRunning || container == nullptr) continue;
    auto probe = ReadProbe(container->labels);
    if (!probe.ok()) {
      workload.message = probe.status().message();
      continue;
    }
    for (const auto& [network, address] : container->addresses)
      if (probe->host.empty()) probe->host = address;
    if (!options_.endpoint.is_local() && probe->host == "127.0.0.1")
      probe->host = options_.endpoint.host;
    probes.push_back(*std::move(probe));
    probed.push_back(&workload);
  }
  std::vector<ProbeResult> results = prober_.ProbeAll(probes, options_.probe_timeout);
  for (size_t i = 0; i < results.size(); ++i) Take(std::move(results[i]), *probed[i]);
}

Status DockerRuntime::Prove(const ClusterRef& cluster, const Containers& containers,
                            plan::ObservedCluster& observed) {
  const DaemonNotes store = NotesOf(cluster);
  for (plan::ObservedWorkload& workload : observed.workloads) {
    if (!workload.serving) continue;
    if (options_.look_only) {
      workload.proven_hash = workload.config_hash;
      continue;
    }
    if (DaemonNote note = store.Find(workload.name); note.proven_hash != workload.config_hash) {
      const ContainerInfo* const container = FindContainer(containers, workload.name);
      if (note.container_id != container->id) (void)Look(*container, note);
      RETURN_IF_ERROR(store.KeepProven(workload.name, workload.config_hash));
      note.proven_hash = workload.config_hash;
      RETURN_IF_ERROR(store.Write(note));
    }
    workload.proven_hash = workload.config_hash;
    const ContainerInfo* const old = FindContainer(containers, OldName(workload.name));
    if (old == nullptr) continue;
    LogInfo(kComponent, "{} serves; its predecessor is removed", workload.name);
    RETURN_IF_ERROR(engine_.RemoveContainer(old->id));
  }
  return Status::Ok();
}

Status DockerRuntime::Start(const ClusterRef& cluster, const plan::Workload& workload) {
  if (!workload.container) return Internal("{} has no container", workload.name);
  const auto current = engine_.InspectByName(ContainerName(cluster, workload.name));
  if (current.ok() && BelongsTo(current->labels, cluster) && current->is_running())
    return AlreadyExists("{} runs in container {}", workload.name, current->id.substr(0, 12));
  if (!current.ok() && current.status().code() != Code::kNotFound) return current.status();

  const DaemonNotes store = NotesOf(cluster);
  DaemonNote note = store.Find(workload.name);
  const std::string hash = workload.ConfigHash();
  // Another configuration starts counting anew.
  if (note.config_hash != hash)
    note = {.name = workload.name,
            .container_id = note.container_id,
            .proven_hash = note.proven_hash,
            .refusal = note.refusal};
  if (note.refusal && note.refusal->config_hash == hash) note.refusal.reset();
  if (current.ok() && BelongsTo(current->labels, cluster)) note.container_id = current->id;
  note.role = workload.role;
  note.ordinal = workload.ordinal;
  note.config_hash = hash;
  note.reason = "StartFailed";
  if (note.proven_hash != hash) RETURN_IF_ERROR(store.KeepTried(workload));
  Status status = TryStart(cluster, workload, note);
  if (status.ok()) return status;
  // An engine that can't be reached says nothing about the daemon.
  if (status.code() == Code::kUnavailable || status.code() == Code::kCancelled) return status;
  note.start_failed = true;
  note.failed_at_ms = clock_.NowMs();
  note.crashes += 1;
  note.message = status.message();
  LogWarn(kComponent, "{} can't start: {}", workload.name, status.message());
  RETURN_IF_ERROR(store.Write(note));
  return status;
}

Status DockerRuntime::TryStart(const ClusterRef& cluster, const plan::Workload& workload,
                               DaemonNote& note) {
  RETURN_IF_ERROR(CheckHost(workload, note));
  RETURN_IF_ERROR(PrepareNetwork(cluster, workload, note));
  RETURN_IF_ERROR(PrepareVolumes(cluster, workload, note));
  ASSIGN_OR_RETURN(const std::string id, PrepareContainer(cluster, workload, note));
  return Launch(cluster, workload, id, note);
}

Status DockerRuntime::CheckHost(const plan::Workload& workload, DaemonNote& note) {
  const plan::Container& container = *workload.container;
  const bool uses_host_ports = container.network.empty() || container.publish_ports;
  if (!options_.endpoint.is_local() || !uses_host_ports) return Status::Ok();
  Status ports = CheckPortsAreFree(workload);
  if (ports.code() == Code::kFailedPrecondition) note.reason = "PortInUse";
  return ports;
}

Status DockerRuntime::PrepareNetwork(const ClusterRef& cluster, const plan::Workload& workload,
                                     DaemonNote& note) {
  const std::string& name = workload.container->network;
  if (name.empty()) return Status::Ok();
  const auto found = engine_.InspectNetwork(name);
  if (found.ok()) return Status::Ok();
  if (found.status().code() != Code::kNotFound) return found.status();
  note.reason = "NetworkFailed";
  const Status created = engine_.CreateNetwork(name, ClusterLabels(cluster));
  if (!created.ok() && created.code() != Code::kAborted)
    return created.WithContext("create network " + name);
  note.reason = "StartFailed";
  return Status::Ok();
}

Status DockerRuntime::PrepareVolumes(const ClusterRef& cluster, const plan::Workload& workload,
                                     DaemonNote& note) {
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.volume_name.empty()) continue;
    const auto found = engine_.InspectVolume(volume.volume_name);
    if (found.status().code() == Code::kNotFound) {
      RETURN_IF_ERROR(engine_.CreateVolume(volume.volume_name, VolumeLabels(cluster, volume)));
      continue;
    }
    if (!found.ok()) return found.status();
    if (BelongsTo(found->labels, cluster)) continue;
    note.reason = "VolumeConflict";
    const std::string uid = LabelOf(found->labels, kUidLabel);
    return uid.empty() ? FailedPrecondition(
                             "volume {} is not ours: remove it or choose another name for "
                             "the cluster",
                             volume.volume_name)
                       : FailedPrecondition(
                             "volume {} holds data of another cluster (uid {}): remove it "
                             "or choose another name for the cluster",
                             volume.volume_name, uid);
  }
  return Status::Ok();
}

Result<std::string> DockerRuntime::PrepareContainer(const ClusterRef& cluster,
                                                    const plan::Workload& workload,
                                                    DaemonNote& note) {
  const auto conflict = [&](const ContainerInfo& other) {
    note.reason = "NameConflict";
    return FailedPrecondition(
        "container {} ({}) is not ours: rename or remove it, or choose "
        "another name for the cluster",
        other.name, other.id.substr(0, 12));
  };
  const auto is_current = [&](const ContainerInfo& container) {
    return LabelOf(container.labels, kHashLabel) == note.config_hash;
  };
  const auto found = engine_.InspectByName(ContainerName(cluster, workload.name));
  if (found.ok()) {
    if (!BelongsTo(found->labels, cluster)) return conflict(*found);
    if (is_current(*found)) return found->id;
    RETURN_IF_ERROR(KeepAside(*found, note));
  } else if (found.status().code() != Code::kNotFound) {
    return found.status();
  }
  ASSIGN_OR_RETURN(const ApiVersion version, engine_.client().Version());
  auto created = engine_.CreateContainer(ContainerName(cluster, workload.name),
                                         ContainerBody(cluster, workload, version));
  if (created.ok()) return created;
  const std::string& message = created.status().message();
  switch (created.status().code()) {
    case Code::kAborted: {  // somebody took the name meanwhile: perhaps our own lost call
      ASSIGN_OR_RETURN(const ContainerInfo other,
                       engine_.InspectByName(ContainerName(cluster, workload.name)));
      if (!BelongsTo(other.labels, cluster) || !is_current(other)) return conflict(other);
      return other.id;
    }
    case Code::kNotFound:
      if (message.find("image") == std::string::npos) return created.status();
      note.reason = "ImageNotPresent";
      if (fetcher_) fetcher_->Forget(workload.container->image);
      return created.status();
    case Code::kInvalidArgument:
      if (message.find("source path does not exist") == std::string::npos) return created.status();
      note.reason = "MountMissing";
      return FailedPrecondition(
          "{}; create the folder on the Docker host for user {}, or name "
          "another one",
          message, workload.container->settings.user);
    default: return created.status();
  }
}

Status DockerRuntime::KeepAside(const ContainerInfo& container, const DaemonNote& note) {
  const auto old = engine_.InspectByName(OldName(container.name));
  if (!old.ok() && old.status().code() != Code::kNotFound) return old.status();
  // One that is kept already has served, and this one has not.
  const bool worth_keeping = !old.ok() && note.proven_hash == LabelOf(container.labels, kHashLabel);
  return worth_keeping ? engine_.Rename(container.id, OldName(container.name))
                       : engine_.RemoveContainer(container.id);
}

Status DockerRuntime::Launch(const ClusterRef& cluster, const plan::Workload& workload,
                             const std::string& container_id, DaemonNote& note) {
  note.container_id = container_id;
  const Status stamps = CheckStamps(engine_, container_id, cluster, workload);
  if (stamps.code() == Code::kFailedPrecondition) note.reason = "VolumeConflict";
  RETURN_IF_ERROR(stamps);
  ASSIGN_OR_RETURN(std::vector<Upload> uploads, UploadsFor(cluster, workload));
  for (Upload& upload : uploads)
    RETURN_IF_ERROR(engine_.PutArchive(container_id, upload.path, std::move(upload.tar)));

  // On record first: from its start on, an end of the container is a crash.
  ASSIGN_OR_RETURN(const ContainerInfo before,
                   engine_.InspectByName(ContainerName(cluster, workload.name)));
  DaemonNote running = note;
  running.stop_requested_at_ms = 0;
  running.counted_exit_at_ms = before.finished_at_ms;
  running.start_failed = false;
  running.reason.clear();
  running.message.clear();
  RETURN_IF_ERROR(NotesOf(cluster).Write(running));
  const Status started = engine_.StartContainer(container_id);
  if (started.ok()) {
    LogInfo(kComponent, "started {} (container {})", workload.name, container_id.substr(0, 12));
    return started;
  }
  const std::string& message = started.message();
  for (const char* text : {"port is already allocated", "address already in use"})
    if (message.find(text) != std::string::npos) note.reason = "PortInUse";
  return started;
}

Status DockerRuntime::Restore(const ClusterRef& cluster, const std::string& workload,
                              const std::optional<plan::Refusal>& refusal) {
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const ContainerInfo* const current = FindContainer(containers, workload);
  const ContainerInfo* const old = FindContainer(containers, OldName(workload));
  const DaemonNotes store = NotesOf(cluster);
  DaemonNote note = store.Find(workload);
  const bool current_served = current != nullptr && !note.proven_hash.empty() &&
                              LabelOf(current->labels, kHashLabel) == note.proven_hash;
  const auto kept = store.Proven(workload, note.proven_hash);
  if (old == nullptr && !current_served && !kept.ok())
    return NotFound("{} has nothing to go back to", workload);
  if (old == nullptr && current_served && current->is_running())
    return FailedPrecondition("{} runs what served last", workload);
  if (refusal) {
    note.refusal = *refusal;
    RETURN_IF_ERROR(store.Write(note));
    LogWarn(kComponent, "{}: configuration {} is refused: {}", workload, refusal->config_hash,
            refusal->message);
  }
  if (current != nullptr && current->is_running()) return Stop(cluster, workload);
  if (old == nullptr && current_served) return StartAgain(cluster, *current, std::move(note));
  if (old == nullptr) return Start(cluster, *kept);
  if (current != nullptr) RETURN_IF_ERROR(engine_.RemoveContainer(current->id));
  RETURN_IF_ERROR(engine_.Rename(old->id, ContainerName(cluster, workload)));
  note.crashes = 0;
  return StartAgain(cluster, *old, std::move(note));
}

Status DockerRuntime::StartAgain(const ClusterRef& cluster, const ContainerInfo& container,
                                 DaemonNote note) {
  const DaemonNotes store = NotesOf(cluster);
  const plan::ObservedWorkload identity = Identify(container);
  note.role = identity.role;
  note.ordinal = identity.ordinal;
  note.config_hash = note.proven_hash = identity.config_hash;
  note.container_id = container.id;
  note.stop_requested_at_ms = 0;
  note.counted_exit_at_ms = container.finished_at_ms;
  note.start_failed = false;
  note.reason.clear();
  note.message.clear();
  // On record first: from its start on, an end of the container is a crash.
  RETURN_IF_ERROR(store.Write(note));
  const Status started = engine_.StartContainer(container.id);
  if (started.ok()) {
    LogInfo(kComponent, "{} runs again with configuration {}", identity.name, note.config_hash);
    return started;
  }
  if (started.code() == Code::kUnavailable || started.code() == Code::kCancelled) return started;
  note.start_failed = true;
  note.failed_at_ms = clock_.NowMs();
  note.crashes += 1;
  note.reason = "StartFailed";
  note.message = started.message();
  LogWarn(kComponent, "{} can't start again: {}", identity.name, started.message());
  RETURN_IF_ERROR(store.Write(note));
  return started;
}

Status DockerRuntime::Stop(const ClusterRef& cluster, const std::string& workload) {
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const ContainerInfo* container = FindContainer(containers, workload);
  if (container == nullptr || !container->is_running())
    return NotFound("{} is not running", workload);
  const DaemonNotes store = NotesOf(cluster);
  DaemonNote note = store.Find(workload);
  if (note.container_id != container->id) (void)Look(*container, note);
  if (note.stop_requested_at_ms == 0) {
    // On record first: an end that was asked for must never look like a crash.
    note.stop_requested_at_ms = clock_.NowMs();
    RETURN_IF_ERROR(store.Write(note));
  }
  // What is paused can't be asked for anything.
  if (container->status == "paused") RETURN_IF_ERROR(engine_.Unpause(container->id));
  const Status signalled = engine_.Kill(container->id, "SIGTERM");
  const bool gone = signalled.code() == Code::kAborted || signalled.code() == Code::kNotFound;
  return gone ? Status::Ok() : signalled;
}

Status DockerRuntime::Remove(const ClusterRef& cluster, const std::string& workload) {
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  const ContainerInfo* container = FindContainer(containers, workload);
  const ContainerInfo* old = FindContainer(containers, OldName(workload));
  if (container != nullptr && container->is_running())
    return FailedPrecondition("{} runs in container {}", workload, container->id.substr(0, 12));
  const size_t going = (container != nullptr ? 1 : 0) + (old != nullptr ? 1 : 0);
  // Before the last container, so that a crash in between doesn't leave networks alone.
  if (going > 0 && going == containers.size()) RETURN_IF_ERROR(RemoveNetworks(cluster));
  if (old != nullptr) RETURN_IF_ERROR(engine_.RemoveContainer(old->id));
  if (container != nullptr) RETURN_IF_ERROR(engine_.RemoveContainer(container->id));
  return NotesOf(cluster).Remove(workload);
}

Status DockerRuntime::RemoveNetworks(const ClusterRef& cluster) {
  ASSIGN_OR_RETURN(const auto networks, engine_.ListNetworks({LabelIs(kUidLabel, cluster.uid)}));
  for (const ResourceInfo& network : networks) {
    const Status removed = engine_.RemoveNetwork(network.id);
    if (removed.code() == Code::kPermissionDenied)
      LogWarn(kComponent, "network {} is kept: {}", network.name, removed.message());
    else
      RETURN_IF_ERROR(removed);
  }
  return Status::Ok();
}

Status DockerRuntime::DeleteData(const ClusterRef& cluster) {
  ASSIGN_OR_RETURN(const Containers containers, ContainersOf(cluster));
  for (const ContainerInfo& container : containers)
    if (container.is_running())
      return FailedPrecondition("{} runs in container {}", container.name,
                                container.id.substr(0, 12));
  ASSIGN_OR_RETURN(const auto volumes, engine_.ListVolumes({LabelIs(kUidLabel, cluster.uid)}));
  for (const ResourceInfo& volume : volumes) {
    if (LabelOf(volume.labels, kKindLabel) == "under-store") continue;
    RETURN_IF_ERROR(engine_.RemoveVolume(volume.name));
    LogInfo(kComponent, "deleted volume {}", volume.name);
  }
  return NotesOf(cluster).RemoveAll();
}

}  // namespace headpond::runtime
