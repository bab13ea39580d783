#include "operator/controller/secrets.h"

#include <gmock/gmock.h>

namespace headpond::controller {
namespace {

using std::chrono::seconds;

class SecretsTest : public ::testing::Test {
 protected:
  std::string Read() {
    const auto read = secrets_.Read(cluster_, "lab", "spec.runtime.docker.tlsSecret");
    return read.ok() ? read->at("ca.pem") : std::string(read.status().message());
  }

  ManualClock clock_;
  SecretData now_ = {{"ca.pem", "first"}};
  api::CacheCluster cluster_ = [] {
    api::CacheCluster cluster;
    cluster.metadata.name_space = "default";
    return cluster;
  }();
  Secrets secrets_{[this](const auto&, const auto&) -> Result<SecretData> { return now_; }, clock_};
};

TEST_F(SecretsTest, WhatWasReadIsGoodForAMinute) {
  EXPECT_EQ(Read(), "first");
  now_["ca.pem"] = "second";
  clock_.Advance(seconds(59));
  EXPECT_EQ(Read(), "first");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Read(), "second");
}

TEST_F(SecretsTest, WhatIsInDoubtIsReadAgainSoonAndThenTrustedAgain) {
  EXPECT_EQ(Read(), "first");
  now_["ca.pem"] = "second";
  secrets_.Doubt("default", "lab");
  clock_.Advance(seconds(4));
  EXPECT_EQ(Read(), "first");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Read(), "second");
  now_["ca.pem"] = "third";
  clock_.Advance(seconds(59));
  EXPECT_EQ(Read(), "second");
}

}  // namespace
}  // namespace headpond::controller
