#include "operator/testing/fake_runtime.h"

#include <algorithm>

#include "operator/plan/restore.h"

namespace headpond::testing_operator {
namespace {

using plan::Phase;

bool Has(const plan::Workload& workload, const std::string& word) {
  return std::ranges::find(workload.args, word) != workload.args.end();
}

bool Behaves(const FakeWorld& world, const plan::Workload& workload, const std::string& word) {
  if (Has(workload, word)) return true;
  for (const auto& [line, behaviour] : world.misbehaving)
    if (behaviour == word && Has(workload, "-D" + line)) return true;
  for (const auto& [line, behaviour] : world.misbehaving)
    for (const auto& [path, content] : workload.files)
      if (behaviour == word && content.find(line) != std::string::npos) return true;
  return false;
}

}  // namespace

void FakeWorld::Crash(const std::string& name, int64_t now_ms) {
  plan::ObservedWorkload& seen = daemons.at(name).observed;
  seen.phase = Phase::kExited;
  seen.serving = false;
  seen.exited_at_ms = now_ms;
  seen.crashes = plan::NextCrashCount(seen.crashes, seen.started_at_ms, now_ms, {});
  seen.reason = "Crashed";
  seen.message = "exited with code 1";
  changed();
}

void FakeWorld::SetViews(std::vector<plan::ObservedWorkload>& workloads) {
  std::vector<plan::ObservedWorkload*> serving;
  size_t members = 0;
  for (plan::ObservedWorkload& workload : workloads) {
    if (daemons.at(workload.name).workload.quorum_address.empty()) continue;
    members += workload.role == plan::Role::kMaster;
    if (workload.role == plan::Role::kMaster && workload.serving) serving.push_back(&workload);
  }
  if (members == 0) return;
  const auto takes_part = [this](const plan::ObservedWorkload* workload) {
    return voters.empty() ||
           !dismissed.contains(daemons.at(workload->name).workload.quorum_address);
  };
  const auto votes = static_cast<size_t>(std::ranges::count_if(serving, takes_part));
  const bool majority = votes > (voters.empty() ? members : voters.size()) / 2;
  for (plan::ObservedWorkload* const workload : serving) workload->serving = majority;
  if (!majority) return;
  if (std::ranges::find(serving, leader, &plan::ObservedWorkload::name) == serving.end()) {
    leader = serving.front()->name;
    ++term;
  }
  for (plan::ObservedWorkload* const workload : serving) {
    workload->quorum = plan::QuorumView{.leads = workload->name == leader,
                                        .term = term,
                                        .leader = daemons.at(leader).workload.quorum_address,
                                        .sequence = sequence - behind[workload->name]};
    const std::string& address = daemons.at(workload->name).workload.quorum_address;
    if (!voters.empty() && !dismissed.contains(address)) voters.insert(address);
  }
  for (plan::ObservedWorkload* const workload : serving)
    for (const std::string& address : voters)
      workload->members.push_back({address, /*votes=*/true, /*available=*/true});
}

plan::Layout FakeRuntime::LayoutFor(const runtime::ClusterRef& cluster) const {
  return {.cluster_dir = "/fake/" + cluster.name, .memory_dir = "/fake/memory"};
}

Result<plan::ObservedCluster> FakeRuntime::Observe(const runtime::ClusterRef& cluster) {
  if (world_.observe_fails) return Unavailable("the fake world can't be seen");
  plan::ObservedCluster observed;
  int serving_workers = 0;
  for (auto& [name, daemon] : world_.daemons) {
    if (daemon.uid != cluster.uid) continue;
    if (daemon.observed.phase == Phase::kStopping) {
      const bool over = clock_.NowMs() >= daemon.kill_at_ms;
      if (over || !Has(daemon.workload, FakeWorld::kStubborn)) {
        daemon.observed.phase = Phase::kExited;
        daemon.observed.crashes = 0;
        daemon.observed.exited_at_ms = clock_.NowMs();
      } else {
        observed.due_at_ms =
            std::min(daemon.kill_at_ms, observed.due_at_ms.value_or(daemon.kill_at_ms));
      }
    }
    if (daemon.observed.serving) daemon.proven = daemon.workload;
    daemon.observed.proven_hash = daemon.proven ? daemon.proven->ConfigHash() : "";
    serving_workers += daemon.workload.role == plan::Role::kWorker && daemon.observed.serving;
    observed.workloads.push_back(daemon.observed);
    observed.workloads.back().rpc_address =
        "fake:" + std::to_string(daemon.workload.probe.rpc_port);
  }
  world_.SetViews(observed.workloads);
  for (plan::ObservedWorkload& workload : observed.workloads)
    if (workload.role == plan::Role::kMaster && workload.serving &&
        (!workload.quorum || workload.quorum->leads))
      workload.live_workers = serving_workers;
  for (const std::string& folder : cluster.watched_folders)
    if (world_.volumes.contains(folder)) observed.folders.insert(folder);
  for (const auto& [path, uid] : world_.volumes) observed.has_data |= uid == cluster.uid;
  return observed;
}

Status FakeRuntime::Start(const runtime::ClusterRef& cluster, const plan::Workload& workload) {
  world_.actions.push_back("start " + workload.name);
  return Run(cluster, workload);
}

Status FakeRuntime::Restore(const runtime::ClusterRef& cluster, const std::string& workload,
                            const std::optional<plan::Refusal>& refusal) {
  world_.actions.push_back("restore " + workload);
  const auto found = world_.daemons.find(workload);
  if (found == world_.daemons.end() || !found->second.proven)
    return NotFound("{} has nothing to go back to", workload);
  FakeWorld::Daemon& daemon = found->second;
  const std::string proven_hash = daemon.proven->ConfigHash();
  if (daemon.observed.phase != Phase::kExited && daemon.observed.config_hash == proven_hash)
    return FailedPrecondition("{} runs what served last", workload);
  if (refusal) daemon.observed.refusal = *refusal;
  if (daemon.observed.phase == Phase::kStopping) return Status::Ok();
  if (daemon.observed.phase == Phase::kRunning) {
    world_.actions.pop_back();
    return Stop(cluster, workload);
  }
  const auto kept = daemon.observed.refusal;
  const plan::Workload proven = *daemon.proven;
  const Status started = Run(cluster, proven);
  world_.daemons.at(workload).observed.refusal = kept;
  return started;
}

Status FakeRuntime::Run(const runtime::ClusterRef& cluster, const plan::Workload& workload) {
  const auto found = world_.daemons.find(workload.name);
  int crashes = 0;
  if (found != world_.daemons.end()) {
    if (found->second.observed.phase != Phase::kExited)
      return AlreadyExists("{} runs", workload.name);
    if (found->second.observed.config_hash == workload.ConfigHash())
      crashes = found->second.observed.crashes;
  }
  FakeWorld::Daemon daemon{.observed = {.name = workload.name,
                                        .role = workload.role,
                                        .ordinal = workload.ordinal,
                                        .config_hash = workload.ConfigHash(),
                                        .serving = !Behaves(world_, workload, FakeWorld::kSilent),
                                        .pid = world_.next_pid++,
                                        .started_at_ms = clock_.NowMs(),
                                        .crashes = crashes},
                           .workload = workload,
                           .uid = cluster.uid};
  if (found != world_.daemons.end()) daemon.proven = found->second.proven;
  const auto fail = [&](const char* reason, Status status) {
    daemon.observed.phase = Phase::kExited;
    daemon.observed.serving = false;
    daemon.observed.start_failed = true;
    daemon.observed.exited_at_ms = clock_.NowMs();
    daemon.observed.crashes += 1;
    daemon.observed.reason = reason;
    daemon.observed.message = status.message();
    world_.daemons[workload.name] = std::move(daemon);
    return status;
  };
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.kind == plan::VolumeKind::kUnderStore) continue;
    const auto [owner, created] = world_.volumes.emplace(volume.path, cluster.uid);
    if (owner->second != cluster.uid)
      return fail("VolumeConflict",
                  FailedPrecondition("{} holds data of another cluster", volume.path));
  }
  for (const plan::Port& port : workload.ports)
    if (world_.taken_ports.contains(port.number))
      return fail("PortInUse",
                  FailedPrecondition("port {} is held by pid 1 (fake); end it or set {}",
                                     port.number, port.field));
  world_.dismissed.erase(workload.quorum_address);
  world_.daemons[workload.name] = std::move(daemon);
  if (Behaves(world_, workload, FakeWorld::kCrash)) world_.Crash(workload.name, clock_.NowMs());
  return Status::Ok();
}

Status FakeRuntime::Stop(const runtime::ClusterRef& cluster, const std::string& workload) {
  world_.actions.push_back("stop " + workload);
  const auto found = world_.daemons.find(workload);
  if (found == world_.daemons.end() || found->second.observed.phase == Phase::kExited)
    return NotFound("{} is not running", workload);
  found->second.observed.phase = Phase::kStopping;
  found->second.observed.serving = false;
  found->second.kill_at_ms =
      clock_.NowMs() + std::chrono::milliseconds(found->second.workload.termination_grace).count();
  return Status::Ok();
}

Status FakeRuntime::Remove(const runtime::ClusterRef& cluster, const std::string& workload) {
  world_.actions.push_back("remove " + workload);
  const auto found = world_.daemons.find(workload);
  if (found == world_.daemons.end()) return Status::Ok();
  if (found->second.observed.phase != Phase::kExited)
    return FailedPrecondition("{} runs", workload);
  world_.daemons.erase(found);
  return Status::Ok();
}

Status FakeRuntime::CanSetAside(const runtime::ClusterRef& /*cluster*/,
                                const plan::Workload& workload) const {
  if (world_.moves_journals && plan::JournalOf(workload) != nullptr) return Status::Ok();
  return FailedPrecondition("spec.runtime.type: {} keeps its journal elsewhere", workload.name);
}

Status FakeRuntime::CheckIdle(const plan::Workload& workload) const {
  const auto found = world_.daemons.find(workload.name);
  if (found == world_.daemons.end() || found->second.observed.phase == Phase::kExited)
    return Status::Ok();
  return FailedPrecondition("{} runs", workload.name);
}

void FakeRuntime::Move(const std::string& from, const std::string& to) {
  world_.volumes[to] = world_.volumes.at(from);
  world_.volumes.erase(from);
  if (world_.precious.erase(from) > 0) world_.precious.insert(to);
}

Status FakeRuntime::SetAside(const runtime::ClusterRef& cluster, const plan::Workload& workload,
                             const std::string& tag) {
  world_.actions.push_back("set aside " + workload.name);
  RETURN_IF_ERROR(CanSetAside(cluster, workload));
  RETURN_IF_ERROR(CheckIdle(workload));
  const std::string folder = plan::JournalOf(workload)->path;
  const std::string aside = plan::SetAsidePath(folder, tag);
  if (world_.volumes.contains(aside)) return Status::Ok();
  if (world_.volumes.contains(folder) && world_.volumes.at(folder) != cluster.uid)
    return FailedPrecondition("{} holds data of another cluster", folder);
  world_.volumes.try_emplace(folder, cluster.uid);
  Move(folder, aside);
  return Status::Ok();
}

Status FakeRuntime::PutBack(const runtime::ClusterRef& cluster, const plan::Workload& workload,
                            const std::string& tag) {
  world_.actions.push_back("put back " + workload.name);
  RETURN_IF_ERROR(CanSetAside(cluster, workload));
  RETURN_IF_ERROR(CheckIdle(workload));
  const std::string folder = plan::JournalOf(workload)->path;
  const std::string aside = plan::SetAsidePath(folder, tag);
  if (!world_.volumes.contains(aside)) return Status::Ok();
  if (world_.volumes.contains(folder)) Move(folder, plan::FailedPath(folder, tag));
  Move(aside, folder);
  return Status::Ok();
}

Status FakeRuntime::DeleteData(const runtime::ClusterRef& cluster) {
  world_.actions.emplace_back("delete data");
  for (const auto& [name, daemon] : world_.daemons)
    if (daemon.uid == cluster.uid && daemon.observed.phase != Phase::kExited)
      return FailedPrecondition("{} runs", name);
  std::erase_if(world_.volumes, [&](const auto& volume) {
    if (volume.second != cluster.uid) return false;
    world_.precious.erase(volume.first);
    return true;
  });
  return Status::Ok();
}

}  // namespace headpond::testing_operator
