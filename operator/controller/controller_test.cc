#include "operator/controller/controller.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/testing/fake_runtime.h"
#include "operator/testing/memory_cluster_store.h"
#include "testing/status_matchers.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_operator::FakeRuntime;
using testing_operator::FakeWorld;

class ControllerTest : public ::testing::Test {
 protected:
  static constexpr int kMaxPasses = 200;  // more than a new configuration has to serve in

  void Apply(json spec = json::object(), const std::string& name = "demo") {
    auto cluster = api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                                          {"kind", api::kCacheClusterKind},
                                          {"metadata", {{"name", name}}},
                                          {"spec", std::move(spec)}});
    ASSERT_OK(cluster);
    ASSERT_OK(store_.Apply(*cluster));
  }

  // Passes, with time going by as the controller asks, until nothing is done any more.
  void Settle() {
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      const size_t before = world_.actions.size();
      const milliseconds next = controller_.ReconcileAll();
      if (next == kSteady && world_.actions.size() == before) return;
      clock_.Advance(next);
    }
    ADD_FAILURE() << "never settles";
  }

  ClusterStatus StatusOf(const std::string& name = "demo") {
    auto status = store_.GetStatus({"default", name});
    EXPECT_OK(status);
    return status.value_or({});
  }

  static constexpr milliseconds kSteady{5000};
  ManualClock clock_;
  FakeWorld world_;
  testing_operator::MemoryClusterStore store_;
  FakeRuntime runtime_{world_, clock_};
  Controller controller_{store_, {.process = &runtime_}, clock_, {}};
};

TEST_F(ControllerTest, BringsAClusterUpInOrderAndReportsIt) {
  Apply({{"worker", {{"replicas", 2}}}});
  Settle();
  EXPECT_THAT(world_.actions,
              ElementsAre("start demo-master-0", "start demo-worker-0", "start demo-worker-1"));
  const ClusterStatus status = StatusOf();
  EXPECT_EQ(status.phase, "Ready");
  EXPECT_EQ(status.observed_generation, 1);
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_TRUE(status.IsTrue("MastersReady"));
  EXPECT_TRUE(status.IsTrue("WorkersReady"));
  EXPECT_FALSE(status.IsTrue("Progressing"));
  EXPECT_FALSE(status.IsTrue("Degraded"));
  EXPECT_EQ(status.workers.ready, 2);
  EXPECT_EQ(status.registered_workers, 2);
  EXPECT_EQ(status.endpoints.at("masterRpc"), "localhost:19998");
}

TEST_F(ControllerTest, DoesNothingMoreWhenAllIsAsDesired) {
  Apply();
  Settle();
  world_.actions.clear();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(controller_.ReconcileAll(), kSteady);
  EXPECT_THAT(world_.actions, IsEmpty());
}

TEST_F(ControllerTest, ANewClusterBeginsWithABackupOnceItIsComplete) {
  constexpr const char* kArgument = "-Dalluxio.master.journal.init.from.backup=/backups/x.gz";
  Apply({{"bootstrap", {{"fromBackup", {{"name", "b"}}}}}});
  controller_.ReconcileAll();
  EXPECT_THAT(world_.actions, IsEmpty());
  EXPECT_EQ(StatusOf().Find("Degraded")->reason, "ReferenceMissing");
  EXPECT_THAT(StatusOf().Find("Degraded")->message,
              HasSubstr("spec.bootstrap.fromBackup.name: there is no Backup b"));
  EXPECT_EQ(StatusOf().Find("Bootstrapped")->reason, "Waiting");

  store_.SetBackup("default", "b", "/backups/x.gz");
  Settle();
  EXPECT_THAT(world_.daemons.at("demo-master-0").workload.args, ::testing::Contains(kArgument));
  ClusterStatus status = StatusOf();
  EXPECT_EQ(status.phase, "Ready");
  EXPECT_EQ(status.bootstrap_uri, "/backups/x.gz");
  EXPECT_TRUE(status.IsTrue("Bootstrapped"));
  EXPECT_THAT(status.Find("Bootstrapped")->message, HasSubstr("began with /backups/x.gz"));

  // Whatever becomes of it: nothing is replaced for that.
  store_.SetBackup("default", "b", "");
  world_.actions.clear();
  Settle();
  EXPECT_THAT(world_.actions, IsEmpty());
  EXPECT_TRUE(StatusOf().IsTrue("Bootstrapped"));
}

TEST_F(ControllerTest, TheBackupIsOnRecordBeforeAMasterStarts) {
  Apply({{"bootstrap", {{"fromBackup", {{"uri", "/backups/x.gz"}}}}}});
  store_.SetStatusWrites(Unavailable("away"));
  for (int i = 0; i < 3; ++i) controller_.ReconcileAll();
  EXPECT_THAT(world_.actions, IsEmpty());
  store_.SetStatusWrites(Status::Ok());
  controller_.ReconcileAll();
  EXPECT_THAT(world_.actions, IsEmpty());
  EXPECT_EQ(StatusOf().bootstrap_uri, "/backups/x.gz");
  EXPECT_EQ(StatusOf().Find("Bootstrapped")->reason, "Beginning");
  Settle();
  EXPECT_TRUE(StatusOf().IsTrue("Bootstrapped"));
}

TEST_F(ControllerTest, AClusterThatFindsItsDataUsesNoBackup) {
  const json spec = {{"bootstrap", {{"fromBackup", {{"name", "b"}}}}}};
  store_.SetBackup("default", "b", "/backups/x.gz");
  Apply(spec);
  Settle();
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, /*delete_data=*/false));
  Settle();
  store_.SetBackup("default", "b", "");
  Apply(spec);
  Settle();
  EXPECT_EQ(StatusOf().phase, "Ready");
  EXPECT_EQ(StatusOf().Find("Bootstrapped")->status, "False");
  EXPECT_EQ(StatusOf().Find("Bootstrapped")->reason, "DataKept");
}

TEST_F(ControllerTest, TellsHowToAskAClustersMasters) {
  const ClusterKey key{"default", "demo"};
  EXPECT_THAT(controller_.AccessTo(key), StatusIs(Code::kNotFound, HasSubstr("no CacheCluster")));
  Apply({{"properties", {{"alluxio.security.login.username", "admin"}}}});
  controller_.ReconcileAll();
  EXPECT_THAT(controller_.AccessTo(key), StatusIs(Code::kUnavailable, HasSubstr("no master")));
  Settle();
  ASSERT_OK_AND_ASSIGN(const MasterAccess access, controller_.AccessTo(key));
  EXPECT_THAT(access.masters, ::testing::SizeIs(1));
  EXPECT_EQ(access.properties.at("alluxio.security.login.username"), "admin");
  ASSERT_OK(store_.MarkDeleted(key, /*delete_data=*/true));
  controller_.ReconcileAll();
  EXPECT_THAT(controller_.AccessTo(key), StatusIs(Code::kUnavailable));
  Settle();
  EXPECT_THAT(controller_.AccessTo(key), StatusIs(Code::kNotFound));
}

TEST_F(ControllerTest, StartsACrashedDaemonAgainAndTellsMeanwhile) {
  Apply();
  Settle();
  world_.actions.clear();
  world_.Crash("demo-worker-0", clock_.NowMs());
  const milliseconds next = controller_.ReconcileAll();
  EXPECT_LE(next, milliseconds(1000));
  ClusterStatus status = StatusOf();
  EXPECT_EQ(status.phase, "Degraded");
  EXPECT_FALSE(status.IsTrue("Ready"));
  EXPECT_EQ(status.Find("Degraded")->reason, "Crashed");
  EXPECT_THAT(status.Find("Degraded")->message, HasSubstr("demo-worker-0 exited with code 1"));
  Settle();
  EXPECT_THAT(world_.actions, ElementsAre("start demo-worker-0"));
  EXPECT_EQ(StatusOf().phase, "Ready");
}

TEST_F(ControllerTest, PeopleAreToldWhatHappenedOnceEach) {
  Apply();
  Settle();
  world_.Crash("demo-worker-0", clock_.NowMs());
  Settle();
  for (int i = 0; i < 10; ++i) controller_.ReconcileAll();
  EXPECT_THAT(store_.notices(),
              ElementsAre("Normal Started: start demo-master-0 (not running)",
                          "Normal Started: start demo-worker-0 (not running)",
                          "Normal Ready: 1 of 1 masters and 1 of 1 workers are ready",
                          HasSubstr("Warning Crashed: demo-worker-0 exited with code 1"),
                          HasSubstr("Normal Started: start demo-worker-0"),
                          "Normal Ready: 1 of 1 masters and 1 of 1 workers are ready"));
}

TEST_F(ControllerTest, ACrashLoopIsNamedAndSlowsDown) {
  Apply({{"worker", {{"properties", {{"alluxio.some.key", "v"}}}}}});
  Settle();
  for (int i = 0; i < 6; ++i) {
    world_.Crash("demo-worker-0", clock_.NowMs());
    for (int pass = 0;
         pass < 500 && world_.daemons.at("demo-worker-0").observed.phase == plan::Phase::kExited;
         ++pass)
      clock_.Advance(controller_.ReconcileAll());
  }
  world_.Crash("demo-worker-0", clock_.NowMs());
  controller_.ReconcileAll();
  const ClusterStatus status = StatusOf();
  EXPECT_EQ(status.Find("Degraded")->reason, "CrashLooping");
  EXPECT_THAT(status.Find("Degraded")->message, HasSubstr("times in a row"));
  EXPECT_THAT(status.rollout.front(), HasSubstr("back-off"));
}

TEST_F(ControllerTest, RollsAChangeOut) {
  Apply({{"worker", {{"replicas", 2}}}});
  Settle();
  world_.actions.clear();
  Apply({{"worker", {{"replicas", 2}, {"properties", {{"alluxio.some.key", "v"}}}}}});
  Settle();
  EXPECT_THAT(world_.actions, ElementsAre("stop demo-worker-0", "start demo-worker-0",
                                          "stop demo-worker-1", "start demo-worker-1"));
  EXPECT_EQ(StatusOf().observed_generation, 2);
  EXPECT_TRUE(StatusOf().IsTrue("WorkersReady"));
}

TEST_F(ControllerTest, AChangeThatCrashesOrNeverServesIsTakenBackAndNotTriedAgain) {
  for (const char* behaviour : {FakeWorld::kCrash, FakeWorld::kSilent}) {
    SCOPED_TRACE(behaviour);
    Apply({{"worker", {{"replicas", 2}}}});
    Settle();
    const auto before = world_.daemons;
    Apply({{"worker", {{"replicas", 2}, {"properties", {{"alluxio.some.key", behaviour}}}}}});
    world_.MisbehaveWith("alluxio.some.key", behaviour);
    Settle();
    ClusterStatus status = StatusOf();
    EXPECT_EQ(status.Find("UpgradeBlocked")->status, "True");
    EXPECT_EQ(status.Find("Progressing")->reason, "RolledBack");
    EXPECT_THAT(status.Find("Degraded")->message, HasSubstr("demo-worker-0 keeps configuration"));
    EXPECT_TRUE(status.IsTrue("Ready"));
    for (const auto& [name, daemon] : before) {
      EXPECT_EQ(world_.daemons.at(name).observed.config_hash, daemon.observed.config_hash) << name;
      if (name == "demo-worker-0") continue;
      EXPECT_EQ(world_.daemons.at(name).observed.pid, daemon.observed.pid) << name;
    }
    world_.actions.clear();
    clock_.Advance(std::chrono::hours(24));
    Settle();
    EXPECT_THAT(world_.actions, IsEmpty()) << "time alone is no reason to try again";

    Apply({{"worker", {{"replicas", 2}, {"properties", {{"alluxio.other.key", "v"}}}}}});
    Settle();
    status = StatusOf();
    EXPECT_EQ(status.phase, "Ready");
    EXPECT_EQ(status.Find("UpgradeBlocked")->status, "False");
    EXPECT_EQ(status.workers.updated, 2);
  }
}

TEST_F(ControllerTest, ThreeMastersAreUpWhenOneLeads) {
  Apply({{"master", {{"replicas", 3}}}});
  Settle();
  EXPECT_THAT(world_.actions, ElementsAre("start demo-master-0", "start demo-master-1",
                                          "start demo-master-2", "start demo-worker-0"));
  const ClusterStatus status = StatusOf();
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_TRUE(status.IsTrue("QuorumHealthy"));
  ASSERT_TRUE(status.leader.has_value());
  EXPECT_EQ(status.leader->name, "demo-master-0");
  EXPECT_EQ(status.leader->address, "localhost:19998");
  EXPECT_EQ(status.daemons.at(1).standing, "Standby");
  EXPECT_EQ(status.endpoints.at("masterRpc"), "localhost:19998,localhost:20008,localhost:20018");
}

TEST_F(ControllerTest, TheLossOfALeaderIsToldAndHealed) {
  Apply({{"master", {{"replicas", 3}}}});
  Settle();
  world_.actions.clear();
  world_.Crash("demo-master-0", clock_.NowMs());
  controller_.ReconcileAll();
  ClusterStatus status = StatusOf();
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_FALSE(status.IsTrue("QuorumHealthy"));
  EXPECT_EQ(status.Find("QuorumHealthy")->reason, "MemberMissing");
  EXPECT_EQ(status.Find("QuorumHealthy")->message, "2 of 3 in sync: demo-master-0 is Failed");
  EXPECT_EQ(status.leader->name, "demo-master-1");
  world_.behind["demo-master-0"] = 0;
  Settle();
  EXPECT_THAT(world_.actions, ElementsAre("start demo-master-0"));
  status = StatusOf();
  EXPECT_TRUE(status.IsTrue("QuorumHealthy"));
  EXPECT_EQ(status.leader->name, "demo-master-1");
  EXPECT_EQ(status.daemons.at(0).standing, "Standby");
}

TEST_F(ControllerTest, WithoutAMajorityNothingIsReady) {
  Apply({{"master", {{"replicas", 3}}}});
  Settle();
  for (const char* name : {"demo-master-0", "demo-master-2"}) world_.Crash(name, clock_.NowMs());
  controller_.ReconcileAll();
  const ClusterStatus status = StatusOf();
  EXPECT_EQ(status.Find("Ready")->reason, "NoMasterLeads");
  EXPECT_EQ(status.Find("QuorumHealthy")->reason, "NoMajority");
}

TEST_F(ControllerTest, AChangeMovesLeadershipOnceAndReachesTheLeaderLast) {
  std::vector<std::string> moves;
  Controller controller(
      store_, {.process = &runtime_}, clock_, {.call_quorum = [&](const QuorumCall& call) {
        EXPECT_THAT(call.access.masters, ::testing::SizeIs(3));
        EXPECT_EQ(call.access.properties.at("alluxio.security.login.username"), "me");
        moves.push_back(call.address);
        world_.actions.push_back("move to " + call.address);
        world_.leader = "demo-master-1";
        ++world_.term;
        return Status::Ok();
      }});
  const auto settle = [&] {
    for (int pass = 0; pass < kMaxPasses; ++pass) clock_.Advance(controller.ReconcileAll());
  };
  json spec = {{"master", {{"replicas", 3}}},
               {"properties", {{"alluxio.security.login.username", "me"}}}};
  Apply(spec);
  settle();
  world_.actions.clear();
  spec["properties"]["alluxio.user.file.buffer.bytes"] = "1MB";
  Apply(spec);
  settle();
  EXPECT_THAT(world_.actions,
              ElementsAre("stop demo-master-1", "start demo-master-1", "stop demo-master-2",
                          "start demo-master-2", "move to localhost:19210", "stop demo-master-0",
                          "start demo-master-0", "stop demo-worker-0", "start demo-worker-0"));
  EXPECT_THAT(moves, ElementsAre("localhost:19210"));
  EXPECT_TRUE(StatusOf().IsTrue("QuorumHealthy"));
}

TEST_F(ControllerTest, MastersJoinAndLeaveARunningCluster) {
  std::vector<std::string> dismissed;
  Controller controller(store_, {.process = &runtime_}, clock_,
                        {.call_quorum = [&](const QuorumCall& call) {
                          if (call.what == QuorumCall::What::kElect) {
                            world_.leader = "demo-master-1";
                            ++world_.term;
                            return Status::Ok();
                          }
                          dismissed.push_back(call.address);
                          if (dismissed.size() == 1) return Unavailable("not now");
                          world_.Dismiss(call.address);
                          return Status::Ok();
                        }});
  const auto settle = [&] {
    for (int pass = 0; pass < kMaxPasses; ++pass) clock_.Advance(controller.ReconcileAll());
  };
  Apply({{"master", {{"replicas", 3}}}});
  settle();
  world_.voters = {"localhost:19200", "localhost:19210", "localhost:19220"};
  world_.actions.clear();
  Apply({{"master", {{"replicas", 5}}}});
  controller.ReconcileAll();
  EXPECT_EQ(StatusOf().Find("Progressing")->reason, "MasterJoining");
  EXPECT_EQ(StatusOf().Find("QuorumHealthy")->reason, "MemberJoining");
  settle();
  // The masters there are have the longer list by then.
  const auto place = [&](const std::string& action) {
    return std::ranges::find(world_.actions, action) - world_.actions.begin();
  };
  for (const char* const first :
       {"start demo-master-0", "start demo-master-1", "start demo-master-2"})
    EXPECT_LT(place(first), place("start demo-master-3"));
  EXPECT_LT(place("start demo-master-3"), place("start demo-master-4"));
  EXPECT_LT(place("start demo-master-4"), std::ssize(world_.actions));
  EXPECT_TRUE(StatusOf().IsTrue("QuorumHealthy"));
  EXPECT_EQ(StatusOf().masters.ready, 5);
  Apply({{"master", {{"replicas", 3}}}});
  controller.ReconcileAll();
  EXPECT_EQ(StatusOf().Find("Progressing")->reason, "MasterLeaving");
  EXPECT_EQ(StatusOf().Find("QuorumHealthy")->reason, "MemberLeaving");
  settle();
  EXPECT_THAT(dismissed, ElementsAre("localhost:19240", "localhost:19240", "localhost:19230"));
  EXPECT_TRUE(StatusOf().IsTrue("QuorumHealthy"));
  EXPECT_FALSE(world_.daemons.contains("demo-master-3"));
  EXPECT_EQ(StatusOf().masters.ready, 3);
}

TEST_F(ControllerTest, ALeaderThatCantBeAskedIsStoppedInTheEnd) {
  Apply({{"master", {{"replicas", 3}}}});
  Settle();
  world_.actions.clear();
  Apply({{"master", {{"replicas", 3}, {"properties", {{"alluxio.some.key", "v"}}}}}});
  Settle();
  EXPECT_THAT(world_.actions,
              ElementsAre("stop demo-master-1", "start demo-master-1", "stop demo-master-2",
                          "start demo-master-2", "stop demo-master-0", "start demo-master-0"));
  EXPECT_EQ(std::ranges::count_if(store_.notices(),
                                  [](const std::string& notice) {
                                    return notice.find("ActionFailed") != notice.npos;
                                  }),
            3);
}

TEST_F(ControllerTest, AnOldStatusIsNeverReadyForANewSpec) {
  Apply();
  Settle();
  Apply({{"worker", {{"replicas", 2}}}});
  EXPECT_NE(StatusOf().observed_generation, store_.Get({"default", "demo"})->metadata.generation);
  controller_.ReconcileAll();
  EXPECT_FALSE(StatusOf().IsTrue("WorkersReady"));
  EXPECT_TRUE(StatusOf().IsTrue("Progressing"));
}

TEST_F(ControllerTest, DeletionStopsEverythingAndKeepsData) {
  Apply();
  Settle();
  world_.actions.clear();
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, false));
  Settle();
  EXPECT_THAT(world_.actions, ElementsAre("stop demo-worker-0", "remove demo-worker-0",
                                          "stop demo-master-0", "remove demo-master-0"));
  EXPECT_THAT(store_.Get({"default", "demo"}), StatusIs(Code::kNotFound));
  EXPECT_FALSE(world_.volumes.empty());
}

TEST_F(ControllerTest, DeletionWithDataLeavesNothing) {
  Apply();
  Settle();
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, true));
  Settle();
  EXPECT_TRUE(world_.volumes.empty());
  EXPECT_TRUE(world_.daemons.empty());
  EXPECT_THAT(store_.ListRetained(), IsEmpty());
}

TEST_F(ControllerTest, AClusterThatCanRunNowhereHereSaysSoAndGoesWhenDeleted) {
  Apply({{"runtime", {{"type", "kubernetes"}, {"kubernetes", {{"underStoreClaim", "lake"}}}}}});
  controller_.ReconcileAll();
  EXPECT_THAT(StatusOf().Find("Degraded")->message,
              HasSubstr("spec.runtime.type: this operator does not run it"));
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, false));
  controller_.ReconcileAll();
  EXPECT_THAT(store_.Get({"default", "demo"}), StatusIs(Code::kNotFound));
  EXPECT_THAT(world_.actions, IsEmpty());
}

TEST_F(ControllerTest, KeptDataIsFoundByTheNextClusterOfThatNameAndCanBeDeletedLater) {
  Apply();
  Settle();
  const std::string uid = store_.Get({"default", "demo"})->metadata.uid;
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, false));
  Settle();
  Apply();
  Settle();
  EXPECT_EQ(store_.Get({"default", "demo"})->metadata.uid, uid);
  EXPECT_EQ(StatusOf().phase, "Ready");
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, false));
  Settle();
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, true));
  Settle();
  EXPECT_TRUE(world_.volumes.empty());
}

TEST_F(ControllerTest, APausedClusterIsLeftAlone) {
  Apply();
  Settle();
  Apply({{"paused", true}});
  world_.actions.clear();
  world_.Crash("demo-worker-0", clock_.NowMs());
  controller_.ReconcileAll();
  clock_.Advance(milliseconds(100'000));
  controller_.ReconcileAll();
  EXPECT_THAT(world_.actions, IsEmpty());
  EXPECT_EQ(StatusOf().phase, "Paused");
}

TEST_F(ControllerTest, ATakenPortIsReportedAndTriedAgain) {
  world_.taken_ports.insert(19998);
  Apply();
  controller_.ReconcileAll();
  controller_.ReconcileAll();
  EXPECT_EQ(StatusOf().Find("Degraded")->reason, "PortInUse");
  EXPECT_THAT(StatusOf().Find("Degraded")->message,
              HasSubstr("port 19998 is held by pid 1 (fake)"));
  world_.taken_ports.clear();
  Settle();
  EXPECT_EQ(StatusOf().phase, "Ready");
}

TEST_F(ControllerTest, TroubleOfTheRuntimeIsReportedAndNothingIsTouched) {
  Apply();
  Settle();
  world_.actions.clear();
  world_.observe_fails = true;
  EXPECT_LE(controller_.ReconcileAll(), milliseconds(1000));
  EXPECT_EQ(StatusOf().Find("Degraded")->reason, "OperatorError");
  EXPECT_THAT(world_.actions, IsEmpty());
  world_.observe_fails = false;
  Settle();
  EXPECT_EQ(StatusOf().phase, "Ready");
}

TEST_F(ControllerTest, OneUnreadableObjectDoesNotHoldUpTheOthers) {
  Apply();
  store_.AddUnreadable("default/broken is no CacheCluster");
  Settle();
  EXPECT_EQ(StatusOf().phase, "Ready");
  EXPECT_EQ(controller_.cluster_count(), 2u);
}

TEST_F(ControllerTest, ARestartedOperatorTakesOverWithoutTouchingAnything) {
  Apply();
  Settle();
  world_.actions.clear();
  FakeRuntime runtime(world_, clock_);
  Controller second(store_, {.process = &runtime}, clock_, {});
  EXPECT_EQ(second.ReconcileAll(), kSteady);
  EXPECT_THAT(world_.actions, IsEmpty());
}

TEST_F(ControllerTest, WhileAStatusCannotBeWrittenDaemonsAreHealedAndThePacesSlow) {
  Apply();
  Settle();
  store_.SetStatusWrites(Unavailable("the API server is away"));
  world_.Crash("demo-worker-0", clock_.NowMs());
  const size_t told = store_.notices().size();
  milliseconds next{0};
  for (int i = 0; i < 20; ++i) {
    next = controller_.ReconcileAll();
    clock_.Advance(next);
  }
  EXPECT_TRUE(world_.daemons.at("demo-worker-0").observed.serving);
  EXPECT_EQ(store_.notices().size(), told + 2);  // Crashed, Started
  EXPECT_GE(next, milliseconds(1000));
  store_.SetStatusWrites(Status::Ok());
  Settle();
  EXPECT_EQ(StatusOf().phase, "Ready");
}

TEST_F(ControllerTest, ManyLooksAtAStuckClusterGetRarer) {
  Apply();
  Settle();
  world_.daemons.at("demo-worker-0").observed.serving = false;
  milliseconds next{0};
  for (int i = 0; i < 10; ++i) next = controller_.ReconcileAll();
  EXPECT_EQ(next, milliseconds(1000));
}

}  // namespace
}  // namespace headpond::controller
