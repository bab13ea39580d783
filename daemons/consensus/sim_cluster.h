#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "consensus/sim_disk.h"

// A whole Raft cluster in one thread: simulated time, network, disks and clients, driven by one
// seed, with SimChecker's promises checked after each step. Equal options give equal runs, to the
// byte. For tests.
namespace headpond::consensus {

struct SimOptions {
  uint64_t seed = 1;
  int nodes = 3;  // that vote at the beginning
  // How many are to vote, one after the other and then from the first on again, as fast as faults
  // let the members change; empty: as chance has it, 3 at least.
  std::vector<uint64_t> sizes;
  int64_t steps = 10000;  // events with faults; the quiet end comes on top
  SimDiskMaker disks = &MakeMemoryDisk;
  // Takes a line for each thing that happens; null to not even make them.
  std::function<void(std::string)> trace;
};

// What a run was, for the test to see that it was worth its time.
struct SimReport {
  int64_t steps = 0;
  uint64_t digest = 0;  // of all events in order
  uint64_t committed = 0;
  uint64_t terms = 0;
  int64_t acknowledged = 0;  // proposals
  int64_t reads = 0;
  int64_t crashes = 0;
  int64_t snapshots_restored = 0;
  int64_t conf_changes = 0;
  int64_t sizes_reached = 0;
  int64_t messages = 0;
  int64_t messages_lost = 0;
};

// Internal: a promise was broken (the message says which, at which step and time), or the cluster
// did not come to rest after the faults had ended.
Result<SimReport> RunSimulation(const SimOptions& options);

}  // namespace headpond::consensus
