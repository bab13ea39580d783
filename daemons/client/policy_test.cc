#include "client/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace headpond::client {
namespace {

using ::testing::HasSubstr;

Candidate Worker(std::string host, int64_t capacity, int64_t used, int port = 29999) {
  Candidate worker;
  worker.address.host = std::move(host);
  worker.address.rpc_port = port;
  worker.capacity_bytes = capacity;
  worker.used_bytes = used;
  return worker;
}

const std::vector<Candidate> kWorkers{Worker("a", 100, 90), Worker("b", 200, 50),
                                      Worker("c", 50, 0)};

struct Case {
  const char* name;
  Policy policy;
  PolicyRequest request;
  std::optional<size_t> expected;
  std::string local_host = {};
};

class PolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(PolicyTest, Chooses) {
  std::vector<Candidate> workers = kWorkers;
  for (Candidate& worker : workers) worker.local = worker.address.host == GetParam().local_host;
  EXPECT_EQ(ChooseWorker(GetParam().policy, workers, GetParam().request), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PolicyTest,
    ::testing::Values(
        Case{"LocalFirstTakesTheLocalOne", Policy::kLocalFirst, {}, 1, "b"},
        Case{"LocalFirstElseARandomOne", Policy::kLocalFirst, {.random = 5}, 2},
        Case{"LocalFirstSkipsALocalOneThatIsTooSmall",
             Policy::kLocalFirst,
             {.block_size = 60},
             0,
             "c"},
        Case{"NobodyIsBigEnough", Policy::kLocalFirst, {.block_size = 201}, std::nullopt},
        Case{"AvoidEvictionPassesOverAFullLocalOne",
             Policy::kLocalFirstAvoidEviction,
             {.block_size = 40},
             1,
             "a"},
        Case{"AvoidEvictionKeepsTheReserveFree",
             Policy::kLocalFirstAvoidEviction,
             {.block_size = 40, .reserved_bytes = 20},
             1,
             "c"},
        Case{"AvoidEvictionEvictsWhenAllAreFull",
             Policy::kLocalFirstAvoidEviction,
             {.block_size = 100, .reserved_bytes = 100},
             0,
             "a"},
        Case{"MostAvailable", Policy::kMostAvailableFirst, {.block_size = 1}, 1},
        Case{"RoundRobinFirst", Policy::kRoundRobin, {.turn = 0}, 0},
        Case{"RoundRobinWraps", Policy::kRoundRobin, {.turn = 4}, 1},
        Case{"SpecificHost", Policy::kSpecificHost, {.specific_host = "c"}, 2},
        Case{"SpecificHostUnknown", Policy::kSpecificHost, {.specific_host = "x"}, std::nullopt},
        Case{"CapacityTicketFirst", Policy::kCapacityBaseRandom, {.random = 99}, 0},
        Case{"CapacityTicketSecond", Policy::kCapacityBaseRandom, {.random = 100}, 1},
        Case{"CapacityTicketLast", Policy::kCapacityBaseRandom, {.random = 349}, 2}),
    [](const auto& info) { return info.param.name; });

TEST(PolicyRulesTest, NoWorkersNoChoice) {
  for (const Policy policy :
       {Policy::kLocalFirst, Policy::kMostAvailableFirst, Policy::kRoundRobin,
        Policy::kSpecificHost, Policy::kDeterministicHash, Policy::kCapacityBaseRandom})
    EXPECT_EQ(ChooseWorker(policy, {}, {}), std::nullopt);
}

TEST(PolicyRulesTest, DeterministicHashIgnoresTheOrderOfTheList) {
  const std::vector<Candidate> reversed(kWorkers.rbegin(), kWorkers.rend());
  std::map<std::string, int> blocks_of;
  for (int64_t block = 0; block < 300; ++block) {
    const PolicyRequest request{.block_id = block << 24};
    const auto one = ChooseWorker(Policy::kDeterministicHash, kWorkers, request);
    const auto two = ChooseWorker(Policy::kDeterministicHash, reversed, request);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(kWorkers[*one].address, reversed[*two].address);
    ++blocks_of[kWorkers[*one].address.host];
  }
  ASSERT_EQ(blocks_of.size(), 3u);
  for (const auto& [host, count] : blocks_of) EXPECT_GT(count, 60) << host;
}

TEST(PolicyRulesTest, DeterministicHashSpreadsOverItsShards) {
  std::set<size_t> used;
  for (uint64_t random = 0; random < 20; ++random)
    used.insert(*ChooseWorker(Policy::kDeterministicHash, kWorkers,
                              {.block_id = 7, .shards = 2, .random = random}));
  EXPECT_EQ(used.size(), 2u);
}

TEST(PolicyRulesTest, NamesAreThoseOfTheClasses) {
  EXPECT_EQ(*ParsePolicy("alluxio.client.block.policy.RoundRobinPolicy"), Policy::kRoundRobin);
  EXPECT_EQ(*ParsePolicy("LocalFirstPolicy"), Policy::kLocalFirst);
  EXPECT_THAT(ParsePolicy("com.acme.MyPolicy").status().message(),
              HasSubstr("use one of LocalFirstPolicy"));
}

}  // namespace
}  // namespace headpond::client
