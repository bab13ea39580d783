#pragma once

#include <compare>
#include <string>
#include <utility>
#include <vector>

namespace headpond {

// Where a worker is reached: 2.9's WorkerNetAddress. A value type.
struct WorkerAddress {
  std::string host;  // compared as text with the client's own host name to decide locality
  int rpc_port = 0;
  int data_port = 0;  // equals rpc_port in 2.x
  int web_port = 0;
  std::string domain_socket_path;  // "" = none
  std::string container_host;      // connect here instead of `host`, when set
  // Tiered identity, most specific first: {"node", host}, {"rack", ""}. Never empty on the wire: an
  // empty one breaks stock's LocalFirstPolicy (compat/behaviour.md section 0, rule 11).
  std::vector<std::pair<std::string, std::string>> locality;

  const std::string& connect_host() const { return container_host.empty() ? host : container_host; }

  friend auto operator<=>(const WorkerAddress&, const WorkerAddress&) = default;
};

}  // namespace headpond
