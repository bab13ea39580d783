#include "net/mutual_tls.h"

#include <gmock/gmock.h>

#include <fstream>

#include "net/tls_testing.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::net {
namespace {

using ::testing::HasSubstr;

TEST(MutualTlsTest, TakesACertificateItsKeyAndAnAuthority) {
  const TempDirectory folder;
  const auto tls = MutualTls::Load(WriteCertificate(folder.path(), "a"));
  ASSERT_OK(tls.status());
  EXPECT_NE((*tls)->server(), nullptr);
  EXPECT_NE((*tls)->client(), nullptr);
}

TEST(MutualTlsTest, WhatIsWrongWithAFileIsNamed) {
  const TempDirectory folder;
  const TlsFiles good = WriteCertificate(folder.path(), "a");
  const TlsFiles other = WriteCertificate(folder.path(), "b");
  const TlsFiles old = WriteCertificate(folder.path(), "old", -60);
  const std::string text = folder.path() + "/text";
  std::ofstream(text) << "hello\n";
  const std::string none = folder.path() + "/none";
  const struct {
    TlsFiles files;
    Code code;
    std::string says;
  } cases[] = {
      {{none, good.key, good.authority}, Code::kNotFound, "certificate " + none},
      {{good.certificate, none, good.authority}, Code::kNotFound, "key " + none},
      {{good.certificate, good.key, none}, Code::kNotFound, "authority " + none},
      {{text, good.key, good.authority}, Code::kInvalidArgument, text + " is no certificate"},
      {{good.certificate, text, good.authority}, Code::kInvalidArgument, text + " is no key"},
      {{good.certificate, good.key, text}, Code::kInvalidArgument, text + " has no certificate"},
      {{good.certificate, other.key, good.authority},
       Code::kInvalidArgument,
       "not that of " + good.certificate},
      {old, Code::kFailedPrecondition, "has expired"},
  };
  for (const auto& [files, code, says] : cases)
    EXPECT_THAT(MutualTls::Load(files).status(), StatusIs(code, HasSubstr(says)));
}

}  // namespace
}  // namespace headpond::net
