#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "consensus/types.h"

struct hp_raft;

namespace headpond::consensus {

// The log as the core reads it, only during a call to the core and on that call's thread. It must
// show at once what a Ready told to append or restore, before RaftCore::Advance.
//
// Called for each message and proposal: first_index, last_index and recent terms must cost no I/O.
// An error other than those named ends the core (see RaftCore).
class LogReader {
 public:
  virtual ~LogReader() = default;
  // The first entry that can be read: one above the newest snapshot that the log was cut to; 1 of
  // an empty log.
  virtual uint64_t first_index() const = 0;
  // first_index() - 1 when there are no entries.
  virtual uint64_t last_index() const = 0;
  // For [first_index() - 1, last_index()]: the term below the first entry is kept (0 at index 0).
  // OutOfRange below, Unavailable above.
  virtual Result<uint64_t> Term(uint64_t index) const = 0;
  // [low, high) in order, or its beginning: at least one entry, then while their data fits
  // `max_bytes`. OutOfRange below first_index(), Unavailable above last_index().
  virtual Result<std::vector<Entry>> Entries(uint64_t low, uint64_t high,
                                             uint64_t max_bytes) const = 0;
  // The newest snapshot. Unavailable when there is none with an index of at least `request_index`
  // and at least first_index() - 1 yet; the core asks again later.
  virtual Result<SnapshotMeta> NewestSnapshot(uint64_t request_index) const = 0;
};

// Work for the owner of a core, in this order:
//   send `messages`                                  (at once: a leader replicates while it writes)
//   restore `snapshot`, append `entries` (cutting what the log has from the first one's index on),
//     store `hard_state`, in one write; with must_sync it must be durable before the next line
//   send `persisted_messages`
//   RaftCore::Advance, and send what it returns
//   apply `committed`, then what Advance returned of it: in order, later if need be and on another
//     thread; AdvanceApply tells how far that is
struct Ready {
  bool must_sync = false;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;
  // State up to here has come from the leader: it replaces log and state machine.
  std::optional<SnapshotMeta> snapshot;
  std::vector<Message> messages;
  std::vector<Message> persisted_messages;
  std::vector<Entry> committed;
  std::vector<ReadState> read_states;
  std::optional<SoftState> soft_state;  // when it changed
  // A leader's log is cut, and a member needs a newer snapshot than LogReader has: it was added
  // after that one was taken, or none is there. One of the present state serves. Comes again until
  // it is there; a new member can't catch up before.
  bool take_snapshot = false;
};

// What became possible because a Ready is durable.
struct LightReady {
  // Of the hard state. To be durable before a change of members that it covers is applied; else
  // storing it only saves time after a restart.
  std::optional<uint64_t> commit;
  std::vector<Message> messages;
  std::vector<Entry> committed;
};

struct CoreOptions {
  uint64_t id = 0;
  // A follower that hears no leader campaigns after [election_ticks, 2 * election_ticks) ticks; a
  // leader that hears no majority for election_ticks steps down.
  uint64_t election_ticks = 10;
  uint64_t heartbeat_ticks = 1;
  uint64_t max_size_per_message = 1 << 20;           // bytes of entries
  uint64_t max_inflight = 256;                       // messages to a follower without its answer
  uint64_t max_uncommitted_size = 64 << 20;          // bytes of entries; more are refused
  uint64_t max_committed_size_per_ready = 16 << 20;  // bytes of entries
  bool pre_vote = true;      // a node that was cut off does not depose a leader when it returns
  bool check_quorum = true;  // a leader that was cut off stops leading
  uint64_t applied = 0;      // what the state machine has; 0: what the log was cut to
  uint64_t seed = 0;         // of the election timeouts
  // Raft's own lines (elections, configuration changes); null to drop them.
  std::function<void(LogLevel, std::string_view)> log;
};

// One node's part in Raft: the `raft` crate behind the C ABI of raft/headpond_raft.h (ADR 16).
//
// Pure: no threads, no clock (Tick is called at a steady pace), no files and no randomness but the
// seed's, so that equal calls give equal results. Not thread safe. Each call that changes something
// may leave work: HasReady tells. Between TakeReady and Advance only status and HasReady may be
// called, else FailedPrecondition.
//
// A fresh cluster begins with a snapshot at index 1, term 1 that holds its first voters, the same
// on all of them; a node that joins later starts with an empty log and no configuration, and gets
// that snapshot or a newer one.
//
// Errors of all calls: Internal when the core's state broke, by a bug or because the log could not
// be read; the message says which. The core is then dead, and every later call says
// FailedPrecondition.
class RaftCore {
 public:
  // `log` must outlive the core. `hard_state` may be behind what the log was cut to. `conf_state`
  // is the one at `applied`. InvalidArgument when they do not fit each other.
  static Result<std::unique_ptr<RaftCore>> Create(const CoreOptions& options,
                                                  const HardState& hard_state,
                                                  const ConfState& conf_state,
                                                  const LogReader& log);
  ~RaftCore();
  RaftCore(const RaftCore&) = delete;
  RaftCore& operator=(const RaftCore&) = delete;

  Status Tick();
  // A message for this node. InvalidArgument: not one; NotFound: its sender is no member.
  Status Step(std::string_view bytes);

  // Leaders only, else FailedPrecondition naming the leader. Unavailable: leadership is being
  // handed over. ResourceExhausted: too much is uncommitted.
  Result<LogPosition> Propose(std::string_view data, std::string_view context = {});
  // One change is made directly, several at once by joint consensus, which ends by itself.
  // As Propose; Aborted when another change is not applied yet, InvalidArgument for one that can't
  // be made (a leader does not remove or demote itself: it hands over first).
  Result<LogPosition> ProposeConfChange(const std::vector<ConfChange>& changes,
                                        std::string_view context = {});
  // For each committed entry of kind kConfChange, when it is applied. Returns the configuration
  // from here on, which snapshots of this state carry.
  Result<ConfState> ApplyConfChange(const Entry& entry);

  // Asks for a read state, which comes in a Ready with this context, or never (lost messages, a new
  // leader): ask again with another context. FailedPrecondition: no leader is known; Unavailable:
  // this leader has not committed in its term yet.
  Status ReadIndex(std::string_view context);

  Status Campaign();
  // Leaders only. `to` is a voter, else NotFound. Given up after an election timeout.
  Status TransferLeader(uint64_t to);
  // A message to `id` could not be sent.
  Status ReportUnreachable(uint64_t id);
  // A kSnapshot message to `id` was handled there, or failed. Until then `id` gets no entries, so
  // this must come, in the end, whatever becomes of the receiver.
  Status ReportSnapshot(uint64_t id, bool ok);
  // A round of heartbeats now, of a leader.
  Status Ping();

  bool HasReady() const;
  Result<Ready> TakeReady();
  // After the Ready was made durable.
  Result<LightReady> Advance();
  // The state machine has everything up to `index`: the last committed entry applied, or the index
  // of the snapshot restored.
  Status AdvanceApply(uint64_t index);

  Result<CoreStatus> status() const;

  // InvalidArgument when `bytes` are no message.
  static Result<MessageHeader> ParseHeader(std::string_view bytes);

 private:
  struct Callbacks;
  RaftCore(const LogReader& log, std::function<void(LogLevel, std::string_view)> logger);
  // What a call of the ABI came to.
  Status ToStatus(int code, const char* text) const;
  // Calls a function of the ABI with the handle, `args` and a place for its error.
  template <typename Function, typename... Args>
  Status Call(Function function, Args... args) const;

  const LogReader& log_;
  const std::function<void(LogLevel, std::string_view)> logger_;
  hp_raft* handle_ = nullptr;
  // Why a callback failed: the ABI carries only that it did.
  mutable Status log_failure_;
};

}  // namespace headpond::consensus
