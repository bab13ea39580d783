#include "base/executor.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>

namespace headpond {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(ThreadPoolTest, RunsEveryTaskBeforeShutdownReturns) {
  std::atomic<int> done = 0;
  ThreadPool pool("test", 4, 1000);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.Submit([&] { ++done; }).ok());
  pool.Shutdown();
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(pool.Submit([] {}).code(), Code::kCancelled);
}

TEST(ThreadPoolTest, RefusesMoreThanItsQueueHolds) {
  std::promise<void> release, started;
  ThreadPool pool("test", 1, 1);
  ASSERT_TRUE(pool.Submit([&] {
                    started.set_value();
                    release.get_future().wait();
                  })
                  .ok());
  started.get_future().wait();
  EXPECT_TRUE(pool.Submit([] {}).ok());
  EXPECT_EQ(pool.Submit([] {}).code(), Code::kResourceExhausted);
  release.set_value();
}

TEST(PeriodicTaskTest, TicksWhenWokenAndStopsWhileWaiting) {
  std::promise<void> ticked;
  std::atomic<bool> first = true;
  PeriodicTask task("test", hours(1), [&] {
    if (first.exchange(false)) ticked.set_value();
  });
  task.Wake();
  ticked.get_future().wait();
  task.Stop();
}

TEST(PeriodicTaskTest, RepeatsAtItsInterval) {
  std::promise<void> third;
  std::atomic<int> ticks = 0;
  PeriodicTask task("test", milliseconds(1), [&] {
    if (++ticks == 3) third.set_value();
  });
  third.get_future().wait();
}

}  // namespace
}  // namespace headpond
