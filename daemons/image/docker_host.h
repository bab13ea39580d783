#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace headpond::image {

// Where a Docker Engine listens, and what proves who we are.
struct DockerHost {
  struct Tls {
    std::string ca, certificate, key;  // PEM files; "" where there is none
    bool verify = true;                // the Engine's certificate
  };

  std::string address;  // "unix:///var/run/docker.sock", "tcp://10.0.0.1:2376"
  std::string source;   // what named it, for messages: "DOCKER_HOST", "docker context lab"
  std::optional<Tls> tls;
};

// Where the docker command would go: DOCKER_HOST (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH),
// else the context that DOCKER_CONTEXT or the configuration file's `currentContext` names, else the
// local socket. Errors: those of DockerHostOfContext; DataLoss when the configuration can't be
// read.
Result<DockerHost> FindDockerHost(const std::map<std::string, std::string>& environment);

// A context of `docker context create`, below $DOCKER_CONFIG or ~/.docker; "default" is what the
// variables alone say. NotFound when there is none of the name, DataLoss when it can't be read.
Result<DockerHost> DockerHostOfContext(const std::map<std::string, std::string>& environment,
                                       const std::string& name);

// The address with the certificates that DOCKER_TLS_VERIFY and DOCKER_CERT_PATH name, if they do
// and it is one of TCP.
DockerHost DockerHostAt(const std::map<std::string, std::string>& environment, std::string address,
                        std::string source);

// The folder of the docker command's configuration.
std::string DockerConfigFolder(const std::map<std::string, std::string>& environment);

}  // namespace headpond::image
