#include "operator/apiserver/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>

#include "io/env.h"

namespace headpond::apiserver {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr int64_t kYearSeconds = 365LL * 24 * 3600;
constexpr int64_t kValidSeconds = 10 * kYearSeconds;
constexpr int64_t kClockSkewSeconds = 3600;

bool AddExtension(X509* certificate, int nid, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Certificate MakeCertificate(EVP_PKEY* key, int64_t now_seconds) {
  Certificate certificate(X509_new());
  if (!certificate) return nullptr;
  X509* const x = certificate.get();
  uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) != 1) return nullptr;
  X509_NAME* const name = X509_get_subject_name(x);
  const bool made =
      X509_set_version(x, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(x), now_seconds - kClockSkewSeconds) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(x), now_seconds + kValidSeconds) != nullptr &&
      X509_set_pubkey(x, key) == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("headpond-operator"), -1,
                                 -1, 0) == 1 &&
      X509_set_issuer_name(x, name) == 1 &&
      AddExtension(x, NID_basic_constraints, "critical,CA:TRUE") &&
      AddExtension(x, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
      AddExtension(x, NID_ext_key_usage, "serverAuth") &&
      AddExtension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1") &&
      X509_sign(x, key, EVP_sha256()) != 0;
  return made ? std::move(certificate) : nullptr;
}

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

Status EnsureCertificate(const std::string& certificate_path, const std::string& key_path,
                         const Clock& clock) {
  io::Env& env = io::Env::Posix();
  ASSIGN_OR_RETURN(const bool certificate_there, env.Exists(certificate_path));
  ASSIGN_OR_RETURN(const bool key_there, env.Exists(key_path));
  if (certificate_there && key_there) return Status::Ok();
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return Internal("cannot make a key");
  const Certificate certificate = MakeCertificate(key.get(), clock.NowMs() / 1000);
  const Bio key_text(BIO_new(BIO_s_mem()));
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  if (!certificate || !key_text || !certificate_text ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1)
    return Internal("cannot make a certificate");
  RETURN_IF_ERROR(WritePrivately(key_path, Contents(key_text.get())));
  return WritePrivately(certificate_path, Contents(certificate_text.get()));
}

Status WritePrivately(const std::string& path, const std::string& content) {
  RETURN_IF_ERROR(io::WriteFileAtomically(io::Env::Posix(), path, content));
  return ::chmod(path.c_str(), 0600) == 0 ? Status::Ok() : ErrnoStatus(errno, path);
}

Result<std::string> MakeToken() {
  std::array<unsigned char, 32> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return Internal("no randomness for a token");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace headpond::apiserver
