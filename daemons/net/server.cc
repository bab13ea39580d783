#include "net/server.h"

#include <fmt/format.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/log.h"
#include "base/unique_fd.h"
#include "net/lane_service.h"
#include "net/listen.h"
#include "net/mutual_tls.h"
#include "net/request_guard.h"
#include "net/sasl_service.h"
#include "net/user_groups.h"

namespace headpond::net {
namespace {

constexpr std::chrono::minutes kSweepInterval{1};
// A client that pings exactly at the promised interval must not be punished for the network's
// jitter.
constexpr std::chrono::seconds kKeepaliveSlack{5};
// Block chunks are 1 MiB: larger frames than HTTP/2's 16 KiB save headers, while small calls on the
// same connection still get their turn between two of them. Larger ones, or a larger write buffer,
// measured no better or worse (block_stream_bench.cc).
constexpr int kMaxFrameBytes = 64 << 10;

ListenOptions ListenOptionsOf(const GrpcServerOptions& options) {
  return {.name = options.name,
          .bind_host = options.bind_host,
          .port = options.port,
          .bind_host_property = options.bind_host_property,
          .port_property = options.port_property};
}

// gRPC says only that it could not bind: try it ourselves to learn why.
Status ExplainBindFailure(const GrpcServerOptions& options, const BindAddress& address) {
  RETURN_IF_ERROR(Listen(ListenOptionsOf(options), address).status());
  return Unavailable("{}: could not listen on {}:{}", options.name, address.numeric, options.port);
}

// gRPC replaces whatever socket is at the path, even one that another process serves.
Status CheckUnixSocketIsFree(const GrpcServerOptions& options) {
  const std::string& path = options.unix_socket_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return InvalidArgument("{}: domain socket path {} has {} bytes, more than {}", options.name,
                           path, path.size(), sizeof address.sun_path - 1);
  }
  path.copy(address.sun_path, path.size());
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    return AlreadyExists("{}: {} exists and is not a socket", options.name, path);
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return AlreadyExists("{}: domain socket {} is served by another process", options.name, path);
  }
  return Status::Ok();
}

// Milliseconds as the int that gRPC's arguments take.
int ToInt(std::chrono::milliseconds duration) {
  return static_cast<int>(std::clamp<int64_t>(duration.count(), 0, INT_MAX));
}

void ApplyOptions(const GrpcServerOptions& options, ::grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min<size_t>(options.max_inbound_message_bytes, INT_MAX)));
  // Or Linux would let two servers share the port, each getting some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             ToInt(options.permit_keepalive - kKeepaliveSlack));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, ToInt(options.keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ToInt(options.keepalive_timeout));
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
      static_cast<int>(std::min<size_t>(options.stream_window_bytes, INT_MAX)));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  // GRPC_ARG_MAX_CONCURRENT_STREAMS stays unlimited: one connection carries many channels.
  ::grpc::ResourceQuota quota(options.name);
  quota.Resize(options.memory_quota_bytes);
  builder.SetResourceQuota(quota);
}

}  // namespace

GrpcServer::GrpcServer(GrpcServerOptions options) : options_(std::move(options)) {}

GrpcServer::~GrpcServer() {
  Stop(std::chrono::milliseconds(0));
}

void GrpcServer::AddService(::grpc::Service& service) {
  services_.push_back(&service);
}

void GrpcServer::AddSasl(SaslService& sasl) {
  AddService(sasl.service());
  sasl_.push_back(&sasl);
}

void GrpcServer::AddLanes(LaneService& lanes) {
  AddService(lanes.service());
  AddStopHook([this, &lanes] { lanes.CloseAll(Unavailable("{} is stopping", options_.name)); });
}

void GrpcServer::AddStopHook(std::function<void()> hook) {
  stop_hooks_.push_back(std::move(hook));
}

Result<int> GrpcServer::Start() {
  if (services_.empty()) return FailedPrecondition("{} has no services", options_.name);
  // gRPC would bind all addresses of a name and be content with any of them, so that a port taken
  // on one would go unnoticed; hence one numeric address.
  ASSIGN_OR_RETURN(const BindAddress address, ResolveBindHost(ListenOptionsOf(options_)));
  if (!options_.unix_socket_path.empty()) RETURN_IF_ERROR(CheckUnixSocketIsFree(options_));

  ::grpc::ServerBuilder builder;
  ApplyOptions(options_, builder);
  int bound_port = 0;
  builder.AddListeningPort(
      fmt::format("{}:{}", address.numeric, options_.port),
      options_.tls == nullptr ? ::grpc::InsecureServerCredentials() : options_.tls->server(),
      &bound_port);
  int unix_bound = 1;
  if (!options_.unix_socket_path.empty()) {
    builder.AddListeningPort("unix:" + options_.unix_socket_path,
                             ::grpc::InsecureServerCredentials(), &unix_bound);
  }
  for (::grpc::Service* service : services_) builder.RegisterService(service);
  std::vector<std::unique_ptr<::grpc::experimental::ServerInterceptorFactoryInterface>> guards;
  guards.push_back(MakeRequestGuard());
  builder.experimental().SetInterceptorCreators(std::move(guards));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    if (bound_port == 0) return ExplainBindFailure(options_, address);
    return Unavailable(
        "{}: cannot listen on domain socket {}: does its folder exist, and may user "
        "{} write to it?",
        options_.name, options_.unix_socket_path, ProcessUser());
  }
  port_ = bound_port;
  if (!options_.unix_socket_path.empty() && chmod(options_.unix_socket_path.c_str(), 0777) != 0) {
    const int error = errno;
    Stop(std::chrono::milliseconds(0));
    return ErrnoStatus(error, "chmod 0777 " + options_.unix_socket_path);
  }
  if (!sasl_.empty()) {
    sweeper_ = std::make_unique<PeriodicTask>("auth-sweep", kSweepInterval, [this] {
      for (SaslService* sasl : sasl_) sasl->Sweep();
    });
  }
  LogInfo("net", "{} listens on {}:{}{}{}", options_.name, address.numeric, port_,
          options_.unix_socket_path.empty() ? "" : " and ", options_.unix_socket_path);
  return port_;
}

void GrpcServer::Stop(std::chrono::milliseconds grace) {
  if (server_ == nullptr) return;
  const auto deadline = std::chrono::system_clock::now() + grace;
  if (sweeper_ != nullptr) sweeper_->Stop();
  for (const auto& hook : stop_hooks_) hook();
  for (SaslService* sasl : sasl_) {
    sasl->CloseAll(Unavailable("{} is stopping", options_.name));
  }
  server_->Shutdown(deadline);
  server_.reset();
  LogInfo("net", "{} stopped", options_.name);
}

}  // namespace headpond::net
