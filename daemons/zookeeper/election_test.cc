#include "zookeeper/election.h"

#include <gmock/gmock.h>

#include "base/log.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "zookeeper/fake_server.h"

namespace headpond::zookeeper {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kLeaders[] = "/alluxio/leader";
constexpr char kElection[] = "/alluxio/election";

class ElectionTest : public ::testing::Test {
 protected:
  ElectionTest() { SetLogLevel(LogLevel::kError); }

  // The address of the server tells the fake who it is.
  std::unique_ptr<Election> Member(const std::string& name, bool connection_loss_ends = false) {
    auto election =
        std::make_unique<Election>(ElectionOptions{.address = name,
                                                   .election_path = kElection,
                                                   .leader_path = kLeaders,
                                                   .self = name + ":19998",
                                                   .session_timeout = milliseconds(600),
                                                   .connection_loss_ends = connection_loss_ends,
                                                   .retry_pause = milliseconds(10),
                                                   .open = server_.Opener(),
                                                   .clock = &clock_},
                                   [] {});
    election->Start();
    return election;
  }
  static void AwaitLeader(const Election& election) {
    ASSERT_TRUE(Eventually([&] { return election.Leads(); }));
  }

  FakeServer server_;
  ManualClock clock_;
};

TEST_F(ElectionTest, TheFirstToComeIsElectedAndTheOthersKnowIt) {
  const auto first = Member("m-1");
  AwaitLeader(*first);
  const auto second = Member("m-2");
  EXPECT_TRUE(Eventually([&] { return second->leader() == "m-1:19998"; }));
  EXPECT_FALSE(second->Leads());
  EXPECT_EQ(server_.Names(kElection).size(), 2u);
}

TEST_F(ElectionTest, TheNextOneFollowsAtOnceWhenTheElectedOneStops) {
  auto first = Member("m-1");
  AwaitLeader(*first);
  const auto second = Member("m-2");
  const auto third = Member("m-3");
  ASSERT_TRUE(Eventually([&] { return third->leader() == "m-1:19998"; }));
  first->Stop();
  EXPECT_FALSE(first->Leads());
  ASSERT_TRUE(Eventually([&] { return second->Leads() || third->Leads(); }));
  EXPECT_TRUE(Eventually([&] { return second->leader() == third->leader(); }));
}

TEST_F(ElectionTest, OnlyOneThatServesIsShownToClients) {
  const auto first = Member("m-1");
  AwaitLeader(*first);
  EXPECT_THAT(server_.Names(kLeaders), IsEmpty());
  first->Announce(true);
  EXPECT_TRUE(Eventually([&] { return first->announced(); }));
  EXPECT_THAT(server_.Names(kLeaders), ElementsAre("m-1:19998"));
  first->Announce(false);
  EXPECT_TRUE(Eventually([&] { return !first->announced(); }));
  EXPECT_THAT(server_.Names(kLeaders), IsEmpty());
}

TEST_F(ElectionTest, ANodeOfAnEarlierLifeIsReplaced) {
  server_.Put("/alluxio", "", 1);
  server_.Put(kLeaders, "", 1);
  server_.Put("/alluxio/leader/m-1:19998", "old", 1);
  const auto first = Member("m-1");
  AwaitLeader(*first);
  first->Announce(true);
  EXPECT_TRUE(Eventually([&] { return first->announced(); }));
  const auto watcher = server_.Opener()({.address = "watcher"});
  ASSERT_OK(watcher);
  EXPECT_EQ((*watcher)->Get("/alluxio/leader/m-1:19998")->data, "m-1:19998");
}

TEST_F(ElectionTest, ALeaseEndsByItsOwnClockBeforeTheSessionCan) {
  const auto first = Member("m-1");
  AwaitLeader(*first);
  server_.CutOff("m-1", true);
  // Whatever was asked before that is answered by now.
  clock_.Advance(milliseconds(399));
  clock_.Advance(milliseconds(2));
  EXPECT_FALSE(first->Leads());
  EXPECT_THAT(server_.Names(kElection), ::testing::SizeIs(1)) << "its session has not expired";
  server_.CutOff("m-1", false);
  AwaitLeader(*first);
}

TEST_F(ElectionTest, ALostConnectionEndsLeadershipAtOnceIfAskedTo) {
  const auto first = Member("m-1", /*connection_loss_ends=*/true);
  AwaitLeader(*first);
  server_.CutOff("m-1", true);
  EXPECT_TRUE(Eventually([&] { return !first->Leads(); }));
}

TEST_F(ElectionTest, WhoseSessionExpiredTakesPartAgainBehindTheOthers) {
  const auto first = Member("m-1");
  AwaitLeader(*first);
  first->Announce(true);
  const auto second = Member("m-2");
  ASSERT_TRUE(Eventually([&] { return second->leader() == "m-1:19998"; }));
  server_.Expire("m-1");
  AwaitLeader(*second);
  EXPECT_TRUE(Eventually([&] { return first->leader() == "m-2:19998"; }));
  EXPECT_FALSE(first->Leads());
  EXPECT_THAT(server_.Names(kLeaders), IsEmpty());
}

TEST_F(ElectionTest, WaitsForAServerThatIsDown) {
  server_.SetUp(false);
  const auto first = Member("m-1");
  EXPECT_EQ(first->session(), nullptr);
  server_.SetUp(true);
  AwaitLeader(*first);
  EXPECT_NE(first->session(), nullptr);
}

}  // namespace
}  // namespace headpond::zookeeper
