#include "worker/mapped_block.h"

#include <gmock/gmock.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <filesystem>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::worker {
namespace {

constexpr cache::BlockId kBlock = 7 << 24;

// A store with one block in `folder`.
std::unique_ptr<cache::BlockStore> StoreWith(const std::string& folder, std::string_view content) {
  auto store = cache::OpenTieredBlockStore(
      {.tiers = {
           {.alias = "MEM",
            .directories = {{.path = folder, .quota_bytes = 1 << 20, .medium_type = "MEM"}}}}});
  EXPECT_OK(store);
  auto writer = (*store)->Create(1, kBlock, {}, static_cast<int64_t>(content.size()));
  EXPECT_OK(writer);
  EXPECT_OK((*writer)->Append(content));
  EXPECT_OK((*writer)->Commit(/*pin=*/false));
  return *std::move(store);
}

bool IsTmpfs(const std::string& folder) {
  struct statfs info {};
  return statfs(folder.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

class MappedBlockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsTmpfs("/dev/shm")) GTEST_SKIP() << "NOT TESTED: /dev/shm is no tmpfs here";
  }
};

TEST_F(MappedBlockTest, ShowsABlockInMemoryUntilItsLastOwnerGoes) {
  const TempDirectory folder("/dev/shm");
  const auto store = StoreWith(folder.path(), "the bytes of a block");
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  const auto mapped = MappedBlock::Map(**reader);
  ASSERT_NE(mapped, nullptr);
  EXPECT_EQ(std::string_view(mapped->data(), mapped->size()), "the bytes of a block");
  reader->reset();
  EXPECT_OK(store->Remove(kBlock));
  EXPECT_EQ(std::string_view(mapped->data(), mapped->size()), "the bytes of a block");
}

TEST_F(MappedBlockTest, RefusesAFileThatWasCutShort) {
  const TempDirectory folder("/dev/shm");
  const auto store = StoreWith(folder.path(), "the bytes of a block");
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  std::filesystem::resize_file((*reader)->path(), 3);
  EXPECT_EQ(MappedBlock::Map(**reader), nullptr);
}

TEST(MappedBlock, LeavesFilesOnADiskToReads) {
  const TempDirectory folder;
  if (IsTmpfs(folder.path())) GTEST_SKIP() << "NOT TESTED: temporary files are on tmpfs here";
  const auto store = StoreWith(folder.path(), "the bytes of a block");
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  EXPECT_EQ(MappedBlock::Map(**reader), nullptr);
}

}  // namespace
}  // namespace headpond::worker
