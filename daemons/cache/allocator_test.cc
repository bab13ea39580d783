#include "cache/allocator.h"

#include <gmock/gmock.h>

#include <limits>
#include <vector>

namespace headpond::cache {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

struct Case {
  std::vector<int64_t> free_bytes;
  int64_t needed_bytes;
  std::optional<size_t> max_free;
  std::optional<size_t> greedy;
};

TEST(AllocatorTest, ChoosesByRoom) {
  const Case cases[] = {
      {{}, 0, std::nullopt, std::nullopt},
      {{}, 1, std::nullopt, std::nullopt},
      {{10}, 10, 0, 0},
      {{10}, 11, std::nullopt, std::nullopt},
      {{10, 30, 20}, 5, 1, 0},
      {{10, 30, 20}, 15, 1, 1},
      {{10, 20, 30}, 25, 2, 2},
      {{10, 20, 30}, 31, std::nullopt, std::nullopt},
      {{20, 20, 20}, 20, 0, 0},  // the first of equals
      {{0, 0}, 0, 0, 0},         // nothing needed, nothing free
      {{-1, 0}, 0, 1, 1},        // out of service
      {{-1, -1}, 0, std::nullopt, std::nullopt},
      {{-1, 5, 7}, 5, 2, 1},
      {{kHuge, 1}, kHuge, 0, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.free_bytes) + " needs " + std::to_string(c.needed_bytes));
    EXPECT_EQ(ChooseMaxFree(c.free_bytes, c.needed_bytes), c.max_free);
    EXPECT_EQ(ChooseGreedy(c.free_bytes, c.needed_bytes), c.greedy);
  }
}

TEST(AllocatorTest, RoundRobinGoesRound) {
  struct RoundCase {
    std::vector<int64_t> free_bytes;
    int64_t needed_bytes;
    size_t start;
    std::optional<size_t> chosen;
  };
  const RoundCase cases[] = {
      {{10, 10, 10}, 5, 0, 0}, {{10, 10, 10}, 5, 1, 1},      {{10, 10, 10}, 5, 2, 2},
      {{10, 10, 10}, 5, 3, 0}, {{10, 4, 10}, 5, 1, 2},       {{10, 4, 4}, 5, 1, 0},
      {{10, -1, 10}, 0, 1, 2}, {{4, 4}, 5, 1, std::nullopt}, {{}, 0, 3, std::nullopt},
  };
  for (const RoundCase& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.free_bytes) + " from " + std::to_string(c.start));
    EXPECT_EQ(ChooseRoundRobin(c.free_bytes, c.needed_bytes, c.start), c.chosen);
  }
}

}  // namespace
}  // namespace headpond::cache
