#include "image/credential_helper.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::image {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Helpers are shell scripts in a folder of the test's.
class CredentialHelperTest : public ::testing::Test {
 protected:
  void Install(const std::string& script) {
    const std::string path = folder_ / "docker-credential-fake";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  }
  Result<std::optional<Credentials>> Ask(milliseconds deadline = std::chrono::seconds(30)) {
    return AskCredentialHelper(Environment(), "fake", "r.example", deadline);
  }
  std::map<std::string, std::string> Environment() const {
    return {{"PATH", "/nowhere:" + folder_.path() + ":/usr/bin:/bin"},
            {"DOCKER_CONFIG", folder_.path()},
            {"WORD", "hush"}};
  }
  std::string Read(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  TempDirectory folder_;
};

TEST_F(CredentialHelperTest, TellsWhatItKeepsForTheServerItIsAskedFor) {
  Install(R"(read -r server
echo "$1 $server" > ")" +
          (folder_ / "asked") + R"("
echo "{\"ServerURL\": \"$server\", \"Username\": \"me\", \"Secret\": \"$WORD\"}")");
  ASSERT_OK_AND_ASSIGN(const auto found, Ask());
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user, "me");
  EXPECT_EQ(found->password, "hush");
  EXPECT_EQ(Read("asked"), "get r.example\n");
}

TEST_F(CredentialHelperTest, ATokenIsNoPassword) {
  Install(R"(echo '{"Username": "<token>", "Secret": "abc"}')");
  ASSERT_OK_AND_ASSIGN(const auto found, Ask());
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->identity_token, "abc");
  EXPECT_EQ(found->password, "");
}

TEST_F(CredentialHelperTest, NothingKeptIsNoError) {
  Install("echo 'credentials not found in native keychain'; exit 1");
  ASSERT_OK_AND_ASSIGN(const auto none, Ask());
  EXPECT_FALSE(none.has_value());
}

TEST_F(CredentialHelperTest, AFailureIsToldWithItsWords) {
  Install("echo 'the keychain is locked'; exit 3");
  EXPECT_THAT(Ask(), StatusIs(Code::kFailedPrecondition,
                              AllOf(HasSubstr("docker-credential-fake"), HasSubstr("is locked"))));
}

TEST_F(CredentialHelperTest, WhatCantBeReadIsNotRepeated) {
  Install("echo 's3cr3t'");
  EXPECT_THAT(Ask(), StatusIs(Code::kDataLoss, Not(HasSubstr("s3cr3t"))));
}

TEST_F(CredentialHelperTest, OneThatHangsIsKilledWithItsChildren) {
  Install("sleep 1000 & echo $! > \"" + (folder_ / "child") + "\"; wait");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Ask(milliseconds(300)), StatusIs(Code::kDeadlineExceeded, HasSubstr("fake")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  const int child = std::atoi(Read("child").c_str());
  if (child == 0) return;     // the shell was not that far
  const auto is_gone = [&] {  // or a zombie, where nobody reaps orphans
    std::ifstream stat(fmt::format("/proc/{}/stat", child));
    std::string pid, name, state;
    return !(stat >> pid >> name >> state) || state == "Z";
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_gone() && std::chrono::steady_clock::now() < deadline) continue;
  EXPECT_TRUE(is_gone());
}

TEST_F(CredentialHelperTest, OneThatClosesItsOutputAndStaysIsKilled) {
  Install("echo '{}'; exec >&- <&-; sleep 1000");
  EXPECT_THAT(Ask(milliseconds(500)), StatusIs(Code::kDeadlineExceeded, HasSubstr("end")));
}

TEST_F(CredentialHelperTest, ATorrentIsCut) {
  Install("yes");
  EXPECT_THAT(Ask(), StatusIs(Code::kResourceExhausted, HasSubstr("too long")));
}

TEST_F(CredentialHelperTest, OneThatDoesNotReadIsNoHarm) {
  Install("exec <&-; exit 1");
  EXPECT_THAT(Ask(), Not(IsOk()));
}

TEST_F(CredentialHelperTest, OnlyNamesOfProgramsInThePathAreRun) {
  EXPECT_THAT(Ask(), StatusIs(Code::kNotFound, HasSubstr("docker-credential-fake")));
  for (const char* const name : {"", "../fake", "/bin/sh"})
    EXPECT_THAT(AskCredentialHelper(Environment(), name, "r"), StatusIs(Code::kInvalidArgument))
        << name;
}

TEST_F(CredentialHelperTest, TheConfigurationSaysWhichOneIsAskedForWhichRegistry) {
  Install(R"(read -r server
echo "{\"Username\": \"$server\", \"Secret\": \"x\"}")");
  const auto find = [&](const char* config, const char* registry) {
    std::ofstream(folder_ / "config.json") << config;
    const auto found = StoredCredentials(Environment(), registry);
    EXPECT_OK(found) << config;
    return found.ok() && *found ? (*found)->user : "nobody";
  };
  const char* const some = R"({"credHelpers": {"r.example": "fake"},
                               "auths": {"r.example": {}, "s.example": {"auth": "YTpi"}}})";
  EXPECT_EQ(find(some, "r.example"), "r.example");
  EXPECT_EQ(find(some, "s.example"), "a");
  EXPECT_EQ(find(some, "t.example"), "nobody");
  EXPECT_EQ(find(R"({"credsStore": "fake"})", "t.example"), "t.example");
  EXPECT_EQ(find(R"({"credsStore": "fake"})", "docker.io"), "https://index.docker.io/v1/");
}

}  // namespace
}  // namespace headpond::image
