#include "operator/daemon/cluster_store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "operator/apiserver/listeners.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using controller::ClusterKey;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const kube::Resource kClusters{"headpond.dev", "v1alpha1", "cacheclusters"};
const kube::Resource kConfigMaps{"", "v1", "configmaps"};
const ClusterKey kKey{"default", "a"};
const kube::ObjectName kName{"default", "a"}, kRecord{"default", "a.data"};

class ApiClusterStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StartApi();
    auto config = kube::LoadKubeconfig(io::Env::Posix(), api_->kubeconfig_path());
    ASSERT_OK(config);
    client_ = std::make_unique<kube::Client>(*std::move(config), Clock::System());
    NewStore();
  }
  void StartApi() {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .port = port_},
                                                 Clock::System());
    ASSERT_OK(started);
    api_ = *std::move(started);
    port_ = api_->port();
  }
  // As an operator that has just started.
  void NewStore() {
    store_ = std::make_unique<ApiClusterStore>(
        *client_, Clock::System(), Random(1),
        ApiClusterStore::Options{.may_write = [this] { return leads_.load(); }},
        [this] { ++changes_; });
    store_->Start();
    ASSERT_TRUE(Eventually([&] { return store_->List().ok(); }));
  }

  json Create(const json& spec = json::object()) {
    const json cluster = {{"apiVersion", "headpond.dev/v1alpha1"},
                          {"kind", "CacheCluster"},
                          {"metadata", {{"namespace", "default"}, {"name", "a"}}},
                          {"spec", spec}};
    return *client_->Create(kClusters, cluster);
  }
  json Get() { return client_->Get(kClusters, kName).value_or(json::object()); }
  // The clusters, once there are as many.
  std::vector<api::CacheCluster> ListOf(size_t count) {
    std::vector<api::CacheCluster> clusters;
    EXPECT_TRUE(Eventually([&] {
      auto list = store_->List();
      if (!list.ok() || list->clusters.size() != count) return false;
      clusters = std::move(list->clusters);
      return true;
    }));
    return clusters;
  }

  TempDirectory directory_;
  int port_ = 0;
  std::atomic<bool> leads_ = true;
  std::atomic<int> changes_ = 0;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<ApiClusterStore> store_;
};

TEST_F(ApiClusterStoreTest, AClusterIsHeldBeforeAnythingIsDoneForIt) {
  const json created = Create();
  const auto clusters = ListOf(1);
  EXPECT_EQ(clusters.at(0).metadata.uid, created["metadata"]["uid"]);
  EXPECT_THAT(Get()["metadata"]["finalizers"], ElementsAre(controller::kClusterFinalizer));
  EXPECT_GT(changes_, 0);
}

TEST_F(ApiClusterStoreTest, AStatusIsReadBackOnlyOnceTheWatchHasShownIt) {
  Create();
  ListOf(1);
  controller::ClusterStatus status{.phase = "Progressing", .rollout = {"start a-master-0"}};
  ASSERT_OK(store_->WriteStatus(kKey, status));
  ListOf(1);
  EXPECT_EQ(store_->GetStatus(kKey)->phase, "Progressing");
  status.rollout.clear();
  status.phase = "Ready";
  ASSERT_OK(store_->WriteStatus(kKey, status));
  ListOf(1);
  EXPECT_EQ(store_->GetStatus(kKey)->phase, "Ready");
  EXPECT_FALSE(Get()["status"].contains("rollout"));
  EXPECT_THAT(store_->WriteStatus({"default", "b"}, status), StatusIs(Code::kNotFound));
}

TEST_F(ApiClusterStoreTest, ADeletedClusterStaysUntilItIsFinalizedAndIsThenNotToldOfAgain) {
  Create();
  ListOf(1);
  ASSERT_OK(client_->Delete(kClusters, kName));
  EXPECT_TRUE(Eventually([&] { return !ListOf(1).at(0).metadata.deletion_timestamp.empty(); }));
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/false));
  EXPECT_EQ(store_->List()->clusters.size(), 0u);
  EXPECT_THAT(client_->Get(kClusters, kName).status(), StatusIs(Code::kNotFound));
  EXPECT_OK(store_->Finalize(kKey, false));  // again, as after a crash
}

TEST_F(ApiClusterStoreTest, ANewClusterFindsDataThatWasKeptAndOnlyThat) {
  const auto live_and_die = [&](bool data_kept) {
    Create();
    const std::string uid = ListOf(1).at(0).metadata.uid;
    EXPECT_OK(client_->Delete(kClusters, kName));
    EXPECT_OK(store_->Finalize(kKey, data_kept));
    ListOf(0);
    return uid;
  };
  const std::string first = live_and_die(true);
  EXPECT_EQ(live_and_die(false), first);
  EXPECT_NE(live_and_die(false), first);
}

TEST_F(ApiClusterStoreTest, KeptDataIsNotForAClusterThatCantUseIt) {
  Create({{"rootUfs", {{"uri", "/srv/one"}}}});
  ListOf(1);
  ASSERT_OK(client_->Delete(kClusters, kName));
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/true));
  ListOf(0);
  Create({{"rootUfs", {{"uri", "/srv/two"}}}});
  std::vector<controller::RefusedCluster> refused;
  EXPECT_TRUE(Eventually([&] {
    refused = store_->List()->refused;
    return !refused.empty();
  }));
  EXPECT_THAT(refused.at(0).why,
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("spec.rootUfs.uri"), HasSubstr("configmap a.data"))));
  // Nothing was done for it, so it goes at once.
  ASSERT_OK(client_->Delete(kClusters, kName));
  EXPECT_THAT(client_->Get(kClusters, kName).status(), StatusIs(Code::kNotFound));
  Create({{"rootUfs", {{"uri", "/srv/one"}}}});
  ListOf(1);
}

TEST_F(ApiClusterStoreTest, ARecordThatIsDeletedTakesTheDataWithIt) {
  Create();
  const std::string uid = ListOf(1).at(0).metadata.uid;
  ASSERT_OK(client_->Delete(kClusters, kName));
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/true));
  ListOf(0);
  ASSERT_OK(client_->Delete(kConfigMaps, kRecord));
  const api::CacheCluster owner = ListOf(1).at(0);
  EXPECT_EQ(owner.metadata.uid, uid);
  EXPECT_FALSE(owner.metadata.deletion_timestamp.empty());
  EXPECT_TRUE(owner.metadata.annotations.contains(std::string(api::kDeleteDataAnnotation)));
  EXPECT_OK(store_->WriteStatus(kKey, {.phase = "Terminating"}));
  // A new cluster of the name waits for the end of the old data.
  Create();
  EXPECT_TRUE(Eventually([&] { return changes_ > 0; }));
  EXPECT_EQ(ListOf(1).at(0).metadata.uid, uid);
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/false));
  EXPECT_TRUE(Eventually([&] {
    const auto list = store_->List();
    return list->clusters.size() == 1 && list->clusters[0].metadata.uid != uid;
  }));
}

TEST_F(ApiClusterStoreTest, ARecordThatIsDeletedWhileInUseGoesWithItsCluster) {
  Create();
  ListOf(1);
  ASSERT_OK(client_->Delete(kConfigMaps, kRecord));
  EXPECT_TRUE(Eventually([&] {
    return ListOf(1).at(0).metadata.annotations.contains(std::string(api::kDeleteDataAnnotation));
  }));
  EXPECT_TRUE(ListOf(1).at(0).metadata.deletion_timestamp.empty());
  ASSERT_OK(client_->Delete(kClusters, kName));
  ASSERT_OK(store_->Finalize(kKey, /*data_kept=*/false));
  EXPECT_THAT(client_->Get(kConfigMaps, kRecord).status(), StatusIs(Code::kNotFound));
}

TEST_F(ApiClusterStoreTest, AForeignConfigMapOfThatNameIsLeftAlone) {
  const json foreign = {{"apiVersion", "v1"},
                        {"kind", "ConfigMap"},
                        {"metadata", {{"namespace", "default"}, {"name", "a.data"}}},
                        {"data", {{"word", "mine"}}}};
  ASSERT_OK(client_->Create(kConfigMaps, foreign));
  Create();
  std::vector<controller::RefusedCluster> refused;
  EXPECT_TRUE(Eventually([&] {
    refused = store_->List()->refused;
    return !refused.empty();
  }));
  EXPECT_THAT(refused.at(0).why, StatusIs(Code::kInvalidArgument, HasSubstr("a.data")));
  EXPECT_EQ(client_->Get(kConfigMaps, kRecord)->at("data"), foreign["data"]);
}

TEST_F(ApiClusterStoreTest, ABackupsFileIsKnownOnceItIsComplete) {
  const kube::Resource backups{"headpond.dev", "v1alpha1", "backups"};
  const auto uri = [&] { return store_->BackupUri("default", "b"); };
  const auto write = [&](const json& status) {
    EXPECT_OK(client_->JsonPatch(backups, {"default", "b"},
                                 {{{"op", "add"}, {"path", "/status"}, {"value", status}}},
                                 "status"));
  };
  EXPECT_THAT(uri(), StatusIs(Code::kNotFound, HasSubstr("no Backup b in namespace default")));
  ASSERT_OK(client_->Create(backups, {{"apiVersion", "headpond.dev/v1alpha1"},
                                      {"kind", "Backup"},
                                      {"metadata", {{"namespace", "default"}, {"name", "b"}}},
                                      {"spec", {{"clusterRef", {{"name", "a"}}}}}}));
  EXPECT_THAT(uri(), StatusIs(Code::kNotFound, HasSubstr("not complete yet")));
  write({{"phase", "Failed"}, {"message", "disk full"}});
  EXPECT_THAT(uri(), StatusIs(Code::kNotFound, HasSubstr("has failed; name another one: disk")));
  write({{"phase", "Complete"}, {"uri", "/b/x.gz"}});
  EXPECT_THAT(uri(), IsOkAndHolds(std::string("/b/x.gz")));
}

TEST_F(ApiClusterStoreTest, NoticesAreEventsOfTheClusterAndRepeatedOnesAreCounted) {
  const json created = Create();
  const api::CacheCluster cluster = ListOf(1).at(0);
  const controller::Notice notice{.warning = true, .reason = "Crashed", .text = "a-worker-0"};
  store_->Tell(cluster, notice);
  store_->Tell(cluster, notice);
  std::vector<kube::Object> events;
  EXPECT_TRUE(Eventually([&] {
    events = client_->List({"events.k8s.io", "v1", "events"}, "default").value_or({});
    return events.size() == 1 && events[0]->contains("series");
  }));
  const json& event = *events.at(0);
  EXPECT_EQ(event["series"]["count"], 2);
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "Crashed");
  EXPECT_EQ(event["note"], "a-worker-0");
  EXPECT_EQ(event["regarding"]["uid"], created["metadata"]["uid"]);
}

TEST_F(ApiClusterStoreTest, WhoDoesNotLeadWritesNothing) {
  leads_ = false;
  Create();
  EXPECT_TRUE(Eventually([&] { return changes_ > 0; }));
  EXPECT_EQ(store_->List()->clusters.size(), 0u);
  EXPECT_FALSE(Get()["metadata"].contains("finalizers"));
  EXPECT_THAT(store_->WriteStatus(kKey, {}), StatusIs(Code::kAborted, HasSubstr("leads")));
  leads_ = true;
  ListOf(1);
}

TEST_F(ApiClusterStoreTest, WhileTheServerIsAwayTheLastKnownStateIsTold) {
  Create();
  ListOf(1);
  api_.reset();
  EXPECT_EQ(ListOf(1).at(0).metadata.name, "a");
  EXPECT_THAT(store_->WriteStatus(kKey, {.phase = "Ready"}), StatusIs(Code::kUnavailable));
  StartApi();
  EXPECT_TRUE(Eventually([&] { return store_->WriteStatus(kKey, {.phase = "Ready"}).ok(); }));
  ListOf(1);
  EXPECT_EQ(store_->GetStatus(kKey)->phase, "Ready");
}

TEST_F(ApiClusterStoreTest, ARestartedOperatorFindsItAll) {
  Create();
  const std::string uid = ListOf(1).at(0).metadata.uid;
  store_.reset();
  NewStore();
  EXPECT_EQ(ListOf(1).at(0).metadata.uid, uid);
}

}  // namespace
}  // namespace headpond::operator_daemon
