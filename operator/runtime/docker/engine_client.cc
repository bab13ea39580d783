#include "operator/runtime/docker/engine_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "operator/runtime/docker/tls_trouble.h"

namespace headpond::runtime {
namespace {

constexpr size_t kMaxShownError = 1000;
constexpr int kFirstError = 400;

std::optional<ApiVersion> ParseVersion(std::string_view text) {
  ApiVersion version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc() || minor.ptr != end) return std::nullopt;
  return version;
}

// What the engine says went wrong: {"message": ...}, or plain text from engines that reject our
// version before they look at anything else.
std::string ErrorText(int status, const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string text = body;
  if (parsed.is_object() && parsed.contains("message") && parsed["message"].is_string())
    text = parsed["message"].get<std::string>();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.size() > kMaxShownError) text = text.substr(0, kMaxShownError) + "...";
  return text.empty() ? fmt::format("the engine answers with status {}", status) : text;
}

Code CodeOf(int status) {
  switch (status) {
    case 400: return Code::kInvalidArgument;
    case 401:
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kAborted;
    case 503: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

// dockerd while it ends: what it says then is about itself, not about what it was asked. Words of
// its stores and of its connection to containerd (20.10).
bool IsEnding(int status, const std::string& text) {
  if (status != 500) return false;
  for (const char* words : {"database not open", "shutting down", "client connection is closing"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

bool ConcernsVersion(const std::string& text) {
  return text.find("client version") != std::string::npos ||
         text.find("client is newer than server") != std::string::npos ||
         text.find("client and server don't have same version") != std::string::npos;
}

}  // namespace

http::Client::Options EngineAddress(const Endpoint& endpoint) {
  http::Client::Options options;
  if (endpoint.is_local()) {
    options.base_url = "http://docker";
    options.unix_socket = endpoint.socket;
  } else {
    options.base_url =
        fmt::format("{}://{}:{}", endpoint.tls ? "https" : "http", endpoint.host, endpoint.port);
  }
  if (endpoint.tls) {
    const bool inlined = endpoint.tls->inlined;
    (inlined ? options.ca : options.ca_file) = endpoint.tls->ca;
    (inlined ? options.certificate : options.certificate_file) = endpoint.tls->certificate;
    (inlined ? options.key : options.key_file) = endpoint.tls->key;
    options.insecure = !endpoint.tls->verify;
  }
  return options;
}

std::string ApiVersion::ToString() const {
  return fmt::format("{}.{}", major, minor);
}

EngineClient::EngineClient(Endpoint endpoint)
    : endpoint_(std::move(endpoint)), client_(EngineAddress(endpoint_)) {}

Result<ApiVersion> EngineClient::Version() {
  if (version_ != ApiVersion()) return version_;
  if (!endpoint_.api_version.empty()) {
    const auto chosen = ParseVersion(endpoint_.api_version);
    if (!chosen)
      return InvalidArgument("DOCKER_API_VERSION: {} is no version", endpoint_.api_version);
    return version_ = *chosen;
  }
  // Engines tell their version in a header of this one path without a version.
  ASSIGN_OR_RETURN(const EngineReply reply, Perform({.path = "/_ping"}, ""));
  const auto spoken = ParseVersion(reply.api_version);
  if (!spoken)
    return Status(Code::kDataLoss, endpoint_.name + " does not say which version it speaks");
  if (*spoken < kOldestApi)
    return FailedPrecondition(
        "{} speaks version {} of the Engine API; {} (Docker 20.10) or later is needed",
        endpoint_.name, spoken->ToString(), kOldestApi.ToString());
  return version_ = std::min(*spoken, kNewestApi);
}

Result<EngineReply> EngineClient::Do(const EngineCall& call) {
  ASSIGN_OR_RETURN(const ApiVersion version, Version());
  return Perform(call, "/v" + version.ToString());
}

Status EngineClient::Explain(const Status& failure) const {
  const std::string trouble =
      endpoint_.tls ? ExplainTlsFailure(*endpoint_.tls, failure.message(), Clock::System().NowMs())
                    : "";
  const std::string where = "Docker Engine at " + endpoint_.name;
  if (trouble.empty()) return failure.WithContext(where);
  return Status(failure.code(), fmt::format("{}: {} ({})", where, trouble, failure.message()));
}

Result<EngineReply> EngineClient::Perform(const EngineCall& call, const std::string& prefix) {
  if (cancelled_) return Cancelled("the client is being shut down");
  http::ClientRequest request{.method = call.method,
                              .path = prefix + call.path,
                              .headers = call.headers,
                              .body = call.body,
                              .source = call.source,
                              .accepted = call.on_accepted,
                              .timeout = call.timeout,
                              .cancelled = [this] { return cancelled_.load(); }};
  for (size_t i = 0; i < call.query.size(); ++i)
    request.path += fmt::format("{}{}={}", i == 0 ? '?' : '&', call.query[i].first,
                                http::PercentEncode(call.query[i].second));
  if (call.method != "GET") request.headers.emplace_back("Content-Type", call.content_type);
  bool enough = false;
  if (call.on_data)
    request.sink = [&](std::string_view piece) {
      enough = !call.on_data(piece);
      return enough ? Cancelled("enough was read") : Status::Ok();
    };

  auto answer = client_.Call(request);
  if (enough) return EngineReply{.status = 200};
  if (!answer.ok()) {
    // Whoever listens there next may be another version.
    if (answer.status().code() == Code::kUnavailable) version_ = {};
    return Explain(answer.status());
  }
  if (answer->status >= kFirstError) {
    const std::string text = ErrorText(answer->status, answer->body);
    if (ConcernsVersion(text)) {
      version_ = {};
      return FailedPrecondition("Docker Engine at {}: {}", endpoint_.name, text);
    }
    return Status(IsEnding(answer->status, text) ? Code::kUnavailable : CodeOf(answer->status),
                  text);
  }
  return EngineReply{answer->status, std::move(answer->body),
                     std::move(answer->headers["api-version"])};
}

}  // namespace headpond::runtime
