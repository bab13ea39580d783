// The operator dies after its first write, its second, ...: whatever is half done, the next one
// arrives where one that never died arrives.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/testing/scripted_faults.h"
#include "operator/controller/controller.h"
#include "operator/daemon/api_cluster_store.h"
#include "operator/testing/fake_runtime.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;
using testing_operator::FakeRuntime;
using testing_operator::FakeWorld;

constexpr const char* kClusters = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
constexpr const char* kDataMap = "/api/v1/namespaces/default/configmaps/a.data";
constexpr int kMaxPasses = 200;

bool IsTheOperators(const http::Request& request) {
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kUserAgent;
}

// The store and the daemons, which outlive operators.
class Life {
 public:
  Life() {
    auto opened = apiserver::ObjectStore::Open({.path = directory_ / "api.db"});
    EXPECT_OK(opened);
    objects_ = *std::move(opened);
    server_ = std::make_unique<apiserver::ApiServer>(
        *objects_, clock_, Random(7), apiserver::ApiServer::Options{.faults = &faults_});
    EXPECT_OK(server_->Start());
  }

  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    return json::parse(
        server_->Handle({.method = method, .path = path, .body = body.is_null() ? "" : body.dump()})
            .body);
  }
  json Cluster() { return Ask("GET", std::string(kClusters) + "/a"); }

  // Operators, one after the other, until `done`; the first dies after its k-th write. False when
  // it made fewer.
  bool RunUntil(const std::function<bool()>& done, int k) {
    faults_.CrashAfterWrite(k, IsTheOperators);
    bool died = false;
    for (int pass = 0; pass < kMaxPasses;) {
      ApiClusterStore store(*server_, *objects_);
      FakeRuntime runtime(world_, clock_);
      controller::Controller controller(store, {.process = &runtime}, clock_, {});
      for (; pass < kMaxPasses && !faults_.crashed(); ++pass) {
        clock_.Advance(controller.ReconcileAll());
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
            {"data", Ask("GET", kDataMap)["data"] == json({{"uid", object["metadata"]["uid"]}})}};
  }

  FakeWorld& world() { return world_; }

 private:
  TempDirectory directory_;
  ManualClock clock_;
  FakeWorld world_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::ObjectStore> objects_;
  std::unique_ptr<apiserver::ApiServer> server_;
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
      const bool kept = life.Ask("GET", kDataMap)["code"] != 404;
      EXPECT_EQ(kept, !delete_data);
      if (!died) break;
      ASSERT_LT(k, 100);
    }
}

}  // namespace
}  // namespace headpond::operator_daemon
