#include "image/docker_host.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::image {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// sha256 of "lab", as sha256sum tells.
constexpr const char* kLabId = "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7";

class DockerHostTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  void AddContext(const std::string& endpoint) {
    Write(fmt::format("contexts/meta/{}/meta.json", kLabId),
          fmt::format(R"({{"Name": "lab", "Metadata": {{}}, "Endpoints": {{"docker": {}}}}})",
                      endpoint));
  }
  Result<DockerHost> Find(std::map<std::string, std::string> environment = {}) {
    environment["DOCKER_CONFIG"] = folder_.path();
    return FindDockerHost(environment);
  }

  TempDirectory folder_;
};

TEST_F(DockerHostTest, WithoutAnythingItIsTheLocalSocket) {
  ASSERT_OK_AND_ASSIGN(const DockerHost host, Find());
  EXPECT_EQ(host.address, "unix:///var/run/docker.sock");
  EXPECT_FALSE(host.tls);
}

TEST_F(DockerHostTest, TheCurrentContextIsUsed) {
  AddContext(R"({"Host": "tcp://10.0.0.7:2376", "SkipTLSVerify": false})");
  Write(fmt::format("contexts/tls/{}/docker/ca.pem", kLabId), "ca");
  Write(fmt::format("contexts/tls/{}/docker/cert.pem", kLabId), "cert");
  Write(fmt::format("contexts/tls/{}/docker/key.pem", kLabId), "key");
  Write("config.json", R"({"currentContext": "lab"})");
  ASSERT_OK_AND_ASSIGN(const DockerHost host, Find());
  EXPECT_EQ(host.address, "tcp://10.0.0.7:2376");
  EXPECT_EQ(host.source, "docker context lab");
  ASSERT_TRUE(host.tls);
  EXPECT_TRUE(host.tls->verify);
  const std::string keys = folder_ / fmt::format("contexts/tls/{}/docker", kLabId);
  EXPECT_EQ(host.tls->ca, keys + "/ca.pem");
  EXPECT_EQ(host.tls->certificate, keys + "/cert.pem");
  EXPECT_EQ(host.tls->key, keys + "/key.pem");
}

TEST_F(DockerHostTest, AContextWithoutCertificatesIsPlainUnlessItSkipsChecks) {
  AddContext(R"({"Host": "tcp://h:1"})");
  ASSERT_OK_AND_ASSIGN(const DockerHost plain, Find({{"DOCKER_CONTEXT", "lab"}}));
  EXPECT_FALSE(plain.tls);
  AddContext(R"({"Host": "tcp://h:1", "SkipTLSVerify": true})");
  ASSERT_OK_AND_ASSIGN(const DockerHost unchecked, Find({{"DOCKER_CONTEXT", "lab"}}));
  ASSERT_TRUE(unchecked.tls);
  EXPECT_FALSE(unchecked.tls->verify);
  EXPECT_EQ(unchecked.tls->ca, "");
}

TEST_F(DockerHostTest, VariablesComeBeforeTheFile) {
  AddContext(R"({"Host": "unix:///lab.sock"})");
  Write("config.json", R"({"currentContext": "elsewhere"})");
  ASSERT_OK_AND_ASSIGN(const DockerHost context, Find({{"DOCKER_CONTEXT", "lab"}}));
  EXPECT_EQ(context.address, "unix:///lab.sock");
  ASSERT_OK_AND_ASSIGN(const DockerHost host,
                       Find({{"DOCKER_CONTEXT", "lab"}, {"DOCKER_HOST", "unix:///mine"}}));
  EXPECT_EQ(host.address, "unix:///mine");
  ASSERT_OK_AND_ASSIGN(const DockerHost plain, Find({{"DOCKER_CONTEXT", "default"}}));
  EXPECT_EQ(plain.address, "unix:///var/run/docker.sock");
}

TEST_F(DockerHostTest, WhatIsMissingOrBrokenIsNamed) {
  EXPECT_THAT(Find({{"DOCKER_CONTEXT", "lab"}}),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("\"lab\""), HasSubstr(kLabId))));
  AddContext("{}");
  EXPECT_THAT(Find({{"DOCKER_CONTEXT", "lab"}}),
              StatusIs(Code::kDataLoss, HasSubstr("with an endpoint")));
  for (const char* const endpoint : {"7", "{\"Host\": 7}", "[", ""}) {
    AddContext(endpoint);
    EXPECT_THAT(Find({{"DOCKER_CONTEXT", "lab"}}),
                StatusIs(Code::kDataLoss, HasSubstr("meta.json")))
        << endpoint;
  }
  Write("config.json", "[]");
  EXPECT_THAT(Find(), StatusIs(Code::kDataLoss, HasSubstr("config.json")));
}

}  // namespace
}  // namespace headpond::image
