#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond {

// Parses a size the way 2.9 properties and Kubernetes write it: a decimal number (fractions allowed)
// and an optional unit B, K, KB, Ki, M, MB, Mi, G, GB, Gi, T, TB, Ti, P, PB, Pi in any case. Every unit
// is a power of 1024 (stock's FormatUtils.parseSpaceSize); `1Gi` comes from the chart
// (compat/behaviour.md section 16). Errors: InvalidArgument naming the text, on anything else,
// negative values and overflow.
Result<int64_t> ParseSize(std::string_view text);

// Parses a time: a number (fractions allowed) and a unit ms, millisecond(s), s, sec, second(s), m, min, minute(s), h,
// hr, hour(s), d, day(s) in any case; no unit means milliseconds. Negative values are allowed (-1 means "never" in many
// keys). Errors: InvalidArgument.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "1024MB", "0B", "1536.00KB": stock's FormatUtils.getSizeFromBytes, which scripts parse (compat/cli-outputs.md).
std::string FormatSize(int64_t bytes);

}  // namespace headpond
