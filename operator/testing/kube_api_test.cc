#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/api/field_table.h"
#include "operator/apiserver/listeners.h"
#include "operator/kube/client.h"
#include "operator/kube/elector.h"
#include "operator/kube/reflector.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

// The controllers' machinery against the embedded API, over TLS as a user's kubeconfig says.
namespace headpond::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Resource kClusters{"headpond.dev", "v1alpha1", "cacheclusters"};
const Resource kConfigMaps{"", "v1", "configmaps"};

json ConfigMap(const std::string& name, const std::string& word) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"namespace", "default"}, {"name", name}}},
          {"data", {{"word", word}}}};
}

class KubeApiTest : public ::testing::Test {
 protected:
  void SetUp() override { StartApi(); }

  void StartApi() {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .port = port_},
                                                 Clock::System());
    ASSERT_OK(started);
    api_ = *std::move(started);
    port_ = api_->port();
  }
  std::unique_ptr<Client> NewClient() {
    auto config = LoadKubeconfig(io::Env::Posix(), api_->kubeconfig_path());
    EXPECT_OK(config);
    return std::make_unique<Client>(*std::move(config), Clock::System());
  }

  TempDirectory directory_;
  int port_ = 0;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
};

TEST_F(KubeApiTest, ReadsWhatItWroteAndTellsErrorsApart) {
  const auto client = NewClient();
  ASSERT_OK_AND_ASSIGN(const json made, client->Create(kConfigMaps, ConfigMap("a", "one")));
  EXPECT_THAT(client->Create(kConfigMaps, ConfigMap("a", "one")).status(),
              StatusIs(Code::kAlreadyExists, HasSubstr("\"a\" already exists")));
  EXPECT_THAT(client->Get(kConfigMaps, {"default", "b"}).status(), StatusIs(Code::kNotFound));
  json next = made;
  next["data"]["word"] = "two";
  ASSERT_OK(client->Update(kConfigMaps, next).status());
  EXPECT_THAT(client->Update(kConfigMaps, next).status(), StatusIs(Code::kAborted));
  ASSERT_OK(client
                ->JsonPatch(kConfigMaps, {"default", "a"},
                            {{{"op", "add"}, {"path", "/data/more"}, {"value", "three"}}})
                .status());
  ASSERT_OK_AND_ASSIGN(const json read, client->Get(kConfigMaps, {"default", "a"}));
  EXPECT_EQ(read["data"], (json{{"word", "two"}, {"more", "three"}}));
  const json wrong = {{"apiVersion", "headpond.dev/v1alpha1"},
                      {"kind", "CacheCluster"},
                      {"metadata", {{"namespace", "default"}, {"name", "c"}}},
                      {"spec", {{"worker", {{"replicas", -1}}}}}};
  EXPECT_THAT(client->Create(kClusters, wrong).status(),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.worker.replicas")));
  EXPECT_THAT(client->Delete(kConfigMaps, {"default", "a"}, "another-uid"),
              StatusIs(Code::kAborted));
  EXPECT_OK(client->Delete(kConfigMaps, {"default", "a"}, made["metadata"]["uid"]));
  EXPECT_THAT(client->Delete(kConfigMaps, {"default", "a"}), StatusIs(Code::kNotFound));
}

TEST_F(KubeApiTest, AWrongTokenIsToldAsSuch) {
  ASSERT_OK_AND_ASSIGN(RestConfig config,
                       LoadKubeconfig(io::Env::Posix(), api_->kubeconfig_path()));
  config.token = "guessed";
  Client stranger(config, Clock::System());
  EXPECT_THAT(stranger.Get(kConfigMaps, {"default", "a"}).status(),
              StatusIs(Code::kUnauthenticated));
  config.connection.ca.clear();  // the system's authorities don't know it
  Client trusting(config, Clock::System());
  EXPECT_THAT(trusting.Get(kConfigMaps, {"default", "a"}).status(),
              StatusIs(Code::kUnavailable, HasSubstr("certificate")));
}

TEST_F(KubeApiTest, ACacheFollowsTheServerOverItsRestart) {
  const auto client = NewClient();
  for (const char* name : {"a", "b"})
    ASSERT_OK(client->Create(kConfigMaps, ConfigMap(name, "one")).status());
  const auto source = client->Source(kConfigMaps, "default");
  ObjectCache cache;
  Mutex mutex;
  std::vector<std::string> told;
  Reflector reflector({.name = "configmaps", .longest_backoff = milliseconds(500)}, *source, cache,
                      Clock::System(), Random(1), [&](const ObjectName& name) {
                        MutexLock lock(mutex);
                        told.push_back(name.name);
                      });
  reflector.Start();
  ASSERT_TRUE(reflector.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
  EXPECT_EQ(cache.All().size(), 2u);
  ASSERT_OK_AND_ASSIGN(const json made, client->Create(kConfigMaps, ConfigMap("c", "one")));
  OwnWrites writes;
  writes.Wrote(NameOf(made), VersionOf(made));
  EXPECT_TRUE(Eventually([&] { return writes.SeenBy(cache, {"default", "c"}); }));
  EXPECT_NE(cache.Get({"default", "c"}), nullptr);

  api_.reset();
  StartApi();
  ASSERT_OK(client->Delete(kConfigMaps, {"default", "b"}));
  EXPECT_TRUE(Eventually([&] { return cache.Get({"default", "b"}) == nullptr; }));
  reflector.Stop();
  EXPECT_THAT(told, ElementsAre("a", "b", "c", "b"));
}

TEST_F(KubeApiTest, OfTwoOperatorsOneLeadsAndTheOtherFollowsAtOnce) {
  const auto client_a = NewClient(), client_b = NewClient();
  const auto lease_a = ApiLease(*client_a, "default", "headpond-operator");
  const auto lease_b = ApiLease(*client_b, "default", "headpond-operator");
  const auto ignore = [](bool) {};
  Elector a({.identity = "a", .retry_period = std::chrono::seconds(1)}, *lease_a, Clock::System(),
            ignore);
  Elector b({.identity = "b", .retry_period = std::chrono::seconds(1)}, *lease_b, Clock::System(),
            ignore);
  a.Start();
  ASSERT_TRUE(Eventually([&] { return a.Leads(); }));
  b.Start();
  ASSERT_TRUE(Eventually([&] { return b.holder() == "a"; }));
  EXPECT_FALSE(b.Leads());
  a.Stop();
  EXPECT_TRUE(Eventually([&] { return b.Leads(); }));
  EXPECT_FALSE(a.Leads());
}

}  // namespace
}  // namespace headpond::kube
