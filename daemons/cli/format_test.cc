#include "cli/format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace headpond::cli {
namespace {

TEST(FormatTest, PaddingCountsCharactersAsJavaDoes) {
  EXPECT_EQ(PadRight("ab", 4), "ab  ");
  EXPECT_EQ(PadLeft("ab", 4), "  ab");
  EXPECT_EQ(PadRight("abcdef", 4), "abcdef");
  EXPECT_EQ(PadRight("\xC3\xA4", 3), "\xC3\xA4  ");                 // one unit
  EXPECT_EQ(PadRight("\xF0\x9F\x98\x80", 3), "\xF0\x9F\x98\x80 ");  // two units
}

TEST(FormatTest, Modes) {
  EXPECT_EQ(FormatMode(true, 0755, false), "drwxr-xr-x");
  EXPECT_EQ(FormatMode(false, 0640, false), "-rw-r-----");
  EXPECT_EQ(FormatMode(true, 0750, true), "drwxr-x---+");
}

TEST(FormatTest, DatesFollowThePattern) {
  setenv("TZ", "UTC", 1);
  tzset();
  const int64_t kTime = 1795349355244;  // compat/cli-outputs.md, `fs stat -f`
  EXPECT_EQ(FormatDate("MM-dd-yyyy HH:mm:ss:SSS", kTime), "11-22-2026 12:09:15:244");
  EXPECT_EQ(FormatDate("yyyyMMdd-HHmmss", kTime), "20261122-120915");
  EXPECT_EQ(FormatDate("yyyy-MM-dd'T'HH:mm''ss", kTime), "2026-11-22T12:09'15");
  EXPECT_EQ(FormatDate("EEE d MMM yy h a", kTime), "Sun 22 Nov 26 12 PM");
  EXPECT_EQ(FormatDateUtc("yyyy-MM-dd HH:mm:ss", kTime), "2026-11-22 12:09:15");
  EXPECT_EQ(FormatDateUtc("ss:SSS", -1), "59:999");
}

TEST(FormatTest, Uptime) {
  EXPECT_EQ(FormatUptime(352'000), "0 day(s), 0 hour(s), 5 minute(s), and 52 second(s)");
  EXPECT_EQ(FormatUptime(90'061'999), "1 day(s), 1 hour(s), 1 minute(s), and 1 second(s)");
}

TEST(FormatTest, DoublesAsJavaPrintsThem) {
  EXPECT_EQ(JavaDouble(0), "0.0");
  EXPECT_EQ(JavaDouble(3), "3.0");
  EXPECT_EQ(JavaDouble(1.5), "1.5");
  EXPECT_EQ(JavaDouble(1.1552734375), "1.1552734375");
  EXPECT_EQ(JavaDouble(12345678), "1.2345678E7");
  EXPECT_EQ(JavaDouble(1e10), "1.0E10");
  EXPECT_EQ(JavaDouble(0.0001), "1.0E-4");
}

TEST(FormatTest, PercentTruncates) {
  EXPECT_EQ(Percent(1, 3, 100), 33);
  EXPECT_EQ(Percent(0, 0, 100), 100);
  EXPECT_EQ(Percent(0, 0, 0), 0);
  EXPECT_EQ(Percent(INT64_MAX, INT64_MAX, 0), 100);
}

}  // namespace
}  // namespace headpond::cli
