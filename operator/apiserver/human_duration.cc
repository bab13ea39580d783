#include "operator/apiserver/timestamps.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace headpond::apiserver {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kYear = 365 * kDay;

// "7m", or "7m55s" when the smaller part isn't 0.
std::string TwoParts(int64_t seconds, int64_t big, char big_unit, int64_t small, char small_unit) {
  const int64_t rest = seconds % big / small;
  return rest == 0 ? fmt::format("{}{}", seconds / big, big_unit)
                   : fmt::format("{}{}{}{}", seconds / big, big_unit, rest, small_unit);
}

}  // namespace

std::string FormatTime(int64_t ms_since_epoch) {
  const std::time_t seconds = ms_since_epoch / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

std::string FormatMicroTime(int64_t seconds_since_epoch, int64_t microseconds) {
  const std::time_t seconds = seconds_since_epoch;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), microseconds);
}

std::optional<Instant> ParseInstant(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* at = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (at == nullptr) return std::nullopt;
  Instant instant{.seconds = static_cast<int64_t>(::timegm(&parts))};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (*at == '.') {
    if (!is_digit(*++at)) return std::nullopt;
    for (int64_t unit = 100'000; is_digit(*at); ++at, unit /= 10)
      instant.micros += (*at - '0') * unit;
  }
  if (std::string_view(at) == "Z") return instant;
  int hours = 0, minutes = 0, length = 0;
  if ((*at != '+' && *at != '-') || !is_digit(at[1]) ||
      std::sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || at[1 + length] != '\0')
    return std::nullopt;
  instant.seconds -= (*at == '-' ? -1 : 1) * (hours * kHour + minutes * kMinute);
  return instant;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  const auto instant = ParseInstant(text);
  return instant ? std::optional(instant->seconds * 1000) : std::nullopt;
}

std::string HumanDuration(int64_t ms) {
  const int64_t seconds = std::max<int64_t>(ms, 0) / 1000;
  if (seconds < 2 * kMinute) return fmt::format("{}s", seconds);
  if (seconds < 10 * kMinute) return TwoParts(seconds, kMinute, 'm', 1, 's');
  if (seconds < 3 * kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < 8 * kHour) return TwoParts(seconds, kHour, 'h', kMinute, 'm');
  if (seconds < 2 * kDay) return fmt::format("{}h", seconds / kHour);
  if (seconds < 8 * kDay) return TwoParts(seconds, kDay, 'd', kHour, 'h');
  if (seconds < 2 * kYear) return fmt::format("{}d", seconds / kDay);
  if (seconds < 8 * kYear) return TwoParts(seconds, kYear, 'y', kDay, 'd');
  return fmt::format("{}y", seconds / kYear);
}

}  // namespace headpond::apiserver
