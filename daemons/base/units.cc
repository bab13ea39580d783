#include "base/units.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <limits>
#include <optional>

namespace headpond {
namespace {

__extension__ using Int128 = __int128;

struct Unit {
  std::string_view name;  // lower case
  int64_t factor;
};

constexpr int64_t kKilo = 1024;
constexpr Unit kSizeUnits[] = {{"", 1},
                               {"b", 1},
                               {"k", kKilo},
                               {"kb", kKilo},
                               {"ki", kKilo},
                               {"kib", kKilo},
                               {"m", kKilo << 10},
                               {"mb", kKilo << 10},
                               {"mi", kKilo << 10},
                               {"mib", kKilo << 10},
                               {"g", kKilo << 20},
                               {"gb", kKilo << 20},
                               {"gi", kKilo << 20},
                               {"gib", kKilo << 20},
                               {"t", kKilo << 30},
                               {"tb", kKilo << 30},
                               {"ti", kKilo << 30},
                               {"tib", kKilo << 30},
                               {"p", kKilo << 40},
                               {"pb", kKilo << 40},
                               {"pi", kKilo << 40},
                               {"pib", kKilo << 40}};

constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr Unit kTimeUnits[] = {
    {"", 1},        {"ms", 1},        {"millisecond", 1},  {"milliseconds", 1},
    {"s", kSecond}, {"sec", kSecond}, {"second", kSecond}, {"seconds", kSecond},
    {"m", kMinute}, {"min", kMinute}, {"minute", kMinute}, {"minutes", kMinute},
    {"h", kHour},   {"hr", kHour},    {"hour", kHour},     {"hours", kHour},
    {"d", kDay},    {"day", kDay},    {"days", kDay}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the digits at the front of `text`.
std::string_view TakeDigits(std::string_view& text) {
  const size_t count = std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin();
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

std::optional<int64_t> FactorOf(std::string_view name, const Unit* begin, const Unit* end) {
  std::string lower(name.substr(0, 16));  // longer than any unit
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const Unit* unit = std::find_if(begin, end, [&](const Unit& u) { return u.name == lower; });
  return unit == end ? std::nullopt : std::optional(unit->factor);
}

enum class Problem { kMalformed, kTooLarge };

struct Scaled {
  int64_t value = 0;
  std::optional<Problem> problem;
};

// digits[.digits]unit, scaled and rounded down; no sign.
Scaled ParseScaled(std::string_view text, const Unit* begin, const Unit* end) {
  constexpr Int128 kMost = std::numeric_limits<int64_t>::max();
  const std::string_view whole = TakeDigits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
    if (fraction.empty()) return {.problem = Problem::kMalformed};
  }
  const std::optional<int64_t> factor = FactorOf(text, begin, end);
  if (whole.empty() || !factor) return {.problem = Problem::kMalformed};

  Int128 value = 0;
  for (char digit : whole) {
    value = value * 10 + (digit - '0');
    if (value > kMost) return {.problem = Problem::kTooLarge};
  }
  value *= *factor;
  // 18 digits are more than a unit of 2^50 can tell apart, and their product still fits.
  Int128 numerator = 0, denominator = 1;
  for (char digit : fraction.substr(0, 18)) {
    numerator = numerator * 10 + (digit - '0');
    denominator *= 10;
  }
  value += numerator * *factor / denominator;
  if (value > kMost) return {.problem = Problem::kTooLarge};
  return {.value = static_cast<int64_t>(value)};
}

std::string Shown(std::string_view text) {
  constexpr size_t kShownBytes = 64;
  return text.size() <= kShownBytes ? std::string(text)
                                    : std::string(text.substr(0, kShownBytes)) + "...";
}

}  // namespace

Result<int64_t> ParseSize(std::string_view text) {
  const std::string_view number = text.starts_with('+') ? text.substr(1) : text;
  const Scaled size = ParseScaled(number, std::begin(kSizeUnits), std::end(kSizeUnits));
  if (size.problem == Problem::kTooLarge)
    return InvalidArgument("size '{}' is too large", Shown(text));
  if (size.problem)
    return InvalidArgument(
        "'{}' is not a size; write bytes, or a number with KB, MB, GB, TB or PB, such as 64MB",
        Shown(text));
  return size.value;
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const bool negative = text.starts_with('-');
  const Scaled time =
      ParseScaled(negative ? text.substr(1) : text, std::begin(kTimeUnits), std::end(kTimeUnits));
  if (time.problem == Problem::kTooLarge)
    return InvalidArgument("time '{}' is too large", Shown(text));
  if (time.problem)
    return InvalidArgument(
        "'{}' is not a time; write milliseconds, or a number with ms, s, m, h or d, such as 30s",
        Shown(text));
  return std::chrono::milliseconds(negative ? -time.value : time.value);
}

std::string FormatSize(int64_t bytes) {
  constexpr std::string_view kNames[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  constexpr int64_t kGrowAbove = 5 * 1024;
  size_t unit = 0;
  Int128 scale = 1;
  while (bytes > kGrowAbove * scale && unit + 1 < std::size(kNames)) {
    scale *= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{}B", bytes);
  const auto hundredths = static_cast<int64_t>((Int128{bytes} * 200 + scale) / (scale * 2));
  return fmt::format("{}.{:02}{}", hundredths / 100, hundredths % 100, kNames[unit]);
}

std::string FormatThousands(int64_t value) {
  const std::string digits = fmt::format("{}", value);
  const size_t first = value < 0 ? 1 : 0;
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace headpond
