#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/runtime/runtime.h"

namespace headpond::testing_operator {

// A world of daemons in memory, moved by hand. It outlives the runtimes that act in it, as
// processes outlive an operator. Not thread safe.
struct FakeWorld {
  struct Daemon {
    plan::ObservedWorkload observed;
    plan::Workload workload;
    std::string uid;  // of its cluster
    int64_t kill_at_ms = 0;
    std::optional<plan::Workload> proven;  // served last
  };
  std::map<std::string, Daemon> daemons;
  std::map<std::string, std::string> volumes;  // path to uid
  std::set<std::string> precious;              // volumes with a user's file
  std::set<int> taken_ports;
  std::vector<std::string> actions;  // "start demo-master-0", ...: what was done
  std::function<void()> changed = [] {};
  // Of several masters, while a majority serves: the leader as long as it serves, then the first.
  std::string leader;
  uint64_t term = 0;
  uint64_t sequence = 100;                 // of the leader's journal
  std::map<std::string, uint64_t> behind;  // how many entries a master has yet to apply
  // Who votes, by address; while it is empty, masters don't tell. Those that serve are let in, but
  // none that was dismissed and not started again.
  std::set<std::string> voters, dismissed;
  void Dismiss(const std::string& address) {
    voters.erase(address);
    dismissed.insert(address);
  }
  int next_pid = 100;
  bool observe_fails = false;
  bool moves_journals = true;  // else they are where none can be set aside
  // Daemons with this word among their arguments crash at once; serve at once otherwise.
  static constexpr const char* kCrash = "crash";
  static constexpr const char* kStubborn = "stubborn";
  static constexpr const char* kSilent = "silent";  // runs and never serves

  void Crash(const std::string& name, int64_t now_ms);
  // Daemons whose files or arguments have this property behave like this.
  void MisbehaveWith(const std::string& key, const std::string& behaviour) {
    misbehaving[key + "=" + behaviour] = behaviour;
  }
  std::map<std::string, std::string> misbehaving;
  // Elects if need be, and fills in what the cluster's masters say.
  void SetViews(std::vector<plan::ObservedWorkload>& workloads);
};

// The runtime over a FakeWorld. Passes the conformance suite.
class FakeRuntime final : public runtime::Runtime {
 public:
  FakeRuntime(FakeWorld& world, const Clock& clock) : world_(world), clock_(clock) {}

  plan::Layout LayoutFor(const runtime::ClusterRef& cluster) const override;
  Result<plan::ObservedCluster> Observe(const runtime::ClusterRef& cluster) override;
  Status Start(const runtime::ClusterRef& cluster, const plan::Workload& workload) override;
  Status Stop(const runtime::ClusterRef& cluster, const std::string& workload) override;
  Status Remove(const runtime::ClusterRef& cluster, const std::string& workload) override;
  Status Restore(const runtime::ClusterRef& cluster, const std::string& workload,
                 const std::optional<plan::Refusal>& refusal) override;
  Status DeleteData(const runtime::ClusterRef& cluster) override;
  Status CanSetAside(const runtime::ClusterRef& cluster,
                     const plan::Workload& workload) const override;
  Status SetAside(const runtime::ClusterRef& cluster, const plan::Workload& workload,
                  const std::string& tag) override;
  Status PutBack(const runtime::ClusterRef& cluster, const plan::Workload& workload,
                 const std::string& tag) override;
  void OnChange(std::function<void()> changed) override { world_.changed = std::move(changed); }

 private:
  Status Run(const runtime::ClusterRef& cluster, const plan::Workload& workload);
  Status CheckIdle(const plan::Workload& workload) const;
  // With what is in it.
  void Move(const std::string& from, const std::string& to);

  FakeWorld& world_;
  const Clock& clock_;
};

}  // namespace headpond::testing_operator
