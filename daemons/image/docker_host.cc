#include "image/docker_host.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

namespace headpond::image {
namespace {

using Environment = std::map<std::string, std::string>;
using nlohmann::json;

constexpr const char* kLocalSocket = "unix:///var/run/docker.sock";
constexpr std::string_view kTcp = "tcp://";
constexpr const char* kDefaultContext = "default";

std::string Variable(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string StringAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// NotFound when there is no such file.
Result<json> ReadJson(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return NotFound("there is no {}", path);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  json read = json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (!read.is_object()) return DataLoss("{} can't be read as JSON", path);
  return read;
}

// Contexts live in folders that are called after this.
std::string Sha256Hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    return "";
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string FileOrNothing(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) ? path : "";
}

DockerHost FromVariables(const Environment& environment) {
  const std::string host = Variable(environment, "DOCKER_HOST");
  return host.empty() ? DockerHost{.address = kLocalSocket, .source = "the default"}
                      : DockerHostAt(environment, host, "DOCKER_HOST");
}

}  // namespace

std::string DockerConfigFolder(const Environment& environment) {
  const std::string folder = Variable(environment, "DOCKER_CONFIG");
  return folder.empty() ? Variable(environment, "HOME") + "/.docker" : folder;
}

DockerHost DockerHostAt(const Environment& environment, std::string address, std::string source) {
  DockerHost host{.address = std::move(address), .source = std::move(source)};
  const std::string certificates = Variable(environment, "DOCKER_CERT_PATH");
  const bool verify = !Variable(environment, "DOCKER_TLS_VERIFY").empty();
  if (!host.address.starts_with(kTcp) || (!verify && certificates.empty())) return host;
  const std::string dir =
      certificates.empty() ? Variable(environment, "HOME") + "/.docker" : certificates;
  host.tls = DockerHost::Tls{dir + "/ca.pem", dir + "/cert.pem", dir + "/key.pem", verify};
  return host;
}

Result<DockerHost> DockerHostOfContext(const Environment& environment, const std::string& name) {
  if (name == kDefaultContext) return FromVariables(environment);
  const std::string folder = DockerConfigFolder(environment) + "/contexts", id = Sha256Hex(name);
  const std::string path = fmt::format("{}/meta/{}/meta.json", folder, id);
  auto meta = ReadJson(path);
  if (meta.status().code() == Code::kNotFound)
    return NotFound(
        "there is no docker context \"{}\" ({} is missing); docker context ls lists them", name,
        path);
  if (!meta.ok()) return meta.status();
  const json endpoints = meta->value("Endpoints", json::object());
  const json docker =
      endpoints.is_object() ? endpoints.value("docker", json::object()) : json::object();
  const std::string address = docker.is_object() ? StringAt(docker, "Host") : "";
  if (StringAt(*meta, "Name") != name || address.empty())
    return DataLoss("{} is no docker context called \"{}\" with an endpoint", path, name);
  DockerHost host{.address = address, .source = fmt::format("docker context {}", name)};
  const std::string keys = fmt::format("{}/tls/{}/docker", folder, id);
  const auto skip = docker.find("SkipTLSVerify");
  DockerHost::Tls tls{FileOrNothing(keys + "/ca.pem"), FileOrNothing(keys + "/cert.pem"),
                      FileOrNothing(keys + "/key.pem"),
                      skip == docker.end() || !skip->is_boolean() || !skip->get<bool>()};
  const bool has_keys = !tls.ca.empty() || !tls.certificate.empty();
  if (address.starts_with(kTcp) && (has_keys || !tls.verify)) host.tls = std::move(tls);
  return host;
}

Result<DockerHost> FindDockerHost(const Environment& environment) {
  if (!Variable(environment, "DOCKER_HOST").empty()) return FromVariables(environment);
  std::string context = Variable(environment, "DOCKER_CONTEXT");
  if (context.empty()) {
    const auto config = ReadJson(DockerConfigFolder(environment) + "/config.json");
    if (!config.ok() && config.status().code() != Code::kNotFound) return config.status();
    if (config.ok()) context = StringAt(*config, "currentContext");
  }
  return DockerHostOfContext(environment, context.empty() ? kDefaultContext : context);
}

}  // namespace headpond::image
