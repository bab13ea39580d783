#include "operator/kube/work_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace headpond::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> Drain() {
    std::vector<std::string> keys;
    while (auto key = queue_.TryGet()) keys.push_back(*std::move(key));
    return keys;
  }

  ManualClock clock_;
  WorkQueue queue_{clock_};
};

TEST_F(WorkQueueTest, AKeyIsGivenOutOnceHoweverOftenItWasAdded) {
  for (const char* key : {"a", "b", "a", "a"}) queue_.Add(key);
  EXPECT_EQ(Drain(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(WorkQueueTest, AKeyAddedWhileItIsWorkedOnComesAgainAfterDoneAndNotBefore) {
  queue_.Add("a");
  ASSERT_EQ(queue_.TryGet(), "a");
  queue_.Add("a");
  queue_.Add("a");
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  queue_.Done("a");
  EXPECT_EQ(queue_.TryGet(), "a");
  queue_.Done("a");
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
}

TEST_F(WorkQueueTest, ADelayedKeyComesAtTheEarliestOfItsTimes) {
  queue_.AddAfter("a", seconds(10));
  queue_.AddAfter("a", seconds(5));
  queue_.AddAfter("a", seconds(7));
  EXPECT_EQ(queue_.next_due(), clock_.Now() + seconds(5));
  clock_.Advance(milliseconds(4999));
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(Drain(), std::vector<std::string>{"a"});
  queue_.Done("a");
  clock_.Advance(seconds(60));
  EXPECT_EQ(queue_.TryGet(), std::nullopt);
}

TEST_F(WorkQueueTest, FailuresOfAKeyDoubleItsDelayUntilItIsForgotten) {
  for (const int delay_ms : {5, 10, 20, 40}) {
    queue_.AddRateLimited("a");
    EXPECT_EQ(queue_.next_due(), clock_.Now() + milliseconds(delay_ms));
    clock_.Advance(milliseconds(delay_ms));
    ASSERT_EQ(queue_.TryGet(), "a");
    queue_.Done("a");
  }
  EXPECT_EQ(queue_.failures("a"), 4);
  queue_.Forget("a");
  queue_.AddRateLimited("a");
  EXPECT_EQ(queue_.next_due(), clock_.Now() + milliseconds(5));
}

TEST_F(WorkQueueTest, TheDelayOfAKeyHasALimit) {
  for (int i = 0; i < 100; ++i) {
    queue_.AddRateLimited("a");
    clock_.Advance(seconds(2000));
    ASSERT_EQ(queue_.TryGet(), "a");
    queue_.Done("a");
  }
  queue_.AddRateLimited("a");
  EXPECT_EQ(queue_.next_due(), clock_.Now() + milliseconds(1'000'000));
}

TEST_F(WorkQueueTest, AllFailuresTogetherAreLimitedToo) {
  for (int i = 0; i < 101; ++i) queue_.AddRateLimited(std::to_string(i));
  clock_.Advance(milliseconds(5));
  EXPECT_EQ(Drain().size(), 100u);  // the burst
  clock_.Advance(milliseconds(95));
  EXPECT_EQ(Drain().size(), 1u);  // 10 per second
}

TEST_F(WorkQueueTest, AfterShutDownNothingIsGivenOutAndWaitsEnd) {
  WorkQueue queue(Clock::System());
  std::thread waiter(
      [&] { EXPECT_EQ(queue.Get(std::chrono::steady_clock::now() + seconds(60)), std::nullopt); });
  queue.ShutDown();
  waiter.join();
  queue.Add("a");
  EXPECT_EQ(queue.TryGet(), std::nullopt);
}

TEST(WorkQueueThreadsTest, NoKeyIsWorkedOnByTwoAtATimeAndNoneIsForgotten) {
  WorkQueue queue(Clock::System());
  constexpr int kKeys = 5, kRounds = 400;
  std::atomic<int> busy[kKeys] = {}, done[kKeys] = {};
  std::atomic<int> last_seen[kKeys] = {}, last_added[kKeys] = {};
  std::vector<std::thread> workers;
  for (int w = 0; w < 3; ++w) {
    workers.emplace_back([&] {
      while (auto key = queue.Get(std::chrono::steady_clock::now() + seconds(30))) {
        const int k = std::stoi(*key);
        EXPECT_EQ(busy[k]++, 0);
        last_seen[k] = last_added[k].load();
        ++done[k];
        --busy[k];
        queue.Done(*key);
      }
    });
  }
  for (int round = 1; round <= kRounds; ++round) {
    for (int k = 0; k < kKeys; ++k) {
      last_added[k] = round;
      if (round % 2 == 0)
        queue.Add(std::to_string(k));
      else
        queue.AddAfter(std::to_string(k), milliseconds(round % 3));
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + seconds(30);
  for (int k = 0; k < kKeys; ++k)
    while (last_seen[k] != kRounds && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  queue.ShutDown();
  for (std::thread& worker : workers) worker.join();
  for (int k = 0; k < kKeys; ++k) EXPECT_EQ(last_seen[k], kRounds) << k;
}

}  // namespace
}  // namespace headpond::kube
