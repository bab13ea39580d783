#include "image/credentials.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::image {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StoredCredentialsTest : public ::testing::Test {
 protected:
  Result<std::optional<Credentials>> Find(const std::string& config, const std::string& registry) {
    std::ofstream(folder_ / "config.json") << config;
    return StoredCredentials({{"DOCKER_CONFIG", folder_.path()}}, registry);
  }

  TempDirectory folder_;
};

TEST_F(StoredCredentialsTest, ReadsWhatDockerLoginKept) {
  // "me:pa:ss"
  ASSERT_OK_AND_ASSIGN(
      const auto found,
      Find(R"({"auths": {"r.example:5000": {"auth": "bWU6cGE6c3M="}}})", "r.example:5000"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user, "me");
  EXPECT_EQ(found->password, "pa:ss");
}

TEST_F(StoredCredentialsTest, KnowsTheHubByItsOldName) {
  ASSERT_OK_AND_ASSIGN(
      const auto found,
      Find(R"({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}}})", "docker.io"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user, "a");
}

TEST_F(StoredCredentialsTest, NothingKeptIsNoError) {
  ASSERT_OK_AND_ASSIGN(const auto none, Find(R"({"auths": {"other": {}}})", "r.example"));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK_AND_ASSIGN(const auto no_file,
                       StoredCredentials({{"DOCKER_CONFIG", folder_ / "no"}}, "r.example"));
  EXPECT_FALSE(no_file.has_value());
}

TEST_F(StoredCredentialsTest, ABrokenEntryIsAsGoodAsNone) {
  for (const char* const auth : {"!!!", "bm9jb2xvbg==", "=", ""}) {
    ASSERT_OK_AND_ASSIGN(const auto found,
                         Find(fmt::format(R"({{"auths": {{"r": {{"auth": "{}"}}}}}})", auth), "r"));
    EXPECT_FALSE(found.has_value()) << auth;
  }
}

TEST_F(StoredCredentialsTest, AHelperThatIsMissingIsNamedWithTheRemedy) {
  EXPECT_THAT(
      Find(R"({"auths": {"r.example": {}}, "credsStore": "pass"})", "r.example"),
      StatusIs(Code::kNotFound, AllOf(HasSubstr("docker-credential-pass"), HasSubstr("--user"))));
}

TEST_F(StoredCredentialsTest, AFileThatIsNoJsonIsNamed) {
  EXPECT_THAT(Find("{", "r"), StatusIs(Code::kDataLoss, HasSubstr("config.json")));
}

TEST(AuthorizationTest, IsWhatServersRead) {
  const Credentials credentials{.user = "me", .password = "pa:ss"};
  EXPECT_EQ(BasicAuthorization(credentials), "Basic bWU6cGE6c3M=");
  EXPECT_EQ(EngineAuthorization(std::nullopt, "r"), "e30=");  // {}
  EXPECT_EQ(EngineAuthorization(Credentials{.identity_token = "t"}, "r"),
            EncodeBase64Url(R"({"identitytoken":"t","serveraddress":"r"})"));
  // The password's base64 holds a + and a /, which become - and _.
  const std::string text = EngineAuthorization(Credentials{.user = "u", .password = ">>>???"}, "r");
  EXPECT_EQ(text.find_first_of("+/"), std::string::npos);
}

}  // namespace
}  // namespace headpond::image
