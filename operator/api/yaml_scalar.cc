#include "operator/api/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace headpond::api {
namespace {

using nlohmann::json;

template <size_t N>
bool IsOneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

// "" for 10, "0x" for 16, ...: the prefixes of Go's ParseInt with base 0.
std::pair<int, size_t> BaseAndPrefix(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0') return {10, 0};
  switch (digits[1]) {
    case 'x':
    case 'X': return {16, 2};
    case 'o':
    case 'O': return {8, 2};
    case 'b':
    case 'B': return {2, 2};
    default: return {8, 1};
  }
}

std::optional<json> ParseWhole(std::string_view text) {
  bool negative = false;
  if (text.starts_with('+') || text.starts_with('-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const auto [base, prefix] = BaseAndPrefix(text);
  text.remove_prefix(prefix);
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!negative)
    return magnitude <= INT64_MAX ? json(static_cast<int64_t>(magnitude)) : json(magnitude);
  if (magnitude > static_cast<uint64_t>(INT64_MAX) + 1) return std::nullopt;
  return json(static_cast<int64_t>(0 - magnitude));
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool LooksLikeFraction(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - start;
  };
  const auto sign = [&] {
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  };
  sign();
  const size_t whole = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    sign();
    if (digits() == 0) return false;
  }
  return i == text.size();
}

std::optional<json> ParseFraction(std::string_view text) {
  if (!LooksLikeFraction(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  constexpr double kLargestExact = 9007199254740992.0;  // 2^53
  if (std::trunc(number) == number && std::abs(number) <= kLargestExact)
    return json(static_cast<int64_t>(number));
  return json(number);
}

}  // namespace

Result<json> ResolvePlainScalar(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 11> kTrue = {
      "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::array<std::string_view, 11> kFalse = {
      "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  static constexpr std::array<std::string_view, 12> kNotJson = {".nan",  ".NaN",  ".NAN",  ".inf",
                                                                ".Inf",  ".INF",  "+.inf", "+.Inf",
                                                                "+.INF", "-.inf", "-.Inf", "-.INF"};
  if (IsOneOf(text, kNull)) return json(nullptr);
  if (IsOneOf(text, kTrue)) return json(true);
  if (IsOneOf(text, kFalse)) return json(false);
  if (IsOneOf(text, kNotJson))
    return InvalidArgument("{} can't be written in JSON; quote it if it is text", text);

  const char first = text.front();
  const bool number_like =
      (first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.';
  if (!number_like) return json(text);
  std::string plain(text);
  if (first != '.') std::erase(plain, '_');
  if (first != '.') {
    if (auto whole = ParseWhole(plain)) return *std::move(whole);
  }
  if (auto fraction = ParseFraction(plain)) return *std::move(fraction);
  return json(text);
}

}  // namespace headpond::api
