#include "image/credentials.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/base64.h"
#include "image/credential_helper.h"
#include "image/docker_host.h"

namespace headpond::image {
namespace {

using nlohmann::json;

// Docker Hub's key in config.json.
constexpr std::string_view kHubKey = "https://index.docker.io/v1/";

std::string StringAt(const json& object, const std::string& key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<Credentials> FromEntry(const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  if (std::string token = StringAt(entry, "identitytoken"); !token.empty())
    return Credentials{.identity_token = std::move(token)};
  if (const std::string auth = StringAt(entry, "auth"); !auth.empty()) {
    const auto decoded = DecodeBase64(auth);
    const size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return std::nullopt;
    return Credentials{.user = decoded->substr(0, colon), .password = decoded->substr(colon + 1)};
  }
  Credentials plain{.user = StringAt(entry, "username"), .password = StringAt(entry, "password")};
  if (plain.user.empty() || plain.password.empty()) return std::nullopt;
  return plain;
}

// What "https://registry.example/team/v1/" names: without what docker and its registries put
// around it.
std::string PlainKey(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  while (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"})
    if (key.ends_with(version)) key.remove_suffix(version.size());
  return std::string(key);
}

// By Kubernetes' rules: as many parts in the names, and the repository begins with the key's path.
bool Names(const std::string& key, const Reference& what) {
  const size_t slash = key.find('/');
  const std::string registry = key.substr(0, slash);
  const std::string path = slash == std::string::npos ? "" : key.substr(slash + 1);
  if (!what.repository.starts_with(path)) return false;
  if (registry == "index.docker.io") return what.registry == "docker.io";
  return std::ranges::count(registry, '.') == std::ranges::count(what.registry, '.') &&
         ::fnmatch(registry.c_str(), what.registry.c_str(), FNM_NOESCAPE) == 0;
}

std::string HelperFor(const json& config, const std::string& registry) {
  const json helpers = config.value("credHelpers", json::object());
  if (!helpers.is_object()) return StringAt(config, "credsStore");
  for (const std::string& key :
       {registry, std::string(registry == "docker.io" ? kHubKey : registry)})
    if (helpers.contains(key)) return StringAt(helpers, key);
  return StringAt(config, "credsStore");
}

}  // namespace

Result<std::optional<Credentials>> StoredCredentials(
    const std::map<std::string, std::string>& environment, const std::string& registry) {
  const std::string path = DockerConfigFolder(environment) + "/config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<Credentials>();
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const json config = json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return DataLoss("{} can't be read as JSON", path);
  if (const std::string helper = HelperFor(config, registry); !helper.empty()) {
    auto kept = AskCredentialHelper(environment, helper,
                                    std::string(registry == "docker.io" ? kHubKey : registry));
    if (kept.ok()) return kept;
    return Status(kept.status().code(),
                  fmt::format("{} leaves the password for {} to a helper: {}; repair that, or give "
                              "--user and the password in HEADPOND_REGISTRY_PASSWORD",
                              path, registry, kept.status().message()));
  }
  const json auths = config.value("auths", json::object());
  for (const std::string& key :
       {registry, "https://" + registry, std::string(registry == "docker.io" ? kHubKey : "")}) {
    if (!auths.is_object() || !auths.contains(key)) continue;
    if (auto found = FromEntry(auths[key])) return found;
  }
  return std::optional<Credentials>();
}

Status CheckDockerConfig(const std::string& config) {
  const json read = json::parse(config, nullptr, /*allow_exceptions=*/false);
  if (!read.is_object()) return InvalidArgument("is no JSON object");
  const auto auths = read.find("auths");
  if (auths == read.end() || !auths->is_object() || auths->empty())
    return InvalidArgument("has no `auths` with registries");
  for (const auto& [key, entry] : auths->items())
    if (!FromEntry(entry))
      return InvalidArgument("has neither user and password nor a readable `auth` for {}", key);
  return Status::Ok();
}

Result<std::vector<Credentials>> LoginsFor(const std::string& config, const Reference& what) {
  RETURN_IF_ERROR(CheckDockerConfig(config));
  std::vector<std::pair<std::string, Credentials>> found;
  const json auths = json::parse(config).at("auths");
  for (const auto& [written, entry] : auths.items())
    if (const std::string key = PlainKey(written); Names(key, what))
      found.emplace_back(key, *FromEntry(entry));
  // Of two that say as much, the one without `*`, which comes before letters.
  std::ranges::stable_sort(found, std::ranges::greater(), [](const auto& login) {
    return std::pair(login.first.size(), std::string_view(login.first));
  });
  std::vector<Credentials> logins;
  for (auto& [key, login] : found) logins.push_back(std::move(login));
  return logins;
}

std::string BasicAuthorization(const Credentials& credentials) {
  return "Basic " + EncodeBase64(credentials.user + ":" + credentials.password);
}

std::string EngineAuthorization(const std::optional<Credentials>& credentials,
                                const std::string& registry) {
  json value = json::object();
  if (credentials && !credentials->identity_token.empty())
    value = {{"identitytoken", credentials->identity_token}, {"serveraddress", registry}};
  else if (credentials)
    value = {{"username", credentials->user},
             {"password", credentials->password},
             {"serveraddress", registry}};
  return EncodeBase64Url(
      value.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace));
}

}  // namespace headpond::image
