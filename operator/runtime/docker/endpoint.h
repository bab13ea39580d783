#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace headpond::runtime {

// Where a Docker Engine is, and how to prove who we are.
struct Endpoint {
  struct Tls {
    std::string ca, certificate, key;  // PEM files
    bool verify = true;                // the engine's certificate
  };

  std::string name;    // for messages: "unix:///var/run/docker.sock"
  std::string socket;  // its path; empty for TCP
  std::string host;    // of TCP
  int port = 0;
  std::optional<Tls> tls;
  std::string api_version;  // to be used without asking; empty: negotiated

  // The engine runs on this machine, so that its ports and folders are ours to look at.
  bool is_local() const { return !socket.empty(); }
};

// What the docker command would use: DOCKER_HOST (unix:// and tcp://), DOCKER_TLS_VERIFY,
// DOCKER_CERT_PATH (or ~/.docker), DOCKER_API_VERSION. InvalidArgument names the variable.
Result<Endpoint> EndpointFrom(const std::map<std::string, std::string>& environment);

}  // namespace headpond::runtime
