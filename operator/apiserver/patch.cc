#include "operator/apiserver/patch.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/yaml.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxOperations = 10'000;  // as kube-apiserver's limit

bool NestsTooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

ApiError Unprocessable() {
  return {.code = 422,
          .reason = "Invalid",
          .message = "the server rejected our request due to an error in our request"};
}

// How much `operation` copies; 0 when it is no copy or its source is missing.
size_t CopiedBytes(const json& object, const json& operation) {
  if (!operation.is_object() || operation.value("op", json()) != "copy") return 0;
  const json from = operation.value("from", json());
  if (!from.is_string()) return 0;
  const json::json_pointer pointer(from.get<std::string>());
  return object.contains(pointer)
             ? object.at(pointer).dump(-1, ' ', false, json::error_handler_t::replace).size()
             : 0;
}

}  // namespace

Outcome<json> ParseBody(std::string_view text) {
  if (NestsTooDeep(text))
    return BadRequestError(fmt::format("the body nests deeper than {} levels", kMaxDepth));
  try {
    json value = json::parse(text);
    if (!value.is_structured()) return BadRequestError("the body must be a JSON object");
    return value;
  } catch (const json::exception& e) {
    return BadRequestError(
        fmt::format("the object provided is unrecognized: couldn't get version/kind; json parse "
                    "error: {}",
                    e.what()));
  }
}

Outcome<json> ParseYamlBody(std::string_view text) {
  const auto documents = api::ParseYaml(text, {.bytes = kMaxBodyBytes, .documents = 1});
  if (!documents.ok())
    return BadRequestError(fmt::format("error decoding YAML: {}", documents.status().message()));
  if (documents->size() != 1) return BadRequestError("the body must be one YAML document");
  return documents->front().value();
}

json MergePatch(json object, const json& patch) {
  object.merge_patch(patch);
  return object;
}

Outcome<json> JsonPatch(json object, const json& patch) {
  if (!patch.is_array()) return BadRequestError("a JSON patch is a list of operations");
  if (patch.size() > kMaxOperations)
    return ApiError{.code = 413,
                    .reason = "RequestEntityTooLarge",
                    .message = fmt::format("The allowed maximum operations in a JSON patch is {}, "
                                           "got {}",
                                           kMaxOperations, patch.size())};
  size_t copied = 0;
  try {
    for (const json& operation : patch) {
      copied += CopiedBytes(object, operation);
      if (copied > kMaxBodyBytes)
        return ApiError{.code = 413,
                        .reason = "RequestEntityTooLarge",
                        .message = "the copies of the JSON patch are too large"};
      object.patch_inplace(json::array({operation}));
    }
  } catch (const json::parse_error& e) {
    return BadRequestError(fmt::format("error decoding patch: {}", e.what()));
  } catch (const json::exception&) {
    return Unprocessable();
  }
  return object;
}

}  // namespace headpond::apiserver
