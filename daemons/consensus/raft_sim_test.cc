// Seeded runs of whole clusters under faults. HEADPOND_SEED=<n> replays one run,
// HEADPOND_SIM_SEEDS=<n> makes n of each kind (a soak).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>

#include "consensus/sim_cluster.h"
#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// The same run again, for what led to its failure.
std::string LastLines(SimOptions options) {
  std::deque<std::string> lines;
  const char* const path = std::getenv("HEADPOND_SIM_TRACE");
  std::ofstream file(path == nullptr ? "" : path);
  options.trace = [&](std::string line) {
    if (file.is_open()) file << line << '\n';
    lines.push_back(std::move(line));
    if (lines.size() > 120) lines.pop_front();
  };
  (void)RunSimulation(options);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

struct Kind {
  const char* name;
  int nodes;
  std::vector<uint64_t> sizes;
  SimDiskMaker disks;
};

class RaftSimTest : public testing::TestWithParam<Kind> {};

TEST_P(RaftSimTest, KeepsItsPromisesUnderFaults) {
  const uint64_t replay = FromEnvironment("HEADPOND_SEED", 0);
  const uint64_t seeds = FromEnvironment("HEADPOND_SIM_SEEDS", 60);
  const auto begin = std::chrono::steady_clock::now();
  SimReport sum;
  for (uint64_t seed = replay != 0 ? replay : 1; seed <= (replay != 0 ? replay : seeds); ++seed) {
    const SimOptions options = {.seed = seed,
                                .nodes = GetParam().nodes,
                                .sizes = GetParam().sizes,
                                .steps = 20000,
                                .disks = GetParam().disks,
                                .trace = nullptr};
    const Result<SimReport> report = RunSimulation(options);
    ASSERT_OK(report) << "replay with HEADPOND_SEED=" << seed << " and this test's name\n"
                      << LastLines(options);
    sum.steps += report->steps;
    sum.committed += report->committed;
    sum.terms += report->terms;
    sum.acknowledged += report->acknowledged;
    sum.reads += report->reads;
    sum.crashes += report->crashes;
    sum.snapshots_restored += report->snapshots_restored;
    sum.conf_changes += report->conf_changes;
    sum.sizes_reached += report->sizes_reached;
    sum.messages += report->messages;
    sum.messages_lost += report->messages_lost;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "{} steps in {:.1f} s: {} messages ({} lost), {} terms with a leader, {} entries committed, "
      "{} proposals "
      "acknowledged, {} reads, {} crashes, {} snapshots restored, {} membership changes, {} sizes "
      "reached\n",
      sum.steps, took.count(), sum.messages, sum.messages_lost, sum.terms, sum.committed,
      sum.acknowledged, sum.reads, sum.crashes, sum.snapshots_restored, sum.conf_changes,
      sum.sizes_reached);
  // The runs were worth their time.
  EXPECT_GT(sum.acknowledged, sum.steps / 200);
  if (replay == 0) {
    EXPECT_GT(sum.reads, 0);
    EXPECT_GT(sum.crashes, 0);
    EXPECT_GT(sum.snapshots_restored, 0);
    EXPECT_GT(sum.conf_changes, 0);
    EXPECT_GE(sum.sizes_reached, GetParam().sizes.empty() ? 0 : seeds);
  }
}

INSTANTIATE_TEST_SUITE_P(Clusters, RaftSimTest,
                         testing::Values(Kind{"ThreeNodes", 3, {}, &MakeMemoryDisk},
                                         Kind{"FiveNodes", 5, {}, &MakeMemoryDisk},
                                         Kind{"OneGrowsToThree", 1, {3, 1}, &MakeMemoryDisk},
                                         Kind{"OneGrowsToFive", 1, {3, 5, 3, 1}, &MakeMemoryDisk}),
                         [](const auto& info) { return info.param.name; });

TEST(RaftSimReplayTest, EqualSeedsGiveEqualRuns) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::string traces[2];
    uint64_t digests[2] = {};
    for (int run = 0; run < 2; ++run) {
      SimOptions options = {.seed = seed, .nodes = 3, .steps = 5000};
      options.trace = [&](std::string line) { traces[run] += line + "\n"; };
      const Result<SimReport> report = RunSimulation(options);
      ASSERT_OK(report);
      digests[run] = report->digest;
    }
    EXPECT_EQ(digests[0], digests[1]) << "seed " << seed;
    EXPECT_TRUE(traces[0] == traces[1]) << "seed " << seed;
    EXPECT_GT(traces[0].size(), 10000u);
  }
}

// The checks find what they are for: a disk that forgets what it called durable.
TEST(RaftSimReplayTest, ADiskThatLiesIsFoundOut) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const SimOptions options = {
        .seed = seed, .nodes = 3, .steps = 10000, .disks = &MakeLyingDisk, .trace = nullptr};
    if (!RunSimulation(options).ok()) ++found;
  }
  EXPECT_GE(found, 12);
}

// Nor is a change of members safe whose commit may be forgotten: who began alone then elects itself
// beside the leader of the others.
TEST(RaftSimReplayTest, ADiskThatForgetsThatMembersChangedIsFoundOut) {
  int found = 0;
  // It takes a crash between two certain writes: of 400 seeds, three come to it.
  for (const uint64_t seed : {194, 284, 353}) {
    const SimOptions options = {.seed = seed,
                                .nodes = 1,
                                .sizes = {3, 1},
                                .steps = 10000,
                                .disks = &MakeForgetfulDisk,
                                .trace = nullptr};
    if (!RunSimulation(options).ok()) ++found;
  }
  EXPECT_GE(found, 1);
}

}  // namespace
}  // namespace headpond::consensus
