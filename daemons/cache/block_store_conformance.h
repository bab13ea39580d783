#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cache/block_store.h"
#include "testing/status_matchers.h"

// What every BlockStore does. A store's test instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Tiered, BlockStoreConformance, ::testing::Values(...), StoreName);
namespace headpond::cache {

struct StoreUnderTest {
  std::string name;
  struct Instance {
    std::shared_ptr<void> keep;  // destroyed after the store
    std::unique_ptr<BlockStore> store;
  };
  // An empty store of one tier "MEM" with one directory of `quota_bytes`, or with a second tier
  // "HDD" of `lower_quota_bytes` if that is not 0. Evictions go to `on_evict`.
  std::function<Instance(int64_t quota_bytes, int64_t lower_quota_bytes,
                         std::function<void(BlockId, int64_t)> on_evict)>
      make;
};

inline std::string StoreName(const ::testing::TestParamInfo<StoreUnderTest>& info) {
  return info.param.name;
}

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class BlockStoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  static constexpr SessionId kSession = 77;
  static inline const Placement kTop{.tier = 0, .medium_type = "", .allow_lower_tiers = false};
  static inline const Placement kLast{.tier = -1, .medium_type = "", .allow_lower_tiers = false};
  static inline const Placement kAnywhere{};

  void Make(int64_t quota_bytes, int64_t lower_quota_bytes = 0) {
    instance_ = GetParam().make(quota_bytes, lower_quota_bytes,
                                [this](BlockId block, int64_t) { evicted_.push_back(block); });
    store_ = instance_.store.get();
  }

  // The first, second... block of a file.
  static BlockId Block(int64_t file, int64_t sequence = 0) { return (file << 24) | sequence; }
  static int64_t FileId(int64_t file) { return (file << 24) | 0xffffff; }
  static std::string Content(BlockId block, size_t length) {
    std::string content(length, '\0');
    for (size_t i = 0; i < length; ++i) {
      content[i] = static_cast<char>((block >> 24) * 31 + block * 7 + static_cast<int64_t>(i) * 13);
    }
    return content;
  }

  Status Put(BlockId block, size_t length, const Placement& placement = kAnywhere,
             bool pin = false) {
    ASSIGN_OR_RETURN(const auto writer,
                     store_->Create(kSession, block, placement, static_cast<int64_t>(length)));
    RETURN_IF_ERROR(writer->Append(Content(block, length)));
    return writer->Commit(pin).status();
  }

  Result<std::string> Get(BlockId block) {
    ASSIGN_OR_RETURN(const auto reader, store_->Open(block));
    std::string content(static_cast<size_t>(reader->length()), '\0');
    ASSIGN_OR_RETURN(const size_t got, reader->ReadAt(0, content.size(), content.data()));
    content.resize(got);
    return content;
  }

  int64_t Used(size_t tier = 0) { return store_->Space()[tier].used_bytes; }
  std::vector<BlockId> In(const std::string& alias) {
    auto blocks = store_->Blocks()[Location{alias, alias}];
    std::sort(blocks.begin(), blocks.end());
    return blocks;
  }

  std::vector<BlockId> evicted_;
  StoreUnderTest::Instance instance_;
  BlockStore* store_ = nullptr;
};

TEST_P(BlockStoreConformance, ABlockReadsBackWhatWasCommitted) {
  Make(1000);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 10));
  EXPECT_OK(writer->Append("hello, "));
  EXPECT_EQ(writer->position(), 7);
  EXPECT_OK(writer->Append("world"));
  ASSERT_OK_AND_ASSIGN(const auto committed, writer->Commit(false));
  EXPECT_EQ(committed.length, 12);
  EXPECT_EQ(committed.location, (Location{"MEM", "MEM"}));
  EXPECT_THAT(Get(Block(1)), IsOkAndHolds("hello, world"));
  EXPECT_THAT(store_->LengthOf(Block(1)), IsOkAndHolds(12));
  EXPECT_TRUE(store_->Contains(Block(1)));
  EXPECT_EQ(store_->block_count(), 1);
  EXPECT_THAT(store_->Blocks(), ElementsAre(Pair(Location{"MEM", "MEM"}, ElementsAre(Block(1)))));
  EXPECT_EQ(Used(), 12);
}

TEST_P(BlockStoreConformance, ReadsAtAnyOffsetAndStopsAtTheEnd) {
  Make(1000);
  ASSERT_OK(Put(Block(1), 10));
  const std::string content = Content(Block(1), 10);
  ASSERT_OK_AND_ASSIGN(const auto reader, store_->Open(Block(1)));
  EXPECT_EQ(reader->length(), 10);
  std::string buffer(8, '\0');
  EXPECT_THAT(reader->ReadAt(3, 4, buffer.data()), IsOkAndHolds(4u));
  EXPECT_EQ(buffer.substr(0, 4), content.substr(3, 4));
  EXPECT_THAT(reader->ReadAt(8, 8, buffer.data()), IsOkAndHolds(2u));
  EXPECT_EQ(buffer.substr(0, 2), content.substr(8));
  EXPECT_THAT(reader->ReadAt(10, 8, buffer.data()), IsOkAndHolds(0u));
  EXPECT_THAT(reader->ReadAt(99, 8, buffer.data()), IsOkAndHolds(0u));
  EXPECT_THAT(reader->ReadAt(-1, 8, buffer.data()), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(::pread(reader->fd(), buffer.data(), 2, 4), 2);
  EXPECT_EQ(buffer.substr(0, 2), content.substr(4, 2));
}

TEST_P(BlockStoreConformance, AnEmptyBlockIsABlock) {
  Make(1000);
  EXPECT_OK(Put(Block(1), 0));
  EXPECT_THAT(Get(Block(1)), IsOkAndHolds(""));
  EXPECT_EQ(Used(), 0);
}

TEST_P(BlockStoreConformance, ABlockIsUnseenUntilCommitted) {
  Make(1000);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 10));
  EXPECT_OK(writer->Append("x"));
  EXPECT_FALSE(store_->Contains(Block(1)));
  EXPECT_THAT(store_->Open(Block(1)), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->LengthOf(Block(1)), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->Remove(Block(1)), StatusIs(Code::kNotFound));
  EXPECT_EQ(Used(), 10);
  EXPECT_EQ(store_->block_count(), 0);
}

TEST_P(BlockStoreConformance, ABlockIsWrittenOnceOnly) {
  Make(1000);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 10));
  EXPECT_THAT(store_->Create(kSession + 1, Block(1), kAnywhere, 10),
              StatusIs(Code::kAlreadyExists, HasSubstr("being written")));
  ASSERT_OK(writer->Commit(false));
  EXPECT_THAT(store_->Create(kSession + 1, Block(1), kAnywhere, 10),
              StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(writer->Append("x"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(writer->Commit(false), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(writer->Reserve(99), StatusIs(Code::kFailedPrecondition));
}

TEST_P(BlockStoreConformance, AnAbortedBlockGivesItsRoomAndItsIdBack) {
  Make(1000);
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 500));
    EXPECT_OK(writer->Append("x"));
    writer->Abort();
    writer->Abort();
    EXPECT_EQ(Used(), 0);
    EXPECT_THAT(writer->Commit(false), StatusIs(Code::kFailedPrecondition));
  }
  { ASSERT_OK_AND_ASSIGN(const auto dropped, store_->Create(kSession, Block(1), kAnywhere, 500)); }
  EXPECT_EQ(Used(), 0);
  EXPECT_OK(Put(Block(1), 10));
}

TEST_P(BlockStoreConformance, RejectsWhatMakesNoSense) {
  Make(1000);
  EXPECT_THAT(store_->Create(kSession, -1, kAnywhere, 1), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Create(kSession, Block(1), kAnywhere, -1), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Create(kSession, Block(1), {.medium_type = "TAPE"}, 1),
              StatusIs(Code::kInvalidArgument, HasSubstr("TAPE")));
  EXPECT_THAT(store_->Open(Block(9)), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->Move(Block(9), kTop), StatusIs(Code::kNotFound));
  store_->Touch(Block(9));
}

TEST_P(BlockStoreConformance, WritersReserveAsTheyGo) {
  Make(100);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 0));
  for (int i = 0; i < 10; ++i) EXPECT_OK(writer->Append(std::string(10, 'x')));
  EXPECT_EQ(Used(), 100);
  EXPECT_THAT(writer->Append("x"), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(writer->Reserve(101), StatusIs(Code::kResourceExhausted));
  EXPECT_OK(writer->Reserve(100));
  ASSERT_OK_AND_ASSIGN(const auto committed, writer->Commit(false));  // a refused write did no harm
  EXPECT_EQ(committed.length, 100);
}

TEST_P(BlockStoreConformance, WhatWasReservedAndNotUsedIsGivenBack) {
  Make(100);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 90));
  EXPECT_OK(writer->Append("12345"));
  ASSERT_OK(writer->Commit(false));
  EXPECT_EQ(Used(), 5);
}

TEST_P(BlockStoreConformance, AClientMayWriteTheFileItself) {
  Make(100);
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(1), kAnywhere, 0));
  struct stat attributes;
  ASSERT_EQ(::stat(writer->path().c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0666, 0666u) << "any user may write it";
  ASSERT_OK(writer->Reserve(50));
  FILE* const file = std::fopen(writer->path().c_str(), "r+");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(std::fputs("written by the client", file), 1);
  std::fclose(file);
  ASSERT_OK_AND_ASSIGN(const auto committed, writer->Commit(false));
  EXPECT_EQ(committed.length, 21);
  EXPECT_EQ(Used(), 21);
  ASSERT_OK_AND_ASSIGN(const auto reader, store_->Open(Block(1)));
  ASSERT_EQ(::stat(reader->path().c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0444u) << "nobody may change it any more";
  EXPECT_THAT(Get(Block(1)), IsOkAndHolds("written by the client"));
}

TEST_P(BlockStoreConformance, AClientThatWroteMoreThanItReservedIsChargedOrRefused) {
  Make(100);
  for (const int length : {60, 200}) {
    ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(length), kAnywhere, 10));
    ASSERT_EQ(::truncate(writer->path().c_str(), length), 0);
    if (length <= 100) {
      EXPECT_OK(writer->Commit(false));
      EXPECT_EQ(Used(), length);
    } else {
      EXPECT_THAT(writer->Commit(false), StatusIs(Code::kResourceExhausted));
      EXPECT_EQ(Used() % 60, 0);
    }
  }
}

TEST_P(BlockStoreConformance, RemovesBlocks) {
  Make(1000);
  ASSERT_OK(Put(Block(1), 10));
  std::string path;
  { path = (*store_->Open(Block(1)))->path(); }
  EXPECT_OK(store_->Remove(Block(1)));
  EXPECT_FALSE(store_->Contains(Block(1)));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_EQ(Used(), 0);
  EXPECT_THAT(store_->Remove(Block(1)), StatusIs(Code::kNotFound));
  EXPECT_OK(Put(Block(1), 20));
}

TEST_P(BlockStoreConformance, RemovalWaitsForTheLastReader) {
  Make(1000);
  ASSERT_OK(Put(Block(1), 10));
  ASSERT_OK_AND_ASSIGN(auto first, store_->Open(Block(1)));
  ASSERT_OK_AND_ASSIGN(auto second, store_->Open(Block(1)));
  EXPECT_OK(store_->Remove(Block(1)));
  EXPECT_FALSE(store_->Contains(Block(1)));
  EXPECT_THAT(store_->Open(Block(1)), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->Blocks(), IsEmpty());
  EXPECT_THAT(store_->TakeChanges().removed, ElementsAre(Block(1)));
  EXPECT_THAT(store_->Create(kSession, Block(1), kAnywhere, 1), StatusIs(Code::kAlreadyExists));
  first.reset();
  EXPECT_EQ(::access(second->path().c_str(), F_OK), 0);  // a short-circuit client may open it yet
  char buffer[10];
  EXPECT_THAT(second->ReadAt(0, 10, buffer), IsOkAndHolds(10u));
  EXPECT_EQ(Used(), 10);
  const std::string path = second->path();
  second.reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_EQ(Used(), 0);
  EXPECT_OK(Put(Block(1), 10));
}

TEST_P(BlockStoreConformance, RemoveAllLeavesWhatIsInUseAndTheCapacity) {
  Make(1000);
  for (int file = 1; file <= 4; ++file) ASSERT_OK(Put(Block(file), 10));
  store_->UpdatePinnedFiles({FileId(2)});
  ASSERT_OK_AND_ASSIGN(const auto reader, store_->Open(Block(3)));
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(9), kAnywhere, 5));
  EXPECT_THAT(store_->RemoveAll(), IsOkAndHolds(3));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(3)));
  EXPECT_EQ(store_->Space()[0].capacity_bytes, 1000);
  EXPECT_EQ(Used(), 15);
  EXPECT_OK(writer->Commit(false));
}

TEST_P(BlockStoreConformance, TheLeastRecentlyUsedBlockIsEvicted) {
  Make(30);
  for (int file = 1; file <= 3; ++file) ASSERT_OK(Put(Block(file), 10));
  store_->Touch(Block(1));
  EXPECT_THAT(Get(Block(2)), IsOkAndHolds(_));
  ASSERT_OK(Put(Block(4), 10));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(1), Block(2), Block(4)));
  ASSERT_OK(Put(Block(5), 10));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(2), Block(4), Block(5)));
  EXPECT_THAT(evicted_, ElementsAre(Block(3), Block(1)));
  EXPECT_EQ(Used(), 30);
}

TEST_P(BlockStoreConformance, AGrowingWriterEvictsToo) {
  Make(30);
  for (int file = 1; file <= 3; ++file) ASSERT_OK(Put(Block(file), 10));
  ASSERT_OK_AND_ASSIGN(const auto writer, store_->Create(kSession, Block(4), kAnywhere, 0));
  EXPECT_OK(writer->Append(std::string(15, 'x')));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(3)));
  EXPECT_OK(writer->Commit(false));
}

TEST_P(BlockStoreConformance, PinnedAndOpenBlocksAreNotEvicted) {
  Make(30);
  ASSERT_OK(Put(Block(1, 0), 10));
  ASSERT_OK(Put(Block(2, 0), 10));
  ASSERT_OK(Put(Block(3, 0), 10));
  store_->UpdatePinnedFiles({FileId(1)});
  ASSERT_OK_AND_ASSIGN(auto reader, store_->Open(Block(2)));
  EXPECT_OK(Put(Block(4), 10));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(1), Block(2), Block(4)));
  EXPECT_THAT(Put(Block(5), 20), StatusIs(Code::kResourceExhausted, HasSubstr("pinned")));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(1), Block(2), Block(4)));
  reader.reset();
  store_->UpdatePinnedFiles({});
  EXPECT_OK(Put(Block(5), 30));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(5)));
}

TEST_P(BlockStoreConformance, BlocksCommittedLaterToAPinnedFileArePinned) {
  Make(20);
  store_->UpdatePinnedFiles({FileId(1)});
  ASSERT_OK(Put(Block(1, 0), 10));
  ASSERT_OK(Put(Block(1, 1), 10));
  EXPECT_THAT(Put(Block(2), 10), StatusIs(Code::kResourceExhausted));
  EXPECT_OK(store_->Remove(Block(1, 0)));  // pins are no protection from the master
  EXPECT_OK(Put(Block(2), 10));
}

TEST_P(BlockStoreConformance, APinAtCommitHoldsUntilTheMasterListedTheFile) {
  Make(20);
  ASSERT_OK(Put(Block(1, 0), 10, kAnywhere, /*pin=*/true));
  store_->UpdatePinnedFiles({});  // the file is being written still, so the master can't know
  ASSERT_OK(Put(Block(2), 10));
  EXPECT_THAT(Put(Block(3), 20), StatusIs(Code::kResourceExhausted));
  store_->UpdatePinnedFiles({FileId(1)});
  EXPECT_THAT(Put(Block(3), 20), StatusIs(Code::kResourceExhausted));
  store_->UpdatePinnedFiles({});  // persisted now
  EXPECT_OK(Put(Block(3), 20));
}

TEST_P(BlockStoreConformance, NothingIsEvictedForARequestThatCannotBeMet) {
  Make(30);
  for (int file = 1; file <= 3; ++file) ASSERT_OK(Put(Block(file), 10));
  EXPECT_THAT(store_->Create(kSession, Block(4), kAnywhere, 31),
              StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(store_->Create(kSession, Block(4), kAnywhere, INT64_MAX),
              StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(In("MEM"), SizeIs(3));
  EXPECT_THAT(evicted_, IsEmpty());
}

TEST_P(BlockStoreConformance, AFullTopTierGivesWayToALowerOne) {
  Make(20, 100);
  ASSERT_OK(Put(Block(1), 20));
  EXPECT_OK(Put(Block(2), 10));  // any tier will do
  EXPECT_THAT(In("MEM"), ElementsAre(Block(1)));
  EXPECT_THAT(In("HDD"), ElementsAre(Block(2)));
  EXPECT_THAT(evicted_, IsEmpty());
}

TEST_P(BlockStoreConformance, AnEvictionFromAnUpperTierMovesTheBlockDown) {
  Make(20, 100);
  ASSERT_OK(Put(Block(1), 10));
  ASSERT_OK(Put(Block(2), 10));
  (void)store_->TakeChanges();
  EXPECT_OK(Put(Block(3), 10, kTop));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(2), Block(3)));
  EXPECT_THAT(In("HDD"), ElementsAre(Block(1)));
  EXPECT_THAT(Get(Block(1)), IsOkAndHolds(Content(Block(1), 10)));
  EXPECT_THAT(evicted_, IsEmpty());
  EXPECT_EQ(Used(0), 20);
  EXPECT_EQ(Used(1), 10);
  const BlockChanges changes = store_->TakeChanges();
  EXPECT_THAT(changes.removed, IsEmpty());
  EXPECT_THAT(changes.added,
              UnorderedElementsAre(Pair(Location{"HDD", "HDD"}, ElementsAre(Block(1))),
                                   Pair(Location{"MEM", "MEM"}, ElementsAre(Block(3)))));
}

TEST_P(BlockStoreConformance, WhatFindsNoRoomBelowIsDropped) {
  Make(20, 5);
  ASSERT_OK(Put(Block(1), 10));
  ASSERT_OK(Put(Block(2), 10));
  EXPECT_OK(Put(Block(3), 10, kTop));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(2), Block(3)));
  EXPECT_THAT(In("HDD"), IsEmpty());
  EXPECT_THAT(evicted_, ElementsAre(Block(1)));
  EXPECT_EQ(Used(1), 0);
}

TEST_P(BlockStoreConformance, ThePlacementSaysWhichTier) {
  Make(100, 100);
  EXPECT_OK(Put(Block(1), 10, {.tier = 1}));
  EXPECT_OK(Put(Block(2), 10, {.tier = -1}));
  EXPECT_OK(Put(Block(3), 10, {.tier = 7}));  // past the last is the last
  EXPECT_OK(Put(Block(4), 10, {.tier = -2}));
  EXPECT_OK(Put(Block(5), 10, {.medium_type = "HDD"}));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(4)));
  EXPECT_THAT(In("HDD"), ElementsAre(Block(1), Block(2), Block(3), Block(5)));
  EXPECT_THAT(Put(Block(6), 10, {.medium_type = "HDD", .allow_lower_tiers = false}),
              StatusIs(Code::kInvalidArgument));
}

TEST_P(BlockStoreConformance, MovesBlocksBetweenTiers) {
  Make(100, 100);
  ASSERT_OK(Put(Block(1), 10, kLast));
  std::string former;
  { former = (*store_->Open(Block(1)))->path(); }
  (void)store_->TakeChanges();
  EXPECT_OK(store_->Move(Block(1), kTop));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(1)));
  EXPECT_EQ(Used(0), 10);
  EXPECT_EQ(Used(1), 0);
  EXPECT_NE(::access(former.c_str(), F_OK), 0);
  EXPECT_THAT(Get(Block(1)), IsOkAndHolds(Content(Block(1), 10)));
  EXPECT_THAT(store_->TakeChanges().added,
              ElementsAre(Pair(Location{"MEM", "MEM"}, ElementsAre(Block(1)))));

  EXPECT_OK(store_->Move(Block(1), kTop));  // is there
  EXPECT_OK(store_->Move(Block(1), {.medium_type = "HDD"}));
  EXPECT_THAT(In("HDD"), ElementsAre(Block(1)));
}

TEST_P(BlockStoreConformance, APromotionMakesRoom) {
  Make(20, 100);
  ASSERT_OK(Put(Block(1), 20, kTop));
  ASSERT_OK(Put(Block(2), 20, kLast));
  EXPECT_OK(store_->Move(Block(2), kTop));
  EXPECT_THAT(In("MEM"), ElementsAre(Block(2)));
  EXPECT_THAT(In("HDD"), ElementsAre(Block(1)));
}

TEST_P(BlockStoreConformance, ABlockInUseOrWithoutRoomDoesNotMove) {
  Make(20, 100);
  ASSERT_OK(Put(Block(1), 20, kTop, /*pin=*/true));
  ASSERT_OK(Put(Block(2), 10, kLast));
  EXPECT_THAT(store_->Move(Block(2), kTop), StatusIs(Code::kResourceExhausted));
  ASSERT_OK(store_->Remove(Block(1)));
  {
    ASSERT_OK_AND_ASSIGN(const auto reader, store_->Open(Block(2)));
    EXPECT_THAT(store_->Move(Block(2), kTop), StatusIs(Code::kFailedPrecondition));
  }
  EXPECT_OK(store_->Move(Block(2), kTop));
}

TEST_P(BlockStoreConformance, ChangesAreToldOnceAndInTheirLatestState) {
  Make(100);
  ASSERT_OK(Put(Block(1), 10));
  ASSERT_OK(Put(Block(2), 10));
  ASSERT_OK(store_->Remove(Block(1)));
  BlockChanges changes = store_->TakeChanges();
  EXPECT_THAT(changes.added, ElementsAre(Pair(_, ElementsAre(Block(2)))));
  EXPECT_THAT(changes.removed, ElementsAre(Block(1)));
  EXPECT_THAT(changes.lost_storage, IsEmpty());

  const BlockChanges none = store_->TakeChanges();
  EXPECT_THAT(none.added, IsEmpty());
  EXPECT_THAT(none.removed, IsEmpty());

  // Removed and cached again: the master only learns where it is.
  ASSERT_OK(store_->Remove(Block(2)));
  ASSERT_OK(Put(Block(2), 10));
  changes = store_->TakeChanges();
  EXPECT_THAT(changes.added, ElementsAre(Pair(_, ElementsAre(Block(2)))));
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST_P(BlockStoreConformance, ChangesPutBackDoNotUndoWhatHappenedSince) {
  Make(100);
  ASSERT_OK(Put(Block(1), 10));
  ASSERT_OK(Put(Block(2), 10));
  ASSERT_OK(Put(Block(3), 10));
  ASSERT_OK(store_->Remove(Block(3)));
  BlockChanges lost_in_transit = store_->TakeChanges();
  ASSERT_OK(store_->Remove(Block(2)));
  ASSERT_OK(Put(Block(3), 10));
  store_->RestoreChanges(std::move(lost_in_transit));
  const BlockChanges changes = store_->TakeChanges();
  EXPECT_THAT(changes.added, ElementsAre(Pair(_, ElementsAre(Block(1), Block(3)))));
  EXPECT_THAT(changes.removed, ElementsAre(Block(2)));
}

}  // namespace headpond::cache
