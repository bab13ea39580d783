#include "operator/kube/elector.h"

#include <gmock/gmock.h>

#include <vector>

#include "testing/status_matchers.h"

namespace headpond::kube {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

// One lease for all its users, with faults. Thread safe enough for one test thread.
class SharedLease final : public LeaseStore {
 public:
  Result<LeaseRecord> Read() override {
    if (down) return Unavailable("the API server is away");
    return record;
  }
  Result<LeaseRecord> Write(const LeaseRecord& next) override {
    if (down) return Unavailable("the API server is away");
    if (next.resource_version != record.resource_version) return Aborted("somebody was first");
    record = next;
    record.resource_version = std::to_string(++version);
    return record;
  }

  LeaseRecord record;
  int version = 0;
  bool down = false;
};

class ElectorTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  SharedLease lease_;
  std::vector<bool> told_;
  Elector elector_{
      {.identity = "a"}, lease_, clock_, [this](bool leads) { told_.push_back(leads); }};
};

TEST_F(ElectorTest, TellsThatItLeadsOnceAndRenews) {
  for (int i = 0; i < 20; ++i) {
    elector_.Tick();
    EXPECT_TRUE(elector_.Leads());
    clock_.Advance(seconds(2));
  }
  EXPECT_THAT(told_, ElementsAre(true));
  EXPECT_EQ(elector_.holder(), "a");
}

TEST_F(ElectorTest, AnApiServerThatIsAwayForAMomentCostsNothing) {
  elector_.Tick();
  lease_.down = true;
  clock_.Advance(seconds(8));
  elector_.Tick();
  EXPECT_TRUE(elector_.Leads());
  lease_.down = false;
  elector_.Tick();
  clock_.Advance(seconds(8));
  EXPECT_TRUE(elector_.Leads());
}

TEST_F(ElectorTest, OnceLostItNeverComesBack) {
  elector_.Tick();
  lease_.down = true;
  clock_.Advance(seconds(10));
  EXPECT_FALSE(elector_.Leads());  // without a tick: a process that was stopped must not go on
  elector_.Tick();
  lease_.down = false;
  clock_.Advance(seconds(60));
  elector_.Tick();
  EXPECT_FALSE(elector_.Leads());
  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST_F(ElectorTest, WhoLostItForWantOfAServerLeadsAgainAtOnceWhenNobodyElseDid) {
  elector_.Tick();
  lease_.down = true;
  clock_.Advance(seconds(12));
  elector_.Tick();
  Elector again({.identity = "a"}, lease_, clock_, [](bool) {});
  again.Tick();
  EXPECT_FALSE(again.Leads());
  lease_.down = false;
  again.Tick();
  EXPECT_TRUE(again.Leads());
  EXPECT_EQ(lease_.record.transitions, 0);
}

TEST_F(ElectorTest, WhoComesSecondWaits) {
  lease_.record = {.holder = "b", .resource_version = "0"};
  elector_.Tick();
  EXPECT_FALSE(elector_.Leads());
  EXPECT_EQ(elector_.holder(), "b");
  EXPECT_TRUE(told_.empty());
}

TEST(ElectorThreadTest, StopGivesTheLeaseUp) {
  SharedLease lease;
  Mutex mutex;
  CondVar changed;
  bool leads = false;
  Elector elector({.identity = "a"}, lease, Clock::System(), [&](bool now) {
    MutexLock lock(mutex);
    leads = now;
    changed.NotifyAll();
  });
  elector.Start();
  {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    MutexLock lock(mutex);
    while (!leads) ASSERT_TRUE(changed.WaitUntil(mutex, deadline));
  }
  elector.Stop();
  EXPECT_FALSE(elector.Leads());
  EXPECT_EQ(lease.record.holder, "");
}

}  // namespace
}  // namespace headpond::kube
