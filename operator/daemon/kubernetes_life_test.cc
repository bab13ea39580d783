// Whole lives of a CacheCluster in pods, of operators that die after each of their writes in turn:
// the API, a kubelet and what belongs to the cluster outlive them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "operator/controller/controller.h"
#include "operator/daemon/cluster_store.h"
#include "operator/runtime/kubernetes/kubernetes_runtime.h"
#include "operator/testing/fake_kubelet.h"
#include "testing/eventually.h"

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;

constexpr const char* kClusters = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
// Quick enough for tests to wait for.
const plan::RestartPolicy kPolicy{.initial_backoff = std::chrono::milliseconds(20)};

class Life {
 public:
  Life() {
    world_.Ask("POST", "/api/v1/namespaces/default/persistentvolumeclaims",
               {{"apiVersion", "v1"},
                {"kind", "PersistentVolumeClaim"},
                {"metadata", {{"name", "lake"}}}});
  }

  testing_operator::FakeKubernetes& world() { return world_; }
  json Cluster() { return world_.Get(std::string(kClusters) + "/lab"); }

  // Operators, one after the other, until `done`; the first dies after its k-th write. False when
  // it made fewer.
  bool RunUntil(const std::function<bool()>& done, int k) {
    world_.faults().CrashAfterWrite(k, testing_operator::FakeKubernetes::IsOperatorsWrite);
    bool died = false, arrived = false;
    while (!arrived) {
      kube::Client client(kube::AtSocket(world_.socket_path()), Clock::System());
      ApiClusterStore store(client, Clock::System(), Random(1), {}, [] {});
      store.Start();
      EXPECT_TRUE(store.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
      runtime::KubernetesRuntime pods({.restart_policy = kPolicy}, client, Clock::System());
      controller::Controller controller(store, {.kubernetes = &pods}, Clock::System(),
                                        {.restart_policy = kPolicy});
      const bool ended = Eventually([&] {
        if (world_.faults().crashed()) return true;
        controller.ReconcileAll();
        arrived = !world_.faults().crashed() && done();
        return arrived;
      });
      if (!ended) {
        ADD_FAILURE() << "never arrives: " << Cluster().dump(1);
        return died;
      }
      died |= world_.faults().crashed();
      world_.faults().Restart();
    }
    return died;
  }

  bool IsReady() {
    json object = Cluster();
    return object["status"].is_object() && object["status"].value("phase", "") == "Ready" &&
           object["status"]["observedGeneration"] == object["metadata"]["generation"];
  }
  bool IsGone() { return Cluster()["code"] == 404; }

  // What must not depend on crashes. Secrets are named by hashes, which contain the data's uid.
  json Outcome() {
    return {{"sets", world_.Names("apps", "statefulsets")},
            {"services", world_.Names("", "services")},
            {"policies", world_.Names("networking.k8s.io", "networkpolicies")},
            {"budgets", world_.Names("policy", "poddisruptionbudgets")},
            {"claims", world_.Names("", "persistentvolumeclaims")},
            {"secrets", world_.Names("", "secrets").size()}};
  }

 private:
  testing_operator::FakeKubernetes world_;
};

json Manifest(bool delete_data = false) {
  json object = json::parse(R"({
      "apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": "lab"},
      "spec": {"runtime": {"type": "kubernetes", "kubernetes": {"underStoreClaim": "lake"}},
               "worker": {"replicas": 2}, "security": {"networkPolicy": true}}})");
  if (delete_data)
    object["metadata"]["annotations"] = {{std::string(api::kDeleteDataAnnotation), "true"}};
  return object;
}

TEST(KubernetesLifeTest, AClusterComesUpWhereverTheOperatorDies) {
  json reference;
  for (int k = 0;; ++k) {
    SCOPED_TRACE(k);
    Life life;
    life.world().Ask("POST", kClusters, Manifest());
    const bool died = life.RunUntil([&] { return life.IsReady(); }, k);
    if (k == 0) {
      reference = life.Outcome();
      EXPECT_EQ(reference["sets"], json({"lab-master-0", "lab-worker-0", "lab-worker-1"}));
      EXPECT_EQ(reference["services"], json({"lab", "lab-master-0", "lab-pods"}));
      EXPECT_EQ(reference["policies"], json({"lab-masters", "lab-workers"}));
      EXPECT_EQ(reference["claims"], json({"lab-master-0-state", "lake"}));
      EXPECT_EQ(reference["secrets"], 3);
    }
    EXPECT_EQ(life.Outcome(), reference);
    if (k > 0 && !died) {
      EXPECT_GT(k, 15);
      return;
    }
    ASSERT_LT(k, 200);
  }
}

TEST(KubernetesLifeTest, AClusterGoesAwayWhereverTheOperatorDies) {
  for (const bool delete_data : {false, true})
    for (int k = 1;; k += delete_data ? 3 : 1) {
      SCOPED_TRACE(fmt::format("delete_data {} k {}", delete_data, k));
      Life life;
      life.world().Ask("POST", kClusters, Manifest(delete_data));
      life.RunUntil([&] { return life.IsReady(); }, 0);
      life.world().Ask("DELETE", std::string(kClusters) + "/lab", nullptr);
      const bool died = life.RunUntil([&] { return life.IsGone(); }, k);
      // Whatever the last writes left to be collected is.
      EXPECT_TRUE(Eventually([&] {
        const json left = life.Outcome();
        return left["sets"].empty() && left["services"].empty() && left["budgets"].empty() &&
               left["secrets"] == 0 && life.world().Names("", "pods").empty();
      })) << life.Outcome();
      EXPECT_EQ(life.world().Names("", "persistentvolumeclaims"),
                delete_data ? std::vector<std::string>{"lake"}
                            : std::vector<std::string>({"lab-master-0-state", "lake"}));
      if (!died) break;
      ASSERT_LT(k, 200);
    }
}

TEST(KubernetesLifeTest, AChangedPropertyReachesTheWorkersOneByOneAfterTheMaster) {
  Life life;
  life.world().Ask("POST", kClusters, Manifest());
  life.RunUntil([&] { return life.IsReady(); }, 0);
  const auto pods = [&] {
    std::map<std::string, std::string> uids;
    for (const std::string& name : life.world().Names("", "pods"))
      uids[name] =
          life.world().Get("/api/v1/namespaces/default/pods/" + name)["metadata"].value("uid", "");
    return uids;
  };
  const auto before = pods();
  ASSERT_EQ(before.size(), 3u);
  life.world().Ask(
      "PATCH", std::string(kClusters) + "/lab",
      {{"spec", {{"properties", {{"alluxio.user.block.size.bytes.default", "8MB"}}}}}});
  life.RunUntil(
      [&] {
        const auto now = pods();
        size_t gone = 0;
        for (const auto& [name, uid] : before) gone += !now.contains(name);
        EXPECT_LE(gone, 1u);
        return life.IsReady() && now.size() == 3 && std::ranges::none_of(now, [&](const auto& pod) {
                 return before.contains(pod.first) && before.at(pod.first) == pod.second;
               });
      },
      0);
}

}  // namespace
}  // namespace headpond::operator_daemon
