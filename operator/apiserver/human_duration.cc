#include "operator/apiserver/human_duration.h"

#include <fmt/format.h>

#include <algorithm>

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
