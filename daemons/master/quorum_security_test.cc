#include "master/quorum_security.h"

#include <gmock/gmock.h>

#include "io/mem_env.h"
#include "net/tls_testing.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::master {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSecret = "headpond.master.embedded.journal.secret.file";
constexpr const char* kCertificate = "headpond.master.embedded.journal.tls.certificate.file";
constexpr const char* kKey = "headpond.master.embedded.journal.tls.key.file";
constexpr const char* kAuthority = "headpond.master.embedded.journal.tls.ca.file";

class QuorumSecurityTest : public ::testing::Test {
 protected:
  Result<journal::QuorumSecurity> Read() { return ReadQuorumSecurity(config_, env_); }

  Config config_;
  io::MemEnv env_;
};

TEST_F(QuorumSecurityTest, NothingIsNeeded) {
  ASSERT_OK_AND_ASSIGN(const auto security, Read());
  EXPECT_EQ(security.secret, "");
  EXPECT_EQ(security.tls, nullptr);
}

TEST_F(QuorumSecurityTest, TheSecretIsOneLine) {
  ASSERT_OK(config_.Set(kSecret, "/secret"));
  EXPECT_THAT(Read().status(), StatusIs(Code::kNotFound, HasSubstr(kSecret)));
  ASSERT_OK(io::WriteFileAtomically(env_, "/secret", "0123456789abcdef\r\n"));
  ASSERT_OK_AND_ASSIGN(const auto security, Read());
  EXPECT_EQ(security.secret, "0123456789abcdef");
  for (const std::string& bad : {std::string("0123456789abcde"), std::string("two words, not one"),
                                 std::string("0123456789abcdef\nxyz"), std::string(1025, 'x'),
                                 std::string(16, '\x80'), std::string()}) {
    ASSERT_OK(io::WriteFileAtomically(env_, "/secret", bad));
    const Status status = Read().status();
    EXPECT_FALSE(status.ok()) << bad;
    EXPECT_THAT(status.message(), HasSubstr(kSecret)) << bad;
    EXPECT_THAT(status.message(), testing::Not(HasSubstr("two words"))) << "no secret is told";
  }
}

TEST_F(QuorumSecurityTest, TlsNeedsAllThreeFiles) {
  const TempDirectory folder;
  const net::TlsFiles files = net::WriteCertificate(folder.path(), "m");
  ASSERT_OK(config_.Set(kCertificate, files.certificate));
  EXPECT_THAT(Read().status(), StatusIs(Code::kInvalidArgument, HasSubstr(kKey)));
  ASSERT_OK(config_.Set(kKey, files.key));
  EXPECT_THAT(Read().status(),
              StatusIs(Code::kInvalidArgument, HasSubstr(std::string(kAuthority) + " is not set")));
  ASSERT_OK(config_.Set(kAuthority, folder / "none"));
  EXPECT_THAT(Read().status(), StatusIs(Code::kNotFound, HasSubstr("embedded.journal.tls")));
  ASSERT_OK(config_.Set(kAuthority, files.authority));
  ASSERT_OK_AND_ASSIGN(const auto security, Read());
  EXPECT_NE(security.tls, nullptr);
}

}  // namespace
}  // namespace headpond::master
