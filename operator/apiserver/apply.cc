// PATCH with application/apply-patch+yaml.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/api_server.h"
#include "operator/apiserver/patch.h"
#include "operator/apiserver/server_side_apply.h"
#include "operator/apiserver/wanted.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

// An object that comes and goes while it is applied.
constexpr int kMostAttempts = 10;

Outcome<json> ParseConfiguration(const std::string& text) {
  // kubectl sends JSON, which needs no YAML parser.
  if (auto parsed = ParseBody(text); parsed.ok()) return parsed;
  return ParseYamlBody(text);
}

ApiError BadOption(std::string reason, std::string message, std::string field) {
  return InvalidError("meta.k8s.io", "PatchOptions", "",
                      {{std::move(reason), std::move(message), std::move(field)}});
}

}  // namespace

Outcome<json> ApiServer::DecodeConfiguration(const Call& call) const {
  const ResourceType& type = call.type;
  ASSIGN_OR_RETURN(json config, ParseConfiguration(call.request.body));
  if (!config.is_object()) return BadRequestError("the body must be a map");
  if (TextAt(config, "apiVersion") != type.GroupVersion() || TextAt(config, "kind") != type.kind)
    return BadRequestError(fmt::format(
        "apiVersion and kind must be {} and {}; got \"{}\" and \"{}\"", type.GroupVersion(),
        type.kind, TextAt(config, "apiVersion"), TextAt(config, "kind")));
  json& metadata = config["metadata"];
  if (metadata.is_null()) metadata = json::object();
  if (!metadata.is_object()) return BadRequestError("metadata must be a map");
  if (!At(metadata, "managedFields").empty())
    return BadRequestError("metadata.managedFields must be nil");
  const std::string name = TextAt(metadata, "name");
  if (!name.empty() && name != call.path.name)
    return BadRequestError(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                    call.path.name));
  metadata["name"] = call.path.name;
  const std::string given = TextAt(metadata, "namespace");
  if (!given.empty() && given != call.path.name_space)
    return BadRequestError(
        "the namespace of the provided object does not match the namespace sent on the request");
  metadata.erase("managedFields");
  if (call.path.subresource == "status") {
    json kept = {{"name", call.path.name}};
    for (const char* const field : {"uid", "resourceVersion"})
      if (metadata.contains(field)) kept[field] = metadata[field];
    config = {{"apiVersion", config["apiVersion"]},
              {"kind", config["kind"]},
              {"metadata", std::move(kept)},
              {"status", At(config, "status")}};
  } else if (type.custom) {
    config.erase("status");
  }
  return type.from_wire == nullptr ? config : type.from_wire(std::move(config));
}

Outcome<http::Response> ApiServer::ServerSideApply(Call& call) {
  const ResourceType& type = call.type;
  if (Query(call.request, "fieldManager").empty())
    return BadOption("FieldValueRequired", "Required value: is required for apply patch",
                     "fieldManager");
  const std::string force = Query(call.request, "force");
  if (!force.empty() && force != "true" && force != "false")
    return BadOption("FieldValueInvalid", "Invalid value: must be true or false", "force");
  ASSIGN_OR_RETURN(const json config, DecodeConfiguration(call));
  const Manager applier = WriterOf(call);
  const Shape& shape = ShapeOf(type);
  const auto apply_to = [&](const json& live) {
    return Apply(shape, live, config, applier, force == "true", clock_.NowMs());
  };

  for (int attempt = 1;; ++attempt) {
    const auto stored = Modify(call, [&](const json& current) -> Outcome<Wanted> {
      ASSIGN_OR_RETURN(Application done,
                       apply_to(type.from_wire == nullptr ? current : type.from_wire(current)));
      if (type.to_wire != nullptr) done.object = type.to_wire(std::move(done.object));
      return Wanted{std::move(done.object), std::move(done.entries)};
    });
    if (stored.ok()) return Answer(call, 200, *stored->object);
    // A version or a status is of an object that should be there.
    const bool may_create =
        call.path.subresource.empty() && TextAt(config, "metadata.resourceVersion").empty();
    if (stored.status().code != 404 || !may_create) return stored.status();

    ASSIGN_OR_RETURN(Application done, apply_to(json::object()));
    if (type.to_wire != nullptr) done.object = type.to_wire(std::move(done.object));
    const auto created = CreateObject(call, std::move(done.object), [&](const json& made) {
      return AfterApply(shape, json::object(), made, done.entries, applier, clock_.NowMs());
    });
    if (created.ok()) return Answer(call, 201, *created);
    if (created.status().reason != "AlreadyExists" || attempt == kMostAttempts)
      return created.status();
  }
}

}  // namespace headpond::apiserver
