#include "operator/kube/lease.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "testing/status_matchers.h"

namespace headpond::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LeaseTest, ARecordSurvivesItsJson) {
  const LeaseRecord record{.holder = "host_1",
                           .duration = seconds(15),
                           .acquired_ms = 1'700'000'000'123,
                           .renewed_ms = 1'700'000'009'004,
                           .transitions = 3,
                           .resource_version = "77"};
  const nlohmann::json lease = ToLease(record, "ns", "operator");
  EXPECT_EQ(lease["spec"]["renewTime"], "2023-11-14T22:13:29.004000Z");
  EXPECT_EQ(lease["metadata"]["namespace"], "ns");
  EXPECT_THAT(ReadLease(lease), IsOkAndHolds(record));
}

TEST(LeaseTest, WhatIsMissingOrOddInALeaseIsNobodys) {
  EXPECT_THAT(ReadLease({{"metadata", {{"resourceVersion", "1"}}}}),
              IsOkAndHolds(LeaseRecord{.resource_version = "1"}));
  const auto odd = ReadLease({{"metadata", nlohmann::json::object()},
                              {"spec", {{"holderIdentity", 5}, {"renewTime", "yesterday"}}}});
  EXPECT_THAT(odd, IsOkAndHolds(LeaseRecord{}));
  EXPECT_THAT(ReadLease("text").status(), StatusIs(Code::kInvalidArgument));
}

class ElectionTest : public ::testing::Test {
 protected:
  // Reads what is stored, and stores what is decided, as one candidate does each tick.
  void Tick(Election& election) {
    const auto now = clock_.Now();
    if (auto next = election.Decide(stored_, now, clock_.NowMs())) {
      next->resource_version = std::to_string(++version_);
      stored_ = *next;
      election.Stored(*next, now);
    }
  }
  bool Leads(const Election& election) const { return election.Leads(clock_.Now()); }

  ManualClock clock_;
  LeaseRecord stored_;
  int version_ = 0;
  Election a_{{.identity = "a"}};
  Election b_{{.identity = "b"}};
};

TEST_F(ElectionTest, TheFirstLeadsAndTheSecondWaits) {
  Tick(a_);
  Tick(b_);
  EXPECT_TRUE(Leads(a_));
  EXPECT_FALSE(Leads(b_));
  EXPECT_EQ(stored_.holder, "a");
  EXPECT_EQ(stored_.transitions, 0);
}

TEST_F(ElectionTest, ALeaderThatRenewsKeepsTheLease) {
  for (int i = 0; i < 100; ++i) {
    Tick(a_);
    Tick(b_);
    EXPECT_TRUE(Leads(a_));
    EXPECT_FALSE(Leads(b_));
    clock_.Advance(seconds(2));
  }
}

TEST_F(ElectionTest, AStoppedLeaderKnowsThatItLostBeforeAnotherCanLead) {
  Tick(a_);
  Tick(b_);
  std::optional<milliseconds> a_lost, b_won;
  for (milliseconds passed{0}; passed < seconds(40); passed += milliseconds(100)) {
    Tick(b_);
    if (!a_lost && !Leads(a_)) a_lost = passed;
    if (!b_won && Leads(b_)) b_won = passed;
    EXPECT_FALSE(Leads(a_) && Leads(b_)) << passed.count();
    clock_.Advance(milliseconds(100));
  }
  EXPECT_EQ(a_lost, seconds(10));
  EXPECT_EQ(b_won, seconds(15));
  EXPECT_EQ(stored_.transitions, 1);
}

TEST_F(ElectionTest, AWallClockThatIsWrongChangesNothing) {
  stored_ = {.holder = "x", .renewed_ms = 4'000'000'000'000, .resource_version = "1"};
  Tick(a_);
  EXPECT_FALSE(Leads(a_));
  clock_.Advance(seconds(15));
  Tick(a_);
  EXPECT_TRUE(Leads(a_));
}

TEST_F(ElectionTest, AGivenUpLeaseIsTakenAtOnce) {
  Tick(a_);
  Tick(b_);
  auto released = a_.Release(clock_.NowMs());
  ASSERT_TRUE(released);
  EXPECT_EQ(released->holder, "");
  released->resource_version = "9";
  stored_ = *released;
  Tick(b_);
  EXPECT_TRUE(Leads(b_));
  EXPECT_EQ(b_.Release(clock_.NowMs())->resource_version, stored_.resource_version);
}

TEST_F(ElectionTest, ALeaderThatSeesAnotherHolderLeadsNoMore) {
  Tick(a_);
  stored_ = {.holder = "b", .resource_version = "5"};
  Tick(a_);
  EXPECT_FALSE(Leads(a_));
  EXPECT_EQ(a_.Release(clock_.NowMs()), std::nullopt);
}

}  // namespace
}  // namespace headpond::kube
