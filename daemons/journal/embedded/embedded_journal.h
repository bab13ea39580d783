#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "consensus/node.h"
#include "io/env.h"
#include "journal/embedded/replicated_journal.h"

namespace headpond::journal {

struct EmbeddedJournalOptions {
  // Folder, identity, peers and times of the node. The snapshots are in the same folder.
  consensus::NodeOptions node;
  // Bytes of entries that may wait for the quorum before CheckWritable says ResourceExhausted.
  int64_t max_pending_bytes = 64 << 20;
  // Entries that travel as one, at most (one larger entry goes alone).
  int64_t max_batch_bytes = 4 << 20;
  // How long entries gather while an earlier batch is on its way; 0: never. A round of messages
  // costs every member the same for one entry as for fifty. Longer than this no longer helps
  // (measured with three masters and 32 writers on one machine); a quorum whose rounds take longer
  // overlaps them.
  std::chrono::microseconds gather_window{3'000};
  // Bytes of agreed entries that wait for Follow.
  size_t max_following_bytes = 32u << 20;
  // How long Snapshot waits at its end for the quorum to agree on what was appended.
  std::chrono::milliseconds snapshot_timeout = std::chrono::minutes(5);
  // How long Stop waits for the same.
  std::chrono::milliseconds stop_timeout{2'000};
  Random random = Random::FromSystem();  // of the salts of files
};

// Makes an empty or absent folder a member's: of a new cluster with these founders (the same on all
// of them), or with none a member's that joins later. `state`: what a new cluster begins with; then
// this member must be its only founder, so that all others get it from here. Errors: as
// consensus::FormatRaftFolder, and those of `state`.
Status FormatEmbeddedJournal(io::Env& env, const std::string& folder,
                             const consensus::NodeIdentity& identity,
                             const consensus::Addresses& founders, Random random,
                             SnapshotSource* state = nullptr);

// The journal on a quorum (docs/adr/0017-embedded-journal.md). Batches of entries are the entries
// of a raft log; snapshots are the local journal's files, stamped with their place in that log.
// `env` and `transport` outlive the journal. Nothing is read before Recover, which starts the node:
// its errors are those of consensus::StartNode too.
std::unique_ptr<ReplicatedJournal> OpenEmbeddedJournal(io::Env& env,
                                                       consensus::Transport& transport,
                                                       EmbeddedJournalOptions options);

}  // namespace headpond::journal
