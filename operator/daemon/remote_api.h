#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "operator/daemon/cluster_store.h"
#include "operator/daemon/monitor.h"
#include "operator/daemon/one_time_objects.h"
#include "operator/daemon/operator_daemon.h"
#include "operator/daemon/task_objects.h"
#include "operator/kube/elector.h"

namespace headpond::operator_daemon {

// The lease of operators, in the namespace that the kubeconfig or the pod names.
inline constexpr const char* kOperatorLease = "headpond-operator";

// An API server elsewhere, and our place among the operators that it has. Thread safe.
class RemoteApi {
 public:
  // Begins to compete for the lease, as `identity`, which no other operator has, and to watch the
  // clusters. `changed` is called, from any thread, when there is something new: to lead, to have
  // lost it, or a cluster. `clock` and `monitor`, which is told of the server's answers, must
  // outlive it. Errors: those of LoadKubeconfig and InCluster.
  static Result<std::unique_ptr<RemoteApi>> Connect(const Options& options,
                                                    const std::string& identity, const Clock& clock,
                                                    Monitor& monitor,
                                                    std::function<void()> changed);
  ~RemoteApi();  // gives the lease up

  bool Leads() const { return elector_->Leads(); }
  // Who leads, as far as we know.
  std::string leader() const { return elector_->holder(); }
  controller::ClusterStore& store() { return *store_; }
  controller::TaskObjects& tasks() { return *tasks_; }
  controller::OneTimeObjects& backups() { return *backups_; }
  controller::OneTimeObjects& restores() { return *restores_; }
  kube::Client& client() { return *client_; }

 private:
  RemoteApi() = default;

  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<kube::LeaseStore> lease_;
  std::unique_ptr<kube::Elector> elector_;
  std::unique_ptr<ApiClusterStore> store_;
  std::unique_ptr<ApiTaskObjects> tasks_;
  std::unique_ptr<ApiOneTimeObjects> backups_;
  std::unique_ptr<ApiOneTimeObjects> restores_;
};

}  // namespace headpond::operator_daemon
