#pragma once

#include <cassert>
#include <optional>
#include <utility>

#include "base/status.h"

namespace headpond {

// A value, or the Status that explains why there is none. Reading the value of a failed Result is a
// programming error (checked by assert).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                              // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& operator*() & { assert(ok()); return *value_; }
  const T& operator*() const& { assert(ok()); return *value_; }
  T&& operator*() && { assert(ok()); return *std::move(value_); }
  T* operator->() { assert(ok()); return &*value_; }
  const T* operator->() const { assert(ok()); return &*value_; }

  T value_or(T other) const& { return ok() ? *value_ : std::move(other); }

 private:
  Status status_;
  std::optional<T> value_;
};

// The project's only two control-flow macros.
//   RETURN_IF_ERROR(file.Sync());
//   ASSIGN_OR_RETURN(auto size, file.Size());
#define RETURN_IF_ERROR(expression)                                                  \
  do {                                                                               \
    if (::headpond::Status status_from_expression = (expression); !status_from_expression.ok()) \
      return status_from_expression;                                                 \
  } while (false)

#define HEADPOND_CONCAT_INNER(a, b) a##b
#define HEADPOND_CONCAT(a, b) HEADPOND_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN(declaration, expression) \
  HEADPOND_ASSIGN_OR_RETURN(HEADPOND_CONCAT(result_, __LINE__), declaration, expression)
#define HEADPOND_ASSIGN_OR_RETURN(result, declaration, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return result.status();                        \
  declaration = *std::move(result)

}  // namespace headpond
