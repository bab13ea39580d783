#include "operator/apiserver/testing/scripted_faults.h"

#include "operator/apiserver/api_server_testing.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ScriptedFaultsTest : public ApiServerFixture {
 protected:
  ApiServer::Options ServerOptions() override { return {.faults = &faults_}; }

  std::string WatchFromHere() {
    return fmt::format("{}?watch=true&resourceVersion={}", kClusters, store_->version());
  }

  ScriptedFaults faults_;
};

TEST_F(ScriptedFaultsTest, RefusesTheNextRequestsAndDoesNothing) {
  faults_.RefuseNext(1, 429, [](const http::Request& request) { return request.method == "POST"; });
  faults_.RefuseNext(2, 500);
  EXPECT_EQ(Ask("GET", kClusters).code, 500);
  const Reply busy = Ask("POST", kClusters, Cluster("a"));
  EXPECT_EQ(busy.code, 429);
  EXPECT_EQ(busy.headers.find("Retry-After")->second, "1");
  EXPECT_EQ(Ask("POST", kClusters, Cluster("a")).code, 500);
  EXPECT_THAT(Names(Ask("GET", kClusters)), IsEmpty());
}

TEST_F(ScriptedFaultsTest, ACrashLosesTheAnswerButNotTheWrite) {
  const int before = faults_.writes();
  faults_.CrashAfterWrite(2);
  EXPECT_EQ(Ask("POST", kClusters, Cluster("a")).code, 201);
  EXPECT_EQ(Ask("POST", kClusters, Cluster("a")).code, 409);  // no write
  EXPECT_EQ(Ask("POST", kClusters, Cluster("b")).code, 503);
  EXPECT_TRUE(faults_.crashed());
  EXPECT_EQ(Ask("GET", kClusters).code, 503);
  faults_.Restart();
  EXPECT_THAT(Names(Ask("GET", kClusters)), ElementsAre("a", "b"));
  EXPECT_EQ(faults_.writes() - before, 2);
}

TEST_F(ScriptedFaultsTest, OldListsComeBack) {
  Create(Cluster("a"));
  faults_.RememberLists();
  Ask("GET", kClusters);
  Create(Cluster("b"));
  faults_.ServeOldLists(1);
  EXPECT_THAT(Names(Ask("GET", kClusters)), ElementsAre("a"));
  EXPECT_THAT(Names(Ask("GET", kClusters)), ElementsAre("a", "b"));
}

TEST_F(ScriptedFaultsTest, EventsAreDroppedRepeatedAndCut) {
  faults_.DropEvent(0);
  faults_.RepeatEvent(1);
  const auto watch = Raw("GET", WatchFromHere());
  Create(Cluster("a"));
  Create(Cluster("b"));
  Create(Cluster("c"));
  EXPECT_THAT(Read(watch), ElementsAre("ADDED b", "ADDED b", "ADDED c"));
  faults_.CutInEvent(3);
  Create(Cluster("d"));
  const auto half = watch.stream();
  ASSERT_TRUE(half);
  EXPECT_FALSE(json::accept(*half));
  EXPECT_EQ(watch.stream(), std::nullopt);
}

}  // namespace
}  // namespace headpond::apiserver
