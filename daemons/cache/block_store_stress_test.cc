// Many threads on one small store: nothing is torn, lost while in use, or counted wrongly. Meant
// for TSan and ASan alike.

#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "cache/block_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::cache {
namespace {

constexpr int kThreads = 4;
constexpr int kStepsPerThread = 1500;
constexpr int kBlocks = 40;
constexpr size_t kMaxLength = 3000;

// Every block holds its id over and over, so any mix-up shows.
std::string Content(BlockId block, size_t length) {
  const std::string unit = fmt::format("<{}>", block);
  std::string content;
  while (content.size() < length) content += unit;
  content.resize(length);
  return content;
}

class Worker {
 public:
  Worker(BlockStore& store, uint64_t seed) : store_(store), random_(seed) {}

  void Run() {
    for (int step = 0; step < kStepsPerThread; ++step) {
      const BlockId block = static_cast<BlockId>(random_.Below(kBlocks)) << 24;
      switch (random_.Below(9)) {
        case 0:
        case 1:
        case 2: Write(block); break;
        case 3:
        case 4:
        case 5: Read(block); break;
        case 6: (void)store_.Remove(block); break;
        case 7: (void)store_.Move(block, AnyPlacement()); break;
        case 8: Administer(); break;
      }
    }
  }

 private:
  Placement AnyPlacement() {
    return {.tier = static_cast<int>(random_.Below(2)),
            .medium_type = "",
            .allow_lower_tiers = random_.OneIn(2)};
  }

  void Write(BlockId block) {
    auto writer = store_.Create(random_.NonNegativeId(), block, AnyPlacement(), 0);
    if (!writer.ok()) {
      EXPECT_TRUE(writer.status().code() == Code::kAlreadyExists ||
                  writer.status().code() == Code::kResourceExhausted)
          << writer.status().ToString();
      return;
    }
    const std::string content = Content(block, random_.Below(kMaxLength));
    const size_t half = content.size() / 2;
    if (!(*writer)->Append(content.substr(0, half)).ok()) return;
    if (!(*writer)->Append(content.substr(half)).ok()) return;
    if (random_.OneIn(5)) return;
    EXPECT_OK((*writer)->Commit(random_.OneIn(10)));
  }

  void Read(BlockId block) {
    const auto reader = store_.Open(block);
    if (!reader.ok()) {
      EXPECT_THAT(reader, StatusIs(Code::kNotFound));
      return;
    }
    std::string content(static_cast<size_t>((*reader)->length()), '\0');
    EXPECT_THAT((*reader)->ReadAt(0, content.size(), content.data()), IsOkAndHolds(content.size()));
    EXPECT_EQ(content, Content(block, content.size()));
  }

  void Administer() {
    switch (random_.Below(5)) {
      case 0: {
        std::set<int64_t> pinned;
        for (int i = 0; i < 3; ++i) {
          pinned.insert(static_cast<int64_t>(random_.Below(kBlocks)) << 24 | 0xffffff);
        }
        store_.UpdatePinnedFiles(pinned);
        break;
      }
      case 1: store_.RestoreChanges(store_.TakeChanges()); break;
      case 2: (void)store_.Blocks(); break;
      case 3:
        if (random_.OneIn(20)) (void)store_.RemoveAll().value_or(0);
        break;
      case 4:
        for (const TierSpace& tier : store_.Space()) {
          EXPECT_GE(tier.used_bytes, 0);
          EXPECT_LE(tier.used_bytes, tier.capacity_bytes);
        }
        break;
    }
  }

  BlockStore& store_;
  Random random_;
};

TEST(BlockStoreStressTest, ManyThreadsOnASmallStore) {
  const char* const replay = std::getenv("HEADPOND_SEED");
  const uint64_t seed =
      replay != nullptr ? std::strtoull(replay, nullptr, 10) : Random::FromSystem().Next();
  SCOPED_TRACE(fmt::format("HEADPOND_SEED={}", seed));
  TempDirectory root;
  BlockStoreOptions options;
  options.tiers.push_back({"MEM", {{root / "a", 12'000, ""}, {root / "b", 9'000, ""}}});
  options.tiers.push_back({"HDD", {{root / "c", 20'000, ""}}});
  std::atomic<int> evicted{0};
  options.on_evict = [&](BlockId, int64_t) { ++evicted; };
  ASSERT_OK_AND_ASSIGN(const auto store, OpenTieredBlockStore(options));

  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { Worker(*store, seed + t).Run(); });
  }
  for (auto& thread : threads) thread.join();

  int64_t bytes = 0;
  for (const auto& [location, blocks] : store->Blocks()) {
    for (const BlockId block : blocks) {
      ASSERT_OK_AND_ASSIGN(const int64_t length, store->LengthOf(block));
      bytes += length;
    }
  }
  const auto space = store->Space();
  EXPECT_EQ(space[0].used_bytes + space[1].used_bytes, bytes);
  EXPECT_GT(evicted.load(), 0);
}

}  // namespace
}  // namespace headpond::cache
