#include "operator/apiserver/api_error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

ApiError About(const ResourceType& type, const std::string& name, int code, std::string reason,
               std::string message) {
  return {.code = code,
          .reason = std::move(reason),
          .message = std::move(message),
          .name = name,
          .group = type.group,
          .kind = type.resource};
}

}  // namespace

json ToJson(const ApiError& error) {
  json details = json::object();
  if (!error.name.empty()) details["name"] = error.name;
  if (!error.group.empty()) details["group"] = error.group;
  if (!error.kind.empty()) details["kind"] = error.kind;
  if (!error.uid.empty()) details["uid"] = error.uid;
  for (const Cause& cause : error.causes) {
    json entry = {{"reason", cause.reason}, {"message", cause.message}};
    if (!cause.field.empty()) entry["field"] = cause.field;
    details["causes"].push_back(std::move(entry));
  }
  if (error.retry_after_seconds != 0) details["retryAfterSeconds"] = error.retry_after_seconds;
  json status = {{"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", json::object()},
                 {"status", "Failure"}, {"message", error.message}, {"code", error.code}};
  if (!error.list_continue.empty()) status["metadata"]["continue"] = error.list_continue;
  if (!error.reason.empty()) status["reason"] = error.reason;
  if (!details.empty()) status["details"] = std::move(details);
  return status;
}

ApiError BadRequestError(std::string message) {
  return {.code = 400, .reason = "BadRequest", .message = std::move(message)};
}

ApiError NotFoundError(const ResourceType& type, const std::string& name) {
  return About(type, name, 404, "NotFound",
               fmt::format("{} \"{}\" not found", type.QualifiedName(), name));
}

ApiError AlreadyExistsError(const ResourceType& type, const std::string& name) {
  return About(type, name, 409, "AlreadyExists",
               fmt::format("{} \"{}\" already exists", type.QualifiedName(), name));
}

ApiError ConflictError(const ResourceType& type, const std::string& name) {
  return About(type, name, 409, "Conflict",
               fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been "
                           "modified; please apply your changes to the latest version and try "
                           "again",
                           type.QualifiedName(), name));
}

ApiError ForbiddenError(const ResourceType& type, const std::string& name, std::string why,
                        std::vector<Cause> causes) {
  ApiError error =
      About(type, name, 403, "Forbidden",
            fmt::format("{} \"{}\" is forbidden: {}", type.QualifiedName(), name, why));
  error.causes = std::move(causes);
  return error;
}

ApiError InvalidError(const std::string& group, const std::string& kind, const std::string& name,
                      std::vector<Cause> causes) {
  std::vector<std::string> texts;
  for (const Cause& cause : causes)
    texts.push_back(fmt::format("{}: {}", cause.field, cause.message));
  const std::string all =
      texts.size() == 1 ? texts[0] : fmt::format("[{}]", fmt::join(texts, ", "));
  return {.code = 422,
          .reason = "Invalid",
          .message = fmt::format("{}{}{} \"{}\" is invalid: {}", kind, group.empty() ? "" : ".",
                                 group, name, all),
          .name = name,
          .group = group,
          .kind = kind,
          .causes = std::move(causes)};
}

ApiError ExpiredError(std::string message) {
  return {.code = 410, .reason = "Expired", .message = std::move(message)};
}

ApiError UnsupportedMediaTypeError(std::string message) {
  return {.code = 415, .reason = "UnsupportedMediaType", .message = std::move(message)};
}

ApiError NoSuchResourceError() {
  return {.code = 404,
          .reason = "NotFound",
          .message = "the server could not find the requested resource"};
}

ApiError MethodNotAllowedError() {
  return {.code = 405,
          .reason = "MethodNotAllowed",
          .message = "the server does not allow this method on the requested resource"};
}

ApiError InternalError(std::string message) {
  return {.code = 500,
          .reason = "InternalError",
          .message = fmt::format("Internal error occurred: {}", message)};
}

}  // namespace headpond::apiserver
