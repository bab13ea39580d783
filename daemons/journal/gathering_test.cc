#include "journal/gathering.h"

#include <gtest/gtest.h>

namespace headpond::journal {
namespace {

using std::chrono::microseconds;

constexpr microseconds kWindow{1000};

TEST(Gathering, LetsTheFirstBatchGoAtOnce) {
  EXPECT_TRUE(Gathering(kWindow).Enough(1));
}

TEST(Gathering, NeverHoldsUpASingleWriter) {
  Gathering gathering(kWindow);
  for (int i = 0; i < 3; ++i) {
    gathering.OnFlushed({}, 1, 0);
    EXPECT_TRUE(gathering.Enough(1));
  }
}

TEST(Gathering, WaitsForAllThatWereThereLastTime) {
  Gathering gathering(kWindow);
  gathering.OnFlushed({}, 1, 3);
  EXPECT_FALSE(gathering.Enough(3));
  EXPECT_TRUE(gathering.Enough(4));
  gathering.OnFlushed({}, 4, 0);
  EXPECT_FALSE(gathering.Enough(3));
  EXPECT_TRUE(gathering.Enough(4));
}

TEST(Gathering, StopsExpectingThoseWhoDidNotComeBack) {
  Gathering gathering(kWindow);
  gathering.OnFlushed({}, 8, 0);
  gathering.OnFlushed({}, 1, 0);  // the deadline passed with one
  EXPECT_TRUE(gathering.Enough(1));
}

TEST(Gathering, CountsTheWindowFromTheStartOfTheFlushBefore) {
  Gathering gathering(kWindow);
  const Gathering::Time start{std::chrono::seconds(5)};
  gathering.OnFlushed(start, 2, 2);
  EXPECT_EQ(gathering.Deadline(), start + kWindow);
}

}  // namespace
}  // namespace headpond::journal
