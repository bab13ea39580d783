#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/plan/plan.h"
#include "operator/runtime/pull_access.h"

namespace headpond::runtime {

// One of several places that a cluster's daemons run in.
struct Node {
  // Whatever the spec says of the place, not yet looked at.
  struct Tls {
    std::string ca, certificate, key;  // PEM
    friend bool operator==(const Tls&, const Tls&) = default;
  };

  std::string name;  // empty: the only one
  std::string address, context;
  std::optional<Tls> tls;
  std::string tls_secret = {};    // which Secret that is of
  std::string field;              // where the spec names it: "spec.runtime.docker.nodes[0]"
  Status trouble = Status::Ok();  // why it can't even be tried, such as a missing Secret
};

// Which cluster; the uid is what identity hangs on, the names are for people and folders.
struct ClusterRef {
  std::string name_space;
  std::string name;
  std::string uid;
  std::vector<Node> nodes = {};  // where its daemons run; empty: where the operator's settings say
  std::string node = {};         // the one that a call is about; empty: the only one, or all
  // Of the API's object now, which may be another than the one that the data was made for; empty:
  // there is none any more.
  std::string object_uid = {};
  bool network_policy = false;  // its pods are to accept what they serve and nothing else
  PullAccess pull_access = {};  // for Fetch and what Observe tells of images
  // Whose presence Observe tells as ObservedCluster::folders, where it can.
  std::vector<std::string> watched_folders = {};
};

// Where daemons run: observes and executes, and decides nothing. Everything it knows survives a
// restart of the operator, because it is found again by observing. Not thread safe: one reconcile
// loop owns it.
//
// All implementations pass runtime_conformance.h.
class Runtime {
 public:
  virtual ~Runtime() = default;

  // The places that `cluster`'s daemons can use.
  virtual plan::Layout LayoutFor(const ClusterRef& cluster) const = 0;

  // Looks at all daemons of the cluster, and carries on what actions began: notices ends, kills
  // what outlived its grace period. Probes those that run; takes at most about a second for all of
  // them.
  virtual Result<plan::ObservedCluster> Observe(const ClusterRef& cluster) = 0;

  // Prepares volumes and files and starts the daemon. It counts as running when this returns OK. A
  // failure is also remembered, so that Observe reports the daemon as kExited with the reason and
  // one more crash. Errors: AlreadyExists (it runs), FailedPrecondition (a port or folder belongs
  // to someone else), ResourceExhausted (no room for a memory tier), others from the system.
  virtual Status Start(const ClusterRef& cluster, const plan::Workload& workload) = 0;

  // Asks the daemon to end; Observe kills it when its grace period is over. NotFound when it
  // doesn't run.
  virtual Status Stop(const ClusterRef& cluster, const std::string& workload) = 0;

  // Forgets a daemon that has ended. FailedPrecondition while it runs; OK when there is nothing to
  // forget.
  virtual Status Remove(const ClusterRef& cluster, const std::string& workload) = 0;

  // Goes back to the configuration that served last (ObservedWorkload::proven_hash). A daemon that
  // runs another one is asked to end, and the call is repeated when it has ended; then the proven
  // configuration is started. `refusal` is on record before anything else, and reported by Observe
  // until another one takes its place or the refused configuration is started again. NotFound when
  // no configuration has served, or it can't be had any more; FailedPrecondition when it runs.
  virtual Status Restore(const ClusterRef& cluster, const std::string& workload,
                         const std::optional<plan::Refusal>& refusal) = 0;

  // Deletes all volumes that were made for the cluster, but no under-store. FailedPrecondition
  // while a daemon runs. Folders whose stamp names another cluster are left alone.
  virtual Status DeleteData(const ClusterRef& cluster) = 0;

  // Begins to bring the workload's image to where it runs; Observe tells how that goes.
  virtual Status Fetch(const ClusterRef& /*cluster*/, const plan::Workload& /*workload*/) {
    return Status::Ok();  // processes have no images
  }

  // Gives the running daemon the workload's limits. A refusal is remembered and observed.
  virtual Status Adjust(const ClusterRef& /*cluster*/, const plan::Workload& /*workload*/) {
    return Status::Ok();  // processes have no limits
  }

  // Puts back what ObservedWorkload::missing names, beside a daemon that runs, and removes its
  // `surplus`. A failure is
  // remembered and observed.
  virtual Status Mend(const ClusterRef& /*cluster*/, const plan::Workload& /*workload*/) {
    return Status::Ok();  // processes and containers have nothing beside them
  }

  // Whether a master's journal can be set aside. FailedPrecondition with the field that says where
  // it is, and what to do instead.
  virtual Status CanSetAside(const ClusterRef& /*cluster*/,
                             const plan::Workload& /*workload*/) const {
    return FailedPrecondition(
        "spec.runtime.type: the claims of pods can't be renamed; make a new cluster with "
        "spec.bootstrap.fromBackup");
  }

  // Moves a master's journal to plan::SetAsidePath beside its place; without one, something empty
  // takes that name. OK when that was done before. FailedPrecondition while the daemon runs, and
  // as CanSetAside.
  virtual Status SetAside(const ClusterRef& cluster, const plan::Workload& workload,
                          const std::string& /*tag*/) {
    return CanSetAside(cluster, workload);
  }

  // Puts it back, and what took its place beside it as plan::FailedPath. OK when nothing is set
  // aside. FailedPrecondition as SetAside.
  virtual Status PutBack(const ClusterRef& cluster, const plan::Workload& workload,
                         const std::string& /*tag*/) {
    return CanSetAside(cluster, workload);
  }

  // Removes what has no data and no daemon any more.
  virtual Status CleanUp(const ClusterRef& /*cluster*/) { return Status::Ok(); }

  // `changed` is called, from any thread, when Observe would report something new. Set once, before
  // the first Observe; must stay callable as long as the runtime lives.
  virtual void OnChange(std::function<void()> changed) = 0;
};

// Runs one action of a plan but kTransfer and kDismiss, which only masters can do. `workloads` are
// the desired ones.
Status Execute(Runtime& runtime, const ClusterRef& cluster,
               const std::vector<plan::Workload>& workloads, const plan::Action& action);

}  // namespace headpond::runtime
