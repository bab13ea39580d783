#include "operator/apiserver/api_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/apiserver/discovery.h"
#include "operator/apiserver/duplicate_fields.h"
#include "operator/apiserver/openapi.h"
#include "operator/apiserver/patch.h"
#include "operator/apiserver/protobuf_body.h"
#include "operator/apiserver/reviews.h"

namespace headpond::apiserver {

// Where the next page starts, and the version that all pages show.
struct PageStart {
  static constexpr int64_t kLatest = -1;  // the rest of a list that is no longer known as it was
  int64_t version = 0;
  std::pair<std::string, std::string> after;

  std::string Token() const { return fmt::format("{}/{}/{}", version, after.first, after.second); }
};
namespace {

using nlohmann::json;

// How long a list or watch of a version that doesn't exist yet waits for it, as Kubernetes does.
constexpr std::chrono::seconds kFutureVersionWait(3);

std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

http::Response PlainText(int status, std::string text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text)};
}

std::optional<PageStart> ParseContinue(const std::string& token) {
  const size_t first = token.find('/');
  const size_t second = first == std::string::npos ? first : token.find('/', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const std::string written = token.substr(0, first);
  const auto version =
      written == "-1" ? std::optional<int64_t>(PageStart::kLatest) : ParseNumber(written);
  if (!version) return std::nullopt;
  return PageStart{*version,
                   {token.substr(first + 1, second - first - 1), token.substr(second + 1)}};
}

ApiError ExpiredContinue(PageStart from) {
  ApiError error = ExpiredError(
      "The provided continue parameter is too old to display a consistent list result. You can "
      "start a new list without the continue parameter, or use the continue token in this response "
      "to retrieve the remainder of the results. Continuing with the provided token results in an "
      "inconsistent list - objects that were created, modified, or deleted between the time the "
      "first chunk was returned and now may show up in the list.");
  from.version = PageStart::kLatest;
  error.list_continue = from.Token();
  return error;
}

ApiError TooLargeVersion(int64_t wanted, int64_t current) {
  ApiError error{.code = 504,
                 .reason = "Timeout",
                 .message = fmt::format("Timeout: Too large resource version: {}, current: {}",
                                        wanted, current),
                 .retry_after_seconds = 1};
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  return error;
}

}  // namespace

ApiError FromStoreStatus(const ResourceType& type, const std::string& name, const Status& status) {
  switch (status.code()) {
    case Code::kNotFound: return NotFoundError(type, name);
    case Code::kAlreadyExists: return AlreadyExistsError(type, name);
    case Code::kAborted: return ConflictError(type, name);
    case Code::kResourceExhausted:
    case Code::kCancelled:
      return {.code = 429,
              .reason = "TooManyRequests",
              .message = status.message(),
              .retry_after_seconds = 1};
    default: return InternalError(status.message());
  }
}

ObjectKey ApiServer::Call::KeyOf(const std::string& name) const {
  return {type.StoreGroup(), type.resource, path.name_space, name};
}

ObjectKey ApiServer::Call::Key() const {
  return KeyOf(path.name);
}

ApiServer::ApiServer(ObjectStore& store, const Clock& clock, Random random, Options options)
    : store_(store),
      clock_(clock),
      options_(options),
      watches_(std::make_shared<std::atomic<int>>(0)),
      random_(std::move(random)) {}

Status ApiServer::Start() {
  const http::Response response = Handle(
      {.method = "POST",
       .path = "/api/v1/namespaces",
       .body = R"({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "default"}})"});
  if (response.status == 201 || response.status == 409) return Status::Ok();
  return Internal("cannot make the namespace default: {}", response.body);
}

http::Response ApiServer::Handle(const http::Request& request) {
  Faults* const faults = options_.faults;
  if (faults == nullptr) return InWantedForm(request, Respond(request));
  if (auto instead = faults->Instead(request)) return *std::move(instead);
  return faults->Distort(request, InWantedForm(request, Respond(request)));
}

http::Response ApiServer::Respond(const http::Request& request) {
  if (request.body_too_large)
    return ErrorResponse(
        {.code = 413,
         .reason = "RequestEntityTooLarge",
         .message = fmt::format("Request entity too large: limit is {}", kMaxBodyBytes)});
  if (request.path == "/healthz" || request.path == "/livez" || request.path == "/readyz")
    return PlainText(200, "ok");
  if (request.method == "GET" || request.method == "HEAD") {
    if (auto answer = DiscoveryAnswer(request)) return *std::move(answer);
    if (auto answer = OpenApiAnswer(request)) return *std::move(answer);
  }
  if (auto answer = ReviewAnswer(request)) return *std::move(answer);
  const auto path = ParseRequestPath(request.path);
  if (!path || FindType(path->group, path->version, path->resource) == nullptr)
    return PlainText(404, "404 page not found\n");
  auto outcome = HandleResource(request, *path);
  return outcome.ok() ? *std::move(outcome) : ErrorResponse(outcome.status());
}

const ResourceType* ApiServer::FindType(std::string_view group, std::string_view version,
                                        std::string_view resource) const {
  if (const ResourceType* const type = FindResourceType(group, version, resource)) return type;
  const auto found = std::ranges::find_if(options_.opaque_kinds, [&](const ResourceType& type) {
    return type.group == group && type.version == version && type.resource == resource;
  });
  return found == options_.opaque_kinds.end() ? nullptr : &*found;
}

const ResourceType& ApiServer::TypeOf(const ObjectKey& key) const {
  const auto found = std::ranges::find_if(options_.opaque_kinds, [&](const ResourceType& type) {
    return type.group == key.group && type.resource == key.resource;
  });
  return found == options_.opaque_kinds.end() ? StoredType(key.group, key.resource) : *found;
}

Outcome<http::Response> ApiServer::HandleResource(const http::Request& request,
                                                  const RequestPath& path) {
  Call call{
      .type = *FindType(path.group, path.version, path.resource), .path = path, .request = request};
  if (!call.type.namespaced && !path.name_space.empty()) return NoSuchResourceError();
  // Before anything is written for a client that couldn't read the answer.
  if (const auto form = RequestedForm(request); !form.ok()) return form.status();
  const std::string dry_run = Query(request, "dryRun");
  if (!dry_run.empty() && dry_run != "All")
    return InvalidError(
        "meta.k8s.io", "CreateOptions", "",
        {{"FieldValueNotSupported",
          fmt::format("Unsupported value: \"{}\": supported values: \"All\"", dry_run), "dryRun"}});
  call.dry_run = !dry_run.empty();
  if (Query(request, "fieldManager").size() > kMaxManagerName)
    return InvalidError("meta.k8s.io", request.method == "PATCH" ? "PatchOptions" : "CreateOptions",
                        "",
                        {{"FieldValueTooLong",
                          fmt::format("Too long: may not be more than {} bytes", kMaxManagerName),
                          "fieldManager"}});
  if (std::ranges::any_of(Query(request, "fieldManager"),
                          [](unsigned char c) { return c < ' ' || c == 0x7F; }))
    return InvalidError("meta.k8s.io", request.method == "PATCH" ? "PatchOptions" : "CreateOptions",
                        "",
                        {{"FieldValueInvalid", "Invalid value: should only contain printable text",
                          "fieldManager"}});
  const std::string validation = Query(request, "fieldValidation");
  if (validation == "Strict")
    call.validation = FieldValidation::kStrict;
  else if (validation == "Ignore")
    call.validation = FieldValidation::kIgnore;
  else if (!validation.empty() && validation != "Warn")
    return InvalidError("meta.k8s.io", "CreateOptions", "",
                        {{"FieldValueNotSupported",
                          fmt::format("Unsupported value: \"{}\": supported values: \"Ignore\", "
                                      "\"Strict\", \"Warn\"",
                                      validation),
                          "fieldValidation"}});
  if (call.validation != FieldValidation::kIgnore && ContentType(request) != kProtobufMedia)
    call.duplicates = DuplicateFields(request.body);
  auto response = Dispatch(call);
  if (response.ok())
    for (const std::string& warning : call.warnings)
      response->headers.emplace("Warning", fmt::format("299 - {}", http::JsonString(warning)));
  return response;
}

Outcome<http::Response> ApiServer::Dispatch(Call& call) {
  const std::string& method = call.request.method;
  if (!call.path.subresource.empty()) return DispatchSubresource(call);
  if (call.path.name.empty()) {
    if (method == "GET") {
      const std::string watch = Query(call.request, "watch");
      return watch == "true" || watch == "1" ? Watch(call) : List(call);
    }
    if (call.type.namespaced && call.path.name_space.empty()) return MethodNotAllowedError();
    if (method == "POST") return Create(call);
    if (method == "DELETE") return DeleteCollection(call);
    return BadRequestError("name must be provided");
  }
  if (call.type.namespaced && call.path.name_space.empty())
    return NotFoundError(call.type, call.path.name);
  if (method == "GET" || method == "HEAD") return Get(call);
  if (method == "PUT") return Replace(call);
  if (method == "PATCH") return Patch(call);
  if (method == "DELETE") return Delete(call);
  return MethodNotAllowedError();
}

Outcome<http::Response> ApiServer::DispatchSubresource(Call& call) {
  const std::string& method = call.request.method;
  if (call.type.custom == nullptr) return NoSuchResourceError();
  if (call.path.subresource == "scale" && call.type.custom->scale) return Scale(call);
  if (call.path.subresource != "status") return NotFoundError(call.type, call.path.name);
  if (method == "GET" || method == "HEAD") return Get(call);
  if (method == "PUT") return Replace(call);
  if (method == "PATCH") return Patch(call);
  return MethodNotAllowedError();
}

Outcome<Representation> ApiServer::RepresentationOf(const Call& call) const {
  ASSIGN_OR_RETURN(const Form form, RequestedForm(call.request));
  ASSIGN_OR_RETURN(const IncludeObject include, RequestedInclude(call.request));
  return Representation{&call.type, form, include};
}

http::Response ApiServer::Answer(const Call& call, int status, const json& stored) const {
  const auto how = RepresentationOf(call);
  if (!how.ok()) return ErrorResponse(how.status());
  return JsonResponse(status, Represent(*how, stored, clock_.NowMs()));
}

Outcome<http::Response> ApiServer::Get(Call& call) {
  const auto stored = store_.Get(call.Key());
  if (!stored.ok()) return NotFoundError(call.type, call.path.name);
  return Answer(call, 200, *stored->object);
}

// The version that a list must at least be of; 0 when any will do.
Outcome<int64_t> ApiServer::CheckListVersion(const http::Request& request) {
  const std::string text = Query(request, "resourceVersion");
  const std::string match = Query(request, "resourceVersionMatch");
  if (text.empty() && !match.empty())
    return InvalidError("meta.k8s.io", "ListOptions", "",
                        {{"FieldValueForbidden",
                          "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is "
                          "provided",
                          "resourceVersionMatch"}});
  if (text.empty()) return 0;
  if (!match.empty() && match != "Exact" && match != "NotOlderThan")
    return InvalidError("meta.k8s.io", "ListOptions", "",
                        {{"FieldValueNotSupported",
                          fmt::format("Unsupported value: \"{}\": supported values: \"Exact\", "
                                      "\"NotOlderThan\"",
                                      match),
                          "resourceVersionMatch"}});
  const auto wanted = ParseNumber(text);
  if (!wanted) return BadRequestError(fmt::format("resource version \"{}\" is not a number", text));
  if (*wanted > store_.version() &&
      !store_.WaitForChange(*wanted - 1, std::chrono::steady_clock::now() + kFutureVersionWait))
    return TooLargeVersion(*wanted, store_.version());
  return *wanted;
}

// All of what a list asks for, from a page's start on, as it was at the version that it asks for.
Outcome<ObjectStore::List> ApiServer::Listed(const Call& call,
                                             const std::optional<PageStart>& resume) {
  const auto name_space =
      call.path.name_space.empty() ? std::nullopt : std::optional(call.path.name_space);
  const std::string& resource = call.type.resource;
  if (!resume) {
    ASSIGN_OR_RETURN(const int64_t wanted, CheckListVersion(call.request));
    if (Query(call.request, "resourceVersionMatch") != "Exact")
      return store_.Objects(call.type.StoreGroup(), resource, name_space);
    auto then = store_.ObjectsAt(wanted, call.type.StoreGroup(), resource, name_space);
    if (!then.ok()) return ExpiredError("The resourceVersion for the provided list is too old.");
    return *std::move(then);
  }
  if (resume->version == PageStart::kLatest)
    return store_.Objects(call.type.StoreGroup(), resource, name_space, resume->after);
  auto then = store_.ObjectsAt(resume->version, call.type.StoreGroup(), resource, name_space,
                               resume->after);
  if (!then.ok()) return ExpiredContinue(*resume);
  return *std::move(then);
}

Outcome<http::Response> ApiServer::List(Call& call) {
  const http::Request& request = call.request;
  ASSIGN_OR_RETURN(const Representation how, RepresentationOf(call));
  ASSIGN_OR_RETURN(
      const Selector selector,
      Selector::Parse(call.type, Query(request, "labelSelector"), Query(request, "fieldSelector")));
  if (!Query(request, "sendInitialEvents").empty())
    return InvalidError(
        "meta.k8s.io", "ListOptions", "",
        {{"FieldValueForbidden", "Forbidden: sendInitialEvents is forbidden for list",
          "sendInitialEvents"}});
  if (how.form == Form::kMetadata &&
      Header(request, "accept").find("as=PartialObjectMetadataList") == std::string::npos)
    return ApiError{.code = 406,
                    .reason = "NotAcceptable",
                    .message = "lists are shown as PartialObjectMetadataList"};
  const std::string token = Query(request, "continue");
  const std::string version = Query(request, "resourceVersion");
  if (!token.empty() && !version.empty() && version != "0")
    return BadRequestError("specifying resource version is not allowed when using continue");
  const auto resume = token.empty() ? std::optional<PageStart>() : ParseContinue(token);
  if (!token.empty() && !resume) return BadRequestError("continue key is not valid");
  const std::string limit_text = Query(request, "limit");
  const auto limit = limit_text.empty() ? 0 : ParseNumber(limit_text);
  if (!limit) return BadRequestError(fmt::format("limit \"{}\" is not a number", limit_text));

  ASSIGN_OR_RETURN(const ObjectStore::List all, Listed(call, resume));
  std::vector<ObjectPtr> objects;
  const bool paged = *limit != 0 && version != "0";
  json metadata = {{"resourceVersion", std::to_string(all.version)}};
  for (size_t i = 0; i < all.objects.size(); ++i) {
    if (paged && static_cast<int64_t>(objects.size()) == *limit) {
      const json& last = *objects.back();
      metadata["continue"] =
          PageStart{all.version,
                    {TextAt(last, "metadata.namespace"), TextAt(last, "metadata.name")}}
              .Token();
      if (selector.empty()) metadata["remainingItemCount"] = all.objects.size() - i;
      break;
    }
    const ObjectPtr& object = all.objects[i].object;
    const bool wanted = call.type.to_wire == nullptr ? selector.Matches(*object)
                                                     : selector.Matches(call.type.to_wire(*object));
    if (wanted) objects.push_back(object);
  }
  return JsonResponse(200, RepresentList(how, objects, metadata, clock_.NowMs()));
}

}  // namespace headpond::apiserver
