#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "operator/kube/client.h"
#include "operator/runtime/kubernetes/followed_objects.h"
#include "operator/runtime/kubernetes/objects.h"
#include "operator/runtime/prober.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// Runs daemons as pods of a Kubernetes cluster, each in a StatefulSet of its own of at most one pod
// that is replaced only on our word, so that the plan's order holds. Everything is kept in the API
// server: what belongs to a cluster is known by labels (objects.h), what happened to a daemon
// stands in an annotation of its StatefulSet, and each configuration in a Secret of its own, so
// that the one that served last can be put back.
//
// Objects of others are never touched, whatever their names. Observe asks the API server nothing:
// it reads what watches keep. Whether a daemon serves is what the kubelet's probes say; but several
// masters are asked themselves, because only they know which of them leads. While one can't be
// reached that the kubelet finds ready, it serves, and nobody knows how it stands.
class KubernetesRuntime final : public Runtime {
 public:
  struct Options {
    std::string name_space;  // whose objects are followed; empty: all
    plan::RestartPolicy restart_policy;
    // Asked before each action: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
    // How long the first look waits for the watches.
    std::chrono::milliseconds sync_timeout{5000};
    std::chrono::milliseconds probe_timeout{1000};
  };
  // `client` and `clock` must outlive the runtime.
  KubernetesRuntime(Options options, kube::Client& client, const Clock& clock);
  ~KubernetesRuntime() override;

  plan::Layout LayoutFor(const ClusterRef& cluster) const override;
  Result<plan::ObservedCluster> Observe(const ClusterRef& cluster) override;
  Status Start(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status Stop(const ClusterRef& cluster, const std::string& workload) override;
  Status Remove(const ClusterRef& cluster, const std::string& workload) override;
  Status Restore(const ClusterRef& cluster, const std::string& workload,
                 const std::optional<plan::Refusal>& refusal) override;
  Status DeleteData(const ClusterRef& cluster) override;
  // The kubelets fetch images themselves; what goes wrong shows in the pod.
  Status Fetch(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status Mend(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status CleanUp(const ClusterRef& cluster) override;
  void OnChange(std::function<void()> changed) override;

 private:
  using Followed = k8s::FollowedObjects;
  // A start that failed before there was anything to remember it on. Lost with the operator, which
  // then finds out again.
  struct FailedStart {
    plan::ObservedWorkload workload;
    std::string config_hash;
  };
  struct StatefulSetAndPod {
    kube::Object set, pod;  // null: there is none
  };

  // The watches are there, and this operator may act.
  Status Ready();
  Status MayAct();
  Followed& Of(const kube::Resource& resource);

  // Both as the server has them now, whoever's they are.
  Result<StatefulSetAndPod> ReadDaemon(const ClusterRef& cluster, const std::string& workload);
  plan::ObservedWorkload WithProof(const ClusterRef& cluster, plan::ObservedWorkload workload);
  // The configuration that served last, of those that are kept.
  kube::Object ProvenSecret(const ClusterRef& cluster, const std::string& workload);
  // Notes which configurations serve, and removes those that are not needed any more.
  Status Prove(const ClusterRef& cluster, const plan::ObservedWorkload& workload);
  // What only a Secret or a failure tells of.
  void AddTraces(const ClusterRef& cluster, plan::ObservedCluster& observed);
  // What belongs beside the daemon and is not there.
  std::vector<std::string> MissingBeside(const ClusterRef& cluster,
                                         const plan::ObservedWorkload& workload);
  // What was asked for before and isn't any more.
  std::vector<std::string> SurplusBeside(const ClusterRef& cluster,
                                         const plan::ObservedWorkload& workload);
  // Asks those that run how they stand.
  void AskMasters(const ClusterRef& cluster, std::vector<plan::ObservedWorkload>& workloads);

  Status EnsureClaims(const ClusterRef& cluster, const plan::Workload& workload,
                      std::string& reason);
  // Has a claim that is ours ask for as much as the volume needs.
  Status Grow(const kube::Object& claim, const plan::Volume& volume);
  Status GrowAll(const ClusterRef& cluster, const plan::Workload& workload);
  Status Ensure(const ClusterRef& cluster, const k8s::Wanted& wanted, std::string& reason);
  Status TryStart(const ClusterRef& cluster, const plan::Workload& workload,
                  const k8s::Record& record, const kube::Object& pod, std::string& reason);
  Status TryMend(const ClusterRef& cluster, const plan::Workload& workload);
  // Changes the record of a StatefulSet that is ours, and how many pods it has.
  Status Amend(const kube::ObjectName& name, const std::function<void(k8s::Record&)>& change,
               std::optional<int> replicas);
  void Forget(const ClusterRef& cluster, const std::string& workload);

  const Options options_;
  kube::Client& client_;
  const Clock& clock_;
  std::function<void()> changed_;
  std::vector<std::unique_ptr<Followed>> followed_;                    // from the first look on
  std::map<std::pair<std::string, std::string>, FailedStart> failed_;  // by cluster uid and name
  struct FailedMend {
    int64_t at_ms = 0;
    std::string message;
  };
  std::map<std::pair<std::string, std::string>, FailedMend> failed_mends_;  // likewise
  std::map<std::string, plan::ObservedImage> images_;
  Prober prober_;
};

}  // namespace headpond::runtime
