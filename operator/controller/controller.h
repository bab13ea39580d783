#pragma once

#include <chrono>
#include <map>
#include <set>

#include "base/clock.h"
#include "operator/controller/look.h"
#include "operator/controller/quorum_call.h"
#include "operator/controller/reconcile_stats.h"
#include "operator/controller/restore_site.h"
#include "operator/controller/secrets.h"
#include "operator/controller/store.h"
#include "operator/runtime/runtime.h"

namespace headpond::controller {

// Makes what runs equal to what the store asks for. Level based: each pass looks at everything
// anew, so a missed event, a crash of the operator or a change behind its back costs time and
// nothing else. Not thread safe.
class Controller {
 public:
  struct Options {
    plan::RestartPolicy restart_policy;
    // Between looks at a cluster that is as desired, and at one that is not: from the shortest,
    // twice as long each time nothing changed.
    std::chrono::milliseconds steady_interval{5000};
    std::chrono::milliseconds shortest_interval{50};
    std::chrono::milliseconds longest_interval{1000};
    ReconcileStats* stats = nullptr;  // where passes are counted, if anywhere; outlives us
    // What is to be restored, as RestoreController keeps it; null: nothing. Outlives us.
    const RestoreOrders* restores = nullptr;
    // Asks a cluster's masters; without it, a leader is stopped as it is, and none can leave.
    CallQuorum call_quorum;
  };
  // All must outlive the controller.
  Controller(ClusterStore& store, Runtimes runtimes, const Clock& clock, Options options);

  // One pass over all clusters. Returns how long the next one may wait if no event comes before.
  std::chrono::milliseconds ReconcileAll();

  // How to ask the cluster's masters, by the last look at it. NotFound: there is no such cluster;
  // Unavailable: none of its masters serves.
  Result<MasterAccess> AccessTo(const ClusterKey& key) const;

  // What of the cluster decides about a restore, by the last look at it. NotFound: there is no such
  // cluster; Unavailable: it could not be looked at.
  Result<RestoreSite> SiteOf(const ClusterKey& key) const;

  // Clusters that the last pass found, those it could not read included.
  size_t cluster_count() const { return cluster_count_; }

 private:
  // One look at one cluster: how long the next may wait, and whether this one came to its end.
  struct Pass {
    std::chrono::milliseconds next;
    bool done = true;
  };
  void ForgetAllBut(const ClusterList& list);
  Pass Reconcile(const api::CacheCluster& written);
  // Finds the backup that a new cluster begins with. NotFound: not yet.
  Status FindBootstrap(api::CacheCluster& cluster, const ClusterStatus& before);
  // How far a restore of the cluster is after this look.
  std::optional<plan::RestoreRecord> NextRestore(const api::CacheCluster& cluster, const Look& look,
                                                 const ClusterStatus& before) const;
  // Lets a cluster go that has nothing any more, but perhaps data that is kept.
  Pass Bury(const ClusterKey& key, bool has_data);
  // Nothing can be done: says so in the status.
  Pass Excuse(const api::CacheCluster& cluster, const plan::DesiredCluster& desired,
              const Status& trouble);
  // Those of nodes that were not reached: `all` of them, or those that the look says.
  void DoubtSecrets(const Look& look, bool all);
  // Does what the plan allows now; true when there was something.
  bool Execute(const Look& look, const api::CacheCluster& cluster);
  Status Do(const Look& look, const api::CacheCluster& cluster, const plan::Action& action);
  Status Fetch(const Look& look, const api::CacheCluster& cluster, const plan::Action& action);
  Status Transfer(const Look& look, const api::CacheCluster& cluster, const plan::Action& action);
  Status Ask(const Look& look, const api::CacheCluster& cluster, QuorumCall call) const;
  // True when there was a change and it was written.
  bool Report(const api::CacheCluster& cluster, const ClusterStatus& before,
              const ClusterStatus& after);
  std::chrono::milliseconds NextLook(const ClusterKey& key, bool settled, bool changed);

  ClusterStore& store_;
  const Runtimes runtimes_;
  const Clock& clock_;
  const Options options_;
  Secrets secrets_;
  size_t cluster_count_ = 0;
  std::map<ClusterKey, MasterAccess> access_;  // of all clusters; without masters: none serves
  std::map<ClusterKey, RestoreSite> sites_;    // of those that were looked at
  std::map<ClusterKey, std::chrono::milliseconds> interval_;
  std::map<ClusterKey, int> refused_transfers_;  // in a row
  std::set<ClusterKey> unwritten_;               // whose status could not be written last
};

}  // namespace headpond::controller
