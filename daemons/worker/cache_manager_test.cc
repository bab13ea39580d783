#include "worker/cache_manager.h"

#include <atomic>

#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr BlockId kBlock = 3 << 24;

// Outcomes that arrive on other threads. Thread safe.
class Outcomes {
 public:
  std::function<void(Status)> Callback() {
    return [this](Status status) {
      MutexLock lock(mutex_);
      outcomes_.push_back(std::move(status));
    };
  }
  size_t count() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return outcomes_.size();
  }
  std::vector<Status> Await(size_t count) const EXCLUDES(mutex_) {
    EXPECT_TRUE(Eventually([&] { return this->count() >= count; }));
    MutexLock lock(mutex_);
    return outcomes_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Status> outcomes_ GUARDED_BY(mutex_);
};

class CacheManagerTest : public WorkerDataTest {
 protected:
  CacheRequest FromUfs(BlockId block, int64_t length) {
    return {.block = block,
            .length = length,
            .ufs = UfsBlock{.ufs_path = UfsPath("file"), .block_size = length, .mount_id = kMount}};
  }
  static CacheRequest FromWorker(BlockId block, int64_t length) {
    return {.block = block, .length = length, .source_host = "other", .source_port = 29999};
  }
  // A worker that sends `data` in two pieces.
  void Serve(std::string data) {
    fetch_ = [data = std::move(data)](const std::string&, int, BlockId, int64_t,
                                      const std::function<Status(std::string_view)>& sink) {
      RETURN_IF_ERROR(sink(std::string_view(data).substr(0, data.size() / 2)));
      return sink(std::string_view(data).substr(data.size() / 2));
    };
  }
  Status Cache(CacheRequest request) {
    caching().Cache(std::move(request), outcomes_.Callback());
    return outcomes_.Await(1).back();
  }
  void ExpectNothingLeft() {
    Quiesce();
    EXPECT_FALSE(store_->Contains(kBlock));
    EXPECT_THAT(TemporaryFiles(), IsEmpty());
    EXPECT_THAT(committed(), IsEmpty());
    EXPECT_EQ(UsedBytes(), 0);
  }

  Outcomes outcomes_;
};

TEST_F(CacheManagerTest, PullsABlockFromTheUnderStore) {
  PutUfsFile("file", Content(kBlock, 3000));
  EXPECT_OK(Cache(FromUfs(kBlock, 3000)));
  EXPECT_EQ(BlockContent(kBlock), Content(kBlock, 3000));
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(CacheManagerTest, PullsABlockFromAnotherWorker) {
  Serve(Content(kBlock, 3000));
  EXPECT_OK(Cache(FromWorker(kBlock, 3000)));
  EXPECT_EQ(BlockContent(kBlock), Content(kBlock, 3000));
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(CacheManagerTest, ABlockThatIsHereNeedsNothing) {
  PutBlock(kBlock, "here");
  EXPECT_OK(Cache(FromWorker(kBlock, 4)));
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(CacheManagerTest, RequestsForOneBlockShareOnePull) {
  PutUfsFile("file", Content(kBlock, 3000));
  faults_->Hold(ufs::UfsOperation::kOpen);
  for (int i = 0; i < 10; ++i) caching().Cache(FromUfs(kBlock, 3000), outcomes_.Callback());
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kOpen));
  faults_->Release(ufs::UfsOperation::kOpen);
  for (const Status& status : outcomes_.Await(10)) EXPECT_OK(status);
  EXPECT_EQ(faults_->calls(ufs::UfsOperation::kOpen), 1);
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(CacheManagerTest, PullsNoMoreAtOnceThanItHasThreadsAndQueuesNoMoreThanItMay) {
  PutUfsFile("file", Content(kBlock, 100));
  caching_options_.threads = 2;
  caching_options_.max_requests = 3;
  faults_->Hold(ufs::UfsOperation::kOpen);
  for (BlockId i = 0; i < 2; ++i) caching().Cache(FromUfs(kBlock + i, 100), outcomes_.Callback());
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kOpen, 2));
  for (BlockId i = 2; i < 5; ++i) caching().Cache(FromUfs(kBlock + i, 100), outcomes_.Callback());
  EXPECT_EQ(outcomes_.count(), 0u);
  EXPECT_THAT(Cache(FromUfs(kBlock + 5, 100)), StatusIs(Code::kResourceExhausted));
  EXPECT_EQ(faults_->calls(ufs::UfsOperation::kOpen), 2);
  faults_->Release(ufs::UfsOperation::kOpen);
  outcomes_.Await(6);
  EXPECT_EQ(store_->block_count(), 5);
}

TEST_F(CacheManagerTest, TheUnderStoreStandsInForAWorkerThatFails) {
  PutUfsFile("file", Content(kBlock, 3000));
  CacheRequest request = FromUfs(kBlock, 3000);
  request.source_host = "other";
  EXPECT_OK(Cache(request));
  EXPECT_EQ(BlockContent(kBlock), Content(kBlock, 3000));
}

TEST_F(CacheManagerTest, AWorkerIsNotAskedForItsOwnBlock) {
  Serve("never asked for");
  PutUfsFile("file", Content(kBlock, 3000));
  CacheRequest request = FromUfs(kBlock, 3000);
  request.source_host = "self";
  EXPECT_OK(Cache(request));
  EXPECT_EQ(BlockContent(kBlock), Content(kBlock, 3000));
}

TEST_F(CacheManagerTest, ABlockThatComesShortIsNotKept) {
  Serve(Content(kBlock, 2999));
  EXPECT_THAT(Cache(FromWorker(kBlock, 3000)),
              StatusIs(Code::kUnavailable, HasSubstr("2999 of the 3000 bytes")));
  ExpectNothingLeft();
}

TEST_F(CacheManagerTest, ABlockThatIsTooLongIsNotKept) {
  Serve(Content(kBlock, 3001));
  EXPECT_THAT(Cache(FromWorker(kBlock, 3000)), StatusIs(Code::kUnavailable));
  ExpectNothingLeft();
}

TEST_F(CacheManagerTest, AFailedPullLeavesNothingAndCanBeRepeated) {
  PutUfsFile("file", Content(kBlock, 3000));
  faults_->Fail(ufs::UfsOperation::kRead, Unavailable("the disk is gone"), 1);
  EXPECT_THAT(Cache(FromUfs(kBlock, 3000)), StatusIs(Code::kUnavailable));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  caching().Cache(FromUfs(kBlock, 3000), outcomes_.Callback());
  EXPECT_OK(outcomes_.Await(2).back());
}

TEST_F(CacheManagerTest, ANoRoomIsSaid) {
  FillStore();
  PutUfsFile("file", Content(kBlock, 3000));
  EXPECT_THAT(Cache(FromUfs(kBlock, 3000)),
              StatusIs(Code::kResourceExhausted, HasSubstr("no room")));
  caching().Cache(FromWorker(kBlock, 3000), outcomes_.Callback());
  EXPECT_THAT(outcomes_.Await(2).back(), StatusIs(Code::kResourceExhausted));
}

TEST_F(CacheManagerTest, ABlockWithoutASourceIsRefused) {
  EXPECT_THAT(Cache({.block = kBlock, .length = 10}), StatusIs(Code::kInvalidArgument));
}

TEST_F(CacheManagerTest, EveryRequestIsAnsweredOnceFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  PutUfsFile("file", Content(kBlock, 1000));
  caching_options_.threads = 3;
  caching_options_.max_requests = 8;
  caching();
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t)
    clients.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        const BlockId block = kBlock + i % 5;
        caching().Cache(FromUfs(block, 1000), [&](const Status& status) {
          EXPECT_TRUE(status.ok() || status.code() == Code::kResourceExhausted ||
                      status.code() == Code::kAlreadyExists)
              << status.ToString();
          ++answered;
        });
        if (i % 7 == 0) (void)store_->Remove(block);
      }
    });
  for (std::thread& client : clients) client.join();
  Quiesce();
  EXPECT_EQ(answered, kThreads * kRounds);
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 1000 * store_->block_count());
}

}  // namespace
}  // namespace headpond::worker
