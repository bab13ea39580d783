#include "operator/runtime/docker/image_fetcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "image/credentials.h"
#include "operator/testing/fake_engine.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::runtime {
namespace {

using plan::ImageState;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_operator::FakeEngine;

// {"auths": {"private.example": {"auth": base64("anna:pa:ss")}}, ...}
constexpr const char* kConfig =
    R"({"auths": {"private.example": {"auth": "YW5uYTpwYTpzcw=="}},
        "credHelpers": {"cloud.example": "cloud-login"}})";

class ImageFetcherTest : public ::testing::Test {
 protected:
  ImageFetcherTest() {
    std::ofstream(directory_ / "config.json") << kConfig;
    const std::map<std::string, std::string> environment = {{"DOCKER_CONFIG", directory_.path()}};
    fetcher_ =
        std::make_unique<ImageFetcher>(engine_.endpoint(), environment, Clock::System(), [this] {
          MutexLock lock(mutex_);
          ++changes_;
          changed_.NotifyAll();
        });
  }

  plan::ObservedImage Fetch(const std::string& image, api::PullPolicy policy,
                            std::vector<std::string> tars = {}, const PullAccess& access = {}) {
    int before = 0;
    {
      MutexLock lock(mutex_);
      before = changes_;
    }
    fetcher_->Fetch({.image = image, .pull_policy = policy, .image_tars = std::move(tars)}, access);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(mutex_);
    while (changes_ == before && changed_.WaitUntil(mutex_, deadline)) continue;
    return fetcher_->images(access)[image];
  }

  TempDirectory directory_;
  FakeEngine engine_;
  Mutex mutex_;
  CondVar changed_;
  int changes_ GUARDED_BY(mutex_) = 0;
  std::unique_ptr<ImageFetcher> fetcher_;
};

TEST_F(ImageFetcherTest, AnImageThatIsThereIsNotPulled) {
  engine_.AddImage("r.example/a:1");
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kIfNotPresent).state, ImageState::kPresent);
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kNever).state, ImageState::kPresent);
  EXPECT_THAT(engine_.mutations(), IsEmpty());
}

TEST_F(ImageFetcherTest, AlwaysPulls) {
  engine_.AddImage("r.example/a:1");
  engine_.AddToRegistry("r.example/a:1");
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kAlways).state, ImageState::kPresent);
  EXPECT_THAT(engine_.mutations(), ::testing::ElementsAre("POST /images/create"));
}

TEST_F(ImageFetcherTest, NeverSaysWhatToDoInstead) {
  engine_.AddToRegistry("r.example/a:1");
  const auto image = Fetch("r.example/a:1", api::PullPolicy::kNever);
  EXPECT_EQ(image.state, ImageState::kFailed);
  EXPECT_EQ(image.reason, "ImageNotPresent");
  EXPECT_THAT(image.message, HasSubstr("spec.imageTars"));
}

TEST_F(ImageFetcherTest, FailuresAreCountedAndExplained) {
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kIfNotPresent).failures, 1);
  const auto image = Fetch("r.example/a:1", api::PullPolicy::kIfNotPresent);
  EXPECT_EQ(image.failures, 2);
  EXPECT_EQ(image.reason, "ImagePullFailed");
  EXPECT_THAT(image.message, HasSubstr("manifest unknown"));
  engine_.AddToRegistry("r.example/a:1");
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kIfNotPresent).failures, 0);
}

TEST_F(ImageFetcherTest, ArchivesComeBeforePulls) {
  std::ofstream(directory_ / "a.tar") << "r.example/a:1";  // the fake loads what the archive names
  EXPECT_EQ(Fetch("r.example/a:1", api::PullPolicy::kIfNotPresent, {directory_ / "a.tar"}).state,
            ImageState::kPresent);
  EXPECT_THAT(engine_.mutations(), ::testing::ElementsAre("POST /images/load"));
  EXPECT_THAT(Fetch("r.example/b:1", api::PullPolicy::kNever, {directory_ / "b.tar"}).message,
              AllOf(HasSubstr("spec.imageTars"), HasSubstr("b.tar")));
}

TEST_F(ImageFetcherTest, LogsInWithTheDockerCommandsLogin) {
  engine_.AddToRegistry("private.example/a:1", "anna");
  EXPECT_EQ(Fetch("private.example/a:1", api::PullPolicy::kIfNotPresent).state,
            ImageState::kPresent);
  EXPECT_EQ(engine_.LastRegistryAuth(),
            image::EngineAuthorization(image::Credentials{"anna", "pa:ss"}, "private.example"));
  engine_.AddToRegistry("other.example/a:1", "anna");
  EXPECT_THAT(Fetch("other.example/a:1", api::PullPolicy::kIfNotPresent).message,
              HasSubstr("docker login"));
}

TEST_F(ImageFetcherTest, AHelperThatIsNotAskedIsNamedOnlyWhenItIsMissed) {
  engine_.AddToRegistry("cloud.example/a:1");
  EXPECT_EQ(Fetch("cloud.example/a:1", api::PullPolicy::kIfNotPresent).state, ImageState::kPresent);
  engine_.AddToRegistry("cloud.example/b:1", "anna");
  EXPECT_THAT(Fetch("cloud.example/b:1", api::PullPolicy::kIfNotPresent).message,
              HasSubstr("docker-credential-cloud-login"));
}

// Access with Secrets that hold these.
PullAccess AccessWith(const std::vector<std::string>& configs) {
  PullAccess access;
  for (const std::string& config : configs)
    access.secrets.push_back(
        {.field = fmt::format("spec.imagePullSecrets[{}].name", access.secrets.size()),
         .config = config});
  access.key = PullAccessKey("default", access.secrets);
  return access;
}

// base64("bert:geheim")
constexpr const char* kBert = R"({"auths": {"private.example": {"auth": "YmVydDpnZWhlaW0="}}})";

TEST_F(ImageFetcherTest, ASecretsLoginIsTriedBeforeTheStoredOne) {
  engine_.AddToRegistry("private.example/a:1", "bert");
  const auto image =
      Fetch("private.example/a:1", api::PullPolicy::kIfNotPresent, {},
            AccessWith({R"({"auths": {"other.example": {"auth": "YTpi"}}})", kBert}));
  EXPECT_EQ(image.state, ImageState::kPresent) << image.message;
  EXPECT_EQ(engine_.LastRegistryAuth(),
            image::EngineAuthorization(image::Credentials{"bert", "geheim"}, "private.example"));
}

TEST_F(ImageFetcherTest, ASecretThatIsRefusedLeavesTheStoredLogin) {
  engine_.AddToRegistry("private.example/a:1", "anna");
  EXPECT_EQ(
      Fetch("private.example/a:1", api::PullPolicy::kIfNotPresent, {}, AccessWith({kBert})).state,
      ImageState::kPresent);
}

TEST_F(ImageFetcherTest, WhatAPullWasTriedWithIsTold) {
  engine_.AddToRegistry("third.example/a:1", "carl");
  PullAccess access = AccessWith({kBert});
  EXPECT_THAT(Fetch("third.example/a:1", api::PullPolicy::kIfNotPresent, {}, access).message,
              HasSubstr("with no login; none of the Secrets for pulls has a login for "
                        "third.example"));
  access.secrets[0].trouble = NotFound("there is no Secret regcred");
  EXPECT_THAT(Fetch("third.example/a:1", api::PullPolicy::kIfNotPresent, {}, access).message,
              HasSubstr("with no login; there is no Secret regcred"));
  const auto refused = Fetch(
      "third.example/a:1", api::PullPolicy::kIfNotPresent, {},
      AccessWith({R"({"auths": {"*.example": {"username": "d", "password": "topsecret"}}})"}));
  EXPECT_THAT(refused.message, HasSubstr("with spec.imagePullSecrets[0].name"));
  EXPECT_THAT(refused.message, Not(HasSubstr("topsecret")));
}

TEST_F(ImageFetcherTest, WhatOneMayNotPullIsNoOtherOnesFailure) {
  engine_.AddToRegistry("third.example/a:1", "bert");
  EXPECT_EQ(Fetch("third.example/a:1", api::PullPolicy::kIfNotPresent).failures, 1);
  const PullAccess access = AccessWith({kBert});
  EXPECT_TRUE(fetcher_->images(access).empty());
  EXPECT_EQ(Fetch("third.example/a:1", api::PullPolicy::kIfNotPresent, {}, access).failures, 1);
  const PullAccess rotated =
      AccessWith({R"({"auths": {"third.example": {"auth": "YmVydDpnZWhlaW0="}}})"});
  EXPECT_NE(rotated.key, access.key);
  EXPECT_EQ(Fetch("third.example/a:1", api::PullPolicy::kIfNotPresent, {}, rotated).state,
            ImageState::kPresent);
}

}  // namespace
}  // namespace headpond::runtime
