#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "net/auth.h"

namespace grpc {
class Channel;
class ClientContext;
class Status;
}  // namespace grpc

namespace headpond::net {

class MutualTls;
class RunningStreams;

struct ChannelOptions {
  std::string target;  // "host:port" or "unix:/absolute/path"
  AuthType auth = AuthType::kSimple;
  std::string user;               // who this process is; see ProcessUser()
  std::string impersonated_user;  // whom it acts as; empty: itself

  // alluxio.network.connection.auth.timeout
  std::chrono::milliseconds auth_timeout{30'000};
  // Pings on a silent connection, so that a vanished server is noticed. Servers permit 30 s.
  std::chrono::milliseconds keepalive_interval{30'000};
  std::chrono::milliseconds keepalive_timeout{30'000};
  // How long a connection attempt may take: a machine that is gone doesn't refuse, it says nothing.
  std::chrono::milliseconds connect_timeout{5'000};
  size_t max_inbound_message_bytes = 100u << 20;
  // How much a server may send on one stream ahead of the reader. Bulk readers want 4 MiB.
  size_t stream_window_bytes = 2u << 20;
  // A connection of its own. Otherwise all channels of this process to one target share one, which
  // is one TCP stream and one thread's worth of throughput.
  bool own_connection = false;
  std::shared_ptr<const MutualTls> tls;  // null: none
};

// A bare gRPC channel with the limits and timeouts of `options`, for services that need no
// authentication. Connects on first use, and again by itself after a failure.
std::shared_ptr<::grpc::Channel> MakeChannel(const ChannelOptions& options);

// A gRPC channel that is authenticated as one user, and stays so: when the server restarts or
// forgets the channel, the next call authenticates anew. Thread safe.
class AuthenticatedChannel {
 public:
  // Does no I/O. `random` makes the channel ids.
  AuthenticatedChannel(ChannelOptions options, Random random);
  // Ends the authentication. Calls that are under way should have ended before.
  ~AuthenticatedChannel();

  const ChannelOptions& options() const { return options_; }
  // What to make stubs from. Never drop the last reference to it, or to a stub, on a gRPC thread
  // (in a reactor or callback): gRPC 1.51 would wait there for that very thread.
  const std::shared_ptr<::grpc::Channel>& channel() const { return channel_; }

  // Makes `context` good for one call: authenticates the channel if it isn't, and names it in the
  // context's metadata. Set the context's deadline first. May block for auth_timeout, but not past
  // that deadline; costs one short lock when authenticated.
  // Returns a ticket for Reauthenticate. Errors: what the server answered; Unavailable when it
  // can't be reached or does not answer in time.
  Result<uint64_t> Prepare(::grpc::ClientContext& context);

  // To be called when a prepared call failed with UNAUTHENTICATED: the next Prepare authenticates
  // again, unless that has happened since `ticket` was given out.
  void Reauthenticate(uint64_t ticket);

  // Ends the authentication for good: who waits for it, and every later Prepare, gets Cancelled.
  // Calls that are under way are not ended.
  void Close() EXCLUDES(mutex_);

  // One unary call: `call` gets a prepared context whose deadline is `timeout` away, and is
  // repeated once, after authenticating again, if the server has forgotten the channel.
  Status Call(std::chrono::milliseconds timeout,
              const std::function<::grpc::Status(::grpc::ClientContext&)>& call);

 private:
  class Stream;

  // Null once closed.
  std::shared_ptr<Stream> CurrentStream() EXCLUDES(mutex_);

  const ChannelOptions options_;
  const std::shared_ptr<::grpc::Channel> channel_;
  const std::shared_ptr<RunningStreams> streams_;  // counts what gRPC still runs
  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  uint64_t last_ticket_ GUARDED_BY(mutex_) = 0;
  std::shared_ptr<Stream> current_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::net
