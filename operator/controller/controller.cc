#include "operator/controller/controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/log.h"
#include "operator/controller/nodes.h"

namespace headpond::controller {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kComponent = "controller";

const char* ReasonOf(plan::ActionKind kind) {
  switch (kind) {
    case plan::ActionKind::kStart: return "Started";
    case plan::ActionKind::kStop: return "Stopped";
    case plan::ActionKind::kRemove: return "Removed";
    case plan::ActionKind::kDeleteData: return "DataDeleted";
    case plan::ActionKind::kFetch: return "Fetching";
    case plan::ActionKind::kCleanUp: return "CleanedUp";
    case plan::ActionKind::kAdjust: return "Adjusted";
    case plan::ActionKind::kRestore: return "RolledBack";
    case plan::ActionKind::kTransfer: return "LeaderMoved";
    case plan::ActionKind::kDismiss: return "MasterDismissed";
    case plan::ActionKind::kMend: return "Mended";
    case plan::ActionKind::kSetAside: return "JournalSetAside";
    case plan::ActionKind::kPutBack: return "JournalPutBack";
  }
  return "Acted";
}

// The name of a container's user, "1000:1000": that of the image, or the number.
std::string ImageUser(const std::string& user) {
  const std::string id = user.substr(0, user.find(':'));
  return id == "1000" ? "alluxio" : id == "0" ? "root" : id;
}

// Masters take their administrator's word; in an image that is the user they run as.
MasterAccess AccessOf(const api::CacheCluster& cluster, const plan::ObservedCluster& observed) {
  MasterAccess access;
  for (const plan::ObservedWorkload& workload : observed.workloads)
    if (workload.role == plan::Role::kMaster && workload.serving && !workload.rpc_address.empty())
      access.masters.push_back(workload.rpc_address);
  constexpr const char* kUser = "alluxio.security.login.username";
  for (const auto* properties : {&cluster.spec.properties, &cluster.spec.master_properties})
    for (const char* key : {kUser, "alluxio.security.authentication.type"})
      if (const auto found = properties->find(key); found != properties->end())
        access.properties[key] = found->second;
  if (cluster.spec.runtime_type != api::RuntimeType::kProcess && !access.properties.contains(kUser))
    access.properties[kUser] = ImageUser(cluster.spec.container.user);
  return access;
}

// What people are told of a change of the status: that all is well again, or what is wrong.
std::optional<Notice> NoticeOf(const ClusterStatus& before, const ClusterStatus& after) {
  const Condition* const now = after.Find("Degraded");
  const Condition* const then = before.Find("Degraded");
  if (now != nullptr && now->status == "True" &&
      (then == nullptr || then->status != "True" || then->reason != now->reason))
    return Notice{.warning = true, .reason = now->reason, .text = now->message};
  if (after.phase == "Ready" && before.phase != "Ready")
    return Notice{
        .reason = "Ready",
        .text = fmt::format("{} of {} masters and {} of {} workers are ready", after.masters.ready,
                            after.masters.desired, after.workers.ready, after.workers.desired)};
  return std::nullopt;
}

}  // namespace

Controller::Controller(ClusterStore& store, Runtimes runtimes, const Clock& clock, Options options)
    : store_(store),
      runtimes_(runtimes),
      clock_(clock),
      options_(options),
      secrets_([&store](const auto& name_space,
                        const auto& name) { return store.ReadSecret(name_space, name); },
               clock) {}

milliseconds Controller::ReconcileAll() {
  const auto list = store_.List();
  if (!list.ok()) {
    LogError(kComponent, "cannot list clusters: {}", list.status().message());
    return options_.longest_interval;
  }
  for (const std::string& text : list->unreadable) LogError(kComponent, "left alone: {}", text);
  ForgetAllBut(*list);
  cluster_count_ = list->clusters.size() + list->refused.size() + list->unreadable.size();
  milliseconds next = options_.steady_interval;
  for (const RefusedCluster& refused : list->refused) Excuse(refused.cluster, {}, refused.why);
  for (const api::CacheCluster& cluster : list->clusters) {
    const auto begin = clock_.Now();
    const Pass pass = Reconcile(cluster);
    if (options_.stats != nullptr) options_.stats->Record(pass.done, clock_.Now() - begin);
    next = std::min(next, pass.next);
  }
  return next;
}

void Controller::ForgetAllBut(const ClusterList& list) {
  std::map<ClusterKey, MasterAccess> known;
  const auto keep = [&](const api::CacheCluster& cluster) {
    const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
    known[key] = std::move(access_[key]);
  };
  for (const api::CacheCluster& cluster : list.clusters) keep(cluster);
  for (const RefusedCluster& refused : list.refused) keep(refused.cluster);
  access_ = std::move(known);
  std::erase_if(sites_, [&](const auto& entry) { return !access_.contains(entry.first); });
}

Status Controller::FindBootstrap(api::CacheCluster& cluster, const ClusterStatus& before) {
  PinBootstrap(cluster, before);
  const api::Bootstrap& bootstrap = cluster.spec.bootstrap;
  const bool needless = !cluster.metadata.deletion_timestamp.empty() || !bootstrap.uri.empty();
  if (needless || !bootstrap.wanted()) return Status::Ok();
  auto uri = store_.BackupUri(cluster.metadata.name_space, bootstrap.backup);
  if (!uri.ok()) return uri.status().WithContext("spec.bootstrap.fromBackup.name");
  cluster.spec.bootstrap.uri = *std::move(uri);
  return Status::Ok();
}

std::optional<plan::RestoreRecord> Controller::NextRestore(const api::CacheCluster& cluster,
                                                           const Look& look,
                                                           const ClusterStatus& before) const {
  if (look.desired.deleting || look.desired.paused) return before.restore;
  std::optional<plan::RestoreOrder> order;
  if (options_.restores != nullptr) {
    const auto found =
        options_.restores->find({cluster.metadata.name_space, cluster.metadata.name});
    if (found != options_.restores->end()) order = found->second;
  }
  const plan::RestoreFacts facts =
      before.restore ? plan::FactsOf(*before.restore, look.desired.workloads, look.observed)
                     : plan::RestoreFacts();
  return plan::NextRestoreRecord(before.restore, order, facts, clock_.NowMs(),
                                 options_.restart_policy.tries_of_new);
}

Controller::Pass Controller::Reconcile(const api::CacheCluster& written) {
  api::CacheCluster cluster = written;
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  // Nothing of it can be where there is no such runtime.
  if (!cluster.metadata.deletion_timestamp.empty() &&
      runtimes_.For(cluster.spec.runtime_type) == nullptr)
    return Bury(key, /*has_data=*/false);
  const ClusterStatus before = store_.GetStatus(key).value_or(ClusterStatus());
  const Status found_bootstrap = FindBootstrap(cluster, before);
  auto look = BeginLook(cluster, before, runtimes_, secrets_);
  if (!look.ok()) return Excuse(cluster, {}, look.status());
  if (look->desired.deleting)
    sites_.erase(key);
  else
    sites_[key] = RestoreSiteOf(cluster, *look, before);
  const auto refused = refused_transfers_.find(key);
  look->refused_transfers = refused == refused_transfers_.end() ? 0 : refused->second;
  const Status looked = FinishLook(*look, clock_.NowMs(), options_.restart_policy);
  DoubtSecrets(*look, !looked.ok());
  if (!looked.ok()) return Excuse(cluster, look->desired, looked);
  // Masters that have a journal need none.
  if (!found_bootstrap.ok() && !look->observed.has_data)
    return Excuse(cluster, look->desired, found_bootstrap);
  const plan::DesiredCluster& desired = look->desired;
  const plan::ObservedCluster& observed = look->observed;
  const plan::Plan& plan = look->plan;
  access_[key] = desired.deleting ? MasterAccess() : AccessOf(cluster, observed);
  if (desired.deleting && plan.converged()) return Bury(key, observed.has_data);
  ClusterStatus so_far = before;
  so_far.restore = NextRestore(cluster, *look, before);
  ClusterStatus status = ComputeStatus(cluster, desired.workloads, observed, plan, Status::Ok(),
                                       so_far, clock_.NowMs());
  status.nodes = NodeStatuses(cluster, look->ref.nodes, observed, before);
  const bool changed = Report(cluster, before, status);
  // Nothing is begun with a backup that is not on record, nor a step of a restore.
  const bool is_news =
      status.bootstrap_uri != before.bootstrap_uri || status.restore != before.restore;
  if (is_news && !desired.deleting) return {NextLook(key, /*settled=*/false, changed)};
  const bool acted = Execute(*look, cluster);
  if (plan.converged()) refused_transfers_.erase(key);

  const bool settled = plan.converged() && !status.IsTrue("Progressing");
  milliseconds next = NextLook(key, settled, acted || changed);
  for (const auto& due : {plan.due_at_ms, observed.due_at_ms})
    if (due) next = std::min(next, milliseconds(std::max<int64_t>(*due - clock_.NowMs(), 1)));
  return {next};
}

void Controller::DoubtSecrets(const Look& look, bool all) {
  for (const runtime::Node& node : look.ref.nodes)
    if (!node.tls_secret.empty() && (all || look.observed.unreachable.contains(node.name)))
      secrets_.Doubt(look.ref.name_space, node.tls_secret);
}

Controller::Pass Controller::Bury(const ClusterKey& key, bool has_data) {
  refused_transfers_.erase(key);
  unwritten_.erase(key);
  const Status done = store_.Finalize(key, has_data);
  if (done.ok())
    LogInfo(kComponent, "cluster {} is gone; its data was {}", key.ToString(),
            has_data ? "kept" : "deleted");
  else
    LogWarn(kComponent, "cluster {}: {}", key.ToString(), done.message());
  return {options_.shortest_interval};
}

Controller::Pass Controller::Excuse(const api::CacheCluster& cluster,
                                    const plan::DesiredCluster& desired, const Status& trouble) {
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  const ClusterStatus before = store_.GetStatus(key).value_or(ClusterStatus());
  ClusterStatus status =
      ComputeStatus(cluster, desired.workloads, {}, {}, trouble, before, clock_.NowMs());
  status.nodes = before.nodes;  // to be found again
  Report(cluster, before, status);
  return {options_.longest_interval, /*done=*/false};
}

bool Controller::Execute(const Look& look, const api::CacheCluster& cluster) {
  const std::vector<plan::Action> actions = look.plan.Runnable();
  for (const plan::Action& action : actions) {
    LogInfo(kComponent, "cluster {}/{}: {}", look.ref.name_space, look.ref.name,
            plan::Describe(action));
    // A failed start is on record in the runtime, and shows in the next status.
    const Status done = Do(look, cluster, action);
    if (done.ok()) {
      store_.Tell(cluster, {.reason = ReasonOf(action.kind), .text = plan::Describe(action)});
      continue;
    }
    LogWarn(kComponent, "cluster {}/{}: {}: {}", look.ref.name_space, look.ref.name,
            plan::Describe(action), done.message());
    store_.Tell(cluster, {.warning = true,
                          .reason = "ActionFailed",
                          .text = fmt::format("{}: {}", plan::Describe(action), done.message())});
  }
  return !actions.empty();
}

Status Controller::Do(const Look& look, const api::CacheCluster& cluster,
                      const plan::Action& action) {
  switch (action.kind) {
    case plan::ActionKind::kTransfer: return Transfer(look, cluster, action);
    case plan::ActionKind::kDismiss:
      return Ask(look, cluster, {.what = QuorumCall::What::kRemove, .address = action.to});
    case plan::ActionKind::kFetch: return Fetch(look, cluster, action);
    default: return runtime::Execute(*look.runtime, look.ref, look.desired.workloads, action);
  }
}

Status Controller::Fetch(const Look& look, const api::CacheCluster& cluster,
                         const plan::Action& action) {
  runtime::ClusterRef ref = look.ref;
  if (!ref.pull_access.secrets.empty())
    ref.pull_access.secrets =
        secrets_.ReadForPullNow(ref.name_space, cluster.spec.image_pull_secrets, kPullSecretsField);
  return runtime::Execute(*look.runtime, ref, look.desired.workloads, action);
}

Status Controller::Transfer(const Look& look, const api::CacheCluster& cluster,
                            const plan::Action& action) {
  const auto to = std::ranges::find(look.desired.workloads, action.to, &plan::Workload::name);
  if (to == look.desired.workloads.end()) return Internal("{} is not wanted", action.to);
  const Status done =
      Ask(look, cluster, {.what = QuorumCall::What::kElect, .address = to->quorum_address});
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  if (done.ok())
    refused_transfers_.erase(key);
  else
    ++refused_transfers_[key];
  return done;
}

Status Controller::Ask(const Look& look, const api::CacheCluster& cluster, QuorumCall call) const {
  call.access = AccessOf(cluster, look.observed);
  if (options_.call_quorum) return options_.call_quorum(call);
  return Unimplemented("this operator does not speak to masters");
}

Result<MasterAccess> Controller::AccessTo(const ClusterKey& key) const {
  const auto found = access_.find(key);
  if (found == access_.end())
    return NotFound("there is no CacheCluster {} in namespace {}", key.name, key.name_space);
  if (found->second.masters.empty())
    return Unavailable("no master of CacheCluster {} serves", key.name);
  return found->second;
}

Result<RestoreSite> Controller::SiteOf(const ClusterKey& key) const {
  const auto found = sites_.find(key);
  if (found != sites_.end()) return found->second;
  if (access_.contains(key))
    return Unavailable("CacheCluster {} could not be looked at; its condition Degraded says why",
                       key.name);
  return NotFound("there is no CacheCluster {} in namespace {}", key.name, key.name_space);
}

bool Controller::Report(const api::CacheCluster& cluster, const ClusterStatus& before,
                        const ClusterStatus& after) {
  const ClusterKey key{cluster.metadata.name_space, cluster.metadata.name};
  if (controller::ToJson(before) == controller::ToJson(after)) return false;
  const bool tried_before = unwritten_.contains(key);
  if (!tried_before && before.phase != after.phase)
    LogInfo(kComponent, "cluster {} is {}", key.ToString(), after.phase);
  if (const auto notice = NoticeOf(before, after); notice && !tried_before)
    store_.Tell(cluster, *notice);
  const Status written = store_.WriteStatus(key, after);
  if (written.ok() || written.code() == Code::kNotFound) {
    unwritten_.erase(key);
  } else if (unwritten_.insert(key).second) {
    LogError(kComponent, "cannot write the status of {}, which is tried again: {}", key.ToString(),
             written.message());
  }
  return written.ok();
}

milliseconds Controller::NextLook(const ClusterKey& key, bool settled, bool changed) {
  if (settled) {
    interval_.erase(key);
    return options_.steady_interval;
  }
  const auto found = interval_.find(key);
  const milliseconds next = changed || found == interval_.end()
                                ? options_.shortest_interval
                                : std::min(found->second * 2, options_.longest_interval);
  interval_[key] = next;
  return next;
}

}  // namespace headpond::controller
