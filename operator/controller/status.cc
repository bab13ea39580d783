#include "operator/controller/status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/rfc3339.h"
#include "operator/api/placement.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using plan::ObservedWorkload;
using plan::Phase;
using plan::Role;

constexpr int kCrashLoop = 3;  // crashes in a row after which it is no longer an accident
constexpr size_t kMaxRollout = 20;

const ObservedWorkload* Find(const plan::ObservedCluster& observed,
                             const plan::Workload& workload) {
  const auto found = std::ranges::find_if(observed.workloads, [&](const ObservedWorkload& seen) {
    return seen.name == workload.name && seen.node == workload.node;
  });
  return found == observed.workloads.end() ? nullptr : &*found;
}

bool HasFailed(const ObservedWorkload& workload) {
  return workload.phase == Phase::kExited && workload.crashes > 0;
}

std::string StateOf(const ObservedWorkload* workload) {
  if (workload == nullptr) return "Pending";
  if (workload->cut_off) return "Unreachable";
  switch (workload->phase) {
    case Phase::kRunning: return workload->serving ? "Serving" : "Starting";
    case Phase::kStopping: return "Stopping";
    case Phase::kExited: return workload->crashes > 0 ? "Failed" : "Pending";
  }
  return "Pending";
}

RoleStatus CountRole(Role role, const std::vector<plan::Workload>& desired,
                     const plan::ObservedCluster& observed) {
  RoleStatus counts;
  for (const plan::Workload& workload : desired) {
    if (workload.role != role) continue;
    ++counts.desired;
    const ObservedWorkload* found = Find(observed, workload);
    if (found == nullptr || found->phase != Phase::kRunning) continue;
    counts.ready += found->serving && !plan::IsCatchingUp(*found, observed) &&
                    plan::Votes(workload.quorum_address, observed);
    counts.updated += found->config_hash == workload.ConfigHash();
  }
  return counts;
}

// How many workers the masters count; -1 when none tells.
int RegisteredWorkers(const plan::ObservedCluster& observed) {
  int registered = -1;
  for (const ObservedWorkload& workload : observed.workloads)
    if (workload.role == Role::kMaster && workload.serving)
      registered = std::max(registered, workload.live_workers.value_or(-1));
  return registered;
}

std::string HostOf(const plan::Workload& workload, const api::CacheClusterSpec& spec) {
  return workload.host.empty() ? api::HostnameOf(spec, workload.node) : workload.host;
}

std::string Address(const plan::Workload& workload, const api::CacheClusterSpec& spec) {
  return fmt::format("{}:{}", HostOf(workload, spec), workload.ports.at(0).number);
}

std::string WebUrl(const plan::Workload& workload, const api::CacheClusterSpec& spec) {
  return fmt::format("http://{}:{}", HostOf(workload, spec), workload.ports.at(1).number);
}

std::string StandingOf(const ObservedWorkload& workload, const std::string& quorum_address,
                       const plan::ObservedCluster& observed) {
  if (workload.phase != Phase::kRunning || !workload.quorum) return "";
  if (plan::LeaderOf(observed) == &workload) return "Leader";
  if (!plan::Votes(quorum_address, observed)) return "Joining";
  return plan::IsCatchingUp(workload, observed) ? "CatchingUp" : "Standby";
}

DaemonStatus DescribeDaemon(const plan::Workload& workload, const ObservedWorkload* found,
                            const plan::ObservedCluster& observed,
                            const api::CacheClusterSpec& spec) {
  DaemonStatus daemon{.name = workload.name,
                      .role = std::string(plan::RoleName(workload.role)),
                      .node = workload.node,
                      .state = StateOf(found),
                      .address = Address(workload, spec),
                      .web = WebUrl(workload, spec),
                      .logs = workload.logs_dir};
  if (found == nullptr) return daemon;
  if (daemon.node.empty()) daemon.node = found->scheduled_to;
  daemon.pid = found->phase == Phase::kExited ? 0 : found->pid;
  daemon.crashes = found->crashes;
  daemon.exited_at_ms = HasFailed(*found) ? found->exited_at_ms : 0;
  daemon.message = found->message;
  daemon.standing = StandingOf(*found, workload.quorum_address, observed);
  return daemon;
}

// Builds the conditions of one status; times come from the status before.
class Conditions {
 public:
  Conditions(const ClusterStatus& before, int64_t generation, int64_t now_ms)
      : before_(before), generation_(generation), now_(FormatRfc3339(now_ms)) {}

  void Set(std::string type, bool value, std::string reason, std::string message) {
    const std::string status = value ? "True" : "False";
    const Condition* old = before_.Find(type);
    const bool unchanged = old != nullptr && old->status == status;
    list_.push_back({std::move(type), status, std::move(reason), std::move(message),
                     unchanged ? old->last_transition_time : now_, generation_});
  }
  std::vector<Condition> Take() { return std::move(list_); }

 private:
  const ClusterStatus& before_;
  const int64_t generation_;
  const std::string now_;
  std::vector<Condition> list_;
};

bool HasQuorum(const std::vector<plan::Workload>& desired) {
  return std::ranges::any_of(
      desired, [](const plan::Workload& workload) { return !workload.quorum_address.empty(); });
}

void SetReady(const std::vector<plan::Workload>& desired, const ClusterStatus& status,
              Conditions& conditions) {
  if (HasQuorum(desired) && !status.leader)
    return conditions.Set("Ready", false, "NoMasterLeads", "no master leads");
  const bool master = status.masters.ready > 0;
  const int live = status.registered_workers < 0
                       ? status.workers.ready
                       : std::min(status.registered_workers, status.workers.ready);
  const bool worker = status.workers.desired == 0 || live > 0;
  if (master && worker) return conditions.Set("Ready", true, "Serving", "");
  if (!master) return conditions.Set("Ready", false, "NoMasterServes", "no master serves");
  if (status.workers.ready == 0)
    return conditions.Set("Ready", false, "NoWorkerServes", "no worker serves");
  conditions.Set("Ready", false, "NoWorkerRegistered",
                 "no worker has registered with the master yet");
}

void SetQuorumHealthy(const std::vector<plan::Workload>& desired, const plan::Plan& plan,
                      const ClusterStatus& status, Conditions& conditions) {
  if (!HasQuorum(desired)) return;
  const auto& [wanted, ready, updated] = status.masters;
  std::vector<std::string> missing;
  for (const DaemonStatus& daemon : status.daemons)
    if (daemon.role == plan::RoleName(Role::kMaster) && daemon.standing != "Leader" &&
        daemon.standing != "Standby")
      missing.push_back(fmt::format("{} is {}", daemon.name,
                                    daemon.standing.empty() ? daemon.state : daemon.standing));
  const std::string message = missing.empty() ? fmt::format("{} of {} in sync", ready, wanted)
                                              : fmt::format("{} of {} in sync: {}", ready, wanted,
                                                            fmt::join(missing, ", "));
  // Those that join have no say yet.
  const bool majority = ready > (wanted - static_cast<int>(plan.joining.size())) / 2;
  if (!status.leader || !majority)
    return conditions.Set("QuorumHealthy", false, majority ? "NoLeader" : "NoMajority", message);
  if (!plan.leaving.empty())
    return conditions.Set("QuorumHealthy", false, "MemberLeaving",
                          fmt::format("{}; {} to leave", message, fmt::join(plan.leaving, ", ")));
  const bool all_join = missing.size() <= plan.joining.size();
  const char* const reason = all_join ? "MemberJoining" : "MemberMissing";
  conditions.Set("QuorumHealthy", missing.empty(), missing.empty() ? "AllInSync" : reason, message);
}

void SetRole(const std::string& type, const RoleStatus& role, int registered,
             Conditions& conditions) {
  const int ready = registered < 0 ? role.ready : std::min(role.ready, registered);
  const std::string message = fmt::format("{} of {} ready, {} with the current configuration",
                                          ready, role.desired, role.updated);
  const bool all = ready == role.desired && role.updated == role.desired;
  conditions.Set(type, all, all ? "AllReady" : "SomeNotReady", message);
}

void SetProgressing(const api::CacheCluster& cluster, const plan::Plan& plan,
                    const ClusterStatus& status, Conditions& conditions) {
  if (!cluster.metadata.deletion_timestamp.empty())
    return conditions.Set("Progressing", true, "Deleting", "the cluster is being deleted");
  if (cluster.spec.paused)
    return conditions.Set("Progressing", false, "Paused", "spec.paused is true");
  if (status.restore && !status.restore->finished())
    return conditions.Set("Progressing", true, "Restoring",
                          fmt::format("Restore {} is at {}", status.restore->name,
                                      plan::NameOf(status.restore->step)));
  if (!plan.converged())
    return conditions.Set("Progressing", true,
                          !plan.leaving.empty()   ? "MasterLeaving"
                          : !plan.joining.empty() ? "MasterJoining"
                                                  : "RollingOut",
                          status.rollout.empty() ? "" : status.rollout.front());
  const bool registered =
      status.registered_workers < 0 || status.registered_workers >= status.workers.desired;
  if (!registered)
    return conditions.Set("Progressing", true, "WorkersRegistering",
                          fmt::format("{} of {} workers have registered", status.registered_workers,
                                      status.workers.desired));
  if (!plan.halted.empty())
    return conditions.Set("Progressing", false, "RolledBack", Describe(plan.halted.front()));
  conditions.Set("Progressing", false, "AsDesired", "");
}

// Images that are wanted and can't be had.
std::map<std::string, const plan::ObservedImage*> FailedImages(
    const std::vector<plan::Workload>& desired, const plan::ObservedCluster& observed) {
  std::map<std::string, const plan::ObservedImage*> failed;
  for (const plan::Workload& workload : desired) {
    if (!workload.container) continue;
    const auto found =
        observed.images.find(plan::ImageKey(workload.container->image, workload.node));
    if (found == observed.images.end()) continue;
    if (found->second.failures > 0 && found->second.state != plan::ImageState::kPresent)
      failed.emplace(found->first, &found->second);
  }
  return failed;
}

// By the nodes that don't answer: who was there.
std::map<std::string, std::vector<std::string>> CutOff(const plan::ObservedCluster& observed) {
  std::map<std::string, std::vector<std::string>> cut_off;
  for (const ObservedWorkload& workload : observed.workloads)
    if (workload.cut_off) cut_off[workload.scheduled_to].push_back(workload.name);
  return cut_off;
}

void SetDegraded(const std::vector<plan::Workload>& desired, const plan::ObservedCluster& observed,
                 const plan::Plan& plan, const Status& trouble, Conditions& conditions) {
  if (!trouble.ok()) {
    const char* const reason = trouble.code() == Code::kInvalidArgument ? "SpecRefused"
                               : trouble.code() == Code::kNotFound      ? "ReferenceMissing"
                                                                        : "OperatorError";
    return conditions.Set("Degraded", true, reason, trouble.message());
  }
  std::vector<std::string> messages;
  for (const plan::Halt& halt : plan.halted) messages.push_back(Describe(halt));
  std::string reason = messages.empty() ? "" : "RolledBack";
  for (const auto& [node, why] : observed.unreachable) {
    if (reason.empty()) reason = "NodeUnavailable";
    messages.push_back(fmt::format("node {}: {}", node, why));
  }
  for (const auto& [node, names] : CutOff(observed)) {
    if (reason.empty()) reason = "NodeUnavailable";
    messages.push_back(fmt::format(
        "node {} does not answer: {} may run there still, so nothing takes their place; "
        "if it is gone for good: kubectl delete node {}",
        node, fmt::join(names, ", "), node));
  }
  for (const auto& [name, image] : FailedImages(desired, observed)) {
    if (reason.empty()) reason = image->reason;
    messages.push_back(fmt::format("image {}: {}", name, image->message));
  }
  for (const plan::Workload& workload : desired) {
    const ObservedWorkload* found = Find(observed, workload);
    if (found == nullptr || !found->refused_limits || !found->limits || !workload.container)
      continue;
    const plan::Limits wanted = workload.container->limits();
    if (found->refused_limits->limits != wanted || *found->limits == wanted) continue;
    if (reason.empty()) reason = "LimitsRefused";
    messages.push_back(
        fmt::format("{} keeps its limits: {}", workload.name, found->refused_limits->message));
  }
  for (const plan::Workload& workload : desired) {
    const ObservedWorkload* found = Find(observed, workload);
    if (found == nullptr || found->mend_failure.empty()) continue;
    if (found->missing.empty() && found->surplus.empty() &&
        TooSmallClaims(workload, *found).empty())
      continue;  // what it was about is done with
    if (reason.empty()) reason = "MendFailed";
    messages.push_back(fmt::format("beside {}: {}", workload.name, found->mend_failure));
  }
  for (const ObservedWorkload& workload : observed.workloads) {
    if (!HasFailed(workload)) continue;
    const bool loops = workload.reason == "Crashed" && workload.crashes >= kCrashLoop;
    if (reason.empty()) reason = loops ? "CrashLooping" : workload.reason;
    messages.push_back(fmt::format(
        "{} {}{}", workload.name, workload.message,
        workload.crashes > 1 ? fmt::format(" ({} times in a row)", workload.crashes) : ""));
  }
  if (messages.empty()) return conditions.Set("Degraded", false, "NoFailure", "");
  conditions.Set("Degraded", true, reason.empty() ? "Crashed" : reason,
                 fmt::format("{}", fmt::join(messages, "; ")));
}

void SetUpgradeBlocked(const std::vector<plan::Workload>& desired,
                       const plan::ObservedCluster& observed, const plan::Plan& plan,
                       Conditions& conditions) {
  if (!plan.halted.empty())
    return conditions.Set("UpgradeBlocked", true, plan.halted.front().refusal.reason,
                          Describe(plan.halted.front()));
  const auto images = FailedImages(desired, observed);
  const bool keeps_old = std::ranges::any_of(observed.workloads, [&](const ObservedWorkload& seen) {
    const auto wanted = std::ranges::find(desired, seen.name, &plan::Workload::name);
    return wanted != desired.end() && seen.node == wanted->node && seen.phase == Phase::kRunning &&
           seen.config_hash != wanted->ConfigHash();
  });
  if (!images.empty() && keeps_old) {
    const auto& [name, image] = *images.begin();
    return conditions.Set("UpgradeBlocked", true, image->reason,
                          fmt::format("image {}: {}", name, image->message));
  }
  conditions.Set("UpgradeBlocked", false, "NotBlocked", "");
}

// What was true once stays so: the masters read a backup but once.
void SetBootstrapped(const api::CacheCluster& cluster, const std::vector<plan::Workload>& desired,
                     const plan::ObservedCluster& observed, const Status& trouble,
                     const ClusterStatus& before, const ClusterStatus& status,
                     Conditions& conditions) {
  constexpr const char* kType = "Bootstrapped";
  constexpr const char* kDataKept = "DataKept";
  if (!cluster.spec.bootstrap.wanted()) return;
  const Condition* const old = before.Find(kType);
  if (old != nullptr && (old->status == "True" || old->reason == kDataKept))
    return conditions.Set(kType, old->status == "True", old->reason, old->message);
  if (!trouble.ok()) return conditions.Set(kType, false, "Waiting", trouble.message());
  if (before.bootstrap_uri.empty() && observed.has_data)
    return conditions.Set(kType, false, kDataKept,
                          "the cluster found data of its own, so the backup is not used");
  const bool serves = status.masters.ready > 0 && (!HasQuorum(desired) || status.leader);
  conditions.Set(kType, serves, serves ? "FromBackup" : "Beginning",
                 fmt::format("the masters {} with {}", serves ? "began" : "are to begin",
                             status.bootstrap_uri));
}

// A pull may do without them, and what is there needs none: no failure by itself.
void SetPullSecretsReady(const api::CacheClusterSpec& spec, const plan::ObservedCluster& observed,
                         Conditions& conditions) {
  if (spec.image_pull_secrets.empty() || spec.runtime_type != api::RuntimeType::kDocker) return;
  const std::vector<std::string>& useless = observed.useless_pull_secrets;
  conditions.Set("PullSecretsReady", useless.empty(),
                 useless.empty() ? "AllReadable" : "SecretUnusable",
                 fmt::format("{}", fmt::join(useless, "; ")));
}

// The roll-out goes on from the look before, unless the spec is another one now.
void SetRollout(const plan::Plan& plan, const ClusterStatus& before, const std::string& now,
                ClusterStatus& status) {
  for (const plan::Step& step : plan.steps)
    status.rollout.push_back(step.waits_for.empty()
                                 ? Describe(step.action)
                                 : fmt::format("{}, waits for {}", Describe(step.action),
                                               fmt::join(step.waits_for, ", ")));
  status.rollout.insert(status.rollout.end(), plan.in_progress.begin(), plan.in_progress.end());
  for (const plan::Halt& halt : plan.halted) status.rollout.push_back(Describe(halt));
  if (status.rollout.size() > kMaxRollout) status.rollout.resize(kMaxRollout);
  if (status.rollout.empty()) return;
  const bool goes_on =
      !before.rollout.empty() && before.observed_generation == status.observed_generation;
  status.rollout_started_at = goes_on ? before.rollout_started_at : now;
  status.rollout_step =
      (goes_on ? before.rollout_step : 0) + static_cast<int>(plan.Runnable().size());
}

std::string PhaseOf(const api::CacheCluster& cluster, const ClusterStatus& status) {
  if (!cluster.metadata.deletion_timestamp.empty()) return "Terminating";
  if (cluster.spec.paused) return "Paused";
  if (status.IsTrue("Degraded")) return "Degraded";
  if (status.IsTrue("Progressing"))
    return status.masters.ready + status.workers.ready == 0 ? "Pending" : "Progressing";
  return status.IsTrue("Ready") ? "Ready" : "Progressing";
}

}  // namespace

const Condition* ClusterStatus::Find(std::string_view type) const {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool ClusterStatus::IsTrue(std::string_view type) const {
  const Condition* condition = Find(type);
  return condition != nullptr && condition->status == "True";
}

ClusterStatus ComputeStatus(const api::CacheCluster& cluster,
                            const std::vector<plan::Workload>& desired,
                            const plan::ObservedCluster& observed, const plan::Plan& plan,
                            const Status& trouble, const ClusterStatus& before, int64_t now_ms) {
  ClusterStatus status;
  status.observed_generation = cluster.metadata.generation;
  status.masters = CountRole(Role::kMaster, desired, observed);
  status.workers = CountRole(Role::kWorker, desired, observed);
  status.registered_workers = RegisteredWorkers(observed);
  std::set<std::string> data;
  const ObservedWorkload* const leader = plan::LeaderOf(observed);
  std::vector<std::string> master_addresses;
  for (const plan::Workload& workload : desired) {
    const ObservedWorkload* const found = Find(observed, workload);
    status.daemons.push_back(DescribeDaemon(workload, found, observed, cluster.spec));
    for (const plan::Volume& volume : workload.volumes)
      if (volume.kind == plan::VolumeKind::kUnderStore)
        status.under_store = volume.path;
      else
        data.insert(volume.path);
    if (workload.role != Role::kMaster) continue;
    const bool leads = leader != nullptr && found == leader;
    master_addresses.push_back(Address(workload, cluster.spec));
    if (leads)
      status.leader = {workload.name, Address(workload, cluster.spec), leader->quorum->term};
    // Of several masters, only the one that leads has pages.
    if (workload.ordinal == 0 || leads)
      status.endpoints["masterWeb"] = WebUrl(workload, cluster.spec);
  }
  if (!master_addresses.empty())
    status.endpoints["masterRpc"] = fmt::format("{}", fmt::join(master_addresses, ","));
  if (!cluster.spec.root_ufs.uri.empty()) status.under_store = cluster.spec.root_ufs.uri;
  status.bootstrap_uri = trouble.ok() ? cluster.spec.bootstrap.uri : before.bootstrap_uri;
  status.restore = before.restore;
  status.data.assign(data.begin(), data.end());
  SetRollout(plan, before, FormatRfc3339(now_ms), status);

  Conditions conditions(before, status.observed_generation, now_ms);
  SetReady(desired, status, conditions);
  SetRole("MastersReady", status.masters, -1, conditions);
  SetQuorumHealthy(desired, plan, status, conditions);
  SetRole("WorkersReady", status.workers, status.registered_workers, conditions);
  SetProgressing(cluster, plan, status, conditions);
  SetUpgradeBlocked(desired, observed, plan, conditions);
  SetBootstrapped(cluster, desired, observed, trouble, before, status, conditions);
  if (trouble.ok()) SetPullSecretsReady(cluster.spec, observed, conditions);
  SetDegraded(desired, observed, plan, trouble, conditions);
  status.conditions = conditions.Take();
  status.phase = PhaseOf(cluster, status);
  return status;
}

}  // namespace headpond::controller
