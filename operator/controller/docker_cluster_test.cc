// Whole lives of a cluster in Docker: controller, plan, runtime and a fake engine.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "http/http_server.h"
#include "operator/controller/controller.h"
#include "operator/runtime/docker/docker_runtime.h"
#include "operator/testing/bell.h"
#include "operator/testing/fake_engine.h"
#include "operator/testing/free_ports.h"
#include "operator/testing/memory_cluster_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_operator::Bell;
using testing_operator::FakeEngine;

// Quick enough for tests to wait for.
const plan::RestartPolicy kPolicy{.initial_backoff = milliseconds(50),
                                  .serve_within = milliseconds(1500)};
constexpr const char* kImage = "registry.example/headpond:1";
const ClusterKey kKey{"default", "demo"};

class DockerWorld {
 public:
  explicit DockerWorld(FakeEngine::Options options = {}) : engine_(std::move(options)) {
    engine_.AddToRegistry(kImage);
    const int base = testing_operator::FreePortBase(24);
    spec_ = {{"runtime", {{"type", "docker"}}},
             {"image", kImage},
             {"network", {{"mode", "bridge"}}},
             {"ports",
              {{"master", {{"rpc", base}, {"web", base + 1}}},
               {"worker", {{"rpc", base + 2}, {"web", base + 3}}}}},
             {"terminationGracePeriodSeconds", 1},
             {"worker", {{"replicas", 2}}}};
    StartOperator();
  }

  // The operator dies, if it lives, and another one takes over.
  void StartOperator() {
    controller_.reset();
    runtime_.reset();
    runtime_ = std::make_unique<runtime::DockerRuntime>(
        runtime::DockerRuntime::Options{.endpoint = engine_.endpoint(), .home = home_.path()},
        Clock::System());
    runtime_->OnChange([this] { bell_.Ring(); });
    controller_ =
        std::make_unique<Controller>(store_, Runtimes{.docker = runtime_.get()}, Clock::System(),
                                     Controller::Options{.restart_policy = kPolicy});
  }

  void Apply() { Apply("default", spec_); }
  void Apply(const std::string& name_space, const json& spec) {
    auto cluster =
        api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                               {"kind", api::kCacheClusterKind},
                               {"metadata", {{"name", "demo"}, {"namespace", name_space}}},
                               {"spec", spec}});
    ASSERT_OK(cluster);
    ASSERT_OK(store_.Apply(*cluster));
  }

  // Reconciles until `done`, at most half a minute. An operator whose engine died under its hands
  // is replaced.
  bool RunUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      const milliseconds next = controller_->ReconcileAll();
      if (engine_.is_dead()) {
        ++deaths_;
        engine_.Revive();
        StartOperator();
        continue;
      }
      if (done()) return true;
      bell_.Wait(std::min(next, milliseconds(20)));
    }
    return false;
  }
  // All runs as the current spec says.
  bool RunUntilSettled() {
    return RunUntil([&] {
      const ClusterStatus status = StatusNow();
      return status.IsTrue("Ready") && status.IsTrue("WorkersReady") &&
             !status.IsTrue("Progressing") && status.workers.updated == status.workers.desired;
    });
  }
  bool RunUntilGone() {
    return RunUntil([&] { return store_.List().value_or(ClusterList()).clusters.empty(); });
  }

  ClusterStatus StatusNow() { return StatusOf(kKey.name_space); }
  ClusterStatus StatusOf(const std::string& name_space) {
    return store_.GetStatus({name_space, kKey.name}).value_or({});
  }
  Status Delete(bool with_data) { return store_.MarkDeleted(kKey, with_data); }

  FakeEngine& engine() { return engine_; }
  testing_operator::MemoryClusterStore& store() { return store_; }
  json& spec() { return spec_; }
  int deaths() const { return deaths_; }

 private:
  FakeEngine engine_;
  TempDirectory home_;
  testing_operator::MemoryClusterStore store_;
  Bell bell_;
  json spec_;
  std::unique_ptr<runtime::DockerRuntime> runtime_;
  std::unique_ptr<Controller> controller_;
  int deaths_ = 0;
};

std::vector<std::string> Daemons() {
  return {"demo-master-0", "demo-worker-0", "demo-worker-1"};
}

TEST(DockerClusterTest, ComesUpOnItsOwnNetworkAndIsLeftAloneThen) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled()) << ToJson(world.StatusNow()).dump(2);
  EXPECT_EQ(world.engine().containers(), Daemons());
  EXPECT_THAT(world.engine().networks(), ElementsAre("default-demo"));
  world.engine().ForgetMutations();
  world.Apply();
  world.StartOperator();
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_THAT(world.engine().mutations(), IsEmpty());
}

TEST(DockerClusterTest, ClustersOfOneNameInTwoNamespacesGetAlong) {
  DockerWorld world;
  world.Apply();
  json other = world.spec();
  // Behind the first cluster's ports; ordinals shift them by ten.
  const int base = world.spec()["ports"]["worker"]["web"].get<int>() + 1;
  other["ports"] = {{"master", {{"rpc", base}, {"web", base + 1}}},
                    {"worker", {{"rpc", base + 2}, {"web", base + 3}}}};
  world.Apply("team-b", other);
  ASSERT_TRUE(world.RunUntilSettled()) << ToJson(world.StatusNow()).dump(2);
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusOf("team-b").phase == "Ready"; }))
      << ToJson(world.StatusOf("team-b")).dump(2);
  EXPECT_EQ(world.StatusOf("team-b").daemons.at(0).name, "demo-master-0");
  EXPECT_THAT(world.engine().containers(),
              ElementsAre("demo-master-0", "demo-worker-0", "demo-worker-1", "team-b.demo-master-0",
                          "team-b.demo-worker-0", "team-b.demo-worker-1"));
  EXPECT_THAT(world.engine().networks(), ElementsAre("default-demo", "team-b.demo"));
  EXPECT_THAT(world.engine().volumes(),
              ::testing::IsSupersetOf(
                  {"demo-under-store", "team-b.demo-under-store", "team-b.demo-worker-1-state"}));
  // Each is replaced and deleted without the other.
  other["properties"] = {{"alluxio.user.file.readtype.default", "CACHE"}};
  const auto before = world.engine().ContainerIds();
  world.Apply("team-b", other);
  ASSERT_TRUE(world.RunUntil([&] {
    const ClusterStatus status = world.StatusOf("team-b");
    return status.observed_generation == 2 && status.phase == "Ready";
  })) << ToJson(world.StatusOf("team-b")).dump(2);
  EXPECT_NE(world.engine().ContainerIds().at("team-b.demo-master-0"),
            before.at("team-b.demo-master-0"));
  EXPECT_EQ(world.engine().ContainerIds().at("demo-master-0"), before.at("demo-master-0"));
  ASSERT_OK(world.Delete(/*with_data=*/true));
  ASSERT_TRUE(world.RunUntil([&] { return world.engine().containers().size() == 3; }));
  EXPECT_EQ(world.StatusOf("team-b").phase, "Ready");
  EXPECT_THAT(world.engine().volumes(), Contains("team-b.demo-master-0-state"));
}

TEST(DockerClusterTest, WhatIsRemovedByHandIsBackWithinThreeSeconds) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto start = std::chrono::steady_clock::now();
  world.engine().ForceRemove("demo-worker-1");
  ASSERT_TRUE(world.RunUntil([&] { return world.engine().containers() == Daemons(); }));
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(DockerClusterTest, AnImageThatCantBePulledStopsNothing) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  world.engine().ForgetMutations();
  world.spec()["image"] = "registry.example/headpond:typo";
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusNow().IsTrue("Degraded"); }));
  const ClusterStatus status = world.StatusNow();
  EXPECT_EQ(status.Find("Degraded")->reason, "ImagePullFailed");
  EXPECT_THAT(status.Find("Degraded")->message, HasSubstr("headpond:typo"));
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_THAT(world.engine().mutations(), IsEmpty());
  world.spec()["image"] = kImage;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_FALSE(world.StatusNow().IsTrue("Degraded"));
  EXPECT_THAT(world.engine().mutations(), IsEmpty());
}

// base64("anna:secret-77")
constexpr const char* kLogin =
    R"({"auths": {"registry.example": {"auth": "YW5uYTpzZWNyZXQtNzc="}}})";

TEST(DockerClusterTest, AnImageOfAPrivateRegistryWaitsForItsSecretAndHarmsNothing) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto message = [&](const char* condition) {
    const ClusterStatus status = world.StatusNow();
    const Condition* const found = status.Find(condition);
    return found == nullptr ? "" : found->message;
  };
  const auto says = [&](const char* condition, const char* text) {
    return world.RunUntil([&] { return message(condition).find(text) != std::string::npos; });
  };
  world.engine().AddToRegistry("registry.example/private:1", "anna");
  world.spec()["image"] = "registry.example/private:1";
  world.spec()["imagePullSecrets"] = {{{"name", "regcred"}}};
  world.Apply();
  ASSERT_TRUE(says("Degraded", "spec.imagePullSecrets[0].name: there is no Secret regcred"));
  EXPECT_THAT(message("PullSecretsReady"),
              HasSubstr("kubectl create secret docker-registry regcred"));
  EXPECT_EQ(world.StatusNow().Find("UpgradeBlocked")->reason, "ImagePullFailed");
  EXPECT_TRUE(world.StatusNow().IsTrue("Ready"));
  for (const std::string& name : Daemons())
    EXPECT_EQ(world.engine().CreateBody(name)["Image"], kImage);

  world.store().SetSecret("default", "regcred", {{".dockerconfigjson", "secret-77"}});
  ASSERT_TRUE(says("Degraded", "regcred in namespace default is no JSON object"));
  // What was read is good for a minute, but a pull reads anew.
  world.store().SetSecret("default", "regcred", {{".dockerconfigjson", kLogin}});
  ASSERT_TRUE(world.RunUntil([&] {
    return world.StatusNow().IsTrue("PullSecretsReady") &&
           world.engine().CreateBody("demo-worker-1")["Image"] == "registry.example/private:1";
  }));
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_FALSE(world.StatusNow().IsTrue("Degraded"));
  for (const std::string& name : Daemons()) {
    const std::string body = world.engine().CreateBody(name).dump();
    EXPECT_THAT(body, Not(HasSubstr("secret-77")));
    EXPECT_THAT(body, Not(HasSubstr("YW5uYTpzZWNyZXQtNzc=")));
  }
  EXPECT_THAT(ToJson(world.StatusNow()).dump(), Not(HasSubstr("secret-77")));
}

TEST(DockerClusterTest, ASecretThatNoPullNeedsIsMissedButNoFailure) {
  DockerWorld world;
  world.spec()["imagePullSecrets"] = {{{"name", "regcred"}}};
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const ClusterStatus status = world.StatusNow();
  EXPECT_FALSE(status.IsTrue("Degraded"));
  ASSERT_NE(status.Find("PullSecretsReady"), nullptr);
  EXPECT_EQ(status.Find("PullSecretsReady")->status, "False");
  EXPECT_THAT(status.Find("PullSecretsReady")->message, HasSubstr("there is no Secret regcred"));
}

TEST(DockerClusterTest, AnImageThatDoesNotStartIsRolledBackAndTheRestIsSpared) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  world.engine().AddToRegistry("registry.example/broken:1");
  world.engine().BreakImage("registry.example/broken:1");
  world.spec()["image"] = "registry.example/broken:1";
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] {
    const ClusterStatus status = world.StatusNow();
    const Condition* const degraded = status.Find("Degraded");
    return degraded != nullptr && degraded->reason == "RolledBack" && status.IsTrue("Ready") &&
           !status.IsTrue("Progressing");
  })) << ToJson(world.StatusNow()).dump(2);
  EXPECT_EQ(world.engine().containers(), Daemons());
  for (const std::string& name : Daemons())
    EXPECT_EQ(world.engine().CreateBody(name)["Image"], kImage);
  world.spec()["image"] = kImage;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled()) << ToJson(world.StatusNow()).dump(2);
  EXPECT_FALSE(world.StatusNow().IsTrue("Degraded"));
}

// After the edit the daemon is back with what served, everything else is as it was, and a repaired
// spec goes through.
void ExpectTakenBack(const std::function<void(DockerWorld&)>& edit, const std::string& daemon,
                     const std::string& reason) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto before = world.engine().ContainerIds();
  const json good = world.spec();
  edit(world);
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] {
    const ClusterStatus status = world.StatusNow();
    return status.IsTrue("UpgradeBlocked") && status.IsTrue("Ready");
  })) << ToJson(world.StatusNow()).dump(2);
  const ClusterStatus status = world.StatusNow();
  EXPECT_EQ(status.Find("UpgradeBlocked")->reason, reason);
  EXPECT_EQ(status.Find("Progressing")->reason, "RolledBack");
  EXPECT_THAT(status.Find("Degraded")->message, HasSubstr(daemon + " keeps configuration"));
  EXPECT_EQ(world.engine().ContainerIds(), before) << "the very same containers";
  world.engine().ForgetMutations();
  world.StartOperator();
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusNow().IsTrue("Ready"); }));
  EXPECT_THAT(world.engine().mutations(), IsEmpty()) << "a new operator knows of it, too";
  world.spec() = good;
  world.spec()["env"] = json::array({{{"name", "ANOTHER"}, {"value", "1"}}});
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled()) << ToJson(world.StatusNow()).dump(2);
  EXPECT_FALSE(world.StatusNow().IsTrue("UpgradeBlocked"));
}

void Misbehave(DockerWorld& world, const char* how) {
  world.spec()["env"] = json::array({{{"name", "FAKE_DAEMON"}, {"value", how}}});
}

TEST(DockerClusterTest, AConfigurationThatCrashLoopsIsTakenBack) {
  ExpectTakenBack([](DockerWorld& world) { Misbehave(world, "refuse"); }, "demo-master-0",
                  "Crashed");
}

TEST(DockerClusterTest, AConfigurationThatNeverServesIsTakenBack) {
  ExpectTakenBack([](DockerWorld& world) { Misbehave(world, "deaf"); }, "demo-master-0",
                  "NotServing");
}

TEST(DockerClusterTest, WhatIsRemovedByHandWhileAChangeIsRefusedGetsWhatServed) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto hash_of = [&](const char* name) {
    return world.engine().CreateBody(name)["Labels"]["headpond.dev/config-hash"];
  };
  const json master = hash_of("demo-master-0"), worker = hash_of("demo-worker-1");
  Misbehave(world, "refuse");
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] {
    return world.StatusNow().IsTrue("UpgradeBlocked") && world.StatusNow().IsTrue("Ready");
  }));
  // The one that refused, and one that has not come to its turn; the operator is a new one.
  world.StartOperator();
  for (const char* name : {"demo-master-0", "demo-worker-1"}) world.engine().ForceRemove(name);
  world.engine().ForgetMutations();
  ASSERT_TRUE(world.RunUntil([&] {
    return world.engine().containers() == Daemons() && world.StatusNow().IsTrue("Ready") &&
           world.StatusNow().workers.ready == 2;
  })) << ToJson(world.StatusNow()).dump(2);
  EXPECT_EQ(hash_of("demo-master-0"), master);
  EXPECT_EQ(hash_of("demo-worker-1"), worker);
  EXPECT_EQ(std::ranges::count(world.engine().mutations(), "POST /containers/create"), 2)
      << ::testing::PrintToString(world.engine().mutations());
  EXPECT_TRUE(world.StatusNow().IsTrue("UpgradeBlocked"));
}

TEST(DockerClusterTest, AFolderThatIsMissingHarmsNothing) {
  ExpectTakenBack(
      [](DockerWorld& world) {
        world.spec()["worker"]["tieredStore"]["levels"] = json::array(
            {{{"alias", "SSD"}, {"quota", "1Gi"}, {"dirs", {{{"path", "/no/such/disk"}}}}}});
      },
      "demo-worker-0", "MountMissing");
}

TEST(DockerClusterTest, APortThatIsTakenHarmsNothing) {
  http::HttpServer occupant({.threads = 1, .port_key = "test"});
  ASSERT_OK_AND_ASSIGN(const int taken, occupant.Start());
  ExpectTakenBack([&](DockerWorld& world) { world.spec()["ports"]["master"]["web"] = taken; },
                  "demo-master-0", "PortInUse");
}

TEST(DockerClusterTest, LimitsAreChangedOnRunningContainersAndHealed) {
  DockerWorld world;
  world.spec()["worker"]["resources"] = {{"memory", "4Gi"}, {"cpus", 1}};
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto before = world.engine().ContainerIds();
  world.engine().ForgetMutations();
  world.spec()["worker"]["resources"] = {{"memory", "5Gi"}, {"cpus", 1}};
  world.Apply();
  const auto memory_of = [&](const char* name) {
    return world.engine().CreateBody(name)["HostConfig"]["Memory"].get<int64_t>();
  };
  ASSERT_TRUE(world.RunUntil([&] {
    return memory_of("demo-worker-0") == int64_t{5} << 30 &&
           memory_of("demo-worker-1") == int64_t{5} << 30;
  }));
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_EQ(world.engine().ContainerIds(), before) << "the very same containers";
  const auto mutations = world.engine().mutations();
  EXPECT_EQ(mutations.size(), 2u);
  for (const std::string& call : mutations) EXPECT_THAT(call, HasSubstr("/update"));

  // What the engine doesn't take is a reason, and nothing is stopped for it.
  world.engine().RefuseMemoryAbove(int64_t{5} << 30);
  world.engine().ForgetMutations();
  world.spec()["worker"]["resources"] = {{"memory", "6Gi"}, {"cpus", 1}};
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusNow().IsTrue("Degraded"); }));
  EXPECT_EQ(world.StatusNow().Find("Degraded")->reason, "LimitsRefused");
  EXPECT_THAT(world.StatusNow().Find("Degraded")->message, HasSubstr("memory.limit_in_bytes"));
  EXPECT_EQ(world.engine().ContainerIds(), before);
  EXPECT_THAT(world.engine().mutations(), IsEmpty());
  world.spec()["worker"]["resources"] = {{"memory", "5Gi"}, {"cpus", 1}};
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_FALSE(world.StatusNow().IsTrue("Degraded"));
}

TEST(DockerClusterTest, AVolumeOfSomebodyElseHarmsNothing) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  const auto before = world.engine().ContainerIds();
  world.engine().WriteFile("demo-worker-2-state", "thesis.tex");
  world.spec()["worker"]["replicas"] = 3;
  world.Apply();
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusNow().IsTrue("Degraded"); }));
  EXPECT_EQ(world.StatusNow().Find("Degraded")->reason, "VolumeConflict");
  EXPECT_EQ(world.engine().ContainerIds(), before);
  EXPECT_TRUE(world.StatusNow().IsTrue("Ready"));
}

TEST(DockerClusterTest, AnEngineThatWasGoneIsBackInTheStatusWithinThreeSeconds) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  world.engine().GoAway();
  ASSERT_TRUE(world.RunUntil([&] { return world.StatusNow().IsTrue("Degraded"); }));
  world.engine().ComeBack();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(world.RunUntilSettled());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(DockerClusterTest, DeletionKeepsDataUnlessToldOtherwise) {
  DockerWorld world;
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  ASSERT_OK(world.Delete(/*with_data=*/false));
  ASSERT_TRUE(world.RunUntilGone());
  EXPECT_THAT(world.engine().containers(), IsEmpty());
  EXPECT_THAT(world.engine().networks(), IsEmpty());
  EXPECT_THAT(world.engine().volumes(), Contains("demo-master-0-state"));
  world.Apply();
  ASSERT_TRUE(world.RunUntilSettled());
  ASSERT_OK(world.Delete(/*with_data=*/true));
  ASSERT_TRUE(world.RunUntilGone());
  EXPECT_THAT(world.engine().volumes(), ElementsAre("demo-under-store"));
}

// A life: up, another configuration for all, down with all data. `k`: the operator dies after its
// k-th change; 0: never. Returns the number of changes.
int LiveWith(int k) {
  DockerWorld world;
  if (k > 0) world.engine().DieAfter(k);
  world.Apply();
  EXPECT_TRUE(world.RunUntilSettled()) << k << ToJson(world.StatusNow()).dump(2);
  EXPECT_EQ(world.engine().containers(), Daemons()) << k;
  EXPECT_THAT(world.engine().volumes(), ElementsAre("demo-master-0-state", "demo-under-store",
                                                    "demo-worker-0-state", "demo-worker-1-state"))
      << k;
  EXPECT_THAT(world.engine().networks(), ElementsAre("default-demo")) << k;

  world.spec()["properties"] = {{"alluxio.user.file.readtype.default", "CACHE"}};
  world.Apply();
  EXPECT_TRUE(world.RunUntilSettled()) << k << ToJson(world.StatusNow()).dump(2);
  EXPECT_TRUE(world.RunUntil([&] { return world.engine().containers() == Daemons(); })) << k;
  for (const std::string& name : Daemons())
    EXPECT_THAT(
        world.engine().FileIn(name, fmt::format("/headpond/conf/{}/alluxio-site.properties", name)),
        HasSubstr("readtype"))
        << k;

  EXPECT_OK(world.Delete(/*with_data=*/true));
  EXPECT_TRUE(world.RunUntilGone()) << k;
  EXPECT_THAT(world.engine().containers(), IsEmpty()) << k;
  EXPECT_THAT(world.engine().networks(), IsEmpty()) << k;
  EXPECT_THAT(world.engine().volumes(), ElementsAre("demo-under-store")) << k;
  EXPECT_EQ(world.deaths(), k > 0 ? 1 : 0) << k;
  return static_cast<int>(world.engine().mutations().size());
}

TEST(DockerClusterTest, AnOperatorThatDiesAfterAnyOfItsChangesLeavesNoTrace) {
  const int changes = LiveWith(0);
  RecordProperty("changes", changes);
  EXPECT_GT(changes, 40);
  for (int k = 1; k <= changes && !::testing::Test::HasFailure(); ++k) LiveWith(k);
}

}  // namespace
}  // namespace headpond::controller
