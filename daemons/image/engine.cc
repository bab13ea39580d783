#include "image/engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "image/docker_host.h"

namespace headpond::image {
namespace {

using nlohmann::json;

constexpr size_t kMaxLine = 1 << 20;
// Of one operation; an Engine says one line a layer.
constexpr size_t kMaxLayers = 10'000, kMaxSaid = 1'000;
// Of one layer: what an Engine says beyond it is no size, and sums must not overflow.
constexpr int64_t kMaxLayerBytes = int64_t{1} << 48;
// Between two signs of life of a pull, push, save or load: packing a layer says nothing.
constexpr std::chrono::seconds kIdle{600};
constexpr std::chrono::milliseconds kNoLimit{0};

std::string StringAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t NumberAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

Code CodeOf(int status) {
  switch (status) {
    case 400: return Code::kInvalidArgument;
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kAborted;
    default: return Code::kUnavailable;
  }
}

// What an error of the Engine's own needs from the user.
std::string WithRemedy(const std::string& message) {
  if (message.find("server gave HTTP response to HTTPS client") != std::string::npos)
    return message +
           "; the registry speaks no TLS: name it under insecure-registries in the Engine's "
           "daemon.json";
  if (message.find("certificate signed by unknown authority") != std::string::npos)
    return message + "; put the registry's authority into /etc/docker/certs.d/REGISTRY/ca.crt";
  if (message.find("no basic auth credentials") != std::string::npos ||
      message.find("authentication required") != std::string::npos)
    return message +
           "; give --user and the password in HEADPOND_REGISTRY_PASSWORD, or use docker login";
  return message;
}

}  // namespace

Result<http::Client::Options> EngineAddress(const std::map<std::string, std::string>& environment) {
  constexpr std::string_view kUnix = "unix://", kTcp = "tcp://";
  ASSIGN_OR_RETURN(const DockerHost host, FindDockerHost(environment));
  http::Client::Options address;
  if (host.address.starts_with(kUnix)) {
    address.base_url = "http://docker";
    address.unix_socket = host.address.substr(kUnix.size());
    return address;
  }
  if (!host.address.starts_with(kTcp))
    return InvalidArgument("{}={}: use unix://PATH or tcp://HOST:PORT", host.source, host.address);
  address.base_url = (host.tls ? "https://" : "http://") + host.address.substr(kTcp.size());
  if (!host.tls) return address;
  address.insecure = !host.tls->verify;
  if (host.tls->verify) address.ca_file = host.tls->ca;
  address.certificate_file = host.tls->certificate;
  address.key_file = host.tls->key;
  return address;
}

Result<http::ClientResponse> Engine::Call(http::ClientRequest request) {
  request.cancelled = cancelled_;
  ASSIGN_OR_RETURN(http::ClientResponse response, client_.Call(request));
  if (response.status / 100 == 2) return response;
  const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  // Before API 1.24, and from proxies, errors are plain text.
  const std::string message =
      body.is_object() ? StringAt(body, "message") : response.body.substr(0, 500);
  return Status(CodeOf(response.status), message.empty()
                                             ? fmt::format("the Engine answers {} with status {}",
                                                           request.path, response.status)
                                             : WithRemedy(message));
}

Result<std::vector<LocalImage>> Engine::List() {
  ASSIGN_OR_RETURN(const http::ClientResponse response, Call({.path = "/images/json"}));
  const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_array()) return DataLoss("the Engine's list of images can't be read");
  std::vector<LocalImage> images;
  for (const json& entry : body) {
    if (!entry.is_object()) continue;
    LocalImage image{.id = StringAt(entry, "Id"),
                     .size_bytes = NumberAt(entry, "Size"),
                     .created_ms = NumberAt(entry, "Created") * 1000};
    if (entry.contains("RepoTags") && entry["RepoTags"].is_array())
      for (const json& tag : entry["RepoTags"])
        if (tag.is_string() && tag != "<none>:<none>") image.tags.push_back(tag);
    images.push_back(std::move(image));
  }
  return images;
}

Status Engine::Tag(const std::string& from, const Reference& to) {
  const auto tagged =
      Call({.method = "POST",
            .path = fmt::format("/images/{}/tag?repo={}&tag={}", http::PercentEncode(from),
                                http::PercentEncode(to.Name()), http::PercentEncode(to.tag))});
  return tagged.status();
}

Result<std::string> Engine::Push(const Reference& what,
                                 const std::optional<Credentials>& credentials,
                                 const OnProgress& on_progress) {
  ProgressStream stream(on_progress);
  ASSIGN_OR_RETURN(
      const auto response,
      Call({.method = "POST",
            .path =
                fmt::format("/images/{}/push?tag={}", what.Name(), http::PercentEncode(what.tag)),
            .headers = {{"X-Registry-Auth", EngineAuthorization(credentials, what.registry)}},
            .sink = [&](std::string_view piece) { return stream.Take(piece); },
            .timeout = kNoLimit,
            .idle_timeout = kIdle}));
  RETURN_IF_ERROR(stream.Finish());
  return stream.digest();
}

Result<std::string> Engine::Pull(const Reference& what,
                                 const std::optional<Credentials>& credentials,
                                 const OnProgress& on_progress) {
  ProgressStream stream(on_progress);
  const std::string& version = what.digest.empty() ? what.tag : what.digest;
  ASSIGN_OR_RETURN(
      const auto response,
      Call({.method = "POST",
            .path = fmt::format("/images/create?fromImage={}&tag={}",
                                http::PercentEncode(what.Name()), http::PercentEncode(version)),
            .headers = {{"X-Registry-Auth", EngineAuthorization(credentials, what.registry)}},
            .sink = [&](std::string_view piece) { return stream.Take(piece); },
            .timeout = kNoLimit,
            .idle_timeout = kIdle}));
  RETURN_IF_ERROR(stream.Finish());
  return stream.digest();
}

Status Engine::Save(const std::vector<std::string>& names,
                    const std::function<Status(std::string_view piece)>& sink) {
  std::string path = "/images/get";
  for (const std::string& name : names)
    path += (path.ends_with("get") && &name == &names.front() ? "?names=" : "&names=") +
            http::PercentEncode(name);
  return Call({.path = path, .sink = sink, .timeout = kNoLimit, .idle_timeout = kIdle}).status();
}

Result<std::vector<std::string>> Engine::Load(const std::function<Result<std::string>()>& source) {
  ProgressStream stream(nullptr);
  ASSIGN_OR_RETURN(const auto response,
                   Call({.method = "POST",
                         .path = "/images/load?quiet=1",
                         .headers = {{"Content-Type", "application/x-tar"}},
                         .source = source,
                         .sink = [&](std::string_view piece) { return stream.Take(piece); },
                         .timeout = kNoLimit,
                         .idle_timeout = kIdle}));
  RETURN_IF_ERROR(stream.Finish());
  return stream.said();
}

Status ProgressStream::Take(std::string_view piece) {
  while (true) {
    const size_t end = piece.find('\n');
    rest_ += piece.substr(0, end);
    if (rest_.size() > kMaxLine) return DataLoss("the Engine sends a line without an end");
    if (end == piece.npos) return Status::Ok();
    piece.remove_prefix(end + 1);
    RETURN_IF_ERROR(TakeLine(std::exchange(rest_, {})));
  }
}

Status ProgressStream::TakeLine(const std::string& line) {
  if (line.find_first_not_of(" \r") == line.npos) return Status::Ok();
  const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return DataLoss("the Engine sends something else than JSON lines");
  if (event.contains("errorDetail") && event["errorDetail"].is_object())
    error_ = StringAt(event["errorDetail"], "message");
  if (error_.empty()) error_ = StringAt(event, "error");
  if (event.contains("aux") && event["aux"].is_object())
    if (std::string digest = StringAt(event["aux"], "Digest"); !digest.empty()) digest_ = digest;
  const std::string status = StringAt(event, "status");
  if (constexpr std::string_view kDigest = "Digest: "; status.starts_with(kDigest))
    digest_ = status.substr(kDigest.size());
  if (std::string text = StringAt(event, "stream"); !text.empty() && said_.size() < kMaxSaid) {
    while (text.ends_with('\n')) text.pop_back();
    said_.push_back(std::move(text));
  }
  const std::string layer = StringAt(event, "id");
  const json detail = event.value("progressDetail", json::object());
  if (!layer.empty() && detail.is_object())
    TakeProgress(layer, status, NumberAt(detail, "current"), NumberAt(detail, "total"));
  return Status::Ok();
}

// Downloading and Pushing count; Extracting would count the same bytes again.
void ProgressStream::TakeProgress(const std::string& layer, const std::string& status,
                                  int64_t current, int64_t total) {
  const bool moves = status == "Downloading" || status == "Pushing";
  const bool done = status == "Download complete" || status == "Pushed";
  if (!moves && !done) return;
  if (!layers_.contains(layer) && layers_.size() >= kMaxLayers) return;
  LayerProgress& known = layers_[layer];
  const LayerProgress before = known;
  // A push goes past what it estimated; layers of a few bytes tell no total at all.
  current = std::clamp<int64_t>(current, 0, kMaxLayerBytes);
  total = std::clamp<int64_t>(total, 0, kMaxLayerBytes);
  if (moves)
    known = {.done_bytes = current, .total_bytes = std::max({total, current, known.total_bytes})};
  if (done) known.done_bytes = known.total_bytes;
  sum_.done_bytes += known.done_bytes - before.done_bytes;
  sum_.total_bytes += known.total_bytes - before.total_bytes;
  if (on_progress_) on_progress_(sum_);
}

Status ProgressStream::Finish() {
  RETURN_IF_ERROR(TakeLine(std::exchange(rest_, {})));  // the last line may have no end
  if (!error_.empty()) return Status(Code::kUnavailable, WithRemedy(error_));
  return Status::Ok();
}

}  // namespace headpond::image
