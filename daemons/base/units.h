#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond {

// Parses a size the way 2.9 properties and Kubernetes write it: a decimal number (fractions
// allowed, a part of a byte is dropped) and an optional unit B, K, KB, Ki, KiB, and the same with
// M, G, T, P, in any case. Every unit is a power of 1024 (as stock 2.9.6 reads them); `1Gi` comes
// from the chart (compat/behaviour.md section 16). Errors: InvalidArgument naming the text, on
// anything else, negative values and overflow.
Result<int64_t> ParseSize(std::string_view text);

// Parses a time: a number (fractions allowed, a part of a millisecond is dropped) and a unit ms,
// millisecond(s), s, sec, second(s), m, min, minute(s), h, hr, hour(s), d, day(s) in any case; no
// unit means milliseconds. Negative values are allowed (-1 means "never" in many keys). Stock takes
// neither fractions nor plurals. Errors: InvalidArgument, also on overflow.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "0B", "1536B", "10.00KB", "1024.00MB": what scripts parse in the output of 2.9 tools
// (compat/cli-outputs.md). The unit grows once the number is above 5 * 1024; two decimals, rounded
// half up, from KB on. Measured on stock 2.9.6.
std::string FormatSize(int64_t bytes);

// "67,108,864".
std::string FormatThousands(int64_t value);

}  // namespace headpond
