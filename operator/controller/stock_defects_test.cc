// The defects of the operator for stock clusters that concern processes and containers, by the
// numbers of the list they were found under; each test says what ours does instead. The others are
// about objects of Kubernetes or kinds of theirs, and belong to whoever brings those: 3 (a
// Dataset's deletion), 18 (loads) with the data kinds; the rest of 10 (Services), 12 to 15 (pods,
// their permissions and RBAC), 17 (CSI) with the Kubernetes runtime. 20 was that nothing like this
// file existed.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/unique_fd.h"
#include "operator/controller/controller.h"
#include "operator/controller/home.h"
#include "operator/plan/desired.h"
#include "operator/runtime/docker/container_body.h"
#include "operator/runtime/prober.h"
#include "operator/runtime/process/process_runtime.h"
#include "operator/testing/fake_runtime.h"
#include "operator/testing/free_ports.h"
#include "operator/testing/memory_cluster_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_operator::FakeRuntime;
using testing_operator::FakeWorld;

Result<api::CacheCluster> Read(json spec, const std::string& name = "demo") {
  return api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                                {"kind", api::kCacheClusterKind},
                                {"metadata", {{"name", name}}},
                                {"spec", std::move(spec)}});
}

std::vector<plan::Workload> Daemons(json spec, const plan::Layout& layout) {
  auto cluster = Read(std::move(spec));
  EXPECT_OK(cluster);
  if (!cluster.ok()) return {};
  cluster->metadata.uid = "uid-1";
  return plan::Desired(*cluster, layout);
}

// A store that counts what is written to it.
class CountingStore final : public ClusterStore {
 public:
  explicit CountingStore(ClusterStore& store) : store_(store) {}
  Result<ClusterList> List() override { return store_.List(); }
  Result<ClusterStatus> GetStatus(const ClusterKey& key) override { return store_.GetStatus(key); }
  Status WriteStatus(const ClusterKey& key, const ClusterStatus& status) override {
    ++writes;
    return store_.WriteStatus(key, status);
  }
  Status Finalize(const ClusterKey& key, bool data_kept) override {
    return store_.Finalize(key, data_kept);
  }
  Result<SecretData> ReadSecret(const std::string& name_space, const std::string& name) override {
    return store_.ReadSecret(name_space, name);
  }
  Result<std::string> BackupUri(const std::string& name_space, const std::string& name) override {
    return store_.BackupUri(name_space, name);
  }
  void Tell(const api::CacheCluster& cluster, const Notice& notice) override {
    store_.Tell(cluster, notice);
  }
  int writes = 0;

 private:
  ClusterStore& store_;
};

class StockDefectsTest : public ::testing::Test {
 protected:
  Status Apply(json spec, const std::string& name = "demo") {
    ASSIGN_OR_RETURN(const api::CacheCluster cluster, Read(std::move(spec), name));
    return store_.Apply(cluster);
  }
  void Settle() {
    constexpr int kMaxPasses = 100;
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      const size_t before = world_.actions.size();
      const milliseconds next = controller_.ReconcileAll();
      if (next == kSteady && world_.actions.size() == before) return;
      clock_.Advance(next);
    }
    ADD_FAILURE() << "never settles";
  }
  ClusterStatus StatusOf(const std::string& name = "demo") {
    return store_.GetStatus({"default", name}).value_or({});
  }
  std::set<std::string> Running() const {
    std::set<std::string> names;
    for (const auto& [name, daemon] : world_.daemons)
      if (daemon.observed.phase == plan::Phase::kRunning) names.insert(name);
    return names;
  }

  static constexpr milliseconds kSteady{5000};
  ManualClock clock_;
  FakeWorld world_;
  testing_operator::MemoryClusterStore store_;
  CountingStore counting_{store_};
  FakeRuntime runtime_{world_, clock_};
  Controller controller_{counting_, {.process = &runtime_}, clock_, {}};
};

TEST_F(StockDefectsTest, Defect1AnEditAfterCreationReachesTheDaemonsOrIsRefusedByItsPath) {
  ASSERT_OK(Apply({{"worker", {{"replicas", 1}}}}));
  Settle();
  ASSERT_OK(Apply({{"worker", {{"replicas", 2}}}, {"properties", {{"alluxio.some.key", "new"}}}}));
  Settle();
  EXPECT_THAT(Running(), ElementsAre("demo-master-0", "demo-worker-0", "demo-worker-1"));
  for (const auto& [name, daemon] : world_.daemons)
    EXPECT_THAT(daemon.workload.files.begin()->second, HasSubstr("alluxio.some.key=new")) << name;
  EXPECT_EQ(StatusOf().observed_generation, 2);
  EXPECT_THAT(Apply({{"runtime", {{"type", "docker"}}}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.runtime.type")));
}

TEST_F(StockDefectsTest, Defect2AClusterIsNotTakenForOneWhoseNameItBegins) {
  const json ports = {{"master", {{"rpc", 7000}, {"web", 7001}}},
                      {"worker", {{"rpc", 7002}, {"web", 7003}}}};
  ASSERT_OK(Apply({{"ports", ports}}, "ab"));
  Settle();
  ASSERT_OK(Apply(json::object(), "a"));
  Settle();
  EXPECT_THAT(Running(), ElementsAre("a-master-0", "a-worker-0", "ab-master-0", "ab-worker-0"));
  ASSERT_OK(store_.MarkDeleted({"default", "a"}, /*delete_data=*/true));
  Settle();
  EXPECT_THAT(Running(), ElementsAre("ab-master-0", "ab-worker-0"));
  EXPECT_EQ(StatusOf("ab").phase, "Ready");
}

TEST_F(StockDefectsTest, Defect4WhatIsDeletedIsLetGoAndAnUnchangedStatusIsNotWritten) {
  ASSERT_OK(Apply(json::object()));
  Settle();
  counting_.writes = 0;
  for (int i = 0; i < 5; ++i) controller_.ReconcileAll();
  EXPECT_EQ(counting_.writes, 0);
  ASSERT_OK(store_.MarkDeleted({"default", "demo"}, false));
  Settle();
  counting_.writes = 0;
  world_.actions.clear();
  for (int i = 0; i < 5; ++i) controller_.ReconcileAll();
  EXPECT_EQ(counting_.writes, 0);
  EXPECT_THAT(world_.actions, IsEmpty());
}

// Starts things that end at once.
class ProcessDefectsTest : public ::testing::Test {
 protected:
  ProcessDefectsTest() {
    const std::vector<int> ports = testing_operator::FreePorts(2);
    const std::string dir = home_.path() + "/clusters/default/demo";
    workload_.name = "demo-master-0";
    workload_.bind_host = "127.0.0.1";
    workload_.files = {{dir + "/conf/demo-master-0/alluxio-site.properties", "alluxio.a=b\n"}};
    workload_.logs_dir = dir + "/logs";
    workload_.ports = {{"rpc", ports[0], "spec.ports.master.rpc"}};
    workload_.volumes = {{.name = "state",
                          .kind = plan::VolumeKind::kDurable,
                          .path = dir + "/volumes/demo-master-0"},
                         {.name = "under-store",
                          .kind = plan::VolumeKind::kUnderStore,
                          .path = home_.path() + "/lake"}};
    workload_.probe = {"127.0.0.1", ports[0], ports[1], "/"};
    runtime_.OnChange([] {});
  }
  bool RunOnce() {
    EXPECT_OK(runtime_.Start(cluster_, workload_));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      const auto observed = runtime_.Observe(cluster_);
      EXPECT_OK(observed);
      if (observed.ok() && observed->workloads.at(0).phase == plan::Phase::kExited) return true;
    }
    return false;
  }

  TempDirectory home_;
  plan::Workload workload_;
  const runtime::ClusterRef cluster_{"default", "demo", "uid-1"};
  runtime::ProcessRuntime runtime_{{.home = home_.path(), .program = "/bin/false"},
                                   Clock::System()};
};

TEST_F(ProcessDefectsTest, Defect5ARetryWritesEveryKeyOnce) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(RunOnce());
  std::stringstream text;
  text << std::ifstream(workload_.files.begin()->first).rdbuf();
  EXPECT_EQ(text.str(), "alluxio.a=b\n");
}

TEST_F(ProcessDefectsTest, Defect19NoDeletionReachesWhatUsersStored) {
  ASSERT_TRUE(RunOnce());
  std::ofstream(home_.path() + "/lake/thesis.tex") << "x";
  ASSERT_TRUE(std::filesystem::exists(workload_.volumes[0].path));
  ASSERT_OK(runtime_.DeleteData(cluster_));
  EXPECT_FALSE(std::filesystem::exists(workload_.volumes[0].path));
  EXPECT_TRUE(std::filesystem::exists(home_.path() + "/lake/thesis.tex"));
}

TEST(StockDefectsOfSpecsTest, Defect6FalseIsNotTheSameAsNothing) {
  const json spec = {{"runtime", {{"type", "docker"}}},
                     {"container", {{"noNewPrivileges", false}}}};
  ASSERT_OK_AND_ASSIGN(const api::CacheCluster cluster, Read(spec));
  EXPECT_EQ(api::ToJson(cluster)["spec"]["container"]["noNewPrivileges"], false);
  const plan::Workload master = Daemons(spec, plan::ContainerLayout()).at(0);
  const json body = runtime::ContainerBody({"default", "demo", "uid-1"}, master, {1, 41});
  EXPECT_THAT(body["HostConfig"]["SecurityOpt"].dump(), Not(HasSubstr("no-new-privileges")));
}

TEST(StockDefectsOfSpecsTest, Defect7WhatIsReadIsWhatIsChecked) {
  EXPECT_THAT(Read({{"network", {{"publish", "false"}}}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.network.publish")));
  const api::Findings findings =
      api::CheckCacheCluster({{"apiVersion", api::kApiVersion},
                              {"kind", api::kCacheClusterKind},
                              {"metadata", {{"name", "demo"}}},
                              {"spec", {{"worker", {{"limitOneWorkerPerPod", true}}}}}});
  ASSERT_FALSE(findings.errors.empty() && findings.warnings.empty());
  const auto& issues = findings.errors.empty() ? findings.warnings : findings.errors;
  EXPECT_THAT(api::JoinIssues(issues), HasSubstr("limitOneWorkerPerPod"));
}

TEST_F(StockDefectsTest, Defect8ReadyMeansWhatTheSpecAsksForNow) {
  ASSERT_OK(Apply({{"worker", {{"replicas", 3}}}}));
  controller_.ReconcileAll();
  EXPECT_FALSE(StatusOf().IsTrue("Ready")) << "none of none is not ready";
  Settle();
  world_.daemons.at("demo-worker-1").observed.serving = false;
  world_.daemons.at("demo-worker-2").observed.serving = false;
  controller_.ReconcileAll();
  EXPECT_FALSE(StatusOf().IsTrue("WorkersReady"));
  EXPECT_TRUE(StatusOf().IsTrue("Progressing"));
  EXPECT_EQ(StatusOf().workers.ready, 1);
  EXPECT_EQ(StatusOf().workers.desired, 3);
}

TEST(StockDefectsOfSpecsTest, Defect9AddressesComeFromTheOneTableOfPorts) {
  const json spec = {
      {"ports",
       {{"master", {{"rpc", 7000}, {"web", 7001}}}, {"worker", {{"rpc", 7002}, {"web", 7003}}}}},
      {"worker", {{"replicas", 2}}}};
  for (const plan::Workload& daemon : Daemons(spec, {.cluster_dir = "/d", .memory_dir = "/m"})) {
    EXPECT_THAT(daemon.args, Contains("-Dalluxio.master.rpc.port=7000")) << daemon.name;
    EXPECT_THAT(daemon.args, Each(Not(HasSubstr("=,")))) << daemon.name;
    EXPECT_EQ(daemon.probe.rpc_port, daemon.ports.at(0).number) << daemon.name;
    EXPECT_EQ(daemon.probe.web_port, daemon.ports.at(1).number) << daemon.name;
  }
}

TEST(StockDefectsOfSpecsTest, Defect9MastersAndOthersGetTheWholeListOfThem) {
  const json spec = {{"ports", {{"master", {{"rpc", 7000}, {"embedded", 7500}}}}},
                     {"master", {{"replicas", 3}}}};
  for (const plan::Workload& daemon : Daemons(spec, {.cluster_dir = "/d", .memory_dir = "/m"})) {
    EXPECT_THAT(daemon.args, Contains("-Dalluxio.master.rpc.addresses=localhost:7000,"
                                      "localhost:7010,localhost:7020"))
        << daemon.name;
    if (daemon.role != plan::Role::kMaster) continue;
    EXPECT_THAT(daemon.args, Contains("-Dalluxio.master.embedded.journal.addresses="
                                      "localhost:7500,localhost:7510,localhost:7520"))
        << daemon.name;
  }
}

// Theirs can't find each other before they are ready, and aren't ready before they found each
// other.
TEST_F(StockDefectsTest, Defect10MastersDontWaitForEachOtherToBeReady) {
  world_.MisbehaveWith("alluxio.some.key", FakeWorld::kSilent);
  ASSERT_OK(
      Apply({{"master", {{"replicas", 3}, {"properties", {{"alluxio.some.key", "silent"}}}}}}));
  controller_.ReconcileAll();
  EXPECT_THAT(world_.actions,
              ElementsAre("start demo-master-0", "start demo-master-1", "start demo-master-2"));
}

TEST_F(StockDefectsTest, Defect11ReadyNeedsALeaderNotOpenPorts) {
  ASSERT_OK(Apply({{"master", {{"replicas", 3}}}}));
  Settle();
  EXPECT_TRUE(StatusOf().IsTrue("Ready"));
  // One of three can't lead, whatever it answers.
  for (const char* name : {"demo-master-0", "demo-master-1"})
    world_.daemons.at(name).observed.serving = false;
  controller_.ReconcileAll();
  EXPECT_EQ(StatusOf().Find("Ready")->reason, "NoMasterLeads");
}

TEST(StockDefectsOfSpecsTest, Defect11APortThatAcceptsIsNoDaemonThatServes) {
  std::vector<UniqueFd> listeners;
  const std::vector<int> ports = testing_operator::FreePorts(2);
  for (const int port : ports) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd& fd = listeners.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(fd.get(), 8), 0);
  }
  runtime::Prober prober;
  const auto results = prober.ProbeAll({{"127.0.0.1", ports[0], ports[1], "/api/v1/master/info"}},
                                       milliseconds(300));
  EXPECT_FALSE(results.at(0).serving);
  for (const plan::Workload& daemon : Daemons({}, {.cluster_dir = "/d", .memory_dir = "/m"}))
    EXPECT_THAT(daemon.probe.path, HasSubstr("/api/v1/")) << daemon.name;
}

TEST(StockDefectsOfSpecsTest, Defect16SecretsAreInFilesOnly) {
  const json spec = {
      {"runtime", {{"type", "docker"}}},
      {"rootUfs", {{"uri", "s3://bucket/x"}, {"options", {{"s3a.secretKey", "s3cr3t"}}}}},
      {"properties", {{"aws.secretKey", "0ther"}}}};
  for (const plan::Workload& daemon : Daemons(spec, plan::ContainerLayout())) {
    EXPECT_THAT(daemon.files.begin()->second, HasSubstr("0ther")) << daemon.name;
    const std::string seen =
        runtime::ContainerBody({"default", "demo", "uid-1"}, daemon, {1, 41}).dump();
    EXPECT_THAT(seen, AllOf(Not(HasSubstr("s3cr3t")), Not(HasSubstr("0ther")))) << daemon.name;
  }
}

TEST(StockDefectsOfSpecsTest, Defect16TheSecondOperatorOfAHomeDoesNotAct) {
  TempDirectory home;
  ASSERT_OK_AND_ASSIGN(const auto first, LockWithin(home / "operator.lock", milliseconds(0)));
  EXPECT_THAT(LockWithin(home / "operator.lock", milliseconds(50)),
              StatusIs(Code::kUnavailable, HasSubstr(std::to_string(::getpid()))));
}

}  // namespace
}  // namespace headpond::controller
