#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace headpond {
namespace {

TEST(Rfc3339Test, TimesAreWrittenInUtc) {
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(1'767'323'045'999), "2026-01-02T03:04:05Z");
  EXPECT_EQ(FormatRfc3339(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatRfc3339Micros({.seconds = 1'767'323'045, .micros = 6}),
            "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(FormatRfc3339Micros(Instant::FromMs(1'767'323'045'042)), "2026-01-02T03:04:05.042000Z");
}

TEST(Rfc3339Test, OffsetsAndFractionsAreRead) {
  struct Case {
    const char* text;
    Instant instant;
  };
  const Case cases[] = {
      {"1970-01-01T00:00:00Z", {0, 0}},
      {"2026-01-02T03:04:05Z", {1'767'323'045, 0}},
      {"2026-01-02T03:04:05.5Z", {1'767'323'045, 500'000}},
      {"2026-01-02T03:04:05.000006Z", {1'767'323'045, 6}},
      {"2026-01-02T03:04:05.123456789Z", {1'767'323'045, 123'456}},
      {"2026-01-02T03:04:05.12345678901234567890123456789Z", {1'767'323'045, 123'456}},
      {"2026-01-02T04:34:05+01:30", {1'767'323'045, 0}},
      {"2026-01-01T21:34:05-05:30", {1'767'323'045, 0}},
      {"2024-02-29T00:00:00Z", {1'709'164'800, 0}},
      {"0001-01-01T00:00:00Z", {-62'135'596'800, 0}},  // "never", as Go writes a zero time
      {"9999-12-31T23:59:59Z", {253'402'300'799, 0}},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseRfc3339(c.text), c.instant) << c.text;
}

TEST(Rfc3339Test, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx", "2026-1-02T03:04:05Z",
        "2026-13-02T03:04:05Z", "2026-02-31T03:04:05Z", "2025-02-29T03:04:05Z",
        "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05+1:30", "2026-01-02T03:04:05+01", "+026-01-02T03:04:05Z",
        "99999-01-02T03:04:05Z"})
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  EXPECT_EQ(ParseRfc3339Ms("yesterday"), 0);
  EXPECT_EQ(ParseRfc3339Ms("1970-01-01T00:00:01.5Z"), 1500);
}

TEST(Rfc3339Test, WhatIsWrittenReadsBackTheSame) {
  for (const int64_t ms : {int64_t{0}, int64_t{-1}, int64_t{1'767'323'045'042}})
    EXPECT_EQ(ParseRfc3339(FormatRfc3339Micros(Instant::FromMs(ms))), Instant::FromMs(ms)) << ms;
}

}  // namespace
}  // namespace headpond
