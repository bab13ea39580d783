// One cluster on several Docker Engines: controller, plan, runtime and fake engines.
#include <gmock/gmock.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "operator/controller/controller.h"
#include "operator/controller/nodes.h"
#include "operator/runtime/docker/docker_nodes.h"
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
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_operator::Bell;
using testing_operator::FakeEngine;

constexpr const char* kImage = "registry.example/headpond:1";
const ClusterKey kKey{"default", "demo"};

// Nodes a and b; a has the master.
class DockerNodesTest : public ::testing::Test {
 protected:
  DockerNodesTest() {
    for (FakeEngine* engine : {&a_, &b_}) engine->AddToRegistry(kImage);
    const int base = testing_operator::FreePortBase(44);
    spec_ = {
        {"runtime",
         {{"type", "docker"},
          {"docker", {{"nodes", {NodeJson("a", a_), NodeJson("b", b_)}}, {"masterNodes", {"a"}}}}}},
        {"image", kImage},
        {"ports",
         {{"master", {{"rpc", base}, {"web", base + 1}}},
          {"worker", {{"rpc", base + 2}, {"web", base + 3}}}}},
        {"terminationGracePeriodSeconds", 1},
        {"worker", {{"replicas", 2}}}};
    StartOperator();
  }

  static json NodeJson(const std::string& name, const FakeEngine& engine) {
    return {{"name", name}, {"endpoint", engine.endpoint().name}};
  }
  json& nodes() { return spec_["runtime"]["docker"]["nodes"]; }

  void StartOperator() {
    controller_.reset();
    runtime_.reset();
    runtime_ = std::make_unique<runtime::DockerNodes>(
        runtime::DockerRuntime::Options{
            .endpoint = {.name = "unix:///nowhere", .socket = "/nowhere"}, .home = home_.path()},
        Clock::System());
    runtime_->OnChange([this] { bell_.Ring(); });
    controller_ = std::make_unique<Controller>(
        store_, Runtimes{.docker = runtime_.get()}, Clock::System(),
        Controller::Options{.restart_policy = {.initial_backoff = milliseconds(50),
                                               .serve_within = milliseconds(1500)}});
  }
  void Apply() {
    ASSERT_OK_AND_ASSIGN(
        api::CacheCluster cluster,
        api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                               {"kind", api::kCacheClusterKind},
                               {"metadata", {{"name", "demo"}, {"annotations", annotations_}}},
                               {"spec", spec_}}));
    ASSERT_OK(store_.Apply(cluster));
  }
  bool RunUntil(const std::function<bool()>& done) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(30);
    while (steady_clock::now() < deadline) {
      const milliseconds next = controller_->ReconcileAll();
      if (done()) return true;
      bell_.Wait(std::min(next, milliseconds(20)));
    }
    ADD_FAILURE() << ToJson(StatusNow()).dump(2);
    return false;
  }
  ClusterStatus StatusNow() { return store_.GetStatus(kKey).value_or(ClusterStatus()); }
  bool IsSettled() {
    const ClusterStatus status = StatusNow();
    return status.IsTrue("Ready") && status.IsTrue("WorkersReady") &&
           !status.IsTrue("Progressing") && !status.IsTrue("Degraded") &&
           status.workers.updated == status.workers.desired;
  }
  bool RunUntilSettled() {
    return RunUntil([&] { return IsSettled(); });
  }
  std::string DegradedMessage() {
    const ClusterStatus status = StatusNow();
    const Condition* const degraded = status.Find("Degraded");
    return degraded == nullptr || degraded->status != "True"
               ? ""
               : degraded->reason + ": " + degraded->message;
  }

  const std::shared_ptr<std::atomic<int>> live_workers_ = std::make_shared<std::atomic<int>>(0);
  FakeEngine a_{FakeEngine::Options{.live_workers = live_workers_}};
  FakeEngine b_{FakeEngine::Options{.live_workers = live_workers_}};
  TempDirectory home_;
  testing_operator::MemoryClusterStore store_;
  Bell bell_;
  json spec_;
  std::map<std::string, std::string> annotations_;
  std::unique_ptr<runtime::DockerNodes> runtime_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(DockerNodesTest, HasAWorkerOnEachAndIsLeftAloneThen) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  EXPECT_THAT(a_.containers(), ElementsAre("demo-master-0", "demo-worker-0"));
  EXPECT_THAT(b_.containers(), ElementsAre("demo-worker-1"));
  const ClusterStatus status = StatusNow();
  EXPECT_EQ(status.daemons.at(2).node, "b");
  ASSERT_EQ(status.nodes.size(), 2U);
  EXPECT_EQ(status.nodes[1].state, "Reachable");
  a_.ForgetMutations();
  b_.ForgetMutations();
  StartOperator();
  ASSERT_TRUE(RunUntilSettled());
  EXPECT_THAT(a_.mutations(), IsEmpty());
  EXPECT_THAT(b_.mutations(), IsEmpty());
}

TEST_F(DockerNodesTest, WhatIsRemovedByHandIsBackOnItsNodeWithinThreeSeconds) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  a_.ForgetMutations();
  const auto start = steady_clock::now();
  b_.ForceRemove("demo-worker-1");
  ASSERT_TRUE(RunUntil([&] { return b_.containers().size() == 1 && IsSettled(); }));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_THAT(a_.mutations(), IsEmpty());
}

TEST_F(DockerNodesTest, ANodeThatIsGoneIsNamedAndHarmsNobody) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  a_.ForgetMutations();
  b_.GoAway();
  ASSERT_TRUE(RunUntil([&] { return !DegradedMessage().empty(); }));
  EXPECT_THAT(DegradedMessage(), HasSubstr("NodeUnavailable: node b: "));
  EXPECT_TRUE(StatusNow().IsTrue("Ready"));
  EXPECT_EQ(StatusNow().nodes.at(1).state, "Unreachable");
  EXPECT_THAT(a_.mutations(), IsEmpty());
  // The others are healed meanwhile.
  a_.Kill("demo-worker-0");
  ASSERT_TRUE(RunUntil([&] { return a_.IsRunning("demo-worker-0"); }));
  b_.Kill("demo-worker-1");
  b_.ForgetMutations();
  b_.ComeBack();
  const auto back = steady_clock::now();
  ASSERT_TRUE(RunUntilSettled());
  EXPECT_LT(steady_clock::now() - back, std::chrono::seconds(3));
  EXPECT_EQ(b_.StartsOf("demo-worker-1"), 2);
}

TEST_F(DockerNodesTest, AWorkerThatMovesEndsHereBeforeItStartsThere) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  nodes()[0]["workers"] = json::array();
  Apply();
  bool twice = false;
  ASSERT_TRUE(RunUntil([&] {
    twice |= a_.IsRunning("demo-worker-0") && b_.IsRunning("demo-worker-0");
    return a_.containers().size() == 1 && IsSettled();
  }));
  EXPECT_FALSE(twice);
  EXPECT_EQ(b_.StartsOf("demo-worker-0"), 1);
  EXPECT_THAT(b_.containers(), ElementsAre("demo-worker-0", "demo-worker-1"));
}

TEST_F(DockerNodesTest, ANodeThatIsTakenAwayIsRememberedUntilItIsEmpty) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  b_.GoAway();
  nodes().erase(1);
  spec_["worker"]["replicas"] = 1;
  Apply();
  ASSERT_TRUE(RunUntil([&] {
    const ClusterStatus status = StatusNow();
    return status.observed_generation == 2 && status.nodes.size() == 2 &&
           status.nodes[1].state == "Leaving";
  }));
  EXPECT_THAT(DegradedMessage(), HasSubstr("node b: "));
  StartOperator();
  b_.ComeBack();
  ASSERT_TRUE(RunUntil([&] { return StatusNow().nodes.size() == 1 && IsSettled(); }));
  EXPECT_THAT(b_.containers(), IsEmpty());
  EXPECT_THAT(a_.containers(), ElementsAre("demo-master-0", "demo-worker-0"));
}

TEST_F(DockerNodesTest, DeletionWaitsForANodeUnlessItIsForgotten) {
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  b_.GoAway();
  ASSERT_OK(store_.MarkDeleted(kKey, /*delete_data=*/true));
  ASSERT_TRUE(RunUntil([&] { return a_.containers().empty(); }));
  const auto gone = [&] { return !store_.Get(kKey).ok(); };
  for (int pass = 0; pass < 5; ++pass) (void)controller_->ReconcileAll();
  EXPECT_FALSE(gone());
  EXPECT_THAT(a_.volumes(), ::testing::Not(IsEmpty()));
  annotations_[std::string(kForgetNodesAnnotation)] = "b";
  annotations_[std::string(api::kDeleteDataAnnotation)] = "true";
  Apply();
  ASSERT_OK(store_.MarkDeleted(kKey, /*delete_data=*/true));
  ASSERT_TRUE(RunUntil(gone));
  EXPECT_THAT(a_.volumes(), ElementsAre("demo-under-store"));
}

TEST_F(DockerNodesTest, ASecretThatIsMissingIsOneNodesTrouble) {
  nodes().push_back({{"name", "c"},
                     {"endpoint", "tcp://127.0.0.1:1"},
                     {"tlsSecret", "lab"},
                     {"workers", json::array()}});
  Apply();
  ASSERT_TRUE(RunUntil([&] { return StatusNow().workers.ready == 2; }));
  EXPECT_THAT(DegradedMessage(),
              HasSubstr("node c: spec.runtime.docker.nodes[2].tlsSecret: there is no Secret lab in "
                        "namespace default: create it"));
  store_.SetSecret("default", "lab", {{"key.pem", "k"}});
  ASSERT_TRUE(RunUntil([&] {
    return DegradedMessage().find("Secret lab has neither ca.pem nor cert.pem") !=
           std::string::npos;
  }));
}

TEST_F(DockerNodesTest, TheSecretOfTheOnlyEngineIsAReferenceOfTheCluster) {
  spec_["runtime"]["docker"] = {{"endpoint", "tcp://127.0.0.1:1"}, {"tlsSecret", "lab"}};
  Apply();
  ASSERT_TRUE(RunUntil([&] { return !DegradedMessage().empty(); }));
  EXPECT_THAT(DegradedMessage(),
              HasSubstr("ReferenceMissing: spec.runtime.docker.tlsSecret: there is no Secret lab"));
}

TEST_F(DockerNodesTest, OneEngineThatTheSpecNamesTakesAll) {
  spec_["runtime"]["docker"] = {{"endpoint", a_.endpoint().name}};
  Apply();
  ASSERT_TRUE(RunUntilSettled());
  EXPECT_THAT(a_.containers(), ElementsAre("demo-master-0", "demo-worker-0", "demo-worker-1"));
  EXPECT_THAT(StatusNow().nodes, IsEmpty());
}

}  // namespace
}  // namespace headpond::controller
