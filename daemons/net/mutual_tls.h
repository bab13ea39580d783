#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace headpond::net {

// Paths of PEM files.
struct TlsFiles {
  std::string certificate;  // of this process, with those between it and the authority
  std::string key;          // of that certificate
  std::string authority;    // whose certificates are trusted
};

// TLS between processes that each show a certificate, as client and as server. A client also checks
// that the server's certificate is for the host that it asked for. The files are read again every
// ten seconds, so that certificates can be renewed in place: connections that are made later use
// them. Thread safe.
class MutualTls {
 public:
  // Errors name the file: those of opening it, InvalidArgument for one that is not PEM or a
  // key that is another certificate's, FailedPrecondition for a certificate that has expired.
  static Result<std::shared_ptr<const MutualTls>> Load(const TlsFiles& files);

  const std::shared_ptr<::grpc::ServerCredentials>& server() const { return server_; }
  const std::shared_ptr<::grpc::ChannelCredentials>& client() const { return client_; }

 private:
  explicit MutualTls(const TlsFiles& files);

  std::shared_ptr<::grpc::ServerCredentials> server_;
  std::shared_ptr<::grpc::ChannelCredentials> client_;
};

}  // namespace headpond::net
