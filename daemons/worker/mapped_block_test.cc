#include "worker/mapped_block.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "testing/eventually.h"
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

std::string Bytes(const BlockView& view) {
  return {view.data, view.size};
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
  auto mapped = MappedBlock::Map(**reader);
  ASSERT_NE(mapped, nullptr);
  const BlockView all = mapped->View(0, 100);
  EXPECT_EQ(Bytes(all), "the bytes of a block");
  EXPECT_EQ(Bytes(mapped->View(4, 5)), "bytes");
  EXPECT_EQ(Bytes(mapped->View(400, 5)), "");
  reader->reset();
  mapped.reset();
  EXPECT_OK(store->Remove(kBlock));
  EXPECT_EQ(Bytes(all), "the bytes of a block");
}

TEST_F(MappedBlockTest, WhoCutsTheFileShortWaitsAndViewsKeepTheirBytes) {
  const TempDirectory folder("/dev/shm");
  std::string content(100'000, 'x');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7919 >> 8);
  const auto store = StoreWith(folder.path(), content);
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  MappedBlocks blocks;
  const auto mapped = blocks.Map(**reader);
  ASSERT_NE(mapped, nullptr);
  const BlockView first = mapped->View(10, 5000);
  const BlockView overlapping = mapped->View(4000, 20'000);
  const BlockView last = mapped->View(95'000, 5000);
  blocks.YieldWanted();
  EXPECT_NE(mapped->View(0, 1).owner, nullptr) << "given up although nobody wants the file";

  const std::string path = (*reader)->path();
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  std::thread other([&path] { EXPECT_EQ(truncate(path.c_str(), 0), 0); });
  ASSERT_TRUE(Eventually([&] { return mapped->wanted(); }));
  EXPECT_EQ(std::filesystem::file_size(path), content.size());
  blocks.YieldWanted();
  other.join();
  EXPECT_EQ(std::filesystem::file_size(path), 0u);
  EXPECT_EQ(Bytes(first), content.substr(10, 5000));
  EXPECT_EQ(Bytes(overlapping), content.substr(4000, 20'000));
  EXPECT_EQ(Bytes(last), content.substr(95'000, 5000));
  EXPECT_EQ(mapped->View(0, 1).owner, nullptr);
  EXPECT_FALSE(mapped->wanted());
}

TEST_F(MappedBlockTest, RefusesAFileThatIsOpenForWriting) {
  const TempDirectory folder("/dev/shm");
  const auto store = StoreWith(folder.path(), "the bytes of a block");
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  ASSERT_EQ(chmod((*reader)->path().c_str(), 0644), 0);
  std::ofstream writer((*reader)->path(), std::ios::app);
  ASSERT_TRUE(writer.is_open());
  EXPECT_EQ(MappedBlock::Map(**reader), nullptr);
  writer.close();
  EXPECT_NE(MappedBlock::Map(**reader), nullptr);
}

// Else a writer would be held up for nothing while the block is being read.
TEST_F(MappedBlockTest, TheFileIsFreeAgainWithTheLastView) {
  const TempDirectory folder("/dev/shm");
  const auto store = StoreWith(folder.path(), "the bytes of a block");
  auto reader = store->Open(kBlock);
  ASSERT_OK(reader);
  MappedBlock::Map(**reader)->View(0, 10);
  ASSERT_EQ(chmod((*reader)->path().c_str(), 0644), 0);
  const UniqueFd writer(open((*reader)->path().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(writer.valid());
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
