#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "consensus/consensus.h"
#include "consensus/raft_log.h"
#include "consensus/transport.h"

namespace headpond::consensus {

struct NodeOptions {
  RaftLogOptions log;

  // How often time passes. Elections are counted in ticks, which are never made up for: a node that
  // was paused must not think that its leader was silent meanwhile.
  std::chrono::milliseconds tick{20};
  // A follower that hears nothing for [election, 2 * election) stands for election
  // (alluxio.master.embedded.journal.election.timeout.{min,max}; stock's 10 s and 20 s are for
  // stops of a JVM). Failover takes this and a few round trips.
  std::chrono::milliseconds election{200};
  std::chrono::milliseconds heartbeat{60};

  // Messages that wait for the node's thread; more are dropped, as a network may.
  size_t max_waiting_message_bytes = 64u << 20;
  size_t max_waiting_proposals = 100'000;
  // Committed entries that wait for the state machine; more are read from the log when there is
  // room again.
  size_t max_waiting_committed_bytes = 32u << 20;
  // How much of the log stays behind a snapshot, so that a peer that was away for a moment needs
  // only the entries.
  uint64_t keep_entries = 20'000;
  // A peer that was told of a snapshot and has not taken it until then is told again.
  std::chrono::milliseconds snapshot_retry{5'000};
  // How long Stop tries to hand leadership over.
  std::chrono::milliseconds transfer_timeout{1'000};

  Random random = Random::FromSystem();  // of election timeouts
  const Clock* clock = &Clock::System();
};

// The node of one process: Raft's core with the log, a transport and two threads.
//
//   callers, transport ──> inbox (bounded) ──> the node's thread: ticks, steps, proposes; sends,
//     writes once with one fdatasync, sends the rest ──> queue (bounded) ──> the apply thread: the
//     state machine
//
// A leader's messages leave before its own write, so a change costs one write of the slowest of the
// fastest majority. When a write fails, or the core breaks, the node ends: it sends and
// acknowledges nothing more, and says why (StateMachine::OnEnd, status().failure).
//
// `env`, `transport`, `state_machine` and `store` outlive the node. `applied`: the snapshot that
// the state machine starts from, the newest of the store. Errors: as RaftLog::Open; DataLoss when
// the log begins behind that snapshot; those of the transport.
Result<std::unique_ptr<Consensus>> StartNode(io::Env& env, NodeOptions options,
                                             const SnapshotMeta& applied, Transport& transport,
                                             StateMachine& state_machine, SnapshotStore& store);

}  // namespace headpond::consensus
