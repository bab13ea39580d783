#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "net/auth.h"

namespace grpc {
class Service;
}

namespace headpond::net {

// The server side of channel authentication: one stream per channel, kept open for the channel's
// life.
//
//   client                                server
//   CHALLENGE {clientId, PLAIN payload} ->
//                                       <- SUCCESS; calls naming clientId are now this user's
//   half-close, or the connection breaks -> the id is dropped, the stream ends
//
// Thread safe. Serve it on every port of a process; all share the Authenticator.
class SaslService {
 public:
  // How long a stream may take to send its first message.
  static constexpr std::chrono::seconds kFirstMessageTimeout{30};

  // Credentials are checked on `executor`, as impersonation may read groups. All must outlive this.
  SaslService(Authenticator& authenticator, Executor& executor, const Clock& clock);
  // The server that serves it must be gone, and `executor` idle or shut down.
  ~SaslService();

  ::grpc::Service& service();

  // Ends channels that were idle too long and streams that never authenticated. Call about once a
  // minute; GrpcServer::AddSasl does.
  void Sweep();

  // Ends all streams with `status`, so that a stopping server need not wait for clients to leave.
  // Streams that come later end the same way.
  void CloseAll(const Status& status);

  size_t open_streams() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::net
