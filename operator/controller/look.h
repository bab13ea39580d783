#pragma once

#include "operator/controller/secrets.h"
#include "operator/controller/status.h"
#include "operator/runtime/runtime.h"

namespace headpond::controller {

// Where clusters run, by spec.runtime.type. Null: there is no such thing here.
struct Runtimes {
  runtime::Runtime* process = nullptr;
  runtime::Runtime* docker = nullptr;
  runtime::Runtime* kubernetes = nullptr;

  runtime::Runtime* For(api::RuntimeType type) const {
    if (type == api::RuntimeType::kKubernetes) return kubernetes;
    return type == api::RuntimeType::kDocker ? docker : process;
  }
};

inline constexpr const char* kPullSecretsField = "spec.imagePullSecrets";

// One look at a cluster: what should be, what is, and what is to be done about it.
struct Look {
  runtime::Runtime* runtime = nullptr;
  runtime::ClusterRef ref;
  plan::DesiredCluster desired;
  plan::ObservedCluster observed;
  plan::Plan plan;
  int refused_transfers = 0;  // as plan::ObservedCluster has it; no runtime knows
};

// Takes the backups that the status says the masters were told of, whatever became of them since.
void PinBootstrap(api::CacheCluster& cluster, const ClusterStatus& before);

// What is known before anything was looked at. `before` is the cluster's status, which remembers
// nodes. FailedPrecondition when there is no such runtime.
Result<Look> BeginLook(const api::CacheCluster& cluster, const ClusterStatus& before,
                       const Runtimes& runtimes, Secrets& secrets);
// Observes and plans. Errors: those of Runtime::Observe.
Status FinishLook(Look& look, int64_t now_ms, const plan::RestartPolicy& policy);

}  // namespace headpond::controller
