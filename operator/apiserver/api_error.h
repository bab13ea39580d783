#pragma once

#include <cassert>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace headpond::apiserver {

struct ResourceType;

// One thing that is wrong with an object: metav1.StatusCause.
struct Cause {
  std::string reason;  // FieldValueRequired, FieldValueInvalid, ...
  std::string message;
  std::string field;  // spec.worker.replicas
};

// What a client is told when a request fails: metav1.Status, as Kubernetes spells it (clients act
// on reason and code, people read the message).
struct ApiError {
  int code = 500;
  std::string reason;  // NotFound, Conflict, ...
  std::string message;
  std::string name, group, kind;  // details; kind is the plural, but the Kind for Invalid
  std::string uid;
  std::vector<Cause> causes;
  int retry_after_seconds = 0;
  std::string list_continue;  // metadata.continue: from where a list can go on all the same
};

// metav1.Status, kind "Status".
nlohmann::json ToJson(const ApiError& error);

// A value, or what the client is told instead. Works with ASSIGN_OR_RETURN.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Outcome(ApiError error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.index() == 0; }
  const ApiError& status() const { return std::get<1>(value_); }
  T& operator*() & { return std::get<0>(value_); }
  const T& operator*() const& { return std::get<0>(value_); }
  T&& operator*() && { return std::get<0>(std::move(value_)); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }

 private:
  std::variant<T, ApiError> value_;
};

ApiError BadRequestError(std::string message);
ApiError NotFoundError(const ResourceType& type, const std::string& name);
ApiError AlreadyExistsError(const ResourceType& type, const std::string& name);
ApiError ConflictError(const ResourceType& type, const std::string& name);
ApiError ForbiddenError(const ResourceType& type, const std::string& name, std::string why,
                        std::vector<Cause> causes = {});
// The message is made of the causes.
ApiError InvalidError(const std::string& group, const std::string& kind, const std::string& name,
                      std::vector<Cause> causes);
ApiError ExpiredError(std::string message);
ApiError UnsupportedMediaTypeError(std::string message);
// 404 of a path that leads to no resource.
ApiError NoSuchResourceError();
ApiError MethodNotAllowedError();
// 500, for what is no fault of the client.
ApiError InternalError(std::string message);

}  // namespace headpond::apiserver
