#include "operator/runtime/docker/endpoint.h"

#include <charconv>
#include <string_view>

namespace headpond::runtime {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kDefaultHost = "unix:///var/run/docker.sock";
constexpr int kPlainPort = 2375, kTlsPort = 2376, kMaxPort = 65535;

Status ReadHostAndPort(std::string_view text, Endpoint& endpoint) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos)
    text = text.substr(0, slash);
  const size_t colon = text.rfind(':');
  endpoint.host = text.substr(0, colon);
  endpoint.port = endpoint.tls ? kTlsPort : kPlainPort;
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc() || end != port.data() + port.size() || endpoint.port < 1 ||
        endpoint.port > kMaxPort)
      return InvalidArgument("DOCKER_HOST: {} has no valid port", endpoint.name);
  }
  if (endpoint.host.empty()) return InvalidArgument("DOCKER_HOST: {} names no host", endpoint.name);
  return Status::Ok();
}

}  // namespace

Result<Endpoint> EndpointFrom(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  Endpoint endpoint{.name = value("DOCKER_HOST"), .api_version = value("DOCKER_API_VERSION")};
  if (endpoint.name.empty()) endpoint.name = kDefaultHost;
  if (endpoint.name.starts_with(kUnix)) {
    endpoint.socket = endpoint.name.substr(kUnix.size());
    if (!endpoint.socket.starts_with('/'))
      return InvalidArgument("DOCKER_HOST: {} is not an absolute path", endpoint.name);
    return endpoint;
  }
  if (!endpoint.name.starts_with(kTcp))
    return InvalidArgument("DOCKER_HOST: {} is not supported; use unix:///path or tcp://host:port",
                           endpoint.name);
  const std::string certificates = value("DOCKER_CERT_PATH");
  const bool verify = !value("DOCKER_TLS_VERIFY").empty();
  if (verify || !certificates.empty()) {
    const std::string dir = certificates.empty() ? value("HOME") + "/.docker" : certificates;
    endpoint.tls = Endpoint::Tls{dir + "/ca.pem", dir + "/cert.pem", dir + "/key.pem", verify};
  }
  RETURN_IF_ERROR(ReadHostAndPort(std::string_view(endpoint.name).substr(kTcp.size()), endpoint));
  return endpoint;
}

}  // namespace headpond::runtime
