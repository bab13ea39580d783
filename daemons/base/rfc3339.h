#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headpond {

// Points in time as RFC 3339 writes them: Kubernetes' metav1.Time and MicroTime, the Engine's
// StartedAt. Pure; always UTC on the way out.
struct Instant {
  int64_t seconds = 0;  // since the epoch, 1970; negative before it
  int64_t micros = 0;   // 0 to 999,999 after that second

  int64_t ms() const { return seconds * 1000 + micros / 1000; }
  static Instant FromMs(int64_t ms);
  bool operator==(const Instant&) const = default;
};

// "2026-01-02T03:04:05Z": metav1.Time. A part of a second is dropped.
std::string FormatRfc3339(int64_t ms_since_epoch);

// "2026-01-02T03:04:05.000006Z": metav1.MicroTime.
std::string FormatRfc3339Micros(const Instant& instant);

// Any offset and any number of digits after the seconds (those past the sixth are dropped); nothing
// when the text or the date isn't one, e.g. the 31st of February.
std::optional<Instant> ParseRfc3339(std::string_view text);

// The same in milliseconds; 0 for what isn't a time, where a missing one means "never".
int64_t ParseRfc3339Ms(std::string_view text);

}  // namespace headpond
