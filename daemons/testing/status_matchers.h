#pragma once

#include <gmock/gmock.h>

#include <ostream>

#include "base/result.h"

// EXPECT_OK(store->Remove(id));
// ASSERT_OK_AND_ASSIGN(auto reader, store->Open(id));
// EXPECT_THAT(store->Open(id), StatusIs(Code::kNotFound, HasSubstr("no such block")));

namespace headpond {

inline void PrintTo(Code code, std::ostream* out) {
  *out << CodeName(code);
}
inline void PrintTo(const Status& status, std::ostream* out) {
  *out << status.ToString();
}
template <typename T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  *out << result.status().ToString();
}

namespace testing_internal {

inline const Status& StatusOf(const Status& status) {
  return status;
}
template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

}  // namespace testing_internal

MATCHER(IsOk, "is OK") {
  return testing_internal::StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code, "has code " + std::string(CodeName(code))) {
  return testing_internal::StatusOf(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher,
           "has code " + std::string(CodeName(code)) + " and a matching message") {
  const Status& status = testing_internal::StatusOf(arg);
  return status.code() == code &&
         ::testing::ExplainMatchResult(message_matcher, status.message(), result_listener);
}

// An OK Result whose value matches.
MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds a matching value") {
  return arg.ok() && ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace headpond

#define EXPECT_OK(expression) EXPECT_THAT((expression), ::headpond::IsOk())
#define ASSERT_OK(expression) ASSERT_THAT((expression), ::headpond::IsOk())

#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  HEADPOND_ASSERT_OK_AND_ASSIGN(HEADPOND_CONCAT(result_, __LINE__), declaration, expression)
#define HEADPOND_ASSERT_OK_AND_ASSIGN(result, declaration, expression) \
  auto result = (expression);                                          \
  ASSERT_TRUE(result.ok()) << result.status().ToString();              \
  declaration = *std::move(result)
