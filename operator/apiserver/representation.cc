#include "operator/apiserver/representation.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/api/yaml.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr const char* kJsonMedia = "application/json";
constexpr const char* kYamlMedia = "application/yaml";

json PartialMetadata(const json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", At(object, "metadata")}};
}

json Wire(const ResourceType& type, const json& object) {
  return type.to_wire == nullptr ? object : type.to_wire(object);
}

json Row(const Representation& how, const json& object, int64_t now_ms) {
  json row = {{"cells", how.type->cells(object, now_ms)}, {"object", nullptr}};
  if (how.include == IncludeObject::kMetadata) row["object"] = PartialMetadata(object);
  if (how.include == IncludeObject::kObject) row["object"] = Wire(*how.type, object);
  return row;
}

json Table(const Representation& how, json rows, json metadata, bool columns) {
  json definitions;
  if (columns)
    for (const Column& column : how.type->columns)
      definitions.push_back({{"name", column.name},
                             {"type", column.type},
                             {"format", column.format},
                             {"description", column.description},
                             {"priority", column.priority}});
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", std::move(metadata)},
          {"columnDefinitions", std::move(definitions)},
          {"rows", std::move(rows)}};
}

}  // namespace

Outcome<Form> RequestedForm(const http::Request& request) {
  const std::string header = Header(request, "accept");
  if (header.empty()) return Form::kObject;
  for (std::string_view rest = header; !rest.empty();) {
    const size_t comma = rest.find(',');
    std::string_view media = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    media.remove_prefix(std::min(media.find_first_not_of(' '), media.size()));
    const bool json_media = media.starts_with("application/json") ||
                            media.starts_with("application/*") || media.starts_with("*/*");
    if (media.starts_with(kYamlMedia)) return Form::kObject;
    if (!json_media) continue;
    const size_t as = media.find("as=");
    if (as == std::string_view::npos) return Form::kObject;
    const std::string_view kind = media.substr(as + 3, media.find(';', as) - as - 3);
    if (kind == "Table" && media.find("v=v1beta1") == std::string_view::npos) return Form::kTable;
    if (kind == "PartialObjectMetadata" || kind == "PartialObjectMetadataList")
      return Form::kMetadata;
  }
  return ApiError{.code = 406,
                  .reason = "NotAcceptable",
                  .message =
                      "only the following media types are accepted: application/json, "
                      "application/yaml"};
}

Outcome<IncludeObject> RequestedInclude(const http::Request& request) {
  const std::string value = Query(request, "includeObject");
  if (value.empty() || value == "Metadata") return IncludeObject::kMetadata;
  if (value == "Object") return IncludeObject::kObject;
  if (value == "None") return IncludeObject::kNone;
  return BadRequestError("unrecognized includeObject value: \"" + value + "\"");
}

json Represent(const Representation& how, const json& object, int64_t now_ms, bool columns) {
  switch (how.form) {
    case Form::kObject: return Wire(*how.type, object);
    case Form::kMetadata: return PartialMetadata(object);
    case Form::kTable:
      return Table(how, json::array({Row(how, object, now_ms)}),
                   {{"resourceVersion", At(object, "metadata.resourceVersion")}}, columns);
  }
  return nullptr;
}

json RepresentList(const Representation& how, const std::vector<ObjectPtr>& objects,
                   const json& metadata, int64_t now_ms) {
  json items = json::array();
  for (const ObjectPtr& object : objects)
    items.push_back(how.form == Form::kTable ? Row(how, *object, now_ms)
                                             : Represent(how, *object, now_ms));
  // A list of a kind that Go has a type for says the type once.
  if (how.form == Form::kObject && how.type->custom == nullptr)
    for (json& item : items) {
      item.erase("kind");
      item.erase("apiVersion");
    }
  if (how.form == Form::kTable) return Table(how, std::move(items), metadata, true);
  const bool partial = how.form == Form::kMetadata;
  json shown = metadata;
  // Lists of custom resources have no Go type, which would leave an empty token out.
  if (how.form == Form::kObject && how.type->custom != nullptr) shown.emplace("continue", "");
  return {{"kind", partial ? "PartialObjectMetadataList" : how.type->kind + "List"},
          {"apiVersion", partial ? "meta.k8s.io/v1" : how.type->GroupVersion()},
          {"metadata", std::move(shown)},
          {"items", std::move(items)}};
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

http::Response InWantedForm(const http::Request& request, http::Response response) {
  if (response.stream || !response.content_type.starts_with(kJsonMedia)) return response;
  const bool yaml = Header(request, "accept").starts_with(kYamlMedia);
  const std::string pretty = Query(request, "pretty");
  if (!yaml && pretty != "true" && pretty != "1") return response;
  const json body = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) return response;
  if (yaml) {
    response.content_type = kYamlMedia;
    response.body = api::ToYaml(body) + "\n";
  } else {
    response.body = body.dump(2) + "\n";
  }
  return response;
}

http::Response JsonResponse(int status, const json& body) {
  return {.status = status,
          .body = Dump(body) + "\n",
          .headers = {{"Cache-Control", "no-cache, private"}}};
}

http::Response ErrorResponse(const ApiError& error) {
  http::Response response = JsonResponse(error.code, ToJson(error));
  if (error.retry_after_seconds != 0)
    response.headers.emplace("Retry-After", std::to_string(error.retry_after_seconds));
  return response;
}

std::string Query(const http::Request& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

std::string Header(const http::Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

std::string ContentType(const http::Request& request) {
  const std::string header = Header(request, "content-type");
  std::string media = header.substr(0, header.find(';'));
  while (media.ends_with(' ')) media.pop_back();
  return media;
}

}  // namespace headpond::apiserver
