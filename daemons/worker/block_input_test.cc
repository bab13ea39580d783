#include "worker/block_input.h"

#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr BlockId kBlock = 4 << 24;

class BlockInputTest : public WorkerDataTest {
 protected:
  UfsBlock Ufs(int64_t block_size, int64_t offset_in_file = 0) const {
    return {.ufs_path = UfsPath("file"),
            .offset_in_file = offset_in_file,
            .block_size = block_size,
            .mount_id = kMount};
  }
  // What one ReadAt gives.
  static Result<std::string> Read(BlockInput& input, int64_t offset, size_t length) {
    std::string data(length, '\0');
    ASSIGN_OR_RETURN(const size_t got, input.ReadAt(offset, length, data.data()));
    data.resize(got);
    return data;
  }
};

TEST_F(BlockInputTest, ReadsACachedBlockAnywhereUpToItsEnd) {
  PutBlock(kBlock, "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto input, inputs_.Open(kBlock, std::nullopt, 0, 10));
  EXPECT_TRUE(input->cached());
  EXPECT_EQ(input->length(), 10);
  EXPECT_THAT(Read(*input, 3, 4), IsOkAndHolds("3456"));
  EXPECT_THAT(Read(*input, 8, 4), IsOkAndHolds("89"));
  EXPECT_THAT(Read(*input, 10, 4), IsOkAndHolds(""));
}

TEST_F(BlockInputTest, ReadsABlockOfAnUnderStoreFileAndNothingAroundIt) {
  PutUfsFile("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto input, inputs_.Open(kBlock, Ufs(4, 3), 1, 2));
  EXPECT_FALSE(input->cached());
  EXPECT_EQ(input->length(), 4);
  EXPECT_THAT(Read(*input, 1, 100), IsOkAndHolds("456"));
  EXPECT_THAT(Read(*input, 4, 1), IsOkAndHolds(""));
  EXPECT_THAT(Read(*input, 400, 1), IsOkAndHolds(""));
}

TEST_F(BlockInputTest, TheCacheComesBeforeTheUnderStore) {
  PutBlock(kBlock, "cached");
  ASSERT_OK_AND_ASSIGN(const auto input, inputs_.Open(kBlock, Ufs(6), 0, 6));
  EXPECT_THAT(Read(*input, 0, 6), IsOkAndHolds("cached"));
  EXPECT_EQ(faults_->calls(ufs::UfsOperation::kOpen), 0);
}

TEST_F(BlockInputTest, ABlockReadFrontToBackIsKept) {
  PutUfsFile("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto input, inputs_.Open(kBlock, Ufs(10), 0, 10));
  EXPECT_THAT(Read(*input, 0, 6), IsOkAndHolds("012345"));
  EXPECT_FALSE(store_->Contains(kBlock));
  EXPECT_THAT(Read(*input, 6, 4), IsOkAndHolds("6789"));
  EXPECT_EQ(BlockContent(kBlock), "0123456789");
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(BlockInputTest, AReaderThatSkipsGivesUpTheCopyAndReadsOn) {
  PutUfsFile("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto input, inputs_.Open(kBlock, Ufs(10), 0, 10));
  EXPECT_THAT(Read(*input, 0, 2), IsOkAndHolds("01"));
  EXPECT_THAT(Read(*input, 5, 5), IsOkAndHolds("56789"));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_THAT(Read(*input, 2, 3), IsOkAndHolds("234"));
  EXPECT_FALSE(store_->Contains(kBlock));
}

TEST_F(BlockInputTest, TwoReadersOfOneBlockBothReadAndOneKeepsIt) {
  PutUfsFile("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto first, inputs_.Open(kBlock, Ufs(10), 0, 10));
  ASSERT_OK_AND_ASSIGN(const auto second, inputs_.Open(kBlock, Ufs(10), 0, 10));
  EXPECT_THAT(Read(*second, 0, 10), IsOkAndHolds("0123456789"));
  EXPECT_THAT(Read(*first, 0, 10), IsOkAndHolds("0123456789"));
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(BlockInputTest, CachingABlockThatIsHereReadsNothing) {
  PutBlock(kBlock, "cached");
  EXPECT_OK(inputs_.CacheFromUfs(kBlock, Ufs(6)));
  EXPECT_EQ(faults_->calls(ufs::UfsOperation::kOpen), 0);
}

TEST_F(BlockInputTest, ABlockIsCachedOnRequestEvenWhenItsReadersKeepNone) {
  PutUfsFile("file", "0123456789");
  UfsBlock block = Ufs(10);
  block.no_cache = true;
  EXPECT_OK(inputs_.CacheFromUfs(kBlock, block));
  EXPECT_EQ(BlockContent(kBlock), "0123456789");
}

}  // namespace
}  // namespace headpond::worker
