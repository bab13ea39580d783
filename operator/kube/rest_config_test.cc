#include "operator/kube/rest_config.h"

#include <gmock/gmock.h>

#include "io/mem_env.h"
#include "testing/status_matchers.h"

namespace headpond::kube {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RestConfigTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(env_.CreateDirectories(path.substr(0, path.rfind('/'))));
    ASSERT_OK_AND_ASSIGN(const auto file, env_.OpenForWrite(path, io::OpenMode::kTruncate));
    ASSERT_OK(file->Append(text));
    ASSERT_OK(file->Close());
  }
  Result<RestConfig> Load(const std::string& text, const std::string& context = "") {
    Write("/home/config", text);
    return LoadKubeconfig(env_, "/home/config", context);
  }

  io::MemEnv env_;
};

constexpr const char* kFull = R"(
apiVersion: v1
kind: Config
current-context: first
contexts:
- name: first
  context: {cluster: c, user: u, namespace: caches}
- name: second
  context: {cluster: plain}
clusters:
- name: c
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: Q0E=}
- name: plain
  cluster: {server: "http://127.0.0.1:8080", insecure-skip-tls-verify: true}
users:
- name: u
  user: {token: secret, client-certificate: client.crt, client-key-data: S0VZ}
)";

TEST_F(RestConfigTest, TheCurrentContextOrTheOneNamed) {
  Write("/home/client.crt", "CERT");
  ASSERT_OK_AND_ASSIGN(const auto first, Load(kFull));
  EXPECT_EQ(first.connection.base_url, "https://10.0.0.1:6443");
  EXPECT_EQ(first.connection.ca, "CA");
  EXPECT_EQ(first.connection.certificate, "CERT");
  EXPECT_EQ(first.connection.key, "KEY");
  EXPECT_FALSE(first.connection.insecure);
  EXPECT_EQ(first.token, "secret");
  EXPECT_EQ(first.name_space, "caches");
  ASSERT_OK_AND_ASSIGN(const auto second, Load(kFull, "second"));
  EXPECT_EQ(second.connection.base_url, "http://127.0.0.1:8080");
  EXPECT_TRUE(second.connection.insecure);
  EXPECT_EQ(second.token, "");
  EXPECT_EQ(second.name_space, "default");
}

TEST_F(RestConfigTest, WhatIsWrongIsNamedWithItsFile) {
  const auto said = [&](const std::string& text, const std::string& context = "") {
    return Load(text, context).status();
  };
  EXPECT_THAT(said(kFull, "third"), StatusIs(Code::kInvalidArgument,
                                             AllOf(HasSubstr("/home/config"), HasSubstr("third"))));
  EXPECT_THAT(said("contexts: []"), StatusIs(Code::kInvalidArgument, HasSubstr("current-context")));
  EXPECT_THAT(said("- a"), StatusIs(Code::kInvalidArgument, HasSubstr("not a kubeconfig")));
  EXPECT_THAT(said("a: ["), StatusIs(Code::kInvalidArgument, HasSubstr("/home/config")));
  EXPECT_THAT(said(kFull), StatusIs(Code::kNotFound));  // client.crt is not there
  const auto with_user = [](const std::string& user) {
    return "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
           "clusters: [{name: c, cluster: {server: \"https://h\"}}]\nusers: [{name: u, user: " +
           user + "}]\n";
  };
  EXPECT_OK(said(with_user("{token: t}")));
  EXPECT_THAT(said(with_user("{exec: {command: login}}")),
              StatusIs(Code::kInvalidArgument, HasSubstr("exec is not supported")));
  EXPECT_THAT(said(with_user("{client-certificate-data: Q0E=}")),
              StatusIs(Code::kInvalidArgument, HasSubstr("belong together")));
  EXPECT_THAT(said(with_user("{client-certificate-data: \"*\"}")),
              StatusIs(Code::kInvalidArgument, HasSubstr("client-certificate-data")));
  EXPECT_THAT(said("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
                   "clusters: [{name: c, cluster: {server: h}}]"),
              StatusIs(Code::kInvalidArgument, HasSubstr("https://")));
}

TEST_F(RestConfigTest, APodUsesItsServiceAccount) {
  Write("/sa/token", "t");
  Write("/sa/ca.crt", "CA");
  Write("/sa/namespace", "system");
  const std::map<std::string, std::string> environment{{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                       {"KUBERNETES_SERVICE_PORT", "443"}};
  ASSERT_OK_AND_ASSIGN(const auto config, InCluster(env_, environment, "/sa"));
  EXPECT_EQ(config.connection.base_url, "https://[fd00::1]:443");
  EXPECT_EQ(config.connection.ca, "CA");
  EXPECT_EQ(config.token_file, "/sa/token");
  EXPECT_EQ(config.name_space, "system");
  EXPECT_THAT(InCluster(env_, {}, "/sa").status(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("kubeconfig")));
  EXPECT_THAT(InCluster(env_, environment, "/none").status(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("automountServiceAccountToken")));
}

}  // namespace
}  // namespace headpond::kube
