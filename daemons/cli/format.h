#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headpond::cli {

// The pieces that the text outputs of 2.9 are made of (compat/cli-outputs.md, "Rules for all
// shells"). Scripts parse these texts, so widths count what Java counts: UTF-16 units. Pure
// functions.

// `text` padded with blanks on the right (left) to `width`; longer text stays whole.
std::string PadRight(std::string_view text, size_t width);
std::string PadLeft(std::string_view text, size_t width);

// "drwxr-xr-x", with a final "+" for an extended ACL. `mode` holds the nine permission bits.
std::string FormatMode(bool folder, int mode, bool extended_acl);

// "11-22-2026 12:09:10:824" for the default pattern of alluxio.user.date.format.pattern, in the
// local zone. Knows the letters y M d H h m s S E a z Z and quoted text of
// java.text.SimpleDateFormat; others stay as they are.
std::string FormatDate(std::string_view pattern, int64_t time_ms);
// The same in UTC, for `stat -f %y`.
std::string FormatDateUtc(std::string_view pattern, int64_t time_ms);

// "0 day(s), 0 hour(s), 5 minute(s), and 52 second(s)".
std::string FormatUptime(int64_t uptime_ms);

// A double as Java prints it: "3.0", "1.5", "1.0E10", "NaN".
std::string JavaDouble(double value);

// Whole percent, truncated; 0 of 0 is `of_nothing`.
int64_t Percent(int64_t part, int64_t whole, int64_t of_nothing);

}  // namespace headpond::cli
