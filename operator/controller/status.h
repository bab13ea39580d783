#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/cache_cluster.h"
#include "operator/plan/plan.h"
#include "operator/plan/restore.h"

namespace headpond::controller {

// metav1.Condition.
struct Condition {
  // Ready, MastersReady, QuorumHealthy (of several masters), WorkersReady, Progressing,
  // UpgradeBlocked, PullSecretsReady (with imagePullSecrets), Bootstrapped (with bootstrap),
  // Degraded
  std::string type;
  std::string status;  // True, False, Unknown
  std::string reason;  // CamelCase, never empty
  std::string message;
  std::string last_transition_time;  // RFC 3339; changes only with `status`
  int64_t observed_generation = 0;
};

struct DaemonStatus {
  std::string name;
  std::string role;
  std::string node;   // empty: there is only one place, or none yet
  std::string state;  // Serving, Starting, Stopping, Failed, Pending
  int pid = 0;
  int crashes = 0;           // in a row
  int64_t exited_at_ms = 0;  // of one that failed
  std::string address;       // host:port of its RPCs
  std::string web;           // URL
  std::string logs;          // folder
  std::string message;
  // Of several masters: Leader, Standby, CatchingUp, or Joining while it has no vote yet. Not how
  // far its journal is: that changes with every write, and each new status is looked at by many.
  std::string standing;
};

// Of several masters, the one that serves.
struct LeaderStatus {
  std::string name;
  std::string address;  // host:port of its RPCs
  uint64_t term = 0;
};

// One of a cluster's nodes, or one that was taken away and still has daemons: with what it takes to
// reach it.
struct NodeStatus {
  std::string name;
  std::string state;  // Reachable, Unreachable, Leaving
  api::DockerEngine engine;
  std::string message;
};

struct RoleStatus {
  int desired = 0;
  int ready = 0;    // serve
  int updated = 0;  // run the current configuration
};

// CacheCluster.status.
struct ClusterStatus {
  int64_t observed_generation = 0;
  std::string
      phase;  // a summary for people: Pending, Progressing, Ready, Degraded, Paused, Terminating
  RoleStatus masters, workers;
  int registered_workers = -1;  // that the master counts as live; -1: it doesn't say
  std::vector<DaemonStatus> daemons;
  std::vector<NodeStatus> nodes;
  std::optional<LeaderStatus> leader;
  std::map<std::string, std::string> endpoints;  // masterRpc, masterWeb
  std::string under_store;
  // The backup that the masters were told to begin with. Once it is here, it is this one.
  std::string bootstrap_uri;
  std::optional<plan::RestoreRecord> restore;  // the latest one
  std::vector<std::string> data;               // folders with journals and cached data
  // rollout {plan, step, startedAt}, while something is still to be done or was given up.
  std::vector<std::string> rollout;  // what that is
  int rollout_step = 0;              // steps taken so far, with those that were taken at this look
  std::string rollout_started_at;    // RFC 3339; of the first look that found something to do
  std::vector<Condition> conditions;

  const Condition* Find(std::string_view type) const;
  bool IsTrue(std::string_view type) const;
};

nlohmann::json ToJson(const ClusterStatus& status);
// DataLoss when it isn't one.
Result<ClusterStatus> ParseStatus(const nlohmann::json& json);

// What one look at a cluster means. Pure. `trouble` is why the look itself failed, OK otherwise.
// `before` gives the transition times.
//
// Ready:       a master serves, of several the one that leads, and so does a worker that it counts
// as live (or no worker is wanted). QuorumHealthy: one of several masters leads, and all others
// follow it and have caught up, so that the failure of one is borne (otherwise MemberJoining,
// MemberLeaving, MemberMissing, NoLeader or NoMajority). Progressing: something is being started,
// replaced or stopped; its reason says when masters join or leave, and Restoring while a restore
// goes on, which is taken over from `before`. Ready and not Progressing is the
// end of a roll-out. UpgradeBlocked: a change was given up, and what served before runs, or its
// image can't be had; it says which daemon keeps what, and why. Bootstrapped: masters have served
// that began with the backup; it stays so. Degraded: that, or a daemon crashed
// or can't start, or the operator can't see or do its work, or a node can't be reached.
ClusterStatus ComputeStatus(const api::CacheCluster& cluster,
                            const std::vector<plan::Workload>& desired,
                            const plan::ObservedCluster& observed, const plan::Plan& plan,
                            const Status& trouble, const ClusterStatus& before, int64_t now_ms);

}  // namespace headpond::controller
