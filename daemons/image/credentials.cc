#include "image/credentials.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/base64.h"

namespace headpond::image {
namespace {

using nlohmann::json;

// Docker Hub's key in config.json.
constexpr std::string_view kHubKey = "https://index.docker.io/v1/";

std::string ConfigPath(const std::map<std::string, std::string>& environment) {
  if (const auto folder = environment.find("DOCKER_CONFIG"); folder != environment.end())
    return folder->second + "/config.json";
  const auto home = environment.find("HOME");
  return (home == environment.end() ? "" : home->second) + "/.docker/config.json";
}

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

}  // namespace

Result<std::optional<Credentials>> StoredCredentials(
    const std::map<std::string, std::string>& environment, const std::string& registry) {
  const std::string path = ConfigPath(environment);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<Credentials>();
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const json config = json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return DataLoss("{} can't be read as JSON", path);
  for (const std::string& key :
       {registry, "https://" + registry, std::string(registry == "docker.io" ? kHubKey : "")}) {
    const json auths = config.value("auths", json::object());
    if (!auths.is_object() || !auths.contains(key)) continue;
    if (auto found = FromEntry(auths[key])) return found;
  }
  const json helpers = config.value("credHelpers", json::object());
  const std::string helper = helpers.is_object() && helpers.contains(registry)
                                 ? StringAt(helpers, registry)
                                 : StringAt(config, "credsStore");
  if (!helper.empty())
    return FailedPrecondition(
        "{} leaves the password for {} to docker-credential-{}, which is not asked; give --user, "
        "and the password in HEADPOND_REGISTRY_PASSWORD",
        path, registry, helper);
  return std::optional<Credentials>();
}

std::string BasicAuthorization(const Credentials& credentials) {
  return "Basic " + EncodeBase64(credentials.user + ":" + credentials.password);
}

std::string EngineAuthorization(const std::optional<Credentials>& credentials,
                                const std::string& registry) {
  json value = json::object();
  if (credentials)
    value = {{"username", credentials->user},
             {"password", credentials->password},
             {"serveraddress", registry}};
  return EncodeBase64Url(
      value.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace));
}

}  // namespace headpond::image
