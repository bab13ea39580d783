#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/plan/workload.h"

namespace headpond::plan {

enum class Phase {
  kRunning,
  kStopping,  // asked to end, still there
  kExited,    // ended, or could not be started; its traces are still there
};

// A configuration that a daemon was found not to run with, so that the one before was put back.
struct Refusal {
  std::string config_hash;
  int64_t generation = 0;  // of the spec that asked for it; a later one deserves another try
  int64_t at_ms = 0;       // since the epoch
  std::string reason;      // CamelCase: "Crashed", "NotServing", "PortInUse", ...
  std::string message;     // for people, with the exit code and the last output
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// One that takes part in the masters' quorum, as one of them says.
struct QuorumMember {
  std::string address;     // as Workload::quorum_address
  bool votes = false;      // not while it still joins
  bool available = false;  // votes and was heard from lately; only the leader knows
  friend bool operator==(const QuorumMember&, const QuorumMember&) = default;
};

// What one of several masters says of itself.
struct QuorumView {
  bool leads = false;  // and serves; else it follows the leader that it names
  uint64_t term = 0;
  std::string leader;     // its quorum_address
  uint64_t sequence = 0;  // of the last journal entry that it has applied
  friend bool operator==(const QuorumView&, const QuorumView&) = default;
};

// One daemon as a runtime found it.
struct ObservedWorkload {
  std::string name;
  std::string node;  // where it was found; empty: there is only one place
  // The node that a scheduler chose for it, which no plan does; empty: none.
  std::string scheduled_to = {};
  // That node doesn't answer: what it does there, if anything, nobody knows. Only with
  // `scheduled_to`, and not `serving`.
  bool cut_off = false;
  Role role = Role::kMaster;
  int ordinal = 0;
  Phase phase = Phase::kRunning;
  std::string config_hash;           // of the Workload it was started from
  bool serving = false;              // its probe succeeded; only for kRunning
  std::optional<int> live_workers;   // what a serving master says; empty when it doesn't tell
  std::optional<QuorumView> quorum;  // what a serving one of several masters says
  // Whom one of several masters takes for the others and itself, serving or not; empty when it
  // doesn't tell, as one that is no member of anything yet.
  std::vector<QuorumMember> members;
  std::string rpc_address;  // host:port where the runtime reaches its RPCs, if it knows
  int pid = 0;              // where the runtime has such a thing
  int64_t started_at_ms = 0;
  int64_t exited_at_ms = 0;  // only for kExited
  // Exits in a row that nobody asked for, failed starts included (see NextCrashCount); 0 after a
  // stop that was asked for.
  int crashes = 0;
  std::string reason;  // CamelCase, only for kExited: "Crashed", "PortInUse", "StartFailed", ...
  std::string
      message;  // for people: "exited with code 1: ...", or why a running daemon doesn't serve
  std::optional<Limits> limits;  // only for kRunning, where they can be changed
  // New ones that the engine didn't take; `at_ms` since the epoch.
  struct RefusedLimits {
    Limits limits;
    int64_t at_ms = 0;
    std::string message;
  };
  std::optional<RefusedLimits> refused_limits;
  // What belongs beside it and is not there: "service demo-masters". Only for kRunning.
  std::vector<std::string> missing;
  std::vector<std::string> surplus;  // likewise, what is there and not wanted any more
  // Of the volumes that were claimed for it, by the claim's name: how many bytes are asked for.
  std::map<std::string, int64_t> claims = {};
  int64_t mend_failed_at_ms = 0;  // the last try to mend that; ms since the epoch, 0: none
  std::string mend_failure = {};  // why that failed, for people; empty: it didn't
  bool start_failed = false;      // only for kExited: it never came to run
  // The last configuration that served, as far as it can be had again: this one's, or that of the
  // predecessor that is kept for it. Restore starts that; empty: there is none.
  std::string proven_hash;
  std::optional<Refusal> refusal;  // the latest
};

enum class ImageState { kFetching, kPresent, kFailed };

// What is known of an image that was asked for.
struct ObservedImage {
  ImageState state = ImageState::kFetching;
  int64_t changed_at_ms = 0;  // when it became that; ms since the epoch
  int failures = 0;           // in a row
  std::string reason;         // CamelCase, only for kFailed: "ImagePullFailed", "ImageNotPresent"
  std::string message;        // for people, also while it is fetched
};

// An image is there or not on each node by itself: "registry/image:1", "registry/image:1 on node
// b".
std::string ImageKey(const std::string& image, const std::string& node);

struct ObservedCluster {
  std::vector<ObservedWorkload> workloads;
  bool has_data = false;       // volumes of the cluster exist (not counting an under-store)
  bool has_leftovers = false;  // things without data, such as a network, and no daemon
  std::map<std::string, ObservedImage> images;  // by ImageKey, of runtimes that have such a thing
  // Nodes that could not be looked at, and why: what runs there is not known.
  std::map<std::string, std::string> unreachable;
  std::optional<int64_t> due_at_ms;  // when the runtime itself has something to do at the next look
  int refused_transfers = 0;         // of leadership, in a row: what the last ones came to
  // Of the Secrets for pulls, those that are missing or hold no login: which, and what to do.
  std::vector<std::string> useless_pull_secrets;
  std::set<std::string> folders = {};  // of those that were asked about, what is there
};

// See docs/adr/0023.
enum class RestoreStep {
  kStopping,      // no master is wanted
  kSettingAside,  // nor is one; their journals go beside their place
  kStarting,      // masters are wanted, and begin with the backup
  kComplete,
  kWithdrawing,  // no master is wanted
  kPuttingBack,  // nor is one; their journals come back
  kFailed,
};

// A restore that has not ended.
struct Restoring {
  RestoreStep step = RestoreStep::kStopping;
  std::string tag;  // tells what it sets aside from what others do
};

// What should be, all of it.
struct DesiredCluster {
  std::vector<Workload> workloads;  // as Desired returns them
  bool paused = false;
  bool deleting = false;
  bool delete_data = false;  // only together with `deleting`, on the user's explicit word
  // Failures before this moment (ms since the epoch) are tried again without back-off, refused
  // configurations too.
  int64_t retry_at_ms = 0;
  int64_t generation = 0;  // of the spec
  std::optional<Restoring> restoring = {};
};

enum class ActionKind {
  kStart,       // create what is missing of its folders, then run it
  kStop,        // SIGTERM, and SIGKILL after the grace period
  kRemove,      // forget an exited daemon; volumes stay
  kDeleteData,  // remove all volumes of the cluster but under-stores
  kFetch,       // bring its image to where it runs
  kCleanUp,     // remove what is left of a cluster without daemons, but no data
  kAdjust,      // give it other limits while it runs
  kRestore,     // end it if it runs; if not, run the configuration that served last
  kTransfer,    // ask it, a master that leads, to let `to` lead
  kDismiss,     // have the masters go on without their member `to`
  kMend,        // put back what is missing beside it while it runs, remove what is too much,
                // and have claims grow
  kSetAside,    // move its journal out of the way
  kPutBack,     // move it back
};

struct Action {
  ActionKind kind = ActionKind::kStart;
  std::string workload;            // "" for kDeleteData, kCleanUp and kDismiss
  std::string reason;              // why, for logs and status
  std::optional<Refusal> refusal;  // only for kRestore: what is given up with it
  std::string node = {};           // where; empty: there is only one place, or everywhere
  // Only for kTransfer, the workload that is to lead; kDismiss, the address of the member;
  // kSetAside and kPutBack, the tag.
  std::string to = {};
  friend bool operator==(const Action&, const Action&) = default;
};

// An action and what it waits for. Only steps that wait for nothing may be executed; then the world
// is observed again.
struct Step {
  Action action;
  std::vector<std::string> waits_for;  // "quickstart-master-0 to serve"
};

// A change that was given up for one daemon.
struct Halt {
  std::string workload;
  std::string running_hash;  // what it keeps
  Refusal refusal;           // what it doesn't get, and why
};

struct Plan {
  std::vector<Step> steps;  // in the order they will happen
  // Things under way that need no action: "quickstart-worker-0 is stopping".
  std::vector<std::string> in_progress;
  // Changes that were given up, because what they would start doesn't serve: they wait for another
  // change, or the user's word. Meanwhile no other daemon gets its part of the change.
  std::vector<Halt> halted;
  // Masters that are wanted and don't vote yet, and members that are not wanted, by address.
  std::vector<std::string> joining, leaving;
  // When a back-off ends, so that looking again before makes no difference. Milliseconds since the
  // epoch.
  std::optional<int64_t> due_at_ms;

  bool converged() const { return steps.empty() && in_progress.empty(); }
  std::vector<Action> Runnable() const;
};

// How eagerly daemons are started again: first after `initial_backoff`, twice as long after each
// further crash up to `max_backoff`; a run of `stable_after` makes the next crash count as the
// first.
struct RestartPolicy {
  std::chrono::milliseconds initial_backoff{1000};
  std::chrono::milliseconds max_backoff{60'000};
  std::chrono::milliseconds stable_after{60'000};
  // What was found about an image longer ago is found out again before it is relied on.
  std::chrono::milliseconds image_valid_for{60'000};
  // A new configuration is given up, and the one that served put back, after so many crashes in a
  // row, or when its daemon runs so long without having served. A start that fails is enough.
  int tries_of_new = 3;
  std::chrono::milliseconds serve_within{120'000};
};

// The number of crashes in a row after a run from `started_at_ms` to `exited_at_ms`, with `before`
// when the run began.
int NextCrashCount(int before, int64_t started_at_ms, int64_t exited_at_ms,
                   const RestartPolicy& policy);
std::chrono::milliseconds BackoffAfter(int crashes, const RestartPolicy& policy);

// Of several masters; null when none is known to lead. Of two that say so, the later one does.
const ObservedWorkload* LeaderOf(const ObservedCluster& observed);

// The claims of `workload` that are smaller than it wants them.
std::vector<std::string> TooSmallClaims(const Workload& workload, const ObservedWorkload& found);

// Whether the one of several masters with this address has a say; true when nobody tells.
bool Votes(const std::string& quorum_address, const ObservedCluster& observed);

// One of several masters that follows, but has not applied what the leader has: should the leader
// end now, it would take a while until it serves.
bool IsCatchingUp(const ObservedWorkload& master, const ObservedCluster& observed);

// What to do next so that `observed` becomes `desired`. Pure. It never
//   - stops a daemon that is wanted, runs and has the right configuration, whatever its limits,
//   - stops one of several masters before the others run, or a serving one before the others serve
//   and have caught up; the one that leads comes last, after it let another one lead,
//   - stops more than one serving master or worker at a time for a new configuration, workers only
//   after the masters,
//   - has more than one master join or leave at a time, or any before all others that it counts on
//   serve and have caught up, or one join before all that runs has its configuration,
//   - has a master leave when those who are left would have no majority of theirs, or stops one
//   before it has left,
//   - starts a worker for the first time before a majority of masters serves,
//   - stops a daemon for a new configuration before the image of that is there, or when that was
//     found not to start,
//   - does anything on a node that could not be looked at, or ends a deletion before it was,
//   - starts a worker that moves to another node before it has ended where it was, if that is
//   known,
//   - moves a journal while a master is there, or does anything to workers meanwhile,
//   - deletes data unless `deleting` and `delete_data`, and then only when no daemon is left.
// Executing the runnable actions over and over, each of which succeeds, ends in a plan that is
// converged.
Plan MakePlan(const DesiredCluster& desired, const ObservedCluster& observed, int64_t now_ms,
              const RestartPolicy& policy);

// "start", "fetch the image of".
std::string_view Verb(ActionKind kind);

// One line per step, for `headpond up --dry-run`, logs and golden tests:
//   "start quickstart-worker-0 (not running), after quickstart-master-0 serves".
std::string Describe(const Plan& plan);
std::string Describe(const Action& action);
std::string Describe(const Halt& halt);

}  // namespace headpond::plan
