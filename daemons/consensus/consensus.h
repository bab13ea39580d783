#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "consensus/types.h"
#include "io/env.h"

namespace headpond::consensus {

// What a node is in at a time.
struct RoleChange {
  Role role = Role::kFollower;
  uint64_t term = 0;
  uint64_t leader = 0;         // 0: none is known
  std::string leader_address;  // empty: not known

  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

// What the log is for. All calls come from one thread, in order, never two at once; they may block
// for a while (the log keeps what waits), but must return once the owner is being stopped.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Delivery begins behind `index`: the answer to Consensus::Deliver. The current role follows.
  // `log_end` is the last entry of the log now, in `term`: those up to there may have been proposed
  // before Deliver.
  virtual void OnDelivery(uint64_t index, uint64_t term, uint64_t log_end) = 0;
  // The next entries, of both kinds, without gaps. A new leader's first is empty.
  virtual void OnCommitted(std::vector<Entry> entries) = 0;
  // In order with the entries: a role comes after what was committed before it.
  virtual void OnRole(const RoleChange& change) = 0;
  // A peer's snapshot took the place of entries that were not delivered yet: it is in the store,
  // and nothing more comes until Deliver.
  virtual void OnReplaced(const SnapshotMeta& snapshot) = 0;
  // The node ended, because of Stop (OK) or a failure. The last call.
  virtual void OnEnd(const Status& reason) = 0;
};

// A snapshot that is being received. Destroyed before Finish, it leaves nothing behind.
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  virtual Status Append(std::string_view bytes) = 0;
  // Checks what came, and makes it the newest snapshot, durably; its place in the log. Errors:
  // DataLoss for bytes that are not the whole snapshot that was announced.
  virtual Result<SnapshotMeta> Finish() = 0;
};

// Where snapshots are kept. Thread safe.
class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;
  // NotFound when there is none at `index`.
  virtual Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) = 0;
  virtual Result<std::unique_ptr<SnapshotSink>> ReceiveSnapshot(uint64_t index, uint64_t term) = 0;
};

struct MemberStatus {
  uint64_t id = 0;
  std::string address;
  bool voter = true;
  // As a leader sees it; 0 and false on others.
  uint64_t match = 0;   // the last entry it surely has
  uint64_t lag = 0;     // entries of the leader's log that it may not have
  bool active = false;  // heard from within the last two election timeouts
};

struct NodeStatus {
  uint64_t id = 0;
  RoleChange role;
  uint64_t commit = 0;
  uint64_t last_index = 0;
  uint64_t first_index = 0;     // of the log; entries before it are in the snapshot
  uint64_t snapshot_index = 0;  // of the newest snapshot
  // This node leads, and a member can't catch up until a snapshot of the present state is taken.
  bool snapshot_wanted = false;
  std::vector<MemberStatus> members;
  Status failure;  // why the node ended, if it did
};

// One node of a group that agrees on a log. Thread safe; no call blocks unless it says so.
// Callbacks (`done`) come once, from the node's threads; they must be quick and may call back.
class Consensus {
 public:
  using Done = std::function<void(Status)>;

  virtual ~Consensus() = default;  // Stop()

  // Begins, or begins again, to deliver committed entries behind `index` to the state machine:
  // OnDelivery tells where the new begins. Nothing is delivered before. When the log does not reach
  // back that far, OnReplaced follows.
  virtual void Deliver(uint64_t index) = 0;

  // Proposes an entry in `term`, if this node leads in it. `take` is called once, on the node's
  // thread, when the entry is about to be made, so that it can hold all that came meanwhile.
  // Proposals of a term keep their order; once one of a term was refused, all later ones of that
  // term are, until Deliver, so the log never has a gap between them.
  // done: OK when it is committed; Unavailable, naming the leader if known, when it was refused, or
  // when leadership was lost first (then nobody knows what becomes of it).
  virtual void Propose(uint64_t term, std::function<std::string()> take, Done done) = 0;

  // True while no other node can have been elected: what is applied here is the newest there is. A
  // leader that a majority answered within the last election timeout holds the lease. Costs one
  // look at the clock.
  virtual bool HoldsLease() const = 0;
  // Asks a majority whether this node still leads; done with OK when everything committed before
  // the call was delivered. Unavailable otherwise, at the latest after two election timeouts.
  virtual void ReadBarrier(Done done) = 0;

  // A snapshot up to `snapshot.index` is in the store: the log may drop what it holds, but for a
  // tail. Blocks until that is durable, or fails.
  virtual Status Compact(const SnapshotMeta& snapshot) = 0;
  // Who takes part once all entries up to `index`, which was delivered, are applied.
  virtual Membership MembershipAt(uint64_t index) const = 0;

  // Leaders only. One at a time. `address` of an added node goes to all. A node that is new needs a
  // snapshot that names it (NodeStatus::snapshot_wanted): one must be taken once this is done, and
  // then it joins by itself. done: OK when it took
  // effect on this node; Unavailable, Aborted, InvalidArgument as RaftCore::ProposeConfChange.
  virtual void ChangeMember(ConfChange change, const std::string& address, Done done) = 0;
  // Leaders only. done: OK when another node leads, DeadlineExceeded when that did not happen
  // within an election timeout or two.
  virtual void TransferLeader(uint64_t to, Done done) = 0;
  // Stands for election now. For operators, and tests.
  virtual void Campaign() = 0;

  virtual NodeStatus status() const = 0;

  // Hands leadership over if it has it, then ends: within 5 s. What waits gets Unavailable.
  // Idempotent. Blocks.
  virtual void Stop() = 0;
};

}  // namespace headpond::consensus
