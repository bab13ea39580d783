#include "net/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace headpond::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RetryTest : public testing::Test {
 protected:
  // A pause that only moves the clock.
  std::function<Status(milliseconds)> Pausing() {
    return [this](milliseconds duration) {
      pauses_.push_back(duration);
      clock_.Advance(duration);
      return Status::Ok();
    };
  }

  ManualClock clock_;
  Random random_{7};
  std::vector<milliseconds> pauses_;
};

TEST_F(RetryTest, OnlyFourCodesAreRetryable) {
  int retryable = 0;
  for (int code = 0; code <= 16; ++code) retryable += IsRetryable(static_cast<Code>(code));
  EXPECT_EQ(retryable, 4);
  for (Code code :
       {Code::kUnavailable, Code::kCancelled, Code::kUnauthenticated, Code::kUnimplemented}) {
    EXPECT_TRUE(IsRetryable(code));
  }
}

TEST_F(RetryTest, PausesDoubleUpToTheMaximumAndEndAtTheDeadline) {
  Backoff backoff({milliseconds(50), seconds(3), seconds(20)}, clock_, random_);
  const auto start = clock_.Now();
  int attempts = 0;
  const Status status = RetryCall(backoff, Pausing(), [&] {
    ++attempts;
    return Unavailable("down");
  });
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(clock_.Now() - start, seconds(20)) << "one attempt is made at the very end";
  EXPECT_EQ(attempts, static_cast<int>(pauses_.size()) + 1);
  milliseconds expected(50);
  for (size_t i = 0; i + 1 < pauses_.size(); ++i) {
    EXPECT_GE(pauses_[i], expected);
    EXPECT_LE(pauses_[i], expected * 11 / 10);
    expected = std::min<milliseconds>(expected * 2, seconds(3));
  }
}

TEST_F(RetryTest, ReturnsTheFirstSuccess) {
  Backoff backoff({}, clock_, random_);
  int attempts = 0;
  EXPECT_TRUE(RetryCall(backoff, Pausing(), [&] {
                return ++attempts < 3 ? Unauthenticated("forgotten") : Status::Ok();
              }).ok());
  EXPECT_EQ(pauses_.size(), 2u);
}

TEST_F(RetryTest, DoesNotRepeatWhatCannotWork) {
  Backoff backoff({}, clock_, random_);
  EXPECT_EQ(RetryCall(backoff, Pausing(), [] { return NotFound("no such path"); }).code(),
            Code::kNotFound);
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(RetryTest, ZeroDurationMeansOneAttempt) {
  Backoff backoff({milliseconds(50), seconds(3), milliseconds(0)}, clock_, random_);
  EXPECT_EQ(backoff.Next(), std::nullopt);
}

TEST(PauseTest, EndsEarlyWhenInterruptedAndStaysSo) {
  Pause pause;
  EXPECT_TRUE(pause.For(milliseconds(1)).ok());
  std::thread interrupter([&pause] { pause.Interrupt(); });
  EXPECT_EQ(pause.For(std::chrono::minutes(5)).code(), Code::kCancelled);
  interrupter.join();
  EXPECT_EQ(pause.For(std::chrono::minutes(5)).code(), Code::kCancelled);
}

}  // namespace
}  // namespace headpond::net
