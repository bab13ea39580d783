#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/runtime/docker/docker_runtime.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// Clusters on the Docker Engines that they name: one, or one for each of their nodes. Each engine
// has a DockerRuntime of its own, with its own stream of events.
//
// A node that can't be looked at is reported as such (ObservedCluster::unreachable) and leaves the
// others alone. One that is slow to fail, such as a host that swallows packets, is looked at again
// after ten times as long, so that it costs the others at most a tenth of the time; or as soon as
// its events come in.
class DockerNodes final : public Runtime {
 public:
  // `options` are those of the engine for clusters that name none, and but for the endpoint those
  // of all. `clock` outlives this.
  DockerNodes(DockerRuntime::Options options, const Clock& clock);
  ~DockerNodes() override;

  plan::Layout LayoutFor(const ClusterRef& cluster) const override;
  Result<plan::ObservedCluster> Observe(const ClusterRef& cluster) override;
  Status Start(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status Stop(const ClusterRef& cluster, const std::string& workload) override;
  Status Remove(const ClusterRef& cluster, const std::string& workload) override;
  Status Restore(const ClusterRef& cluster, const std::string& workload,
                 const std::optional<plan::Refusal>& refusal) override;
  Status DeleteData(const ClusterRef& cluster) override;
  Status Fetch(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status Adjust(const ClusterRef& cluster, const plan::Workload& workload) override;
  Status CanSetAside(const ClusterRef& cluster, const plan::Workload& workload) const override;
  Status SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                  const std::string& tag) override;
  Status PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                 const std::string& tag) override;
  Status CleanUp(const ClusterRef& cluster) override;
  void OnChange(std::function<void()> changed) override;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Engine {
    std::unique_ptr<DockerRuntime> runtime;
    Time used_at;
    Time not_before;  // while its last look failed slowly
    Status failure = Status::Ok();
  };

  // Of the engine with the address; made when it is new.
  Engine& EngineAt(const Endpoint& endpoint);
  Result<Engine*> EngineOf(const Node& node);
  // Of the node that the call is about.
  Result<DockerRuntime*> RuntimeOf(const ClusterRef& cluster);
  Status ForAllNodes(const ClusterRef& cluster,
                     const std::function<Status(DockerRuntime&, const ClusterRef&)>& act);
  Result<plan::ObservedCluster> Look(Engine& engine, const ClusterRef& at);
  // Engines that no cluster has named for a while keep no connection.
  void ForgetUnused();

  const DockerRuntime::Options options_;
  const Clock& clock_;
  std::function<void()> changed_;
  std::vector<std::unique_ptr<Engine>> engines_;  // the first: for clusters that name none
};

}  // namespace headpond::runtime
