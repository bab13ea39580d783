#include "zookeeper/leaders.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"
#include "zookeeper/fake_server.h"

namespace headpond::zookeeper {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kLeaders[] = "/alluxio/leader";
constexpr char kElection[] = "/alluxio/election";

class LeaderLookupTest : public ::testing::Test {
 protected:
  LeaderLookup Lookup(std::chrono::milliseconds connection_timeout = std::chrono::seconds(60)) {
    return LeaderLookup({.address = "zk:2181",
                         .leader_path = kLeaders,
                         .election_path = kElection,
                         .connection_timeout = connection_timeout,
                         .open = server_.Opener()});
  }

  FakeServer server_;
};

TEST_F(LeaderLookupTest, TheNewestOfSeveralLeadersCounts) {
  server_.Put(kLeaders, "", 1);
  server_.Put("/alluxio/leader/m-1:19998", "", 7);
  server_.Put("/alluxio/leader/m-2:19998", "", 9);
  server_.Put("/alluxio/leader/m-3:19998", "", 8);
  auto lookup = Lookup();
  EXPECT_THAT(lookup.Leader(), IsOkAndHolds(HostPort{"m-2", 19998}));
}

TEST_F(LeaderLookupTest, NoLeaderIsUnavailableSoThatCallersTryAgain) {
  auto lookup = Lookup();
  EXPECT_THAT(lookup.Leader().status(), StatusIs(Code::kUnavailable, HasSubstr("no master leads")));
  server_.Put(kLeaders, "", 1);
  EXPECT_THAT(lookup.Leader().status(), StatusIs(Code::kUnavailable, HasSubstr("zk:2181")));
  server_.Put("/alluxio/leader/m-1:19998", "", 7);
  EXPECT_OK(lookup.Leader());
}

TEST_F(LeaderLookupTest, WhoTakesPartIsReadFromTheElection) {
  auto lookup = Lookup();
  EXPECT_THAT(lookup.Masters(), IsOkAndHolds(ElementsAre()));
  server_.Put(kElection, "", 1);
  server_.Put("/alluxio/election/_c_1-lock-0000000003", "m-1:19998", 2);
  server_.Put("/alluxio/election/_c_2-lock-0000000004", "m-2:19998", 3);
  server_.Put("/alluxio/election/_c_3-lock-0000000005", "no address at all", 3);
  EXPECT_THAT(lookup.Masters(),
              IsOkAndHolds(ElementsAre(HostPort{"m-1", 19998}, HostPort{"m-2", 19998})));
}

TEST_F(LeaderLookupTest, BeginsAnewWhenTheSessionIsOver) {
  server_.Put(kLeaders, "", 1);
  server_.Put("/alluxio/leader/m-1:19998", "", 7);
  auto lookup = Lookup();
  EXPECT_OK(lookup.Leader());
  server_.Expire("zk:2181");
  EXPECT_THAT(lookup.Leader().status(), StatusIs(Code::kUnavailable));
  EXPECT_OK(lookup.Leader());
}

TEST_F(LeaderLookupTest, AServerThatIsDownIsNamed) {
  server_.SetUp(false);
  auto lookup = Lookup(std::chrono::milliseconds(50));
  EXPECT_THAT(lookup.Leader().status(),
              StatusIs(Code::kUnavailable, HasSubstr("ZooKeeper at zk:2181 can't be reached")));
  server_.SetUp(true);
  server_.Put(kLeaders, "", 1);
  server_.Put("/alluxio/leader/m-1:19998", "", 7);
  EXPECT_OK(lookup.Leader());
}

TEST(OpenSessionTest, AnAddressThatIsNoneIsRefused) {
  EXPECT_THAT(OpenSession({.address = "no port"}).status(), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(OpenSession({.address = ""}).status(), StatusIs(Code::kInvalidArgument));
}

TEST(OpenSessionTest, ASessionThatNobodyAnswersStaysUnconnected) {
  const auto session = OpenSession({.address = "127.0.0.1:1"});
  ASSERT_OK(session);
  EXPECT_EQ((*session)->state(), SessionState::kConnecting);
  EXPECT_THAT((*session)->Get("/alluxio").status(), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace headpond::zookeeper
