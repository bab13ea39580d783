#include "operator/runtime/docker/endpoint.h"

#include <charconv>
#include <string_view>

#include "image/docker_host.h"

namespace headpond::runtime {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr int kPlainPort = 2375, kTlsPort = 2376, kMaxPort = 65535;

Status ReadHostAndPort(std::string_view text, const std::string& source, Endpoint& endpoint) {
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
      return InvalidArgument("{}: {} has no valid port", source, endpoint.name);
  }
  if (endpoint.host.empty()) return InvalidArgument("{}: {} names no host", source, endpoint.name);
  return Status::Ok();
}

Result<Endpoint> ReadEndpoint(const std::map<std::string, std::string>& environment,
                              const image::DockerHost& host) {
  const auto version = environment.find("DOCKER_API_VERSION");
  Endpoint endpoint{.name = host.address,
                    .api_version = version == environment.end() ? "" : version->second};
  if (endpoint.name.starts_with(kUnix)) {
    endpoint.socket = endpoint.name.substr(kUnix.size());
    if (!endpoint.socket.starts_with('/'))
      return InvalidArgument("{}: {} is not an absolute path", host.source, endpoint.name);
    return endpoint;
  }
  if (!endpoint.name.starts_with(kTcp))
    return InvalidArgument("{}: {} is not supported; use unix:///path or tcp://host:port",
                           host.source, endpoint.name);
  if (host.tls)
    endpoint.tls = Endpoint::Tls{.ca = host.tls->ca,
                                 .certificate = host.tls->certificate,
                                 .key = host.tls->key,
                                 .verify = host.tls->verify,
                                 .source = host.source};
  RETURN_IF_ERROR(
      ReadHostAndPort(std::string_view(endpoint.name).substr(kTcp.size()), host.source, endpoint));
  return endpoint;
}

}  // namespace

Result<Endpoint> EndpointFrom(const std::map<std::string, std::string>& environment) {
  ASSIGN_OR_RETURN(const image::DockerHost host, image::FindDockerHost(environment));
  return ReadEndpoint(environment, host);
}

Result<Endpoint> EndpointFor(const std::map<std::string, std::string>& environment,
                             const std::string& address, const std::string& context,
                             const std::string& field) {
  if (!address.empty())
    return ReadEndpoint(environment, image::DockerHostAt(environment, address, field));
  const auto host = image::DockerHostOfContext(environment, context);
  if (!host.ok()) return host.status().WithContext(field);
  return ReadEndpoint(environment, *host);
}

Result<Endpoint> EndpointOf(const Node& node,
                            const std::map<std::string, std::string>& environment) {
  RETURN_IF_ERROR(node.trouble);
  if (node.address.empty() && node.context.empty()) return EndpointFrom(environment);
  if (!node.tls)
    return EndpointFor(environment, node.address, node.context,
                       node.field + (node.address.empty() ? ".context" : ".endpoint"));
  image::DockerHost host = image::DockerHostAt(environment, node.address, node.field + ".endpoint");
  host.tls = image::DockerHost::Tls{};  // decides which port is meant when none is given
  ASSIGN_OR_RETURN(Endpoint endpoint, ReadEndpoint(environment, host));
  endpoint.tls = Endpoint::Tls{.ca = node.tls->ca,
                               .certificate = node.tls->certificate,
                               .key = node.tls->key,
                               .inlined = true,
                               .source = node.field + ".tlsSecret"};
  return endpoint;
}

}  // namespace headpond::runtime
