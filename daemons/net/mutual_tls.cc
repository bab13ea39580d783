#include "net/mutual_tls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace headpond::net {
namespace {

using ::grpc::experimental::FileWatcherCertificateProvider;
using ::grpc::experimental::TlsChannelCredentialsOptions;
using ::grpc::experimental::TlsServerCredentialsOptions;

constexpr unsigned kReadAgainSeconds = 10;

// OpenSSL's last error of this thread.
std::string OpenSslError() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

Status CheckReadable(std::string_view what, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    ::close(file);
    return Status::Ok();
  }
  return ErrnoStatus(errno, fmt::format("{} {}", what, path));
}

Status Check(const TlsFiles& files) {
  RETURN_IF_ERROR(CheckReadable("certificate", files.certificate));
  RETURN_IF_ERROR(CheckReadable("key", files.key));
  RETURN_IF_ERROR(CheckReadable("authority", files.authority));
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()),
                                                                  &SSL_CTX_free);
  if (context == nullptr) return Internal("OpenSSL: {}", OpenSslError());
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return InvalidArgument("{} is no certificate in PEM: {}", files.certificate, OpenSslError());
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return InvalidArgument("{} is no key in PEM, or not that of {}: {}", files.key,
                           files.certificate, OpenSslError());
  if (SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1)
    return InvalidArgument("{} has no certificate in PEM: {}", files.authority, OpenSslError());
  const X509* const certificate = SSL_CTX_get0_certificate(context.get());
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    return FailedPrecondition("the certificate in {} has expired: renew it", files.certificate);
  return Status::Ok();
}

}  // namespace

Result<std::shared_ptr<const MutualTls>> MutualTls::Load(const TlsFiles& files) {
  RETURN_IF_ERROR(Check(files));
  return std::shared_ptr<const MutualTls>(new MutualTls(files));
}

MutualTls::MutualTls(const TlsFiles& files) {
  const auto provider = std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.certificate, files.authority, kReadAgainSeconds);
  TlsServerCredentialsOptions server(provider);
  server.watch_identity_key_cert_pairs();
  server.watch_root_certs();
  server.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server_ = ::grpc::experimental::TlsServerCredentials(server);
  TlsChannelCredentialsOptions client;
  client.set_certificate_provider(provider);
  client.watch_identity_key_cert_pairs();
  client.watch_root_certs();
  client_ = ::grpc::experimental::TlsCredentials(client);
}

}  // namespace headpond::net
