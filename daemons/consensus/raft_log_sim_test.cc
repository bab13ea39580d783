// Seeded runs of whole clusters (sim_cluster.h) over the log that nodes really use, on files that
// lose what a disk may lose. HEADPOND_SEED=<n> replays one run, HEADPOND_SIM_SEEDS=<n> makes n (a
// soak).

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "base/log.h"
#include "consensus/sim_cluster.h"
#include "consensus/sim_raft_log_disk.h"
#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

TEST(RaftLogSimTest, AClusterOverRealLogsKeepsItsPromisesUnderFaults) {
  SetLogLevel(LogLevel::kError);  // of torn tails, which are what it is about
  const uint64_t replay = FromEnvironment("HEADPOND_SEED", 0);
  const uint64_t seeds = FromEnvironment("HEADPOND_SIM_SEEDS", 24);
  SimReport sum;
  for (uint64_t seed = replay != 0 ? replay : 1; seed <= (replay != 0 ? replay : seeds); ++seed) {
    const bool grows = seed % 3 == 0;
    const SimOptions options = {
        .seed = seed,
        .nodes = grows           ? 1
                 : seed % 2 == 0 ? 3
                                 : 5,
        .sizes = grows ? std::vector<uint64_t>{3, 5, 3, 1} : std::vector<uint64_t>(),
        .steps = 10000,
        .disks = &MakeRaftLogDisk,
        .trace = nullptr};
    const Result<SimReport> report = RunSimulation(options);
    ASSERT_OK(report) << "replay with HEADPOND_SEED=" << seed;
    sum.steps += report->steps;
    sum.committed += report->committed;
    sum.crashes += report->crashes;
    sum.snapshots_restored += report->snapshots_restored;
  }
  fmt::print("{} steps, {} entries committed, {} crashes, {} snapshots restored\n", sum.steps,
             sum.committed, sum.crashes, sum.snapshots_restored);
  EXPECT_GT(sum.committed, seeds);
}

}  // namespace
}  // namespace headpond::consensus
