#pragma once

#include <sys/socket.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace headpond::net {

// Where a server of this process listens, and what its errors should name.
struct ListenOptions {
  std::string name;  // "master RPC server"
  // A numeric address or a name, of which the first (IPv4 before IPv6) address is bound.
  std::string bind_host = "0.0.0.0";
  int port = 0;  // 0: one the kernel picks
  // The properties that set them; may be empty.
  std::string bind_host_property, port_property;
};

struct BindAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string numeric;  // "127.0.0.1" or "[::1]", without the port
};

// InvalidArgument when the host has no address.
Result<BindAddress> ResolveBindHost(const ListenOptions& options);

// A listening TCP socket (close-on-exec, non-blocking, SO_REUSEADDR, so that connections of a
// former process in TIME_WAIT don't count). Errors name the address, the cause and the remedy:
// AlreadyExists when the port is in use (with the process that holds it, where that can be seen),
// PermissionDenied, InvalidArgument for an address that isn't this machine's.
Result<UniqueFd> Listen(const ListenOptions& options, const BindAddress& address);

}  // namespace headpond::net
