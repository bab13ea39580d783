#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// Where a Docker Engine is, and how to prove who we are.
struct Endpoint {
  struct Tls {
    std::string ca, certificate, key;  // PEM files, or PEM itself
    bool verify = true;                // the engine's certificate
    bool inlined = false;              // PEM itself
    std::string source = {};           // what said so, for messages
    friend bool operator==(const Tls&, const Tls&) = default;
  };

  std::string name;    // for messages: "unix:///var/run/docker.sock"
  std::string socket;  // its path; empty for TCP
  std::string host;    // of TCP
  int port = 0;
  std::optional<Tls> tls;
  std::string api_version;  // to be used without asking; empty: negotiated

  // The engine runs on this machine, so that its ports and folders are ours to look at.
  bool is_local() const { return !socket.empty(); }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// What the docker command would use (see image::FindDockerHost), and DOCKER_API_VERSION. Errors
// name what led there: InvalidArgument for what is neither unix:// nor tcp://, those of
// FindDockerHost.
Result<Endpoint> EndpointFrom(const std::map<std::string, std::string>& environment);

// The same for an address or a context that a spec names in `field`; the other one is empty.
Result<Endpoint> EndpointFor(const std::map<std::string, std::string>& environment,
                             const std::string& address, const std::string& context,
                             const std::string& field);

// Of a node. What it says of TLS wins over the environment. Errors: its trouble, and those of
// EndpointFrom and EndpointFor.
Result<Endpoint> EndpointOf(const Node& node,
                            const std::map<std::string, std::string>& environment);

}  // namespace headpond::runtime
