#include "cache/recovery.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "testing/temp_directory.h"

namespace headpond::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<BlockId> Ids(const std::vector<FoundBlock>& blocks) {
  std::vector<BlockId> ids;
  for (const FoundBlock& block : blocks) ids.push_back(block.block);
  return ids;
}

TEST(ParseBlockNameTest, TakesExactlyTheDecimalFormOfAnId) {
  EXPECT_EQ(ParseBlockName("0"), 0);
  EXPECT_EQ(ParseBlockName("16777216"), 16777216);
  EXPECT_EQ(ParseBlockName("9223372036854775807"), INT64_MAX);
  for (const char* name : {"", "-1", "+1", "01", "00", "1 ", " 1", "1.0", "0x1", "1a", "a",
                           "9223372036854775808", ".tmp_blocks"}) {
    EXPECT_EQ(ParseBlockName(name), -1) << name;
  }
}

TEST(PlanTrimTest, KeepsTheLatestThatFit) {
  const std::vector<FoundBlock> blocks{{1, 10, 100}, {2, 10, 300}, {3, 10, 200}, {4, 5, 50}};
  EXPECT_THAT(Ids(PlanTrim(blocks, 100).kept), ElementsAre(4, 1, 3, 2));
  EXPECT_THAT(PlanTrim(blocks, 100).dropped, IsEmpty());
  EXPECT_THAT(Ids(PlanTrim(blocks, 20).kept), ElementsAre(3, 2));
  EXPECT_THAT(Ids(PlanTrim(blocks, 25).kept), ElementsAre(4, 3, 2));  // 4 fits though older than 1
  EXPECT_THAT(Ids(PlanTrim(blocks, 25).dropped), ElementsAre(1));
  EXPECT_THAT(PlanTrim(blocks, 0).kept, IsEmpty());
  EXPECT_THAT(PlanTrim({}, 10).kept, IsEmpty());
}

TEST(PlanTrimTest, NeverKeepsMoreThanTheQuota) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<FoundBlock> blocks;
    for (BlockId block = 0; block < 50; ++block) {
      blocks.push_back(
          {block, static_cast<int64_t>(random.Below(100)), static_cast<int64_t>(random.Below(20))});
    }
    const int64_t quota = static_cast<int64_t>(random.Below(3000));
    const TrimPlan plan = PlanTrim(blocks, quota);
    EXPECT_EQ(plan.kept.size() + plan.dropped.size(), blocks.size());
    int64_t kept = 0;
    for (const FoundBlock& block : plan.kept) kept += block.length_bytes;
    EXPECT_LE(kept, quota);
    for (const FoundBlock& block : plan.dropped) EXPECT_GT(kept + block.length_bytes, quota);
  }
}

TEST(BlockLayoutTest, PathsAreStocks) {
  const BlockLayout layout{.directory = "/d/alluxioworker",
                           .temporary_directory = "/d/alluxioworker/.tmp_blocks"};
  EXPECT_EQ(layout.BlockPath(5), "/d/alluxioworker/5");
  EXPECT_EQ(layout.TemporaryPath(1024 + 10, 5), "/d/alluxioworker/.tmp_blocks/10/40a-5");
  EXPECT_EQ(layout.TemporaryPath(-1, 5), "/d/alluxioworker/.tmp_blocks/1023/ffffffffffffffff-5");
}

}  // namespace
}  // namespace headpond::cache
