#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headpond::apiserver {

// "2026-01-02T03:04:05Z", as metav1.Time is written.
std::string FormatTime(int64_t ms_since_epoch);

// "2026-01-02T03:04:05.000006Z", as metav1.MicroTime is written.
std::string FormatMicroTime(int64_t seconds_since_epoch, int64_t microseconds);

struct Instant {
  int64_t seconds = 0;  // since the epoch
  int64_t micros = 0;   // 0 to 999999
};
// Of an RFC 3339 text with any offset and any number of digits after the seconds.
std::optional<Instant> ParseInstant(std::string_view text);

// Milliseconds since the epoch of such a text; a fraction of a second may follow the seconds
// (metav1.MicroTime) and is dropped.
std::optional<int64_t> ParseTime(std::string_view text);

// A time span as kubectl prints ages: "0s", "119s", "7m55s", "3h", "47h", "5d12h", "325d", "2y3d".
std::string HumanDuration(int64_t ms);

}  // namespace headpond::apiserver
