#include "operator/runtime/docker/docker_nodes.h"

#include <algorithm>
#include <utility>

#include "operator/plan/desired.h"

namespace headpond::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::minutes kKeepUnused{10};
constexpr milliseconds kSlow{200};  // a look that fails faster may be repeated at every pass
constexpr int kRestFactor = 10;
constexpr std::chrono::seconds kLongestRest{60};

ClusterRef At(const ClusterRef& cluster, const Node& node) {
  return {.name_space = cluster.name_space,
          .name = cluster.name,
          .uid = cluster.uid,
          .node = node.name,
          .pull_access = cluster.pull_access,
          .watched_folders = cluster.watched_folders};
}

// Whether the cluster has one engine, so that what is wrong with it is wrong with all.
bool HasOne(const ClusterRef& cluster) {
  return cluster.nodes.size() == 1 && cluster.nodes.front().name.empty();
}

bool IsNamed(const Node& node) {
  return !node.address.empty() || !node.context.empty();
}

// Takes what one node has into what is known of all.
void Merge(plan::ObservedCluster found, const std::string& node, plan::ObservedCluster& all) {
  for (plan::ObservedWorkload& workload : found.workloads) {
    workload.node = node;
    all.workloads.push_back(std::move(workload));
  }
  all.has_data |= found.has_data;
  all.has_leftovers |= found.has_leftovers;
  for (auto& [image, state] : found.images) all.images[plan::ImageKey(image, node)] = state;
  if (found.due_at_ms)
    all.due_at_ms = std::min(*found.due_at_ms, all.due_at_ms.value_or(*found.due_at_ms));
}

}  // namespace

DockerNodes::DockerNodes(DockerRuntime::Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  (void)EngineAt(options_.endpoint);
}

DockerNodes::~DockerNodes() = default;

void DockerNodes::OnChange(std::function<void()> changed) {
  changed_ = std::move(changed);
  for (const auto& engine : engines_) engine->runtime->OnChange(changed_);
}

plan::Layout DockerNodes::LayoutFor(const ClusterRef& /*cluster*/) const {
  return plan::ContainerLayout();
}

DockerNodes::Engine& DockerNodes::EngineAt(const Endpoint& endpoint) {
  const auto found = std::ranges::find_if(
      engines_, [&](const auto& engine) { return engine->runtime->endpoint() == endpoint; });
  if (found != engines_.end()) {
    (*found)->used_at = clock_.Now();
    return **found;
  }
  DockerRuntime::Options options = options_;
  options.endpoint = endpoint;
  auto engine = std::make_unique<Engine>();
  engine->runtime = std::make_unique<DockerRuntime>(std::move(options), clock_);
  if (changed_) engine->runtime->OnChange(changed_);
  engine->used_at = clock_.Now();
  engines_.push_back(std::move(engine));
  return *engines_.back();
}

Result<DockerNodes::Engine*> DockerNodes::EngineOf(const Node& node) {
  RETURN_IF_ERROR(node.trouble);
  if (!IsNamed(node)) return &EngineAt(options_.endpoint);
  ASSIGN_OR_RETURN(const Endpoint endpoint, EndpointOf(node, options_.environment));
  return &EngineAt(endpoint);
}

Result<DockerRuntime*> DockerNodes::RuntimeOf(const ClusterRef& cluster) {
  if (cluster.nodes.empty()) return EngineAt(options_.endpoint).runtime.get();
  const auto node = std::ranges::find(cluster.nodes, cluster.node, &Node::name);
  if (node == cluster.nodes.end()) return NotFound("there is no node {}", cluster.node);
  ASSIGN_OR_RETURN(Engine* const engine, EngineOf(*node));
  return engine->runtime.get();
}

void DockerNodes::ForgetUnused() {
  const auto begin = engines_.begin() + 1;
  engines_.erase(std::remove_if(begin, engines_.end(),
                                [&](const auto& engine) {
                                  return clock_.Now() - engine->used_at > kKeepUnused;
                                }),
                 engines_.end());
}

Result<plan::ObservedCluster> DockerNodes::Look(Engine& engine, const ClusterRef& at) {
  const Time begin = clock_.Now();
  if (begin < engine.not_before && !engine.runtime->EventsFlow()) return engine.failure;
  auto found = engine.runtime->Observe(at);
  const auto took = clock_.Now() - begin;
  engine.not_before = Time();
  if (!found.ok() && took > kSlow) {
    engine.not_before =
        clock_.Now() + std::min<steady_clock::duration>(took * kRestFactor, kLongestRest);
    engine.failure = found.status();
  }
  return found;
}

Result<plan::ObservedCluster> DockerNodes::Observe(const ClusterRef& cluster) {
  ForgetUnused();
  if (cluster.nodes.empty()) return EngineAt(options_.endpoint).runtime->Observe(cluster);
  if (HasOne(cluster)) {
    ASSIGN_OR_RETURN(Engine* const engine, EngineOf(cluster.nodes.front()));
    return Look(*engine, At(cluster, cluster.nodes.front()));
  }
  plan::ObservedCluster all;
  for (const Node& node : cluster.nodes) {
    const auto engine = EngineOf(node);
    auto found = engine.ok() ? Look(**engine, At(cluster, node)) : engine.status();
    if (found.ok())
      Merge(*std::move(found), node.name, all);
    else
      all.unreachable[node.name] = found.status().message();
  }
  return all;
}

Status DockerNodes::Start(const ClusterRef& cluster, const plan::Workload& workload) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Start(cluster, workload);
}

Status DockerNodes::Stop(const ClusterRef& cluster, const std::string& workload) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Stop(cluster, workload);
}

Status DockerNodes::Remove(const ClusterRef& cluster, const std::string& workload) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Remove(cluster, workload);
}

Status DockerNodes::Restore(const ClusterRef& cluster, const std::string& workload,
                            const std::optional<plan::Refusal>& refusal) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Restore(cluster, workload, refusal);
}

Status DockerNodes::Fetch(const ClusterRef& cluster, const plan::Workload& workload) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Fetch(cluster, workload);
}

Status DockerNodes::Adjust(const ClusterRef& cluster, const plan::Workload& workload) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->Adjust(cluster, workload);
}

Status DockerNodes::ForAllNodes(
    const ClusterRef& cluster,
    const std::function<Status(DockerRuntime&, const ClusterRef&)>& act) {
  if (cluster.nodes.empty()) return act(*EngineAt(options_.endpoint).runtime, cluster);
  for (const Node& node : cluster.nodes) {
    ASSIGN_OR_RETURN(Engine* const engine, EngineOf(node));
    RETURN_IF_ERROR(act(*engine->runtime, At(cluster, node)));
  }
  return Status::Ok();
}

Status DockerNodes::DeleteData(const ClusterRef& cluster) {
  return ForAllNodes(
      cluster, [](DockerRuntime& runtime, const ClusterRef& at) { return runtime.DeleteData(at); });
}

Status DockerNodes::CanSetAside(const ClusterRef& cluster, const plan::Workload& workload) const {
  if (!cluster.nodes.empty() && !HasOne(cluster))
    return FailedPrecondition(
        "spec.runtime.docker.nodes: journals on several nodes can't be renamed; make a new cluster "
        "with spec.bootstrap.fromBackup");
  if (cluster.nodes.empty() || !IsNamed(cluster.nodes.front()))
    return JournalCanMove(options_.endpoint, cluster, workload);
  RETURN_IF_ERROR(cluster.nodes.front().trouble);
  ASSIGN_OR_RETURN(const Endpoint engine, EndpointOf(cluster.nodes.front(), options_.environment));
  return JournalCanMove(engine, cluster, workload);
}

Status DockerNodes::SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                             const std::string& tag) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->SetAside(cluster, workload, tag);
}

Status DockerNodes::PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                            const std::string& tag) {
  ASSIGN_OR_RETURN(DockerRuntime* const runtime, RuntimeOf(cluster));
  return runtime->PutBack(cluster, workload, tag);
}

Status DockerNodes::CleanUp(const ClusterRef& cluster) {
  return ForAllNodes(
      cluster, [](DockerRuntime& runtime, const ClusterRef& at) { return runtime.CleanUp(at); });
}

}  // namespace headpond::runtime
