#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "consensus/raft_core.h"
#include "consensus/types.h"

// What a simulated node keeps through crashes. One suite of seeded runs (sim_cluster.h) uses any of
// them. For tests.
namespace headpond::consensus {

// A snapshot with the state machine's content.
struct SimSnapshot {
  SnapshotMeta meta;
  std::string state;
};

// A log that was opened on a disk: what a node writes to between a start and a crash.
class SimLog : public LogReader {
 public:
  // As it was found at the start.
  virtual HardState hard_state() const = 0;
  virtual const SimSnapshot& snapshot() const = 0;

  // Visible at once, durable after Sync. `received` is the state of ready.snapshot, if there is
  // one.
  virtual Status Write(const Ready& ready, const SimSnapshot* received) = 0;
  // May be forgotten by a crash.
  virtual Status LearnCommit(uint64_t commit) = 0;
  virtual Status Sync() = 0;
  // Durable when it returned OK. Not between Write and Sync.
  virtual Status WriteCommit(uint64_t commit) = 0;
  // Takes a snapshot and cuts the log up to `cut`, which is at most the snapshot's index.
  virtual Status Compact(SimSnapshot snapshot, uint64_t cut) = 0;
};

// The disk under it. Outlives the logs opened on it, one at a time.
class SimDisk {
 public:
  virtual ~SimDisk() = default;
  virtual Result<std::unique_ptr<SimLog>> Open() = 0;
  // Power is lost: what was not synced may be gone, the last write may be torn. The log opened is
  // only destroyed after this.
  virtual void Crash(Random& random) = 0;
};

// Makes the disk of a node. An empty snapshot (index 0) is that of a node that joins later.
using SimDiskMaker = std::unique_ptr<SimDisk> (*)(uint64_t node, const SimSnapshot& first,
                                                  uint64_t seed);

// A list of writes, of which a crash keeps those synced and the beginning of the rest: a log that
// is read up to its first torn record.
std::unique_ptr<SimDisk> MakeMemoryDisk(uint64_t node, const SimSnapshot& first, uint64_t seed);
// Keeps of a crash no more than the beginning, synced or not: a run over it must be found out.
std::unique_ptr<SimDisk> MakeLyingDisk(uint64_t node, const SimSnapshot& first, uint64_t seed);
// Keeps nothing of LearnCommit and WriteCommit: a run that begins with one node must be found out.
std::unique_ptr<SimDisk> MakeForgetfulDisk(uint64_t node, const SimSnapshot& first, uint64_t seed);

}  // namespace headpond::consensus
