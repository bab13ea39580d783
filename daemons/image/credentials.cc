#include "image/credentials.h"

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
  const auto decoded = DecodeBase64(StringAt(entry, "auth"));
  const size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{.user = decoded->substr(0, colon), .password = decoded->substr(colon + 1)};
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
