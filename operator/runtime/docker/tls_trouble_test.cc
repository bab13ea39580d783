#include "operator/runtime/docker/tls_trouble.h"

#include <gmock/gmock.h>

namespace headpond::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kNow = 1'700'000'000'000;

// Words of libcurl 7.88 and OpenSSL 3.0. What is looked at in certificates: e2e/docker/tls.py.
std::string Explain(const char* failure, const Endpoint::Tls& tls = {.source = "spec.x"}) {
  return ExplainTlsFailure(tls, failure, kNow);
}

TEST(TlsTroubleTest, AnEngineThatIsNotTrustedIsTheAuthoritysMatter) {
  EXPECT_THAT(Explain("GET https://h:1/_ping: SSL certificate problem: self-signed certificate in "
                      "certificate chain"),
              StartsWith("spec.x: the engine's certificate is not trusted"));
  EXPECT_THAT(Explain("SSL certificate problem: certificate has expired"),
              HasSubstr("engine's certificate has expired"));
  EXPECT_THAT(Explain("SSL: no alternative certificate subject name matches target host name 'h'"),
              HasSubstr("for another name"));
}

TEST(TlsTroubleTest, AnEngineThatWantsMoreIsOurCertificatesMatter) {
  EXPECT_THAT(Explain("OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate "
                      "required, errno 0"),
              HasSubstr("asks for a client certificate"));
  EXPECT_THAT(Explain("GET https://h:1/_ping: getpeername() failed with errno 107: Transport "
                      "endpoint is not connected"),
              HasSubstr("asks for a client certificate"))
      << "the engine had hung up before its alert was read";
  EXPECT_THAT(Explain("whatever it was", {.certificate = "no PEM", .key = "x", .inlined = true}),
              HasSubstr("cert.pem) is no certificate"));
}

TEST(TlsTroubleTest, OtherFailuresAreLeftAsTheyAre) {
  EXPECT_EQ(Explain("Failed to connect to h port 1: Connection refused"), "");
}

}  // namespace
}  // namespace headpond::runtime
