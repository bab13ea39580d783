#include "cli/progress.h"

#include <gtest/gtest.h>

#include <atomic>

#include "cli/work_group.h"

namespace headpond::cli {
namespace {

using std::chrono::milliseconds;

TEST(ProgressTest, TextShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressText(10 << 20, 40 << 20, milliseconds(2000)),
            "[#######                       ] 25% 10.00MB of 40.00MB, 5120.00KB/s, 6s left");
  EXPECT_EQ(ProgressText(0, 100, milliseconds(0)),
            "[                              ] 0% 0B of 100B, 0B/s, ? left");
  EXPECT_EQ(ProgressText(0, 0, milliseconds(5)),
            "[##############################] 100% 0B of 0B, 0B/s, ? left");
}

TEST(ProgressTest, DrawsNothingWhereNobodyWatches) {
  ManualClock clock;
  StringSink sink;
  Progress progress(sink, clock, 100);
  clock.Advance(std::chrono::seconds(10));
  progress.Add(50);
  progress.Clear();
  EXPECT_EQ(sink.text(), "");
}

class TerminalSink final : public Sink {
 public:
  void Write(std::string_view text) override { text_ += text; }
  bool is_terminal() const override { return true; }
  std::string text_;
};

TEST(ProgressTest, DrawsNowAndThenAndLeavesACleanLine) {
  ManualClock clock;
  TerminalSink sink;
  Progress progress(sink, clock, 100);
  progress.Add(10);
  EXPECT_EQ(sink.text_, "");  // too early
  clock.Advance(std::chrono::seconds(1));
  progress.Add(40);
  EXPECT_NE(sink.text_.find("50%"), std::string::npos);
  progress.Add(1);
  EXPECT_EQ(sink.text_.find("51%"), std::string::npos);  // too soon after the last
  progress.Clear();
  EXPECT_TRUE(sink.text_.ends_with("\r\x1b[K"));
}

TEST(WorkGroupTest, RunsEverythingAndJoinsErrors) {
  WorkGroup group(3);
  std::atomic<int> ran = 0;
  for (int i = 0; i < 100; ++i) {
    group.Add([&ran, i]() -> Status {
      ++ran;
      return i == 50 ? NotFound("fifty") : Status::Ok();
    });
  }
  const Status status = group.Wait();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(status.message(), "fifty");
  EXPECT_TRUE(group.Wait().ok());
}

}  // namespace
}  // namespace headpond::cli
