#include "image/registry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "image/reference.h"

namespace headpond::image {
namespace {

using nlohmann::json;

constexpr int kPageSize = 100;
constexpr int kOk = 200, kUnauthorized = 401, kForbidden = 403, kNotFound = 404;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// What the registry says itself, if it says it as the API asks for: {"errors": [{message}]}.
std::string Message(const http::ClientResponse& response) {
  const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("errors") || !body["errors"].is_array()) return "";
  for (const json& error : body["errors"])
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return ": " + error["message"].get<std::string>();
  return "";
}

Status FromStatus(const std::string& host, const std::string& path,
                  const http::ClientResponse& response) {
  const std::string said = Message(response);
  if (response.status == kUnauthorized)
    return Unauthenticated(
        "{} asks who we are{}; give --user and the password in HEADPOND_REGISTRY_PASSWORD, or use "
        "docker login",
        host, said);
  if (response.status == kForbidden)
    return PermissionDenied("{} doesn't allow {}{}", host, path, said);
  if (response.status == kNotFound) return NotFound("{} has no {}{}", host, path, said);
  return Unavailable("{} answers {} with status {}{}", host, path, response.status, said);
}

}  // namespace

std::map<std::string, std::string> ParseChallenge(std::string_view header) {
  std::map<std::string, std::string> parameters;
  const size_t blank = std::min(header.find(' '), header.size());
  parameters[""] = Lower(header.substr(0, blank));
  header.remove_prefix(blank);
  while (true) {
    const size_t begin = header.find_first_not_of(" ,");
    const size_t equals = begin == header.npos ? begin : header.find('=', begin);
    if (equals == header.npos) return parameters;
    const std::string key = Lower(header.substr(begin, equals - begin));
    header.remove_prefix(equals + 1);
    const bool quoted = header.starts_with('"');
    if (quoted) header.remove_prefix(1);
    const size_t end = std::min(header.find(quoted ? '"' : ','), header.size());
    parameters[key] = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
  }
}

std::string NextPage(std::string_view link) {
  const size_t begin = link.find('<'), end = link.find('>');
  if (begin == link.npos || end == link.npos || end < begin ||
      link.find("rel=\"next\"", end) == link.npos)
    return "";
  std::string_view target = link.substr(begin + 1, end - begin - 1);
  // Some registries name themselves; we stay with the host we were told.
  if (const size_t scheme = target.find("://"); scheme != target.npos) {
    const size_t path = target.find('/', scheme + 3);
    if (path == target.npos) return "";
    target.remove_prefix(path);
  }
  return target.starts_with("/v2/") ? std::string(target) : "";
}

Status Registry::Connect() {
  Status failure;
  for (const std::string_view scheme : {"https", "http"}) {
    if (scheme == "http" && !options_.insecure && !IsLoopbackRegistry(options_.host)) break;
    client_ = std::make_unique<http::Client>(
        http::Client::Options{.base_url = fmt::format("{}://{}", scheme, options_.host),
                              .ca_file = options_.ca_file,
                              .insecure = options_.insecure});
    const auto response = client_->Call({.path = "/v2/"});
    if (response.ok() && response->status == kUnauthorized) {
      const auto challenge = response->headers.find("www-authenticate");
      return Authorize(challenge == response->headers.end() ? "" : challenge->second);
    }
    if (response.ok() && response->status == kOk) return Status::Ok();
    // Of the two, what TLS said tells more.
    if (failure.ok())
      failure = response.ok() ? FromStatus(options_.host, "/v2/", *response) : response.status();
  }
  client_.reset();
  return Status(failure.code(),
                failure.message() + "; if its certificate is its own, give --ca FILE, or name the "
                                    "registry with --insecure-registry");
}

Status Registry::Authorize(const std::string& challenge) {
  const auto parameters = ParseChallenge(challenge);
  if (parameters.at("") == "basic") {
    if (options_.credentials) authorization_ = BasicAuthorization(*options_.credentials);
    return Status::Ok();
  }
  const auto realm = parameters.find("realm");
  if (parameters.at("") != "bearer" || realm == parameters.end())
    return Unimplemented("{} asks for a login that is neither Basic nor Bearer", options_.host);
  const size_t scheme = realm->second.find("://");
  const size_t path = scheme == std::string::npos ? scheme : realm->second.find('/', scheme + 3);
  if (path == std::string::npos)
    return DataLoss("{} names no usable place for tokens: {}", options_.host, realm->second);
  // Passwords go nowhere in plain text but to a host that was named for it, or to this machine.
  const std::string place = realm->second.substr(0, path);
  if (!place.starts_with("https://") && !options_.insecure &&
      !IsLoopbackRegistry(place.substr(scheme + 3)))
    return FailedPrecondition("{} gives tokens without TLS; name it with --insecure-registry",
                              place);
  http::Client tokens(http::Client::Options{
      .base_url = place, .ca_file = options_.ca_file, .insecure = options_.insecure});
  const auto parameter = [&](const char* name, std::string_view otherwise) {
    const auto found = parameters.find(name);
    return http::PercentEncode(found == parameters.end() ? otherwise : found->second);
  };
  http::ClientRequest request{
      .path = fmt::format("{}{}scope={}&service={}", realm->second.substr(path),
                          realm->second.find('?') == std::string::npos ? '?' : '&',
                          parameter("scope", "registry:catalog:*"), parameter("service", ""))};
  if (options_.credentials)
    request.headers.emplace_back("Authorization", BasicAuthorization(*options_.credentials));
  ASSIGN_OR_RETURN(const http::ClientResponse response, tokens.Call(request));
  if (response.status != kOk) return FromStatus(options_.host, "a token", response);
  const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  for (const char* const key : {"token", "access_token"})
    if (body.is_object() && body.contains(key) && body[key].is_string()) {
      authorization_ = "Bearer " + body[key].get<std::string>();
      return Status::Ok();
    }
  return DataLoss("{} gave no token that can be read", place);
}

Result<http::ClientResponse> Registry::Send(const std::string& path) {
  http::ClientRequest request{.path = path};
  if (!authorization_.empty()) request.headers.emplace_back("Authorization", authorization_);
  return client_->Call(request);
}

Result<http::ClientResponse> Registry::Get(const std::string& path) {
  if (!client_) RETURN_IF_ERROR(Connect());
  ASSIGN_OR_RETURN(http::ClientResponse response, Send(path));
  // A token holds for one repository; the challenge of a refusal names it.
  const auto challenge = response.headers.find("www-authenticate");
  if (response.status == kUnauthorized && authorization_.starts_with("Bearer") &&
      challenge != response.headers.end()) {
    RETURN_IF_ERROR(Authorize(challenge->second));
    ASSIGN_OR_RETURN(response, Send(path));
  }
  if (response.status != kOk) return FromStatus(options_.host, path, response);
  return response;
}

Result<std::vector<std::string>> Registry::Pages(std::string path, const std::string& field,
                                                 size_t limit) {
  std::vector<std::string> items;
  while (!path.empty() && items.size() < limit) {
    ASSIGN_OR_RETURN(const http::ClientResponse response, Get(path));
    const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    if (!body.is_object() || !body.contains(field))
      return DataLoss("{} answers {} with something else than a list", options_.host, path);
    const size_t before = items.size();
    if (body[field].is_array())  // null: none
      for (const json& item : body[field])
        if (item.is_string() && items.size() < limit) items.push_back(item.get<std::string>());
    const auto link = response.headers.find("link");
    path = link == response.headers.end() || items.size() == before ? "" : NextPage(link->second);
  }
  return items;
}

Result<std::vector<std::string>> Registry::Repositories(size_t limit) {
  return Pages(fmt::format("/v2/_catalog?n={}", kPageSize), "repositories", limit);
}

Result<std::vector<std::string>> Registry::Tags(const std::string& repository) {
  constexpr size_t kMaxTags = 10'000;
  return Pages(fmt::format("/v2/{}/tags/list", repository), "tags", kMaxTags);
}

}  // namespace headpond::image
