#include "operator/runtime/kubernetes/kubernetes_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/log.h"
#include "base/units.h"
#include "operator/plan/pods.h"
#include "operator/runtime/kept_workload.h"
#include "operator/runtime/kubernetes/pod_state.h"

namespace headpond::runtime {
namespace {

using k8s::Record;
using nlohmann::json;
using plan::Phase;

constexpr std::string_view kComponent = "kubernetes-runtime";

// What a cluster has beside its daemons and their data.
constexpr const kube::Resource* kBeside[] = {&k8s::kServices, &k8s::kBudgets, &k8s::kPolicies,
                                             &k8s::kSecrets};

int64_t ServedAt(const json& secret) {
  const std::string text = k8s::AnnotationOf(secret, k8s::kServedAnnotation);
  int64_t at_ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), at_ms);
  return at_ms;
}

bool IsBeingDeleted(const json& object) {
  return object.at("metadata").contains("deletionTimestamp");
}

// Says nothing about the daemon: the same may work the next time.
bool IsPassing(Code code) {
  return code == Code::kUnavailable || code == Code::kCancelled || code == Code::kAborted ||
         code == Code::kDeadlineExceeded || code == Code::kResourceExhausted ||
         code == Code::kUnauthenticated;
}

Status Conflict(const kube::Resource& resource, const json& object, std::string& reason) {
  reason = "NameConflict";
  return FailedPrecondition(
      "{} {} is not ours: remove or rename it, or choose another name for the cluster",
      resource.plural, kube::NameOf(object).ToString());
}

Result<plan::Workload> ReadKept(const json& secret) {
  try {
    const auto text = DecodeBase64(secret.at("data").at(k8s::kKeptKey).get<std::string>());
    if (!text) return DataLoss("secret {} can't be read", kube::NameOf(secret).name);
    return ParseKept(json::parse(*text));
  } catch (const json::exception& error) {
    return DataLoss("secret {} can't be read: {}", kube::NameOf(secret).name, error.what());
  }
}

}  // namespace

KubernetesRuntime::KubernetesRuntime(Options options, kube::Client& client, const Clock& clock)
    : options_(std::move(options)), client_(client), clock_(clock) {}

KubernetesRuntime::~KubernetesRuntime() {
  for (const auto& followed : followed_) followed->Stop();
}

void KubernetesRuntime::OnChange(std::function<void()> changed) {
  changed_ = std::move(changed);
}

plan::Layout KubernetesRuntime::LayoutFor(const ClusterRef& /*cluster*/) const {
  return plan::PodLayout();
}

Status KubernetesRuntime::Ready() {
  if (followed_.empty()) {
    for (const kube::Resource* const resource :
         {&k8s::kStatefulSets, &k8s::kPods, &k8s::kServices, &k8s::kSecrets, &k8s::kClaims,
          &k8s::kBudgets, &k8s::kPolicies})
      followed_.push_back(std::make_unique<Followed>(
          client_, clock_, *resource, options_.name_space, changed_ ? changed_ : [] {}));
    for (const auto& followed : followed_) followed->Start();
  }
  const auto deadline = std::chrono::steady_clock::now() + options_.sync_timeout;
  for (const auto& followed : followed_) RETURN_IF_ERROR(followed->WaitForSync(deadline));
  return Status::Ok();
}

Status KubernetesRuntime::MayAct() {
  RETURN_IF_ERROR(Ready());
  if (options_.may_write()) return Status::Ok();
  return Aborted("another operator leads");
}

KubernetesRuntime::Followed& KubernetesRuntime::Of(const kube::Resource& resource) {
  return **std::ranges::find_if(followed_, [&](const auto& followed) {
    return followed->resource().plural == resource.plural;
  });
}

Result<plan::ObservedCluster> KubernetesRuntime::Observe(const ClusterRef& cluster) {
  RETURN_IF_ERROR(Ready());
  plan::ObservedCluster observed{.images = images_};
  for (const kube::Object& set : Of(k8s::kStatefulSets).OfCluster(cluster.uid)) {
    const std::string name = kube::NameOf(*set).name;
    const kube::Object pod = Of(k8s::kPods).Cached({cluster.name_space, k8s::PodName(name)});
    plan::ObservedWorkload workload = k8s::Look(*set, pod.get(), options_.restart_policy);
    if (workload.phase == Phase::kStopping && pod) {
      constexpr int64_t kSecond = 1000;
      // The kubelet kills what outlives its grace period; we only look again then.
      const int64_t due = k8s::ReadRecord(*set).stop_requested_at_ms +
                          pod->at("spec").value("terminationGracePeriodSeconds", 30) * kSecond;
      if (due > clock_.NowMs())
        observed.due_at_ms = std::min(due, observed.due_at_ms.value_or(due));
    }
    observed.workloads.push_back(std::move(workload));
  }
  AskMasters(cluster, observed.workloads);
  for (plan::ObservedWorkload& workload : observed.workloads) {
    if (workload.serving) RETURN_IF_ERROR(Prove(cluster, workload));
    workload = WithProof(cluster, std::move(workload));
    workload.missing = MissingBeside(cluster, workload);
    workload.surplus = SurplusBeside(cluster, workload);
    const auto failed = failed_mends_.find({cluster.uid, workload.name});
    if (failed != failed_mends_.end()) {
      workload.mend_failed_at_ms = failed->second.at_ms;
      workload.mend_failure = failed->second.message;
    }
    for (const kube::Object& claim : Of(k8s::kClaims).OfCluster(cluster.uid))
      if (k8s::LabelOf(*claim, k8s::kWorkloadLabel) == workload.name)
        workload.claims[kube::NameOf(*claim).name] = k8s::ClaimedBytes(*claim);
  }
  AddTraces(cluster, observed);
  observed.has_data =
      std::ranges::any_of(Of(k8s::kClaims).OfCluster(cluster.uid),
                          [](const kube::Object& claim) { return !IsBeingDeleted(*claim); });
  for (const kube::Resource* const shared : kBeside)
    observed.has_leftovers |=
        observed.workloads.empty() && !Of(*shared).OfCluster(cluster.uid).empty();
  return observed;
}

void KubernetesRuntime::AskMasters(const ClusterRef& cluster,
                                   std::vector<plan::ObservedWorkload>& workloads) {
  std::vector<plan::Probe> probes;
  std::vector<plan::ObservedWorkload*> asked;
  for (plan::ObservedWorkload& workload : workloads) {
    if (workload.phase != Phase::kRunning || workload.cut_off) continue;
    const kube::Object pod =
        Of(k8s::kPods).Cached({cluster.name_space, k8s::PodName(workload.name)});
    auto probe = pod ? k8s::QuorumProbe(*pod) : std::nullopt;
    if (!probe) continue;
    probes.push_back(*std::move(probe));
    asked.push_back(&workload);
  }
  std::vector<ProbeResult> results = prober_.ProbeAll(probes, options_.probe_timeout);
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].answered || !asked[i]->serving) {
      asked[i]->message.clear();
      Take(std::move(results[i]), *asked[i]);
    } else {
      asked[i]->message = fmt::format("the operator does not reach it at {}: {}", probes[i].host,
                                      results[i].message);
    }
  }
}

std::vector<std::string> KubernetesRuntime::MissingBeside(const ClusterRef& cluster,
                                                          const plan::ObservedWorkload& workload) {
  if (workload.phase != Phase::kRunning) return {};
  std::vector<std::pair<kube::Resource, kube::ObjectName>> wanted = {
      {k8s::kSecrets, {cluster.name_space, k8s::SecretName(workload.name, workload.config_hash)}}};
  for (const k8s::Wanted& shared :
       k8s::SharedObjects(cluster, {.role = workload.role, .name = workload.name}))
    wanted.emplace_back(shared.resource, kube::NameOf(*shared.object));
  std::vector<std::string> missing;
  for (const auto& [resource, name] : wanted) {
    const kube::Object found = Of(resource).Cached(name);
    if (!found || !k8s::BelongsTo(*found, cluster))
      missing.push_back(fmt::format("{} {}", resource.plural, name.name));
  }
  return missing;
}

std::vector<std::string> KubernetesRuntime::SurplusBeside(const ClusterRef& cluster,
                                                          const plan::ObservedWorkload& workload) {
  std::vector<std::string> surplus;
  if (workload.phase != Phase::kRunning || cluster.network_policy) return surplus;
  for (const kube::Object& policy : Of(k8s::kPolicies).OfCluster(cluster.uid))
    surplus.push_back(fmt::format("{} {}", k8s::kPolicies.plural, kube::NameOf(*policy).name));
  return surplus;
}

kube::Object KubernetesRuntime::ProvenSecret(const ClusterRef& cluster,
                                             const std::string& workload) {
  kube::Object proven;
  for (const kube::Object& secret : Of(k8s::kSecrets).OfCluster(cluster.uid))
    if (k8s::LabelOf(*secret, k8s::kWorkloadLabel) == workload && ServedAt(*secret) != 0 &&
        (!proven || ServedAt(*secret) > ServedAt(*proven)))
      proven = secret;
  return proven;
}

plan::ObservedWorkload KubernetesRuntime::WithProof(const ClusterRef& cluster,
                                                    plan::ObservedWorkload workload) {
  if (const kube::Object proven = ProvenSecret(cluster, workload.name))
    workload.proven_hash = k8s::AnnotationOf(*proven, k8s::kHashAnnotation);
  return workload;
}

Status KubernetesRuntime::Prove(const ClusterRef& cluster, const plan::ObservedWorkload& workload) {
  std::vector<kube::Object> others;
  for (const kube::Object& secret : Of(k8s::kSecrets).OfCluster(cluster.uid)) {
    if (k8s::LabelOf(*secret, k8s::kWorkloadLabel) != workload.name) continue;
    if (k8s::AnnotationOf(*secret, k8s::kHashAnnotation) != workload.config_hash) {
      others.push_back(secret);
      continue;
    }
    if (ServedAt(*secret) != 0) continue;
    if (!options_.may_write()) return Status::Ok();
    const Status noted =
        Of(k8s::kSecrets)
            .Patch(
                kube::NameOf(*secret),
                {{"metadata",
                  {{"annotations", {{k8s::kServedAnnotation, std::to_string(clock_.NowMs())}}}}}});
    if (!noted.ok()) return noted.code() == Code::kNotFound ? Status::Ok() : noted;
  }
  for (const kube::Object& secret : others) {
    if (!options_.may_write()) return Status::Ok();
    RETURN_IF_ERROR(Of(k8s::kSecrets).Delete(*secret));
  }
  return Status::Ok();
}

void KubernetesRuntime::AddTraces(const ClusterRef& cluster, plan::ObservedCluster& observed) {
  const auto find = [&](const std::string& name) {
    const auto found = std::ranges::find(observed.workloads, name, &plan::ObservedWorkload::name);
    return found == observed.workloads.end() ? nullptr : &*found;
  };
  // Somebody removed the StatefulSet; what it served with is there still.
  for (const kube::Object& secret : Of(k8s::kSecrets).OfCluster(cluster.uid)) {
    const std::string name = k8s::LabelOf(*secret, k8s::kWorkloadLabel);
    if (ServedAt(*secret) == 0 || find(name) != nullptr) continue;
    plan::ObservedWorkload workload = k8s::Look(*secret, nullptr, options_.restart_policy);
    observed.workloads.push_back(WithProof(cluster, std::move(workload)));
  }
  for (const auto& [key, failed] : failed_) {
    if (key.first != cluster.uid) continue;
    plan::ObservedWorkload* const found = find(key.second);
    if (found == nullptr) {
      observed.workloads.push_back(failed.workload);
    } else if (found->phase == Phase::kExited) {
      const std::string proven_hash = found->proven_hash;
      const auto refusal = found->refusal;
      *found = failed.workload;
      found->proven_hash = proven_hash;
      found->refusal = refusal;
    }
  }
}

Result<KubernetesRuntime::StatefulSetAndPod> KubernetesRuntime::ReadDaemon(
    const ClusterRef& cluster, const std::string& workload) {
  StatefulSetAndPod found;
  ASSIGN_OR_RETURN(found.set, Of(k8s::kStatefulSets).Read({cluster.name_space, workload}));
  ASSIGN_OR_RETURN(found.pod, Of(k8s::kPods).Read({cluster.name_space, k8s::PodName(workload)}));
  return found;
}

Status KubernetesRuntime::Start(const ClusterRef& cluster, const plan::Workload& workload) {
  if (!workload.container) return Internal("{} has no container", workload.name);
  RETURN_IF_ERROR(MayAct());
  ASSIGN_OR_RETURN(const StatefulSetAndPod found, ReadDaemon(cluster, workload.name));
  const auto key = std::pair(cluster.uid, workload.name);
  const std::string hash = workload.ConfigHash();
  std::string reason = "StartFailed";
  Status started;
  if (found.set && !k8s::BelongsTo(*found.set, cluster)) {
    // Data of another cluster is the more important thing to tell.
    started = EnsureClaims(cluster, workload, reason);
    if (started.ok()) started = Conflict(k8s::kStatefulSets, *found.set, reason);
  } else {
    Record record;
    if (found.set) {
      record = k8s::ReadRecord(*found.set);
      const plan::ObservedWorkload now =
          k8s::Look(*found.set, found.pod.get(), options_.restart_policy);
      if (now.phase != Phase::kExited)
        return AlreadyExists("{} runs in pod {}", workload.name, k8s::PodName(workload.name));
      // Another configuration starts counting anew.
      const bool same = k8s::AnnotationOf(*found.set, k8s::kHashAnnotation) == hash;
      record.crashes = same ? now.crashes : 0;
      record.counted_pod.clear();
      if (found.pod) {
        record.counted_pod = found.pod->at("metadata").at("uid");
        record.counted_exits = k8s::ExitsOf(*found.pod);
      }
    }
    if (record.refusal && record.refusal->config_hash == hash) record.refusal.reset();
    record.started_at_ms = clock_.NowMs();
    record.stop_requested_at_ms = 0;
    started = TryStart(cluster, workload, record, found.pod, reason);
  }
  if (started.ok()) {
    failed_.erase(key);
    LogInfo(kComponent, "started {}/{}", cluster.name_space, workload.name);
    return started;
  }
  if (IsPassing(started.code())) return started;
  FailedStart& failed = failed_[key];
  const int before = failed.config_hash == hash ? failed.workload.crashes : 0;
  failed = {.workload = {.name = workload.name,
                         .role = workload.role,
                         .ordinal = workload.ordinal,
                         .phase = Phase::kExited,
                         .config_hash = hash,
                         .exited_at_ms = clock_.NowMs(),
                         .crashes = before + 1,
                         .reason = reason,
                         .message = started.message(),
                         .start_failed = true},
            .config_hash = hash};
  LogWarn(kComponent, "{}/{} can't start: {}", cluster.name_space, workload.name,
          started.message());
  return started;
}

Status KubernetesRuntime::TryStart(const ClusterRef& cluster, const plan::Workload& workload,
                                   const Record& record, const kube::Object& pod,
                                   std::string& reason) {
  RETURN_IF_ERROR(EnsureClaims(cluster, workload, reason));
  for (const k8s::Wanted& shared : k8s::SharedObjects(cluster, workload))
    RETURN_IF_ERROR(Ensure(cluster, shared, reason));
  RETURN_IF_ERROR(Ensure(cluster, k8s::SecretOf(cluster, workload), reason));
  const k8s::Wanted set = k8s::StatefulSetOf(cluster, workload, record);
  RETURN_IF_ERROR(Of(set.resource).Apply(*set.object, /*force=*/true));
  // One that has ended makes room for the next, which the controller makes at once.
  return pod ? Of(k8s::kPods).Delete(*pod) : Status::Ok();
}

Status KubernetesRuntime::EnsureClaims(const ClusterRef& cluster, const plan::Workload& workload,
                                       std::string& reason) {
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.volume_name.empty()) continue;
    ASSIGN_OR_RETURN(const auto found,
                     Of(k8s::kClaims).Read({cluster.name_space, volume.volume_name}));
    if (!found && volume.claim_bytes == 0) {
      reason = "ClaimMissing";
      return FailedPrecondition(
          "spec.runtime.kubernetes.underStoreClaim: there is no PersistentVolumeClaim {} in "
          "namespace {}",
          volume.volume_name, cluster.name_space);
    }
    if (!found)
      RETURN_IF_ERROR(Of(k8s::kClaims).Create(*k8s::ClaimOf(cluster, workload, volume).object));
    if (!found || volume.claim_bytes == 0) continue;
    if (k8s::BelongsTo(*found, cluster)) {
      if (IsBeingDeleted(*found))
        return Unavailable("PersistentVolumeClaim {} is being deleted", volume.volume_name);
      if (volume.kind == plan::VolumeKind::kDurable) continue;  // a journal is none the worse
      // A worker would be told of room that its disk hasn't.
      if (Status grown = Grow(found, volume); !grown.ok()) {
        reason = "VolumeTooSmall";
        return grown;
      }
      continue;
    }
    reason = "VolumeConflict";
    const std::string uid = k8s::LabelOf(*found, k8s::kUidLabel);
    return FailedPrecondition(
        "PersistentVolumeClaim {} {}: remove it or choose another name for the cluster",
        volume.volume_name,
        uid.empty() ? "is not ours" : fmt::format("holds data of another cluster (uid {})", uid));
  }
  return Status::Ok();
}

Status KubernetesRuntime::Grow(const kube::Object& claim, const plan::Volume& volume) {
  const int64_t now = k8s::ClaimedBytes(*claim);
  if (now == 0 || now >= volume.claim_bytes) return Status::Ok();
  const kube::ObjectName name = kube::NameOf(*claim);
  const Status grown =
      Of(k8s::kClaims)
          .Patch(name, {{"spec",
                         {{"resources",
                           {{"requests", {{"storage", std::to_string(volume.claim_bytes)}}}}}}}});
  if (grown.ok()) {
    LogInfo(kComponent, "PersistentVolumeClaim {} grows from {} to {}", name.ToString(),
            FormatSize(now), FormatSize(volume.claim_bytes));
    return grown;
  }
  const char* const field = volume.kind == plan::VolumeKind::kDurable
                                ? "spec.runtime.kubernetes.journalSize"
                                : "spec.worker.tieredStore.levels[].quota";
  return grown.WithContext(
      fmt::format("{}: PersistentVolumeClaim {} of StorageClass {} stays at {}, {} are wanted",
                  field, name.name, claim->at("spec").value("storageClassName", "(none)"),
                  FormatSize(now), FormatSize(volume.claim_bytes)));
}

Status KubernetesRuntime::GrowAll(const ClusterRef& cluster, const plan::Workload& workload) {
  for (const plan::Volume& volume : workload.volumes) {
    if (volume.claim_bytes == 0) continue;
    const kube::Object claim = Of(k8s::kClaims).Cached({cluster.name_space, volume.volume_name});
    if (claim && k8s::BelongsTo(*claim, cluster)) RETURN_IF_ERROR(Grow(claim, volume));
  }
  return Status::Ok();
}

Status KubernetesRuntime::Ensure(const ClusterRef& cluster, const k8s::Wanted& wanted,
                                 std::string& reason) {
  json object = *wanted.object;
  const std::string hash = plan::ContentHash(object.dump());
  object["metadata"]["annotations"][k8s::kObjectHashAnnotation] = hash;
  const kube::ObjectName name = kube::NameOf(object);
  Followed& kind = Of(wanted.resource);
  if (const kube::Object known = kind.Cached(name);
      known && k8s::BelongsTo(*known, cluster) &&
      k8s::AnnotationOf(*known, k8s::kObjectHashAnnotation) == hash)
    return Status::Ok();
  ASSIGN_OR_RETURN(const auto found, kind.Read(name));
  if (found && !k8s::BelongsTo(*found, cluster)) return Conflict(wanted.resource, *found, reason);
  // Of what is new nobody is overruled who was faster.
  return kind.Apply(object, /*force=*/found != nullptr);
}

Status KubernetesRuntime::Amend(const kube::ObjectName& name,
                                const std::function<void(Record&)>& change,
                                std::optional<int> replicas) {
  constexpr int kMostAttempts = 5;  // its controller writes the same object's status
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(const kube::Object set, Of(k8s::kStatefulSets).Read(name));
    if (!set) return NotFound("{} is not running", name.name);
    Record record = k8s::ReadRecord(*set);
    change(record);
    json patch = {{"metadata",
                   {{"resourceVersion", set->at("metadata").at("resourceVersion")},
                    {"annotations", {{k8s::kRecordAnnotation, k8s::RecordText(record)}}}}}};
    if (replicas) patch["spec"]["replicas"] = *replicas;
    Status patched = Of(k8s::kStatefulSets).Patch(name, patch);
    if (patched.code() != Code::kAborted || attempt == kMostAttempts) return patched;
  }
}

Status KubernetesRuntime::Stop(const ClusterRef& cluster, const std::string& workload) {
  RETURN_IF_ERROR(MayAct());
  ASSIGN_OR_RETURN(const StatefulSetAndPod found, ReadDaemon(cluster, workload));
  if (!found.set || !k8s::BelongsTo(*found.set, cluster))
    return NotFound("{} is not running", workload);
  const bool wanted = found.set->at("spec").value("replicas", 1) > 0;
  if (!wanted) return found.pod ? Status::Ok() : NotFound("{} is not running", workload);
  const auto stopped = [now_ms = clock_.NowMs()](Record& record) {
    record = {.started_at_ms = record.started_at_ms,
              .stop_requested_at_ms = now_ms,
              .refusal = record.refusal};
  };
  return Amend(kube::NameOf(*found.set), stopped, /*replicas=*/0);
}

Status KubernetesRuntime::Restore(const ClusterRef& cluster, const std::string& workload,
                                  const std::optional<plan::Refusal>& refusal) {
  RETURN_IF_ERROR(MayAct());
  const kube::Object proven = ProvenSecret(cluster, workload);
  if (!proven) return NotFound("{} has nothing to go back to", workload);
  ASSIGN_OR_RETURN(const plan::Workload kept, ReadKept(*proven));
  ASSIGN_OR_RETURN(const StatefulSetAndPod found, ReadDaemon(cluster, workload));
  if (!found.set || !k8s::BelongsTo(*found.set, cluster)) return Start(cluster, kept);
  const plan::ObservedWorkload now =
      k8s::Look(*found.set, found.pod.get(), options_.restart_policy);
  const bool runs = now.phase == Phase::kRunning;
  if (runs && now.config_hash == kept.ConfigHash())
    return FailedPrecondition("{} runs what served last", workload);
  if (refusal) {
    const auto refused = [&refusal](Record& record) { record.refusal = refusal; };
    RETURN_IF_ERROR(Amend(kube::NameOf(*found.set), refused, std::nullopt));
    LogWarn(kComponent, "{}/{}: configuration {} is refused: {}", cluster.name_space, workload,
            refusal->config_hash, refusal->message);
  }
  if (runs) return Stop(cluster, workload);
  if (now.phase == Phase::kStopping)
    return Aborted("{} is stopping; what served last follows", workload);
  return Start(cluster, kept);
}

Status KubernetesRuntime::Remove(const ClusterRef& cluster, const std::string& workload) {
  RETURN_IF_ERROR(MayAct());
  ASSIGN_OR_RETURN(const StatefulSetAndPod found, ReadDaemon(cluster, workload));
  const bool ours = found.set && k8s::BelongsTo(*found.set, cluster);
  if (ours) {
    const plan::ObservedWorkload now =
        k8s::Look(*found.set, found.pod.get(), options_.restart_policy);
    if (now.phase != Phase::kExited)
      return FailedPrecondition("{} runs in pod {}", workload, k8s::PodName(workload));
  }
  Forget(cluster, workload);
  // The StatefulSet last: as long as it is there, the rest is looked for.
  for (const kube::Resource* const resource : {&k8s::kSecrets, &k8s::kServices})
    for (const kube::Object& object : Of(*resource).OfCluster(cluster.uid))
      if (k8s::LabelOf(*object, k8s::kWorkloadLabel) == workload)
        RETURN_IF_ERROR(Of(*resource).Delete(*object));
  return ours ? Of(k8s::kStatefulSets).Delete(*found.set) : Status::Ok();
}

void KubernetesRuntime::Forget(const ClusterRef& cluster, const std::string& workload) {
  failed_.erase(std::pair(cluster.uid, workload));
  failed_mends_.erase(std::pair(cluster.uid, workload));
}

Status KubernetesRuntime::Mend(const ClusterRef& cluster, const plan::Workload& workload) {
  RETURN_IF_ERROR(MayAct());
  const auto key = std::pair(cluster.uid, workload.name);
  Status mended = TryMend(cluster, workload);
  if (mended.ok()) mended = GrowAll(cluster, workload);
  if (mended.ok())
    failed_mends_.erase(key);
  else if (!IsPassing(mended.code()))
    failed_mends_[key] = {clock_.NowMs(), mended.message()};
  return mended;
}

Status KubernetesRuntime::TryMend(const ClusterRef& cluster, const plan::Workload& workload) {
  std::string reason;
  for (const k8s::Wanted& shared : k8s::SharedObjects(cluster, workload))
    RETURN_IF_ERROR(Ensure(cluster, shared, reason));
  if (!cluster.network_policy)
    for (const kube::Object& policy : Of(k8s::kPolicies).OfCluster(cluster.uid))
      RETURN_IF_ERROR(Of(k8s::kPolicies).Delete(*policy));
  const kube::Object set = Of(k8s::kStatefulSets).Cached({cluster.name_space, workload.name});
  const std::string hash = set ? k8s::AnnotationOf(*set, k8s::kHashAnnotation) : "";
  if (hash == workload.ConfigHash())
    return Ensure(cluster, k8s::SecretOf(cluster, workload), reason);
  const kube::ObjectName secret{cluster.name_space, k8s::SecretName(workload.name, hash)};
  if (Of(k8s::kSecrets).Cached(secret)) return Status::Ok();
  return FailedPrecondition(
      "secret {} held the configuration that {} runs with: its pod can't be started again before "
      "it gets another one",
      secret.name, workload.name);
}

Status KubernetesRuntime::CleanUp(const ClusterRef& cluster) {
  RETURN_IF_ERROR(MayAct());
  for (const kube::Resource* const shared : kBeside)
    for (const kube::Object& object : Of(*shared).OfCluster(cluster.uid))
      RETURN_IF_ERROR(Of(*shared).Delete(*object));
  return Status::Ok();
}

Status KubernetesRuntime::DeleteData(const ClusterRef& cluster) {
  RETURN_IF_ERROR(MayAct());
  for (const kube::Object& pod : Of(k8s::kPods).OfCluster(cluster.uid))
    if (k8s::MayRun(*pod)) return FailedPrecondition("{} runs", kube::NameOf(*pod).name);
  for (const kube::Object& set : Of(k8s::kStatefulSets).OfCluster(cluster.uid))
    if (set->at("spec").value("replicas", 1) > 0)
      return FailedPrecondition("{} is wanted", kube::NameOf(*set).name);
  for (const kube::Object& claim : Of(k8s::kClaims).OfCluster(cluster.uid)) {
    if (IsBeingDeleted(*claim)) continue;
    RETURN_IF_ERROR(Of(k8s::kClaims).Delete(*claim));
    LogInfo(kComponent, "deleted PersistentVolumeClaim {}", kube::NameOf(*claim).ToString());
  }
  return Status::Ok();
}

Status KubernetesRuntime::Fetch(const ClusterRef& /*cluster*/, const plan::Workload& workload) {
  if (!workload.container) return Internal("{} has no container", workload.name);
  images_[plan::ImageKey(workload.container->image, workload.node)] = {
      .state = plan::ImageState::kPresent, .changed_at_ms = clock_.NowMs()};
  return Status::Ok();
}

}  // namespace headpond::runtime
