#include "operator/kube/client.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace headpond::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr const char* kJson = "application/json";
constexpr const char* kJsonPatch = "application/json-patch+json";
constexpr const char* kMergePatch = "application/merge-patch+json";
constexpr const char* kApplyPatch = "application/apply-patch+yaml";
constexpr int kOk = 200, kNotOk = 300;
constexpr int kPageSize = 500;  // as client-go's
constexpr size_t kIdleConnections = 8;
constexpr std::chrono::minutes kTokenAge{
    1};  // as client-go's: tokens are renewed long before they end
constexpr int64_t kMaxToken = 64 << 10;
// What the server may take beyond the end of a watch that it was asked for.
constexpr std::chrono::seconds kWatchGrace{30};
constexpr size_t kMaxBody = 256 << 20;  // a page of 500 objects of the greatest size there is

std::string Collection(const Resource& resource, const std::string& name_space) {
  const std::string root = resource.group.empty()
                               ? "/api/" + resource.version
                               : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (name_space.empty()) return fmt::format("{}/{}", root, resource.plural);
  return fmt::format("{}/namespaces/{}/{}", root, http::PercentEncode(name_space), resource.plural);
}

std::string PathOf(const Resource& resource, const ObjectName& name,
                   const std::string& subresource = "") {
  std::string path = Collection(resource, name.name_space) + "/" + http::PercentEncode(name.name);
  if (!subresource.empty()) path += "/" + subresource;
  return path;
}

// The server's answer as an error: a metav1.Status, or text of what is between.
Status FromAnswer(int code, const std::string& body) {
  const json status = json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* field) {
    if (!status.is_object()) return std::string();
    const auto found = status.find(field);
    return found != status.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  constexpr size_t kMaxText = 500;
  std::string message = text("message");
  if (message.empty()) message = body.substr(0, kMaxText);
  const std::string reason = text("reason");
  switch (code) {
    case 400:
    case 415:
    case 422: return InvalidArgument("{}", message);
    case 401: return Unauthenticated("the API server does not know us: {}", message);
    case 403: return PermissionDenied("{}", message);
    case 404: return NotFound("{}", message);
    case 409:
      return reason == "AlreadyExists" ? AlreadyExists("{}", message) : Aborted("{}", message);
    case 410: return OutOfRange("{}", message);
    case 429: return ResourceExhausted("{}", message);
    default: return Unavailable("the API server answered {}: {}", code, message);
  }
}

// Seconds, as API servers send it.
milliseconds RetryAfter(const http::ClientResponse& response) {
  const auto found = response.headers.find("retry-after");
  if (found == response.headers.end()) return milliseconds(0);
  int seconds = 0;
  const std::string& text = found->second;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr int kMost = 3600;
  return std::chrono::seconds(std::clamp(seconds, 0, kMost));
}

Result<json> ParseAnswer(const http::ClientResponse& response) {
  if (response.status < kOk || response.status >= kNotOk)
    return FromAnswer(response.status, response.body);
  json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return DataLoss("the API server answered with what is no JSON object");
  return body;
}

}  // namespace

// Lists in pages and watches; keeps connections of its own for both.
class Client::RemoteSource final : public ObjectSource {
 public:
  RemoteSource(Client& client, std::string path, std::string selector)
      : client_(client),
        path_(std::move(path)),
        selector_(selector.empty() ? "" : "&labelSelector=" + http::PercentEncode(selector)),
        watcher_(client.config_.connection) {}

  Result<ListPage> List(const std::string& next) override {
    std::string path = fmt::format("{}?limit={}{}", path_, kPageSize, selector_);
    if (!next.empty()) path += "&continue=" + http::PercentEncode(next);
    ASSIGN_OR_RETURN(const http::ClientRequest request, client_.MakeRequest("GET", path));
    const auto answer = client_.Send(request);
    answered_ = answer.ok();
    ASSIGN_OR_RETURN(const http::ClientResponse response, answer);
    retry_after_ = RetryAfter(response);
    ASSIGN_OR_RETURN(json body, ParseAnswer(response));
    return ReadPage(std::move(body));
  }

  Status Watch(int64_t version, std::chrono::seconds timeout,
               const std::function<Status(std::string_view)>& on_bytes,
               const std::function<bool()>& stopped) override {
    ASSIGN_OR_RETURN(
        http::ClientRequest request,
        client_.MakeRequest("GET", fmt::format("{}?watch=true&allowWatchBookmarks=true"
                                               "&resourceVersion={}&timeoutSeconds={}{}",
                                               path_, version, timeout.count(), selector_)));
    request.sink = on_bytes;
    request.cancelled = stopped;
    request.timeout = timeout + kWatchGrace;
    const auto answer = watcher_.Call(request);
    client_.Tell(request, answer);
    answered_ = answer.ok();
    ASSIGN_OR_RETURN(const http::ClientResponse response, answer);
    retry_after_ = RetryAfter(response);
    if (response.status == kOk) return Status::Ok();
    return FromAnswer(response.status, response.body);
  }

  void Wake() override { watcher_.Wake(); }
  milliseconds retry_after() const override { return retry_after_; }
  bool answered() const override { return answered_; }

 private:
  static Result<ListPage> ReadPage(json body) {
    const auto items = body.find("items");
    if (items == body.end() || !items->is_array())
      return DataLoss("the API server answered a list without items");
    ListPage page{.version = VersionOf(body)};
    for (json& item : *items) {
      if (!item.is_object() || VersionOf(item) == 0)
        return DataLoss("the API server listed what is no object");
      page.items.push_back(std::make_shared<const json>(std::move(item)));
    }
    const json metadata = body.value("metadata", json::object());
    if (metadata.is_object()) {
      const auto next = metadata.find("continue");
      if (next != metadata.end() && next->is_string()) page.next = next->get<std::string>();
    }
    return page;
  }

  Client& client_;
  const std::string path_, selector_;
  http::Client watcher_;
  milliseconds retry_after_{0};
  bool answered_ = true;
};

Client::Client(RestConfig config, const Clock& clock, Options options)
    : config_([&] {
        config.connection.max_body_bytes = kMaxBody;
        return std::move(config);
      }()),
      clock_(clock),
      options_(std::move(options)) {}

Client::~Client() = default;

void Client::CloseIdle() {
  std::vector<std::unique_ptr<http::Client>> closing;
  MutexLock lock(mutex_);
  closing.swap(idle_);
}

Result<std::string> Client::Token() {
  if (config_.token_file.empty()) return config_.token;
  const auto now = clock_.Now();
  {
    MutexLock lock(mutex_);
    if (!token_.empty() && now - token_read_at_ < kTokenAge) return token_;
  }
  ASSIGN_OR_RETURN(std::string token,
                   io::ReadWholeFile(io::Env::Posix(), config_.token_file, kMaxToken));
  token.erase(token.find_last_not_of(" \r\n") + 1);
  MutexLock lock(mutex_);
  token_ = token;
  token_read_at_ = now;
  return token;
}

Result<http::ClientRequest> Client::MakeRequest(const std::string& method,
                                                const std::string& path) {
  http::ClientRequest request{.method = method, .path = path, .timeout = options_.timeout};
  request.headers = {{"Accept", kJson}, {"User-Agent", options_.user_agent}};
  ASSIGN_OR_RETURN(const std::string token, Token());
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  return request;
}

Result<http::ClientResponse> Client::Send(const http::ClientRequest& request) {
  std::unique_ptr<http::Client> connection;
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!connection) connection = std::make_unique<http::Client>(config_.connection);
  auto response = connection->Call(request);
  Tell(request, response);
  MutexLock lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
  return response;
}

void Client::Tell(const http::ClientRequest& request,
                  const Result<http::ClientResponse>& answer) const {
  if (options_.answered) options_.answered(request.method, answer.ok() ? answer->status : 0);
}

Result<json> Client::Ask(const std::string& method, const std::string& path, const json& body,
                         const std::string& content_type) {
  ASSIGN_OR_RETURN(http::ClientRequest request, MakeRequest(method, path));
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.emplace_back("Content-Type", content_type);
  }
  ASSIGN_OR_RETURN(const http::ClientResponse response, Send(request));
  return ParseAnswer(response);
}

Result<json> Client::Get(const Resource& resource, const ObjectName& name) {
  return Ask("GET", PathOf(resource, name), nullptr, kJson);
}

Result<json> Client::Create(const Resource& resource, const json& object) {
  return Ask("POST", Collection(resource, NameOf(object).name_space), object, kJson);
}

Result<json> Client::Update(const Resource& resource, const json& object) {
  return Ask("PUT", PathOf(resource, NameOf(object)), object, kJson);
}

Result<json> Client::JsonPatch(const Resource& resource, const ObjectName& name, const json& patch,
                               const std::string& subresource) {
  return Ask("PATCH", PathOf(resource, name, subresource), patch, kJsonPatch);
}

Result<json> Client::MergePatch(const Resource& resource, const ObjectName& name,
                                const json& patch) {
  return Ask("PATCH", PathOf(resource, name), patch, kMergePatch);
}

Result<json> Client::Apply(const Resource& resource, const json& object,
                           const ApplyOptions& options, const std::string& subresource) {
  const std::string path =
      fmt::format("{}?fieldManager={}&force={}{}", PathOf(resource, NameOf(object), subresource),
                  http::PercentEncode(options.field_manager), options.force,
                  options.dry_run ? "&dryRun=All" : "");
  return Ask("PATCH", path, object, kApplyPatch);
}

Status Client::Delete(const Resource& resource, const ObjectName& name, const std::string& uid) {
  json options = {
      {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}};
  if (!uid.empty()) options["preconditions"] = {{"uid", uid}};
  return Ask("DELETE", PathOf(resource, name), options, kJson).status();
}

Result<std::vector<Object>> Client::List(const Resource& resource, const std::string& name_space,
                                         const std::string& label_selector) {
  RemoteSource source(*this, Collection(resource, name_space), label_selector);
  std::vector<Object> objects;
  std::string next;
  do {
    ASSIGN_OR_RETURN(const ListPage page, source.List(next));
    objects.insert(objects.end(), page.items.begin(), page.items.end());
    next = page.next;
  } while (!next.empty());
  return objects;
}

std::unique_ptr<ObjectSource> Client::Source(Resource resource, std::string name_space,
                                             std::string label_selector) {
  return std::make_unique<RemoteSource>(*this, Collection(resource, name_space),
                                        std::move(label_selector));
}

}  // namespace headpond::kube
