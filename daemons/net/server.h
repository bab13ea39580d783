#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/result.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace headpond::net {

class LaneService;
class MutualTls;
class SaslService;

struct GrpcServerOptions {
  // Names the server in logs and errors, such as "master RPC server".
  std::string name = "RPC server";
  // A numeric address or a name, of which the first (IPv4 before IPv6) address is bound.
  std::string bind_host = "0.0.0.0";
  // The property that sets it, for the error text; may be empty.
  std::string bind_host_property;
  int port = 0;  // 0: one the kernel picks
  // On that port, not on the domain socket; null: none.
  std::shared_ptr<const MutualTls> tls;
  // The property that sets the port, for the error text; may be empty.
  std::string port_property;
  // Also listens here, with mode 0777 (clients run as any user); empty: TCP only. A dead socket in
  // the way is replaced.
  std::string unix_socket_path;

  // Largest request. 100 MiB for masters (registrations), 4 MiB for workers in 2.9.
  size_t max_inbound_message_bytes = 100u << 20;
  // The shortest ping interval promised to clients, with or without calls:
  // alluxio.{master,worker}.network.permit.keepalive.time.
  std::chrono::milliseconds permit_keepalive{30'000};
  // When the server itself pings a silent client, and how long that may take to answer.
  std::chrono::milliseconds keepalive_interval{std::chrono::hours(2)};
  std::chrono::milliseconds keepalive_timeout{30'000};
  // How much a client may send on one stream ahead of its reader. 2.9's flow-control window.
  size_t stream_window_bytes = 2u << 20;
  // Bound on the memory for requests and connections; above it the server slows its readers down.
  size_t memory_quota_bytes = 512u << 20;
};

// One gRPC server of a process: the ports, their limits and the services behind them.
//
// Use from the composition root's thread: AddService, AddSasl..., Start, Stop.
class GrpcServer {
 public:
  explicit GrpcServer(GrpcServerOptions options);
  ~GrpcServer();  // Stop() with no grace

  // Before Start. `service` must outlive this.
  void AddService(::grpc::Service& service);
  // Before Start. Serves the authentication streams, sweeps them every minute and ends them first
  // on Stop. `sasl` must outlive this.
  void AddSasl(SaslService& sasl);
  // Before Start. Ends the lanes on Stop. `lanes` must outlive this.
  void AddLanes(LaneService& lanes);
  // Before Start. `hook` runs at the beginning of Stop, to end long-lived streams.
  void AddStopHook(std::function<void()> hook);

  // Binds and serves; returns the TCP port. Errors name the address, the cause and the remedy:
  // AlreadyExists when the port or the socket is in use (with the process that holds it, where that
  // can be seen), PermissionDenied, InvalidArgument for an address that isn't this machine's,
  // FailedPrecondition without services.
  Result<int> Start();

  // Refuses new calls, lets running ones end for `grace`, cancels the rest and waits for their
  // handlers, which must not ignore cancellation. Idempotent.
  void Stop(std::chrono::milliseconds grace = std::chrono::seconds(2));

  int port() const { return port_; }

 private:
  const GrpcServerOptions options_;
  std::vector<::grpc::Service*> services_;
  std::vector<SaslService*> sasl_;
  std::vector<std::function<void()>> stop_hooks_;
  std::unique_ptr<PeriodicTask> sweeper_;
  std::unique_ptr<::grpc::Server> server_;
  int port_ = 0;
};

}  // namespace headpond::net
