#include "operator/runtime/ports.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "base/port_holder.h"
#include "base/unique_fd.h"

namespace headpond::runtime {
namespace {

// Errno of binding to `host`:`port` as a server does it, 0 when that works. Without SO_REUSEPORT,
// so that a server that set it (gRPC does) still counts as a holder.
Result<int> TryBind(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0)
    return InvalidArgument("spec.network.bindHost: {}: {}", host, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, &::freeaddrinfo);
  const UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return ::bind(fd.get(), found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
}

}  // namespace

Status CheckPortsAreFree(const plan::Workload& workload) {
  // On a network of containers, what is not published is nobody else's.
  const bool own_network = workload.container && !workload.container->network.empty();
  for (const plan::Port& port : workload.ports) {
    if (own_network && port.internal) continue;
    ASSIGN_OR_RETURN(const int error, TryBind(workload.bind_host, port.number));
    if (error == 0) continue;
    if (error != EADDRINUSE)
      return ErrnoStatus(
          error, fmt::format("listen on {}:{} ({})", workload.bind_host, port.number, port.field));
    const std::string holder = DescribePortHolder(port.number);
    return FailedPrecondition("port {} is held by {}; end it or set {}", port.number,
                              holder.empty() ? "a process of somebody else" : holder, port.field);
  }
  return Status::Ok();
}

}  // namespace headpond::runtime
