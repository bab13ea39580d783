#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// The words of Raft that the core, the log, the node and the transport share. Plain values.
// Indexes and terms count from 1; 0 means none. Node ids are not 0.
namespace headpond::consensus {

enum class EntryKind : uint8_t {
  kNormal = 0,      // the proposer's bytes; empty for the entry a new leader begins its term with
  kConfChange = 1,  // bytes for RaftCore::ApplyConfChange
};

struct Entry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kNormal;
  std::string data;
  std::string context;  // the proposer's, not looked at

  friend bool operator==(const Entry&, const Entry&) = default;
};

// What a node must remember besides its log. A lost `commit` only costs time, a lost `term` or
// `vote` can elect two leaders.
struct HardState {
  uint64_t term = 0;
  uint64_t vote = 0;
  uint64_t commit = 0;

  friend bool operator==(const HardState&, const HardState&) = default;
};

// Who takes part, ids in rising order. `voters_outgoing` is not empty while a change of several
// members is under way (joint consensus): both sets must then agree.
struct ConfState {
  std::vector<uint64_t> voters;
  std::vector<uint64_t> learners;
  std::vector<uint64_t> voters_outgoing;
  std::vector<uint64_t> learners_next;
  bool auto_leave = false;

  friend bool operator==(const ConfState&, const ConfState&) = default;
};

// Where nodes are, "host:port" by id.
using Addresses = std::map<uint64_t, std::string>;

// Who takes part, and where.
struct Membership {
  ConfState conf_state;
  Addresses addresses;  // of all of them that are known

  friend bool operator==(const Membership&, const Membership&) = default;
};

// What a snapshot replaces: all entries up to `index`, which had `term`.
struct SnapshotMeta {
  uint64_t index = 0;
  uint64_t term = 0;
  ConfState conf_state;
  // Raft's own messages tell no addresses: empty in what the core says of a snapshot.
  Addresses addresses = {};

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

// Of a message between nodes. Numbers are eraftpb's MessageType.
enum class MessageType : uint8_t {
  kAppend = 3,
  kAppendResponse = 4,
  kVote = 5,
  kVoteResponse = 6,
  kSnapshot = 7,
  kHeartbeat = 8,
  kHeartbeatResponse = 9,
  kTimeoutNow = 14,
  kReadIndex = 15,
  kReadIndexResponse = 16,
  kPreVote = 17,
  kPreVoteResponse = 18,
};

// To one node. May be lost, repeated, delayed or overtaken by others: Raft copes. Keep them in
// order all the same: an append that was overtaken is rejected, and what follows it is sent again.
//
// A kSnapshot carries the snapshot's meta only. Its state travels beside it, and the receiver steps
// the message once it has that state; the sender reports how it went (RaftCore::ReportSnapshot).
struct Message {
  uint64_t to = 0;
  MessageType type = MessageType::kHeartbeat;
  uint64_t snapshot_index = 0;  // of a kSnapshot
  std::string bytes;            // a serialised eraftpb.Message
};

// The envelope of Message::bytes.
struct MessageHeader {
  MessageType type = MessageType::kHeartbeat;
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t term = 0;
  uint64_t snapshot_index = 0;
  uint64_t snapshot_term = 0;
};

enum class Role : uint8_t {
  kFollower = 0,
  kPreCandidate = 1,
  kCandidate = 2,
  kLeader = 3,
  kLearner = 4,  // no voter, or in no configuration yet: never campaigns
};

// "follower", "pre-candidate", ...
const char* RoleName(Role role);

// Answers RaftCore::ReadIndex: what a reader must see applied before it reads.
struct ReadState {
  uint64_t index = 0;
  std::string context;
};

struct SoftState {
  uint64_t leader = 0;
  Role role = Role::kFollower;
};

enum class ConfChangeKind : uint8_t {
  kAddVoter = 0,  // or makes a learner one
  kRemove = 1,
  kAddLearner = 2,  // or makes a voter one
};

struct ConfChange {
  ConfChangeKind kind = ConfChangeKind::kAddVoter;
  uint64_t node = 0;
};

// Where a proposal stands in the log. It is committed when the committed entry at `index` has
// `term`, and lost when another is there.
struct LogPosition {
  uint64_t index = 0;
  uint64_t term = 0;

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

enum class ProgressState : uint8_t { kProbe = 0, kReplicate = 1, kSnapshot = 2 };

// What a leader knows of a node, itself included.
struct Progress {
  uint64_t id = 0;
  uint64_t match = 0;
  uint64_t next = 0;
  uint64_t pending_snapshot = 0;
  ProgressState state = ProgressState::kProbe;
  bool recent_active = false;  // heard from within the last election timeout
  bool learner = false;
};

struct CoreStatus {
  uint64_t term = 0;
  uint64_t vote = 0;
  uint64_t leader = 0;
  uint64_t commit = 0;
  uint64_t applied = 0;
  uint64_t last_index = 0;
  uint64_t transferee = 0;  // 0 when leadership is not being handed over
  Role role = Role::kFollower;
  bool commit_in_term = false;  // a leader that has committed an entry of its own term
  ConfState conf_state;
  std::vector<Progress> progress;  // of a leader, by id
};

}  // namespace headpond::consensus
