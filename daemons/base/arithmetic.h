#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

// Arithmetic on numbers that came from others, which may be anything.
namespace headpond {

// The sum, or the end of the range that it would pass.
constexpr int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

// `part` of `whole` in whole percent, rounded down; 0 of nothing. `part` must not be negative.
constexpr int Percent(int64_t part, int64_t whole) {
  if (whole <= 0) return 0;
  const bool exact = part <= std::numeric_limits<int64_t>::max() / 100;
  const int64_t percent = exact ? part * 100 / whole : part / std::max<int64_t>(whole / 100, 1);
  return static_cast<int>(std::min<int64_t>(percent, std::numeric_limits<int>::max()));
}

}  // namespace headpond
