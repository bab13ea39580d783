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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

std::vector<std::string> UsersFor(const std::string& config, const std::string& image) {
  const auto logins = LoginsFor(config, *ParseReference(image));
  std::vector<std::string> users;
  for (const Credentials& login : logins.value_or({}))
    users.push_back(login.identity_token.empty() ? login.user : login.identity_token);
  return users;
}

TEST(LoginsForTest, TheKeyThatNamesMostComesFirst) {
  const std::string config = R"({"auths": {
      "r.example": {"username": "all", "password": "p"},
      "https://r.example/team/v1/": {"auth": "dGVhbTpw"},
      "*.example": {"identitytoken": "token"},
      "example": {"username": "no", "password": "p"},
      "r.example:5000": {"username": "port", "password": "p"}}})";
  EXPECT_THAT(UsersFor(config, "r.example/team/app:1"), ElementsAre("team", "all", "token"));
  EXPECT_THAT(UsersFor(config, "r.example/app:1"), ElementsAre("all", "token"));
  EXPECT_THAT(UsersFor(config, "r.example:5000/app:1"), ElementsAre("port"));
  EXPECT_THAT(UsersFor(config, "a.b.example/app"), IsEmpty());
}

TEST(LoginsForTest, KnowsTheHubByItsOldName) {
  EXPECT_THAT(UsersFor(R"({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}}})", "debian"),
              ElementsAre("a"));
}

TEST(CheckDockerConfigTest, SaysWhatIsWrongButNotWhatIsThere) {
  const auto why = [](const std::string& config) { return CheckDockerConfig(config).message(); };
  EXPECT_THAT(why("topsecret"), AllOf(HasSubstr("no JSON object"), Not(HasSubstr("topsecret"))));
  EXPECT_THAT(why(R"({"r.example": {"auth": "YTpi"}})"), HasSubstr("`auths`"));
  EXPECT_THAT(why(R"({"auths": {}})"), HasSubstr("`auths`"));
  EXPECT_THAT(why(R"({"auths": []})"), HasSubstr("`auths`"));
  for (const char* const entry :
       {"{}", "7", R"({"auth": "topsecret"})", R"({"username": "topsecret"})"})
    EXPECT_THAT(why(fmt::format(R"({{"auths": {{"r.example": {}}}}})", entry)),
                AllOf(HasSubstr("for r.example"), Not(HasSubstr("topsecret"))))
        << entry;
  EXPECT_OK(CheckDockerConfig(R"({"auths": {"r.example": {"username": "a", "password": "b"}}})"));
}

}  // namespace
}  // namespace headpond::image
