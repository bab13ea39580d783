#include "operator/runtime/docker/tls_trouble.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

namespace headpond::runtime {
namespace {

template <typename T, void (*free)(T*)>
struct Free {
  void operator()(T* value) const { free(value); }
};
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free_all>>;

constexpr int64_t kSecond = 1000;

std::string TextOf(const std::string& pem, bool inlined) {
  if (inlined) return pem;
  std::stringstream text;
  text << std::ifstream(pem).rdbuf();
  return text.str();
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An encrypted key can't be used: nobody is there to ask for its password.
int NoPassword(char*, int, int, void*) {
  return -1;
}

// What is wrong with our own part of it.
std::string OwnTrouble(const Endpoint::Tls& tls, int64_t now_ms) {
  if (tls.certificate.empty()) return "";
  const std::string certificate_text = TextOf(tls.certificate, tls.inlined);
  const std::string key_text = TextOf(tls.key, tls.inlined);
  const Certificate certificate(
      PEM_read_bio_X509(Reader(certificate_text).get(), nullptr, NoPassword, nullptr));
  if (!certificate) return "the client certificate (cert.pem) is no certificate in PEM";
  const Key key(PEM_read_bio_PrivateKey(Reader(key_text).get(), nullptr, NoPassword, nullptr));
  if (!key) return "the client certificate's key (key.pem) is no key in PEM without a password";
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return "the client certificate and its key (cert.pem, key.pem) don't belong together";
  std::tm end{};
  time_t now = now_ms / kSecond;
  const ASN1_TIME* const not_after = X509_get0_notAfter(certificate.get());
  if (X509_cmp_time(not_after, &now) < 0 && ASN1_TIME_to_tm(not_after, &end) == 1)
    return fmt::format("the client certificate expired at {:%FT%TZ}: make a new one", end);
  return "";
}

bool Says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

// The engine refused us. By TLS 1.3 a client has ended the handshake before its certificate is
// looked at, so that the connection may be gone before the alert is read: libcurl 7.88 then keeps
// the words of its first complaint, that the socket has no peer any more, and not those of the
// alert.
bool Refused(std::string_view failure) {
  return Says(failure, "alert") || Says(failure, "getpeername() failed");
}

}  // namespace

std::string ExplainTlsFailure(const Endpoint::Tls& tls, std::string_view failure, int64_t now_ms) {
  std::string trouble = OwnTrouble(tls, now_ms);
  if (trouble.empty() && Says(failure, "certificate has expired"))
    trouble = "the engine's certificate has expired: give its host a new one";
  else if (trouble.empty() && Refused(failure))
    trouble =
        tls.certificate.empty()
            ? "the engine asks for a client certificate: give cert.pem and key.pem, too"
            : "the engine does not accept the client certificate: it must be of the authority "
              "that dockerd was given by --tlscacert, and for clients";
  else if (trouble.empty() &&
           (Says(failure, "certificate problem") || Says(failure, "verification failed")))
    trouble =
        "the engine's certificate is not trusted: ca.pem must be of the authority that made it";
  else if (trouble.empty() && Says(failure, "match"))
    trouble = "the engine's certificate is for another name: connect by one that it has";
  if (trouble.empty() || tls.source.empty()) return trouble;
  return fmt::format("{}: {}", tls.source, trouble);
}

}  // namespace headpond::runtime
