#include "operator/runtime/kubernetes/kubernetes_runtime.h"

#include <atomic>
#include <nlohmann/json.hpp>

#include "http/http_server.h"
#include "operator/runtime/runtime_conformance.h"
#include "operator/testing/fake_kubelet.h"
#include "testing/eventually.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kDataAnnotation = "testing/data";

class KubernetesHarness final : public RuntimeHarness {
 public:
  std::unique_ptr<Runtime> Make() override {
    client_ = std::make_unique<kube::Client>(kube::AtSocket(world_.socket_path()), Clock::System());
    return std::make_unique<KubernetesRuntime>(
        KubernetesRuntime::Options{.sync_timeout = std::chrono::seconds(30)}, *client_,
        Clock::System());
  }
  plan::Workload Good(plan::Role role, int ordinal) override { return Make(role, ordinal, ""); }
  std::optional<plan::Workload> WithMovableJournal() override { return std::nullopt; }
  plan::Workload Crashing(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "refuse");
  }
  plan::Workload Stubborn(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "ignore-sigterm");
  }
  plan::Workload Silent(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "deaf");
  }
  void KillBehindItsBack(const plan::ObservedWorkload& workload) override {
    world_.kubelet().Kill(k8s::PodName(workload.name));
  }
  // As a quota or an admission policy does.
  std::shared_ptr<void> BlockStart(const plan::Workload&) override {
    constexpr int kForever = 1 << 20, kForbidden = 403;
    auto blocked = std::make_shared<std::atomic<bool>>(true);
    world_.faults().RefuseNext(kForever, kForbidden, [blocked](const http::Request& request) {
      return *blocked && request.method == "PATCH" &&
             request.path.find("/statefulsets/") != std::string::npos;
    });
    return std::shared_ptr<void>(nullptr, [blocked](void*) { *blocked = false; });
  }
  void WriteData(const plan::Workload& workload) override {
    world_.Ask("PATCH", "/api/v1/namespaces/default/persistentvolumeclaims/" + ClaimOf(workload),
               {{"metadata", {{"annotations", {{kDataAnnotation, "precious"}}}}}});
  }
  bool HasData(const plan::Workload& workload) override {
    const json claim =
        world_.Get("/api/v1/namespaces/default/persistentvolumeclaims/" + ClaimOf(workload));
    return k8s::AnnotationOf(claim, kDataAnnotation) == "precious";
  }

  testing_operator::FakeKubernetes& world() { return world_; }

 private:
  static std::string ClaimOf(const plan::Workload& workload) {
    return workload.volumes.at(0).volume_name;
  }

  plan::Workload Make(plan::Role role, int ordinal, const std::string& behaviour) {
    const std::string word(plan::RoleName(role));
    plan::Workload workload{.role = role,
                            .ordinal = ordinal,
                            .name = fmt::format("demo-{}-{}", word, ordinal),
                            .args = {word},
                            .termination_grace = std::chrono::seconds(1)};
    if (!behaviour.empty()) workload.env["FAKE_DAEMON"] = behaviour;
    workload.files = {
        {"/headpond/conf/" + workload.name + "/alluxio-site.properties", "secret=s3cr3t\n"}};
    const std::string state = "/headpond/volumes/" + workload.name;
    workload.ports = {{"rpc", 19998, "spec.ports." + word + ".rpc"},
                      {"web", 19999, "spec.ports." + word + ".web"}};
    workload.volumes = {{.name = "state",
                         .kind = plan::VolumeKind::kDurable,
                         .path = state,
                         .mount = state,
                         .volume_name = workload.name + "-state",
                         .claim_bytes = 1 << 30}};
    workload.probe = {"", 19998, 19999, "/api/v1/" + word + "/info"};
    workload.container =
        plan::Container{.image = "headpond:1", .settings = {.user = "1000:1000"}, .pod = true};
    return workload;
  }

  testing_operator::FakeKubernetes world_;
  std::unique_ptr<kube::Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Kubernetes, RuntimeConformance,
                         ::testing::Values([]() -> std::unique_ptr<RuntimeHarness> {
                           return std::make_unique<KubernetesHarness>();
                         }));

// What is particular to pods.
class KubernetesRuntimeTest : public ::testing::Test {
 protected:
  KubernetesRuntimeTest() : runtime_(harness_.Make()) {}

  const plan::ObservedWorkload* Observe() {
    auto observed = runtime_->Observe(cluster_);
    EXPECT_OK(observed);
    last_ = observed.ok() ? *std::move(observed) : plan::ObservedCluster();
    return last_.workloads.empty() ? nullptr : &last_.workloads[0];
  }
  bool WaitFor(const std::function<bool(const plan::ObservedWorkload*)>& done) {
    return Eventually([&] { return done(Observe()); });
  }
  bool WaitUntilServing() {
    return WaitFor([](const auto* workload) { return workload != nullptr && workload->serving; });
  }
  bool WaitUntilExited() {
    return WaitFor([](const auto* workload) {
      return workload != nullptr && workload->phase == plan::Phase::kExited;
    });
  }

  KubernetesHarness harness_;
  testing_operator::FakeKubernetes& world_ = harness_.world();
  std::unique_ptr<Runtime> runtime_;
  ClusterRef cluster_{"default", "demo", "uid-1"};
  const plan::Workload master_ = harness_.Good(plan::Role::kMaster, 0);
  plan::ObservedCluster last_;
};

TEST_F(KubernetesRuntimeTest, LookingAsksNobody) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  std::atomic<int> asked = 0;
  world_.faults().RefuseNext(1 << 20, 500, [&](const http::Request& request) {
    const auto agent = request.headers.find("user-agent");
    if (agent != request.headers.end() && agent->second == kube::Client::Options().user_agent)
      ++asked;
    return false;
  });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Observe()->serving);
  EXPECT_EQ(asked, 0);
}

TEST_F(KubernetesRuntimeTest, MastersHaveNamesBeforeTheyAreReady) {
  ASSERT_OK(runtime_->Start(cluster_, harness_.Silent(plan::Role::kMaster, 0)));
  EXPECT_THAT(world_.Names("", "services"),
              ::testing::ElementsAre("demo", "demo-master-0", "demo-pods"));
  for (const char* const name : {"demo-master-0", "demo-pods"}) {
    const json service = world_.Get(fmt::format("/api/v1/namespaces/default/services/{}", name));
    EXPECT_EQ(service["spec"]["publishNotReadyAddresses"], true);
    EXPECT_EQ(service["spec"]["clusterIP"], "None");
  }
  EXPECT_THAT(world_.Names("policy", "poddisruptionbudgets"),
              ::testing::ElementsAre("demo-masters"));
}

TEST_F(KubernetesRuntimeTest, OneOfSeveralMastersIsAskedHowItStands) {
  std::atomic<bool> elected = false;
  http::HttpServer page({.port_key = "test"});
  page.Handle("GET", "/quorum", [&](const http::Request&) -> Result<http::Response> {
    if (!elected) return http::Response{.status = 503, .body = R"({"role": "ELECTING"})"};
    return http::Response{
        .body =
            R"({"role": "LEADER", "term": 3, "leader": "m:1", "sequence": 7, "liveWorkers": 2})"};
  });
  const auto port = page.Start();
  ASSERT_OK(port);
  plan::Workload master = master_;
  // What answers connections is good for both.
  master.ports[0].number = master.ports[1].number = *port;
  master.ports.push_back({"embedded", 19200, "spec.ports.master.embedded", true});
  master.probe = {"", *port, *port, "/quorum"};
  master.quorum_address = "m:1";
  ASSERT_OK(runtime_->Start(cluster_, master));
  // The kubelet says that it is ready; it knows better itself.
  ASSERT_TRUE(WaitFor([](const auto* workload) {
    return workload != nullptr && workload->message == "says that it is ELECTING";
  }));
  EXPECT_FALSE(last_.workloads[0].serving);
  elected = true;
  ASSERT_TRUE(WaitUntilServing());
  const plan::ObservedWorkload& found = last_.workloads[0];
  EXPECT_EQ(found.quorum,
            (plan::QuorumView{.leads = true, .term = 3, .leader = "m:1", .sequence = 7}));
  EXPECT_EQ(found.live_workers, 2);
  EXPECT_EQ(found.rpc_address, fmt::format("127.0.0.1:{}", *port));
  EXPECT_EQ(found.proven_hash, master.ConfigHash());
  // Somebody's network is broken, maybe only the operator's.
  page.Stop();
  ASSERT_NE(Observe(), nullptr);
  EXPECT_TRUE(last_.workloads[0].serving);
  EXPECT_FALSE(last_.workloads[0].quorum);
  EXPECT_THAT(last_.workloads[0].message, HasSubstr("does not reach it at 127.0.0.1"));
}

TEST_F(KubernetesRuntimeTest, AForeignStatefulSetOfOurNameIsAConflictAndStays) {
  const json foreign = {{"apiVersion", "apps/v1"},
                        {"kind", "StatefulSet"},
                        {"metadata", {{"name", master_.name}}},
                        {"spec", {{"replicas", 0}}}};
  world_.Ask("POST", "/apis/apps/v1/namespaces/default/statefulsets", foreign);
  EXPECT_THAT(runtime_->Start(cluster_, master_),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr(master_.name), HasSubstr("is not ours"))));
  ASSERT_NE(Observe(), nullptr);
  EXPECT_EQ(last_.workloads[0].reason, "NameConflict");
  EXPECT_OK(runtime_->Remove(cluster_, master_.name));
  const json after = world_.Get("/apis/apps/v1/namespaces/default/statefulsets/" + master_.name);
  EXPECT_EQ(after["spec"], foreign["spec"]);
  EXPECT_FALSE(after["metadata"].contains("labels"));
}

TEST_F(KubernetesRuntimeTest, AForeignServiceOfOurNameIsAConflictAndStays) {
  const json foreign = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "demo"}}},
                        {"spec", {{"selector", {{"app", "web"}}}}}};
  const json before = world_.Ask("POST", "/api/v1/namespaces/default/services", foreign);
  EXPECT_THAT(runtime_->Start(cluster_, master_),
              StatusIs(Code::kFailedPrecondition, HasSubstr("services default/demo is not ours")));
  ASSERT_NE(Observe(), nullptr);
  EXPECT_EQ(last_.workloads[0].reason, "NameConflict");
  EXPECT_OK(runtime_->CleanUp(cluster_));
  EXPECT_EQ(world_.Get("/api/v1/namespaces/default/services/demo"), before);
}

TEST_F(KubernetesRuntimeTest, AnImageThatCantBeHadIsAFailedStart) {
  world_.kubelet().BreakImage("headpond:1");
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilExited());
  EXPECT_TRUE(last_.workloads[0].start_failed);
  EXPECT_EQ(last_.workloads[0].reason, "ImagePullFailed");
  EXPECT_EQ(last_.workloads[0].crashes, 1);
  EXPECT_THAT(last_.workloads[0].message, HasSubstr("headpond:1"));
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitFor([](const auto* workload) {
    return workload != nullptr && workload->phase == plan::Phase::kExited && workload->crashes == 2;
  }));
}

TEST_F(KubernetesRuntimeTest, APodDeletedByHandComesBack) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  const std::string pod = "/api/v1/namespaces/default/pods/demo-master-0-0";
  const json before = world_.Get(pod)["metadata"]["uid"];
  world_.Ask("DELETE", pod, nullptr);
  ASSERT_TRUE(Eventually([&] {
    const json now = world_.Get(pod)["metadata"];
    return now.is_object() && now.value("uid", "") != before && !now.value("uid", "").empty();
  }));
  ASSERT_TRUE(WaitUntilServing());
  EXPECT_EQ(last_.workloads[0].crashes, 0);
}

TEST_F(KubernetesRuntimeTest, AStatefulSetDeletedByHandIsStartedAgain) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  world_.Ask("DELETE", "/apis/apps/v1/namespaces/default/statefulsets/demo-master-0", nullptr);
  ASSERT_TRUE(WaitUntilExited());
  EXPECT_EQ(last_.workloads[0].proven_hash, master_.ConfigHash());
  ASSERT_TRUE(Eventually([&] { return world_.Names("", "pods").empty(); }));
  ASSERT_OK(runtime_->Start(cluster_, master_));
  EXPECT_TRUE(WaitUntilServing());
}

TEST_F(KubernetesRuntimeTest, WhatIsDeletedBesideADaemonIsNamedAndPutBack) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  EXPECT_THAT(last_.workloads[0].missing, IsEmpty());
  const std::string secret = k8s::SecretName(master_.name, master_.ConfigHash());
  const std::string core = "/api/v1/namespaces/default/";
  world_.Ask("DELETE", core + "services/demo-master-0", nullptr);
  world_.Ask("DELETE", core + "secrets/" + secret, nullptr);
  world_.Ask("DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/demo-masters",
             nullptr);
  ASSERT_TRUE(WaitFor([](const auto* workload) { return workload->missing.size() == 3; }));
  EXPECT_THAT(last_.workloads[0].missing,
              ::testing::UnorderedElementsAre("services demo-master-0", "secrets " + secret,
                                              "poddisruptionbudgets demo-masters"));
  ASSERT_OK(runtime_->Mend(cluster_, master_));
  ASSERT_TRUE(WaitFor([&](const auto* workload) {
    return workload->missing.empty() && workload->proven_hash == master_.ConfigHash();
  }));
  EXPECT_EQ(world_.Get(core + "secrets/" + secret)["metadata"]["name"], secret);
}

TEST_F(KubernetesRuntimeTest, NetworkPoliciesComeAreHealedAndGoAsTheSpecSays) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  EXPECT_THAT(last_.workloads[0].surplus, IsEmpty());
  const auto policies = [this] { return world_.Names("networking.k8s.io", "networkpolicies"); };
  EXPECT_THAT(policies(), IsEmpty());
  cluster_.network_policy = true;
  const std::vector<std::string> named = {"networkpolicies demo-masters"};
  EXPECT_EQ(Observe()->missing, named);
  ASSERT_OK(runtime_->Mend(cluster_, master_));
  EXPECT_THAT(policies(), ::testing::ElementsAre("demo-masters"));
  EXPECT_THAT(Observe()->missing, IsEmpty());
  world_.Ask("DELETE", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/demo-masters",
             nullptr);
  ASSERT_TRUE(WaitFor([&](const auto* workload) { return workload->missing == named; }));
  ASSERT_OK(runtime_->Mend(cluster_, master_));
  cluster_.network_policy = false;
  EXPECT_EQ(Observe()->surplus, named);
  ASSERT_OK(runtime_->Mend(cluster_, master_));
  EXPECT_THAT(policies(), IsEmpty());
  EXPECT_THAT(Observe()->surplus, IsEmpty());
}

TEST_F(KubernetesRuntimeTest, WhatCantBePutBackIsRemembered) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  const std::string secret = k8s::SecretName(master_.name, master_.ConfigHash());
  world_.Ask("DELETE", "/api/v1/namespaces/default/secrets/" + secret, nullptr);
  ASSERT_TRUE(WaitFor([](const auto* workload) { return !workload->missing.empty(); }));
  plan::Workload changed = master_;
  changed.args.emplace_back("-Dalluxio.some.key=1");
  EXPECT_THAT(runtime_->Mend(cluster_, changed),
              StatusIs(Code::kFailedPrecondition, HasSubstr(secret)));
  EXPECT_NE(Observe()->mend_failed_at_ms, 0);
}

TEST_F(KubernetesRuntimeTest, AClaimGrowsWhereItMayAndElseSaysWhy) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  const std::string name = "demo-master-0-state";
  const std::string path = "/api/v1/namespaces/default/persistentvolumeclaims/" + name;
  EXPECT_EQ(last_.workloads[0].claims[name], 1 << 30);
  plan::Workload larger = master_;
  larger.volumes[0].claim_bytes = int64_t{3} << 30;
  world_.faults().RefuseNext(1, 403, [&](const http::Request& request) {
    return request.method == "PATCH" && request.path == path;
  });
  EXPECT_THAT(
      runtime_->Mend(cluster_, larger),
      StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("spec.runtime.kubernetes.journalSize"),
                                              HasSubstr(name), HasSubstr("StorageClass"))));
  EXPECT_THAT(Observe()->mend_failure, HasSubstr("journalSize"));
  EXPECT_EQ(last_.workloads[0].claims[name], 1 << 30);
  ASSERT_OK(runtime_->Mend(cluster_, larger));
  EXPECT_EQ(world_.Get(path)["spec"]["resources"]["requests"]["storage"], "3221225472");
  EXPECT_EQ(Observe()->claims.at(name), int64_t{3} << 30);
  EXPECT_EQ(last_.workloads[0].mend_failure, "");
  ASSERT_OK(runtime_->Mend(cluster_, master_));
  EXPECT_EQ(Observe()->claims.at(name), int64_t{3} << 30);
}

TEST_F(KubernetesRuntimeTest, FilesAreSecretsAndNothingElseHasTheirContent) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  EXPECT_THAT(world_.Get("/apis/apps/v1/namespaces/default/statefulsets/demo-master-0").dump(),
              Not(HasSubstr("s3cr3t")));
  EXPECT_THAT(world_.Names("", "secrets"),
              ::testing::ElementsAre(k8s::SecretName(master_.name, master_.ConfigHash())));
}

TEST_F(KubernetesRuntimeTest, OnlyTheConfigurationThatServesIsKeptInTheEnd) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  plan::Workload changed = master_;
  changed.args.emplace_back("-Dalluxio.some.key=1");
  ASSERT_OK(runtime_->Stop(cluster_, master_.name));
  ASSERT_TRUE(WaitUntilExited());
  ASSERT_OK(runtime_->Start(cluster_, changed));
  ASSERT_TRUE(WaitUntilServing());
  EXPECT_EQ(last_.workloads[0].config_hash, changed.ConfigHash());
  EXPECT_THAT(world_.Names("", "secrets"),
              ::testing::ElementsAre(k8s::SecretName(master_.name, changed.ConfigHash())));
}

TEST_F(KubernetesRuntimeTest, AMissingClaimOfTheUsersIsNamedAndNotMade) {
  plan::Workload workload = master_;
  workload.volumes.push_back({.name = "under-store",
                              .kind = plan::VolumeKind::kUnderStore,
                              .path = "/lake",
                              .mount = "/lake",
                              .volume_name = "lake"});
  EXPECT_THAT(runtime_->Start(cluster_, workload),
              StatusIs(Code::kFailedPrecondition,
                       HasSubstr("underStoreClaim: there is no PersistentVolumeClaim lake")));
  EXPECT_EQ(Observe()->reason, "ClaimMissing");
}

TEST_F(KubernetesRuntimeTest, NothingButClaimsIsLeft) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(WaitUntilServing());
  ASSERT_OK(runtime_->Stop(cluster_, master_.name));
  ASSERT_TRUE(WaitUntilExited());
  ASSERT_OK(runtime_->Remove(cluster_, master_.name));
  EXPECT_EQ(Observe(), nullptr);
  EXPECT_TRUE(last_.has_leftovers);
  ASSERT_OK(runtime_->CleanUp(cluster_));
  Observe();
  EXPECT_FALSE(last_.has_leftovers);
  for (const auto& [group, resource] :
       {std::pair("", "services"), std::pair("", "secrets"), std::pair("", "pods"),
        std::pair("apps", "statefulsets"), std::pair("policy", "poddisruptionbudgets")})
    EXPECT_THAT(world_.Names(group, resource), IsEmpty()) << resource;
  EXPECT_THAT(world_.Names("", "persistentvolumeclaims"),
              ::testing::ElementsAre("demo-master-0-state"));
}

// Dies after each write in turn; whoever comes next arrives where one that never died arrives.
TEST(KubernetesCrashTest, AChangeArrivesWhereverTheOperatorDies) {
  const ClusterRef cluster{"default", "demo", "uid-1"};
  for (int k = 1;; ++k) {
    SCOPED_TRACE(k);
    KubernetesHarness harness;
    const plan::Workload first = harness.Good(plan::Role::kMaster, 0);
    plan::Workload second = first;
    second.args.emplace_back("-Dalluxio.some.key=1");
    harness.world().faults().CrashAfterWrite(k, testing_operator::FakeKubernetes::IsOperatorsWrite);
    bool died = false;
    auto runtime = harness.Make();
    // What the plan would do, with one daemon.
    const auto drive = [&](const plan::Workload& wanted) {
      return Eventually([&] {
        if (harness.world().faults().crashed()) {
          died = true;
          runtime.reset();
          harness.world().faults().Restart();
          runtime = harness.Make();
        }
        const auto observed = runtime->Observe(cluster);
        if (!observed.ok()) return false;
        const auto* const found = observed->workloads.empty() ? nullptr : &observed->workloads[0];
        if (found == nullptr || found->phase == plan::Phase::kExited)
          (void)runtime->Start(cluster, wanted);
        else if (found->phase == plan::Phase::kRunning &&
                 found->config_hash != wanted.ConfigHash() && found->serving)
          (void)runtime->Stop(cluster, wanted.name);
        return found != nullptr && found->serving && found->config_hash == wanted.ConfigHash() &&
               found->proven_hash == wanted.ConfigHash() && found->crashes == 0;
      });
    };
    ASSERT_TRUE(drive(first));
    ASSERT_TRUE(drive(second));
    EXPECT_EQ(harness.world().Names("apps", "statefulsets"),
              std::vector<std::string>{"demo-master-0"});
    EXPECT_EQ(harness.world().Names("", "persistentvolumeclaims").size(), 1u);
    EXPECT_EQ(harness.world().Names("", "services").size(), 3u);
    runtime.reset();
    if (!died) {
      EXPECT_GT(k, 10);
      return;
    }
    ASSERT_LT(k, 100);
  }
}

}  // namespace
}  // namespace headpond::runtime
