// The operator dies after its first write, its second, ...: whatever is half done, the next one
// arrives where one that never died arrives.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/listeners.h"
#include "operator/apiserver/testing/scripted_faults.h"
#include "operator/controller/controller.h"
#include "operator/daemon/cluster_store.h"
#include "operator/testing/fake_runtime.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;
using testing_operator::FakeRuntime;
using testing_operator::FakeWorld;

constexpr const char* kClusters = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
constexpr const char* kRecord = "/api/v1/namespaces/default/configmaps/a.data";
const controller::ClusterKey kKey{"default", "a"};
constexpr int kMaxPasses = 500;

bool IsTheOperators(const http::Request& request) {
  // Events are told by a thread of their own, and nothing hangs on them.
  if (request.path.ends_with("/events")) return false;
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kube::Client::Options().user_agent;
}

int64_t VersionOf(const json& object) {
  return object.contains("metadata") ? kube::VersionOf(object) : 0;
}

// The API and the daemons, which outlive operators.
class Life {
 public:
  Life() {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .faults = &faults_},
                                                 Clock::System());
    EXPECT_OK(started);
    api_ = *std::move(started);
  }

  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    return json::parse(
        api_->server()
            .Handle({.method = method, .path = path, .body = body.is_null() ? "" : body.dump()})
            .body);
  }
  json Cluster() { return Ask("GET", std::string(kClusters) + "/a"); }

  // Operators, one after the other, until `done`; the first dies after its k-th write. False when
  // it made fewer.
  bool RunUntil(const std::function<bool()>& done, int k) {
    faults_.CrashAfterWrite(k, IsTheOperators);
    bool died = false;
    for (int pass = 0; pass < kMaxPasses;) {
      kube::Client client(kube::AtSocket(api_->socket_path()), Clock::System());
      ApiClusterStore store(client, Clock::System(), Random(1), {}, [] {});
      store.Start();
      EXPECT_TRUE(store.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
      FakeRuntime runtime(world_, clock_);
      controller::Controller controller(store, {.process = &runtime}, clock_, {});
      for (; pass < kMaxPasses && !faults_.crashed(); ++pass) {
        clock_.Advance(controller.ReconcileAll());
        EXPECT_TRUE(Eventually([&] { return faults_.crashed() || SeesAll(store); }));
        if (!faults_.crashed() && done()) {
          faults_.Restart();
          return died;
        }
      }
      died |= faults_.crashed();
      faults_.Restart();
    }
    ADD_FAILURE() << "never arrives: " << Cluster();
    return false;
  }

  bool IsReady() {
    const json object = Cluster();
    return object["status"].is_object() && object["status"].value("phase", "") == "Ready" &&
           object["status"]["observedGeneration"] == object["metadata"]["generation"];
  }
  bool IsGone() { return Cluster()["code"] == 404; }

  // What must not depend on crashes.
  json Outcome() {
    json daemons = json::array();
    for (const auto& [name, daemon] : world_.daemons) daemons.push_back(name);
    const json object = Cluster();
    return {{"daemons", daemons},
            {"finalizers", object["metadata"]["finalizers"]},
            {"spec", object["spec"]},
            {"phase", object["status"]["phase"]},
            {"data", Ask("GET", kRecord)["data"] == json({{"uid", object["metadata"]["uid"]}})}};
  }

  FakeWorld& world() { return world_; }

 private:
  // Whether the store knows the present state.
  bool SeesAll(ApiClusterStore& store) {
    const json cluster = Cluster();
    if (cluster.value("code", 0) == 404)
      return store.GetStatus(kKey).status().code() == Code::kNotFound;
    return store.clusters_version() >= VersionOf(cluster) &&
           store.records_version() >= VersionOf(Ask("GET", kRecord));
  }

  TempDirectory directory_;
  ManualClock clock_;
  FakeWorld world_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
};

json Manifest(bool delete_data = false) {
  json object = {{"apiVersion", "headpond.dev/v1alpha1"},
                 {"kind", "CacheCluster"},
                 {"metadata", {{"name", "a"}}},
                 {"spec", {{"worker", {{"replicas", 2}}}}}};
  if (delete_data)
    object["metadata"]["annotations"] = {{std::string(api::kDeleteDataAnnotation), "true"}};
  return object;
}

TEST(ApiCrashTest, AClusterComesUpWhereverTheOperatorDies) {
  json reference;
  for (int k = 0;; ++k) {
    SCOPED_TRACE(k);
    Life life;
    life.Ask("POST", kClusters, Manifest());
    const bool died = life.RunUntil([&] { return life.IsReady(); }, k);
    const json outcome = life.Outcome();
    if (k == 0) reference = outcome;
    EXPECT_EQ(outcome, reference);
    if (k > 0 && !died) {
      EXPECT_GT(k, 3);  // the finalizer, the data and some statuses are written
      return;
    }
    ASSERT_LT(k, 100);
  }
}

TEST(ApiCrashTest, AClusterGoesAwayWhereverTheOperatorDies) {
  for (const bool delete_data : {false, true})
    for (int k = 1;; ++k) {
      SCOPED_TRACE(fmt::format("delete_data {} k {}", delete_data, k));
      Life life;
      life.Ask("POST", kClusters, Manifest(delete_data));
      life.RunUntil([&] { return life.IsReady(); }, 0);
      life.Ask("DELETE", std::string(kClusters) + "/a");
      const bool died = life.RunUntil([&] { return life.IsGone(); }, k);
      EXPECT_TRUE(life.world().daemons.empty());
      const bool kept = life.Ask("GET", kRecord)["code"] != 404;
      EXPECT_EQ(kept, !delete_data);
      if (!died) break;
      ASSERT_LT(k, 100);
    }
}

}  // namespace
}  // namespace headpond::operator_daemon
