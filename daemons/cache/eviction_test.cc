#include "cache/eviction.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace headpond::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<BlockId> Ids(const auto& entries) {
  std::vector<BlockId> ids;
  for (const LruEntry& entry : entries) ids.push_back(entry.block);
  return ids;
}

// An order of blocks given as {id, length, last use}, oldest first.
LruOrder OrderOf(std::initializer_list<LruEntry> entries) {
  LruOrder order;
  for (const LruEntry& entry : entries) order.Add(entry);
  return order;
}

TEST(LruOrderTest, KeepsTheOrderOfLastUse) {
  LruOrder order;
  const auto first = order.Add({1, 10, 1});
  const auto second = order.Add({2, 10, 2});
  order.Add({3, 10, 3});
  EXPECT_THAT(Ids(order.oldest_first()), ElementsAre(1, 2, 3));
  order.Touch(first, 4);
  EXPECT_THAT(Ids(order.oldest_first()), ElementsAre(2, 3, 1));
  EXPECT_EQ(order.oldest_first().back().last_use, 4u);
  EXPECT_EQ(order.total_bytes(), 30);
  order.Remove(second);
  EXPECT_EQ(order.total_bytes(), 20);
  order.Touch(first, 5);
  EXPECT_THAT(Ids(order.oldest_first()), ElementsAre(3, 1));
}

TEST(PlanEvictionTest, TakesTheOldestUntilThereIsRoom) {
  const LruOrder order = OrderOf({{1, 10, 1}, {2, 10, 2}, {3, 10, 3}});
  const EvictionCandidate candidates[] = {{5, &order}};
  EXPECT_THAT(Ids(PlanEviction(candidates, 5)->victims), IsEmpty());
  EXPECT_THAT(Ids(PlanEviction(candidates, 6)->victims), ElementsAre(1));
  EXPECT_THAT(Ids(PlanEviction(candidates, 15)->victims), ElementsAre(1));
  EXPECT_THAT(Ids(PlanEviction(candidates, 16)->victims), ElementsAre(1, 2));
  EXPECT_THAT(Ids(PlanEviction(candidates, 35)->victims), ElementsAre(1, 2, 3));
  EXPECT_FALSE(PlanEviction(candidates, 36));
}

TEST(PlanEvictionTest, ChoosesTheDirectoryThatAgeReachesFirst) {
  const LruOrder young = OrderOf({{1, 10, 5}, {2, 10, 6}});
  const LruOrder old = OrderOf({{3, 10, 1}, {4, 10, 7}});
  const EvictionCandidate candidates[] = {{0, &young}, {0, &old}};
  EXPECT_EQ(PlanEviction(candidates, 10)->candidate, 1u);  // 3 is the oldest
  const auto both = PlanEviction(candidates, 20);
  EXPECT_EQ(both->candidate, 0u);  // 1 and 2 are dropped before 4
  EXPECT_THAT(Ids(both->victims), ElementsAre(1, 2));
}

TEST(PlanEvictionTest, PrefersADirectoryThatNeedsNoVictim) {
  const LruOrder order = OrderOf({{1, 10, 1}});
  const LruOrder empty;
  const EvictionCandidate candidates[] = {{0, &order}, {10, &empty}};
  const auto plan = PlanEviction(candidates, 10);
  EXPECT_EQ(plan->candidate, 1u);
  EXPECT_THAT(plan->victims, IsEmpty());
}

TEST(PlanEvictionTest, LeavesDirectoriesOutOfServiceAlone) {
  const LruOrder order = OrderOf({{1, 100, 1}});
  const EvictionCandidate candidates[] = {{-1, &order}};
  EXPECT_FALSE(PlanEviction(candidates, 10));
  EXPECT_FALSE(PlanEviction({}, 0));
}

TEST(PlanEvictionTest, EmptyBlocksAreTakenOnTheWayAndDoNotCount) {
  const LruOrder order = OrderOf({{1, 0, 1}, {2, 10, 2}});
  const EvictionCandidate candidates[] = {{0, &order}};
  EXPECT_THAT(Ids(PlanEviction(candidates, 10)->victims), ElementsAre(1, 2));
}

// Against the definition: walk all blocks by age, count what each directory has gathered, stop at
// the first that has enough.
TEST(PlanEvictionTest, AgreesWithTheDefinition) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const size_t directories = 1 + random.Below(4);
    std::vector<LruOrder> orders(directories);
    std::vector<int64_t> gathered(directories);
    for (auto& free_bytes : gathered) free_bytes = static_cast<int64_t>(random.Below(10));
    std::vector<EvictionCandidate> candidates;
    for (size_t i = 0; i < directories; ++i) candidates.push_back({gathered[i], &orders[i]});
    std::vector<std::pair<size_t, LruEntry>> by_age;
    for (uint64_t use = 1; use <= 30; ++use) {
      const size_t directory = random.Below(directories);
      const LruEntry entry{static_cast<BlockId>(use), static_cast<int64_t>(1 + random.Below(9)),
                           use};
      orders[directory].Add(entry);
      by_age.emplace_back(directory, entry);
    }
    const int64_t needed = static_cast<int64_t>(10 + random.Below(40));

    std::optional<size_t> expected;
    for (const auto& [directory, entry] : by_age) {
      gathered[directory] += entry.length_bytes;
      if (gathered[directory] >= needed) {
        expected = directory;
        break;
      }
    }
    const auto plan = PlanEviction(candidates, needed);
    ASSERT_EQ(plan.has_value(), expected.has_value());
    if (plan) {
      EXPECT_EQ(plan->candidate, *expected);
    }
  }
}

}  // namespace
}  // namespace headpond::cache
