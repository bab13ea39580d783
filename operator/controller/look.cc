#include "operator/controller/look.h"

#include <charconv>

#include "operator/controller/nodes.h"
#include "operator/plan/desired.h"

namespace headpond::controller {
namespace {

plan::DesiredCluster DesiredState(const api::CacheCluster& cluster, const plan::Layout& layout) {
  const auto annotation = [&](std::string_view name) {
    const auto found = cluster.metadata.annotations.find(std::string(name));
    return found == cluster.metadata.annotations.end() ? std::string() : found->second;
  };
  const std::string retry = annotation(api::kRetryAnnotation);
  int64_t retry_at_ms = 0;
  std::from_chars(retry.data(), retry.data() + retry.size(), retry_at_ms);
  return {.workloads = plan::Desired(cluster, layout),
          .paused = cluster.spec.paused,
          .deleting = !cluster.metadata.deletion_timestamp.empty(),
          .delete_data = annotation(api::kDeleteDataAnnotation) == "true",
          .retry_at_ms = retry_at_ms,
          .generation = cluster.metadata.generation};
}

runtime::ClusterRef RefOf(const api::CacheCluster& cluster) {
  return {.name_space = cluster.metadata.name_space,
          .name = cluster.metadata.name,
          .uid = cluster.metadata.uid,
          .object_uid = cluster.metadata.object_uid,
          .network_policy = cluster.spec.network_policy};
}

void Restore(const plan::RestoreRecord& restore, Look& look) {
  look.desired.restoring = plan::Restoring{restore.step, restore.uid};
  for (const plan::Workload& workload : look.desired.workloads)
    if (const plan::Volume* const journal = plan::JournalOf(workload); journal != nullptr)
      look.ref.watched_folders.push_back(plan::SetAsidePath(journal->path, restore.uid));
}

}  // namespace

void PinBootstrap(api::CacheCluster& cluster, const ClusterStatus& before) {
  if (!before.bootstrap_uri.empty()) cluster.spec.bootstrap.uri = before.bootstrap_uri;
  if (before.restore && before.restore->tells_masters())
    cluster.spec.bootstrap.restored_uri = before.restore->uri;
}

Result<Look> BeginLook(const api::CacheCluster& cluster, const ClusterStatus& before,
                       const Runtimes& runtimes, Secrets& secrets) {
  Look look{.runtime = runtimes.For(cluster.spec.runtime_type), .ref = RefOf(cluster)};
  if (look.runtime == nullptr)
    return FailedPrecondition(
        "spec.runtime.type: this operator does not run it; kubernetes needs one that runs with "
        "--kubeconfig or --in-cluster, process one that is in no pod itself");
  look.desired = DesiredState(cluster, look.runtime->LayoutFor(look.ref));
  if (before.restore && !before.restore->finished()) Restore(*before.restore, look);
  look.ref.nodes = NodesOf(cluster, before, secrets);
  if (cluster.spec.runtime_type == api::RuntimeType::kDocker && !look.desired.deleting)
    look.ref.pull_access = secrets.ReadForPulls(cluster.metadata.name_space,
                                                cluster.spec.image_pull_secrets, kPullSecretsField);
  return look;
}

Status FinishLook(Look& look, int64_t now_ms, const plan::RestartPolicy& policy) {
  ASSIGN_OR_RETURN(look.observed, look.runtime->Observe(look.ref));
  look.observed.refused_transfers = look.refused_transfers;
  for (const runtime::PullSecret& secret : look.ref.pull_access.secrets)
    if (!secret.trouble.ok())
      look.observed.useless_pull_secrets.push_back(secret.trouble.message());
  look.plan = plan::MakePlan(look.desired, look.observed, now_ms, policy);
  return Status::Ok();
}

}  // namespace headpond::controller
