#include "net/stall_watch.h"

#include <gmock/gmock.h>

#include <vector>

#include "testing/status_matchers.h"

namespace headpond::net {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StallWatchTest : public ::testing::Test {
 protected:
  std::unique_ptr<StallWatch::Stream> Add() {
    return watch_.Add([this](const Status& status) { ended_.push_back(status); });
  }
  void Pass(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.Advance(seconds(1));
      watch_.Tick();
    }
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  bool contended_ = false;
  StallWatch watch_{{.contended_limit = seconds(10),
                     .idle_limit = seconds(100),
                     .what = "took no message",
                     .metric = "Stalled"},
                    clock_,
                    metrics_,
                    [this] { return contended_; }};
  std::vector<Status> ended_;
};

TEST_F(StallWatchTest, CountsOnlyTheTimeInWhichOthersWait) {
  const auto stream = Add();
  stream->Wait(/*holding=*/true);
  Pass(50);
  contended_ = true;
  Pass(6);  // the first of these is when the wait of others was noticed
  contended_ = false;
  Pass(20);
  contended_ = true;
  Pass(5);
  EXPECT_THAT(ended_, IsEmpty());
  Pass(1);
  EXPECT_THAT(ended_, ElementsAre(StatusIs(Code::kUnavailable,
                                           HasSubstr("took no message for 10 s while others"))));
  Pass(100);
  EXPECT_EQ(ended_.size(), 1u);
  EXPECT_EQ(metrics_.counter("Stalled").value(), 1);
}

TEST_F(StallWatchTest, AStreamThatMovesOrHoldsNothingIsLeftAlone) {
  const auto moves = Add();
  const auto holds_nothing = Add();
  const auto expects_nothing = Add();
  holds_nothing->Wait(/*holding=*/false);
  contended_ = true;
  for (int i = 0; i < 11; ++i) {
    moves->Move();
    moves->Wait(/*holding=*/true);
    Pass(9);
  }
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(StallWatchTest, WhoIsTurnedAwayCountsForAMinute) {
  const auto stream = Add();
  stream->Wait(/*holding=*/true);
  watch_.NoteRefusal();
  Pass(10);
  EXPECT_THAT(ended_, IsEmpty());
  Pass(1);
  EXPECT_EQ(ended_.size(), 1u);

  const auto later = Add();
  Pass(50);
  later->Wait(/*holding=*/true);
  Pass(30);
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(StallWatchTest, WaitingOnDoesNotBeginAnew) {
  const auto stream = Add();
  contended_ = true;
  stream->Wait(/*holding=*/false);
  Pass(8);
  stream->Wait(/*holding=*/true);
  Pass(2);
  EXPECT_THAT(ended_, IsEmpty());
  Pass(1);
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(StallWatchTest, NobodyStandsStillForEver) {
  const auto stream = Add();
  stream->Wait(/*holding=*/false);
  Pass(99);
  EXPECT_THAT(ended_, IsEmpty());
  Pass(1);
  EXPECT_THAT(ended_, ElementsAre(StatusIs(Code::kUnavailable, HasSubstr("for 100 s"))));
}

TEST_F(StallWatchTest, AStreamThatIsOverIsForgotten) {
  auto stream = Add();
  stream->Wait(/*holding=*/true);
  stream.reset();
  contended_ = true;
  Pass(200);
  EXPECT_THAT(ended_, IsEmpty());
}

// As after a machine that slept: the time was not spent with others waiting.
TEST_F(StallWatchTest, ALateTickDoesNotCountAsALongWait) {
  const auto stream = Add();
  stream->Wait(/*holding=*/true);
  contended_ = true;
  Pass(1);
  clock_.Advance(seconds(60));
  watch_.Tick();
  EXPECT_THAT(ended_, IsEmpty());
}

}  // namespace
}  // namespace headpond::net
