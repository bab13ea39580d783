#include "master/worker_roster.h"

#include <gmock/gmock.h>

#include "master/master_testing.h"

namespace headpond::master {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class WorkerRosterTest : public ::testing::Test {
 protected:
  WorkerRosterTest() { Start(/*fresh=*/true); }

  // The master ends, and another one begins with what it recorded.
  void Restart(bool fresh = false) {
    roster_ = nullptr;
    master_ = nullptr;
    Start(fresh);
  }
  std::set<std::string> Recorded() {
    return master_->store().Read([](const meta::Namespace& ns) { return ns.workers(); });
  }
  // Past the time in which a worker must be heard of.
  void LoseSilentWorkers() {
    clock_.Advance(std::chrono::minutes(6));
    master_->housekeeping().DetectLostWorkers();
  }

  TempDirectory root_;
  ManualClock clock_;
  std::unique_ptr<TestMaster> master_;
  std::unique_ptr<WorkerRoster> roster_;

 private:
  void Start(bool fresh) {
    master_ = std::make_unique<TestMaster>(root_, clock_);
    roster_ = std::make_unique<WorkerRoster>(master_->store(), master_->blocks(), clock_,
                                             seconds(5), fresh);
  }
};

TEST_F(WorkerRosterTest, ANewNamespaceHasNothingToWaitFor) {
  EXPECT_FALSE(roster_->InSafeMode());
}

TEST_F(WorkerRosterTest, SafeModeEndsWhenAllAreBack) {
  master_->Register("w-1");
  master_->Register("w-2");
  roster_->Update();
  EXPECT_THAT(Recorded(), UnorderedElementsAre("w-1:29999", "w-2:29999"));

  Restart();
  EXPECT_TRUE(roster_->InSafeMode());
  master_->Register("w-1");
  EXPECT_TRUE(roster_->InSafeMode());
  master_->Register("w-2");
  EXPECT_FALSE(roster_->InSafeMode());
  LoseSilentWorkers();
  EXPECT_FALSE(roster_->InSafeMode()) << "it does not come back";
}

TEST_F(WorkerRosterTest, WorkersOfANamespaceWithoutFilesAreWaitedForToo) {
  master_->Register("w-1");
  roster_->Update();
  Restart(/*fresh=*/true);
  EXPECT_TRUE(roster_->InSafeMode()) << "clients would be told that there is none";
  master_->Register("w-1");
  EXPECT_FALSE(roster_->InSafeMode());
}

TEST_F(WorkerRosterTest, OneThatStaysAwayIsWaitedForAsLongAsConfiguredAndThenForgotten) {
  master_->Register("w-1");
  master_->Register("w-2");
  roster_->Update();

  Restart();
  master_->Register("w-1");
  clock_.Advance(seconds(4));
  EXPECT_TRUE(roster_->InSafeMode());
  roster_->Update();
  EXPECT_THAT(Recorded(), UnorderedElementsAre("w-1:29999", "w-2:29999"));
  clock_.Advance(seconds(1));
  EXPECT_FALSE(roster_->InSafeMode());
  roster_->Update();
  EXPECT_THAT(Recorded(), UnorderedElementsAre("w-1:29999"));

  Restart();
  master_->Register("w-1");
  EXPECT_FALSE(roster_->InSafeMode());
}

TEST_F(WorkerRosterTest, WhoIsLostIsNotExpected) {
  master_->Register("w-1");
  roster_->Update();
  LoseSilentWorkers();
  roster_->Update();
  EXPECT_THAT(Recorded(), IsEmpty());
}

TEST_F(WorkerRosterTest, WithoutARecordTheWholeTimeIsWaited) {
  Restart();
  master_->Register("w-1");
  EXPECT_TRUE(roster_->InSafeMode());
  clock_.Advance(seconds(5));
  EXPECT_FALSE(roster_->InSafeMode());
}

TEST_F(WorkerRosterTest, NothingIsWrittenWhileNothingChanges) {
  master_->Register("w-1");
  roster_->Update();
  const uint64_t entries = master_->store().last_sequence();
  for (int i = 0; i < 10; ++i) roster_->Update();
  EXPECT_EQ(master_->store().last_sequence(), entries);
}

}  // namespace
}  // namespace headpond::master
