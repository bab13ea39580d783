#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/runtime/docker/engine.h"
#include "operator/runtime/docker/event_watch.h"
#include "operator/runtime/docker/image_fetcher.h"
#include "operator/runtime/docker/notes.h"
#include "operator/runtime/prober.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// What Runtime::CanSetAside says of a master on the engine: its journal is in a folder that the
// author chose, on this machine.
Status JournalCanMove(const Endpoint& engine, const ClusterRef& cluster,
                      const plan::Workload& master);

// Runs daemons as containers of a Docker Engine. What belongs to a cluster is known by its labels
// (container_body.h) alone, so containers, volumes and networks of others are never touched,
// whatever their names. Containers live on while the operator is away, and are found again by their
// labels.
//
// A container is called like its daemon, "<namespace>." before it in all namespaces but `default`,
// so that clusters of the same name get along. One that has served and is replaced is kept as
// "<name>.old" until its successor serves; Restore gives it its place back.
//
// Of a cluster with several nodes it has one, ClusterRef::node, and knows what belongs there by
// another label.
class DockerRuntime final : public Runtime {
 public:
  struct Options {
    Endpoint endpoint;
    std::string home;                                // for notes: <home>/docker/<cluster uid>/
    std::map<std::string, std::string> environment;  // leads to logins to registries
    plan::RestartPolicy restart_policy;
    std::chrono::milliseconds probe_timeout{1000};
    // Observe changes nothing, for a look beside the operator that acts: no notes are written,
    // nothing is killed or removed.
    bool look_only = false;
  };
  // `clock` outlives the runtime.
  DockerRuntime(Options options, const Clock& clock);
  ~DockerRuntime() override;

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
  Status CanSetAside(const ClusterRef& cluster, const plan::Workload& workload) const override {
    return JournalCanMove(options_.endpoint, cluster, workload);
  }
  Status SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                  const std::string& tag) override;
  Status PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                 const std::string& tag) override;
  Status CleanUp(const ClusterRef& cluster) override;
  void OnChange(std::function<void()> changed) override;

  const Endpoint& endpoint() const { return options_.endpoint; }
  // Events of the engine come in, so it answers.
  bool EventsFlow() const { return events_ && events_->flows(); }

 private:
  using Containers = std::vector<ContainerInfo>;

  DaemonNotes NotesOf(const ClusterRef& cluster) const;
  // All of the cluster, those kept for later included, by the names of their daemons.
  Result<Containers> ContainersOf(const ClusterRef& cluster);

  plan::ObservedWorkload Look(const ContainerInfo& container, DaemonNote& note);
  void NoteEnd(const ContainerInfo& container, DaemonNote& note);
  Status EnforceGrace(const ContainerInfo& container, const DaemonNote& note);
  void Probe(const Containers& containers, plan::ObservedCluster& observed);
  // Notes which configurations serve, and then removes what was kept in case they don't.
  Status Prove(const ClusterRef& cluster, const Containers& containers,
               plan::ObservedCluster& observed);

  Status CheckHost(const plan::Workload& workload, DaemonNote& note);
  Status PrepareNetwork(const ClusterRef& cluster, const plan::Workload& workload,
                        DaemonNote& note);
  Status PrepareVolumes(const ClusterRef& cluster, const plan::Workload& workload,
                        DaemonNote& note);
  // The container to start: the one that is there, or a new one.
  Result<std::string> PrepareContainer(const ClusterRef& cluster, const plan::Workload& workload,
                                       DaemonNote& note);
  // The folder of a master that does not run.
  Result<std::string> IdleJournal(const ClusterRef& cluster, const plan::Workload& workload);
  Status KeepAside(const ContainerInfo& container, const DaemonNote& note);
  Status Launch(const ClusterRef& cluster, const plan::Workload& workload,
                const std::string& container_id, DaemonNote& note);
  Status TryStart(const ClusterRef& cluster, const plan::Workload& workload, DaemonNote& note);
  // Starts a container that has served before.
  Status StartAgain(const ClusterRef& cluster, const ContainerInfo& container, DaemonNote note);
  Status RemoveNetworks(const ClusterRef& cluster);
  Result<bool> HasData(const ClusterRef& cluster);

  const Options options_;
  const Clock& clock_;
  Engine engine_;
  Prober prober_;
  std::function<void()> changed_;
  std::unique_ptr<ImageFetcher> fetcher_;  // from the first image on
  std::unique_ptr<EventWatch> events_;     // from the first look on: an idle operator asks nobody
};

}  // namespace headpond::runtime
