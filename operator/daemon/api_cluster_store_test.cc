#include "operator/daemon/api_cluster_store.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/listeners.h"
#include "operator/daemon/cluster_object.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using controller::ClusterKey;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kClusters = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
const ClusterKey kKey{"default", "a"};

class ApiClusterStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api"}, Clock::System());
    ASSERT_OK(started);
    api_ = *std::move(started);
    store_ = std::make_unique<ApiClusterStore>(api_->server(), api_->store());
  }

  json Ask(const std::string& method, const std::string& path, const std::string& body = "") {
    return json::parse(api_->server().Handle({.method = method, .path = path, .body = body}).body);
  }
  json Create() {
    return Ask("POST", kClusters,
               R"({"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster",
                   "metadata": {"name": "a"}})");
  }
  json Get() { return Ask("GET", std::string(kClusters) + "/a"); }

  TempDirectory directory_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
  std::unique_ptr<ApiClusterStore> store_;
};

TEST_F(ApiClusterStoreTest, AClusterIsHeldBeforeAnythingIsDoneForIt) {
  const json created = Create();
  ASSERT_OK_AND_ASSIGN(const auto list, store_->List());
  ASSERT_THAT(list.clusters, SizeIs(1));
  EXPECT_EQ(list.clusters[0].metadata.uid, created["metadata"]["uid"]);
  EXPECT_THAT(Get()["metadata"]["finalizers"], ElementsAre(kClusterFinalizer));
  EXPECT_EQ(Get()["metadata"]["generation"], 1);
}

TEST_F(ApiClusterStoreTest, StatusIsReplacedAsAWhole) {
  Create();
  EXPECT_EQ(store_->GetStatus(kKey)->phase, "");
  controller::ClusterStatus status{.phase = "Progressing", .rollout = {"start a-master-0"}};
  ASSERT_OK(store_->WriteStatus(kKey, status));
  status.rollout.clear();
  status.phase = "Ready";
  ASSERT_OK(store_->WriteStatus(kKey, status));
  EXPECT_EQ(store_->GetStatus(kKey)->phase, "Ready");
  EXPECT_FALSE(Get()["status"].contains("rollout"));
  EXPECT_THAT(store_->WriteStatus({"default", "b"}, status), StatusIs(Code::kNotFound));
}

TEST_F(ApiClusterStoreTest, ADeletedClusterStaysUntilItIsFinalized) {
  Create();
  ASSERT_OK(store_->List());
  Ask("DELETE", std::string(kClusters) + "/a");
  ASSERT_OK_AND_ASSIGN(const auto list, store_->List());
  ASSERT_THAT(list.clusters, SizeIs(1));
  EXPECT_FALSE(list.clusters[0].metadata.deletion_timestamp.empty());
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/false));
  EXPECT_THAT(store_->List()->clusters, IsEmpty());
  EXPECT_EQ(Get()["code"], 404);
}

TEST_F(ApiClusterStoreTest, ANewClusterFindsDataThatWasKeptAndOnlyThat) {
  const auto live_and_die = [&](bool data_kept) {
    Create();
    const std::string uid = store_->List()->clusters.at(0).metadata.uid;
    Ask("DELETE", std::string(kClusters) + "/a");
    EXPECT_OK(store_->Finalize(kKey, data_kept));
    return uid;
  };
  const std::string first = live_and_die(true);
  EXPECT_EQ(live_and_die(false), first);
  EXPECT_NE(live_and_die(false), first);
}

}  // namespace
}  // namespace headpond::operator_daemon
