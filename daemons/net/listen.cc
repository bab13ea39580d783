#include "net/listen.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cerrno>
#include <cstring>

#include "base/port_holder.h"

namespace headpond::net {
namespace {

constexpr int kBacklog = 128;

Status ListenFailure(const ListenOptions& options, const BindAddress& address, int error) {
  const std::string where = fmt::format("{}:{}", address.numeric, options.port);
  const std::string set_property =
      options.port_property.empty() ? "use another port" : "set " + options.port_property;
  switch (error) {
    case EADDRINUSE: {
      const std::string holder = DescribePortHolder(options.port);
      return AlreadyExists("{}: port {} ({}) is in use by {}: stop it or {}", options.name,
                           options.port, where, holder.empty() ? "another process" : holder,
                           set_property);
    }
    case EACCES:
      return PermissionDenied("{}: no permission to listen on {}: {}", options.name, where,
                              set_property);
    case EADDRNOTAVAIL:
      return InvalidArgument("{}: {} is not an address of this machine", options.name,
                             address.numeric);
    default: return ErrnoStatus(error, fmt::format("{}: listening on {}", options.name, where));
  }
}

}  // namespace

Result<BindAddress> ResolveBindHost(const ListenOptions& options) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(options.bind_host.c_str(), std::to_string(options.port).c_str(), &hints, &list);
  if (error != 0) {
    return InvalidArgument(
        "{}{}cannot resolve the bind host {}: {}; give an address of this machine, or 0.0.0.0 for "
        "all of them",
        options.bind_host_property, options.bind_host_property.empty() ? "" : ": ",
        options.bind_host, gai_strerror(error));
  }
  const addrinfo* chosen = list;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET) {
      chosen = entry;
      break;
    }
  }
  BindAddress address;
  address.length = chosen->ai_addrlen;
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  char text[NI_MAXHOST];
  getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  address.numeric = chosen->ai_family == AF_INET6 ? fmt::format("[{}]", text) : text;
  freeaddrinfo(list);
  return address;
}

Result<UniqueFd> Listen(const ListenOptions& options, const BindAddress& address) {
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ListenFailure(options, address, errno);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 ||
      listen(fd.get(), kBacklog) != 0)
    return ListenFailure(options, address, errno);
  return fd;
}

}  // namespace headpond::net
