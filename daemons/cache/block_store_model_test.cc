// Random operations on a block store with small quotas, beside a simple model of what may and must
// be true after each. Every run prints its seed on failure; HEADPOND_SEED=<n> replays one.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "cache/block_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::cache {
namespace {

constexpr int kFiles = 6;
constexpr int kBlocksPerFile = 5;
constexpr int64_t kMaxLength = 400;
constexpr int kSteps = 400;

class Model {
 public:
  Model(uint64_t seed, const std::string& root) : random_(seed), root_(root) {
    const int tiers = 1 + static_cast<int>(random_.Below(3));
    for (int tier = 0; tier < tiers; ++tier) {
      TierOptions options{.alias = std::string(1, static_cast<char>('A' + tier)),
                          .directories = {}};
      const int directories = 1 + static_cast<int>(random_.Below(2));
      for (int d = 0; d < directories; ++d) {
        options.directories.push_back({fmt::format("{}/{}{}", root, tier, d),
                                       static_cast<int64_t>(300 + random_.Below(1500)), ""});
      }
      options_.tiers.push_back(options);
    }
    options_.allocator = static_cast<BlockStoreOptions::Allocator>(random_.Below(3));
    options_.on_evict = [this](BlockId block, int64_t) { evicted_.insert(block); };
    Reopen();
  }

  void Step() {
    evicted_.clear();
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2: StartWriter(); break;
      case 3:
      case 4: Append(); break;
      case 5:
      case 6: FinishWriter(); break;
      case 7:
      case 8: OpenReader(); break;
      case 9: CloseReader(); break;
      case 10: Remove(); break;
      case 11: Move(); break;
      case 12: Pin(); break;
      case 13: Rarely(); break;
    }
    Check();
  }

  // Drops what is in flight and starts again from the files.
  void Reopen() {
    writers_.clear();
    readers_.clear();
    doomed_.clear();
    store_.reset();
    auto store = OpenTieredBlockStore(options_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = *std::move(store);
    pinned_.clear();
    known_to_master_.clear();  // the worker registers anew
    for (const auto& [location, blocks] : store_->Blocks()) {
      for (const BlockId block : blocks) known_to_master_[block] = location;
    }
    Check();
  }

  // At the end the master, told everything, knows exactly what there is.
  void CheckMaster() {
    do {
      TellMaster();
    } while (!random_.OneIn(3));
    Learn(store_->TakeChanges());
    std::map<BlockId, Location> stored;
    for (const auto& [location, blocks] : store_->Blocks()) {
      for (const BlockId block : blocks) stored[block] = location;
    }
    EXPECT_EQ(known_to_master_, stored);
  }

 private:
  struct Writing {
    std::unique_ptr<BlockWriter> writer;
    std::string content;
  };
  struct Reading {
    std::unique_ptr<BlockReader> reader;
    BlockId block;
    std::string content;
  };

  BlockId AnyBlock() {
    return static_cast<BlockId>((1 + random_.Below(kFiles)) << 24 | random_.Below(kBlocksPerFile));
  }
  Placement AnyPlacement() {
    return {.tier = static_cast<int>(random_.Below(5)) - 1,
            .medium_type = "",
            .allow_lower_tiers = random_.OneIn(2)};
  }
  bool IsPinned(BlockId block) const { return pinned_.contains(block >> 24); }

  void StartWriter() {
    const BlockId block = AnyBlock();
    auto writer = store_->Create(static_cast<SessionId>(random_.Next()), block, AnyPlacement(),
                                 static_cast<int64_t>(random_.Below(kMaxLength)));
    const bool taken =
        content_.contains(block) || writers_.contains(block) || doomed_.contains(block);
    if (taken && !evicted_.contains(block)) {
      EXPECT_THAT(writer, StatusIs(Code::kAlreadyExists));
    } else if (writer.ok()) {
      writers_[block] = Writing{*std::move(writer), ""};
    } else {
      EXPECT_THAT(writer, StatusIs(Code::kResourceExhausted));
    }
  }

  void Append() {
    if (writers_.empty()) return;
    auto& [block, writing] = *std::next(writers_.begin(), random_.Below(writers_.size()));
    const std::string data(random_.Below(kMaxLength), static_cast<char>(random_.Next()));
    const Status appended = writing.writer->Append(data);
    if (appended.ok()) {
      writing.content += data;
    } else {
      EXPECT_THAT(appended, StatusIs(Code::kResourceExhausted));
    }
    EXPECT_EQ(writing.writer->position(), static_cast<int64_t>(writing.content.size()));
  }

  void FinishWriter() {
    if (writers_.empty()) return;
    const auto entry = std::next(writers_.begin(), random_.Below(writers_.size()));
    if (random_.OneIn(4)) {
      entry->second.writer->Abort();
    } else {
      const auto committed = entry->second.writer->Commit(false);
      ASSERT_OK(committed);
      EXPECT_EQ(committed->length, static_cast<int64_t>(entry->second.content.size()));
      content_[entry->first] = entry->second.content;
    }
    writers_.erase(entry);
  }

  void OpenReader() {
    const BlockId block = AnyBlock();
    auto reader = store_->Open(block);
    ASSERT_EQ(reader.ok(), content_.contains(block)) << reader.status().ToString();
    if (!reader.ok()) return;
    readers_.push_back({*std::move(reader), block, content_[block]});
  }

  void CloseReader() {
    if (readers_.empty()) return;
    const auto entry =
        std::next(readers_.begin(), static_cast<int64_t>(random_.Below(readers_.size())));
    const BlockId block = entry->block;
    ExpectReads(*entry);
    readers_.erase(entry);
    if (!IsOpen(block)) doomed_.erase(block);
  }

  static void ExpectReads(const Reading& reading) {
    std::string content(reading.content.size() + 1, '\0');
    EXPECT_THAT(reading.reader->ReadAt(0, content.size(), content.data()),
                IsOkAndHolds(reading.content.size()));
    content.pop_back();
    EXPECT_EQ(content, reading.content);
  }

  bool IsOpen(BlockId block) const {
    return std::any_of(readers_.begin(), readers_.end(),
                       [&](const Reading& reading) { return reading.block == block; });
  }

  void Remove() {
    const BlockId block = AnyBlock();
    const Status removed = store_->Remove(block);
    EXPECT_EQ(removed.ok(), content_.erase(block) == 1) << removed.ToString();
    if (removed.ok() && IsOpen(block)) doomed_.insert(block);
  }

  void Move() {
    const BlockId block = AnyBlock();
    const Status moved = store_->Move(block, AnyPlacement());
    if (!content_.contains(block) || evicted_.contains(block)) {
      EXPECT_THAT(moved, StatusIs(Code::kNotFound));
    } else if (!moved.ok()) {
      EXPECT_TRUE(moved.code() == Code::kResourceExhausted ||
                  (moved.code() == Code::kFailedPrecondition && IsOpen(block)))
          << moved.ToString();
    }
  }

  void Pin() {
    std::set<int64_t> files;
    pinned_.clear();
    for (int64_t file = 1; file <= kFiles; ++file) {
      if (!random_.OneIn(3)) continue;
      pinned_.insert(file);
      files.insert(file << 24 | 0xffffff);
    }
    store_->UpdatePinnedFiles(files);
  }

  void Rarely() {
    if (random_.OneIn(8)) {
      ASSERT_OK(store_->RemoveAll());
      std::erase_if(content_, [&](const auto& entry) { return !IsOpen(entry.first); });
    } else if (random_.OneIn(8)) {
      Reopen();
    } else {
      TellMaster();
    }
  }

  // What a master knows that hears of all changes, some of them late.
  void TellMaster() {
    BlockChanges changes = store_->TakeChanges();
    if (random_.OneIn(3)) {
      store_->RestoreChanges(std::move(changes));
      return;
    }
    Learn(changes);
  }

  void Learn(const BlockChanges& changes) {
    for (const BlockId block : changes.removed) known_to_master_.erase(block);
    for (const auto& [location, blocks] : changes.added) {
      for (const BlockId block : blocks) known_to_master_[block] = location;
    }
  }

  void Check() {
    for (const BlockId block : evicted_) {
      EXPECT_TRUE(content_.contains(block)) << "evicted what was not there: " << block;
      EXPECT_FALSE(IsPinned(block)) << "evicted a pinned block: " << block;
      EXPECT_FALSE(IsOpen(block)) << "evicted an open block: " << block;
      content_.erase(block);
    }
    std::set<BlockId> stored;
    for (const auto& [location, blocks] : store_->Blocks()) {
      stored.insert(blocks.begin(), blocks.end());
    }
    std::set<BlockId> expected;
    int64_t committed_bytes = 0;
    for (const auto& [block, content] : content_) {
      expected.insert(block);
      committed_bytes += static_cast<int64_t>(content.size());
      EXPECT_THAT(store_->LengthOf(block), IsOkAndHolds(static_cast<int64_t>(content.size())));
    }
    EXPECT_EQ(stored, expected);
    EXPECT_EQ(store_->block_count(), static_cast<int64_t>(expected.size()));

    int64_t used = 0;
    for (const TierSpace& tier : store_->Space()) {
      EXPECT_GE(tier.used_bytes, 0);
      EXPECT_LE(tier.used_bytes, tier.capacity_bytes);
      used += tier.used_bytes;
    }
    EXPECT_GE(used, committed_bytes);
    if (writers_.empty() && doomed_.empty()) {
      EXPECT_EQ(used, committed_bytes);
    }
    EXPECT_LE(BytesOnDisk(), used);
  }

  int64_t BytesOnDisk() const {
    int64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
    }
    return bytes;
  }

  Random random_;
  const std::string root_;
  BlockStoreOptions options_;
  std::map<BlockId, std::string> content_;  // committed
  std::set<BlockId> doomed_;                // removed while open
  std::set<int64_t> pinned_;                // containers
  std::set<BlockId> evicted_;               // in this step
  std::map<BlockId, Location> known_to_master_;
  std::unique_ptr<BlockStore> store_;
  std::map<BlockId, Writing> writers_;
  std::vector<Reading> readers_;
};

TEST(BlockStoreModelTest, AgreesWithTheModel) {
  const char* const replay = std::getenv("HEADPOND_SEED");
  const uint64_t first = replay != nullptr ? std::strtoull(replay, nullptr, 10) : 1;
  const uint64_t last = replay != nullptr ? first : 20;
  for (uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("HEADPOND_SEED={}", seed));
    TempDirectory root;
    Model model(seed, root.path());
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) model.Step();
    model.CheckMaster();
  }
}

}  // namespace
}  // namespace headpond::cache
