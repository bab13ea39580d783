#include "net/host_check.h"

#include <netdb.h>

namespace headpond::net {

Status CheckHostResolves(std::string_view property, const std::string& host) {
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, nullptr, &list);
  if (error == 0) {
    freeaddrinfo(list);
    return Status::Ok();
  }
  return InvalidArgument(
      "{}={} can't be resolved ({}); give a name or address under which this machine is reached, "
      "or leave it out to use the machine's own name",
      property, host, gai_strerror(error));
}

}  // namespace headpond::net
