#include "base/units.h"

#include <gmock/gmock.h>

#include <limits>

#include "testing/status_matchers.h"

namespace headpond {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

TEST(ParseSizeTest, ReadsWhatStockAndTheChartWrite) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"10", 10},
      {"+5", 5},
      {"10b", 10},
      {"10B", 10},
      {"1k", 1024},
      {"64MB", 64 << 20},
      {"64mb", 64 << 20},
      {"64MiB", 64 << 20},
      {"64Mi", 64 << 20},
      {"1Gi", 1 << 30},
      {"1.5g", 3 << 29},
      {"0.5KB", 512},
      {"1.0005KB", 1024},
      {"8T", int64_t{8} << 40},
      {"1PB", int64_t{1} << 50},
      {"0.000000000000001PB", 1},
      {"0.0000000000000000000000000000001PB", 0},
      {"8191PB", int64_t{8191} << 50},
      {"9223372036854775807", kMost},
  };
  for (const auto& [text, bytes] : cases) EXPECT_THAT(ParseSize(text), IsOkAndHolds(bytes)) << text;
}

TEST(ParseSizeTest, RefusesAnythingElseAndSaysWhatToWrite) {
  for (const char* text :
       {"",     "abc",   "-1",  "MB",  "1.",    ".5",    "1..5",     "1 GB", " 1",  "1 ",
        "0x10", "1_000", "1EB", "1e3", "64M B", "1MBps", "\xd9\xa3", "1KBB", "++1", "+-1"})
    EXPECT_THAT(ParseSize(text), StatusIs(Code::kInvalidArgument, HasSubstr("such as 64MB")))
        << text;
}

TEST(ParseSizeTest, RefusesWhatDoesNotFit) {
  for (const char* text : {"9223372036854775808", "8192PB", "8191.9999999999999999999PB1",
                           "99999999999999999999999999999999999999999999P"})
    EXPECT_THAT(ParseSize(text), StatusIs(Code::kInvalidArgument)) << text;
}

TEST(ParseSizeTest, ShortensWhatItQuotes) {
  EXPECT_THAT(ParseSize(std::string(5000, 'x')),
              StatusIs(Code::kInvalidArgument, HasSubstr("xxx...'")));
}

TEST(ParseDurationTest, ReadsAllUnitsInAnyCase) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"10", 10},
      {"-1", -1},
      {"-1s", -1000},
      {"100ms", 100},
      {"100Ms", 100},
      {"100millisecond", 100},
      {"10s", 10'000},
      {"10sec", 10'000},
      {"1Second", 1000},
      {"2seconds", 2000},
      {"5m", 300'000},
      {"5min", 300'000},
      {"5minutes", 300'000},
      {"1h", 3'600'000},
      {"1hr", 3'600'000},
      {"2HOURS", 7'200'000},
      {"1d", 86'400'000},
      {"3day", 259'200'000},
      {"1.5h", 5'400'000},
      {"0.0001s", 0},
      {"9223372036854775807", kMost},  // alluxio.user.network.streaming.keepalive.time
  };
  for (const auto& [text, ms] : cases)
    EXPECT_THAT(ParseDuration(text), IsOkAndHolds(milliseconds(ms))) << text;
}

TEST(ParseDurationTest, RefusesAnythingElseAndSaysWhatToWrite) {
  for (const char* text :
       {"", "zzz", "s", "-", "--1", "+1s", "10 s", "10s ", "1w", "1us", "1e3s", "1.s", "100msec"})
    EXPECT_THAT(ParseDuration(text), StatusIs(Code::kInvalidArgument, HasSubstr("such as 30s")))
        << text;
  EXPECT_THAT(ParseDuration("9999999999999d"),
              StatusIs(Code::kInvalidArgument, HasSubstr("too large")));
  EXPECT_THAT(ParseDuration("9223372036854775808"),
              StatusIs(Code::kInvalidArgument, HasSubstr("too large")));
}

TEST(FormatSizeTest, PrintsLikeStock) {
  const std::pair<int64_t, const char*> cases[] = {
      {-1, "-1B"},
      {0, "0B"},
      {1023, "1023B"},
      {1536, "1536B"},
      {5120, "5120B"},
      {10240, "10.00KB"},
      {10368, "10.13KB"},  // a tie, rounded up
      {1 << 20, "1024.00KB"},
      {3071040, "2999.06KB"},
      {5 << 20, "5120.00KB"},
      {(5 << 20) + 1, "5.00MB"},
      {1 << 30, "1024.00MB"},
      {999999999999, "931.32GB"},
      {int64_t{6} << 40, "6.00TB"},
      {123456789012345678, "109.65PB"},
      {kMost, "8.00EB"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(FormatSize(bytes), text) << bytes;
}

TEST(UnitsTest, Thousands) {
  EXPECT_EQ(FormatThousands(0), "0");
  EXPECT_EQ(FormatThousands(999), "999");
  EXPECT_EQ(FormatThousands(67108864), "67,108,864");
  EXPECT_EQ(FormatThousands(-1000), "-1,000");
}

}  // namespace
}  // namespace headpond
