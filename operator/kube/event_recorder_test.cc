#include "operator/kube/event_recorder.h"

#include <gmock/gmock.h>

namespace headpond::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

EventNote Note(const std::string& uid, const std::string& text) {
  return {.regarding = {"headpond.dev/v1alpha1", "CacheCluster", "default", "a", uid},
          .reason = "Ready",
          .action = "Reconcile",
          .text = text};
}

constexpr int64_t Ms(minutes time) {
  return milliseconds(time).count();
}

TEST(EventFilterTest, RepeatsAreCountedOnTheFirst) {
  EventFilter filter(Random(1));
  const auto first = filter.Judge(Note("1", "x"), 0);
  EXPECT_TRUE(first.heard);
  EXPECT_EQ(first.count, 1);
  EXPECT_TRUE(first.name.starts_with("a."));
  const auto second = filter.Judge(Note("1", "x"), Ms(minutes(5)));
  EXPECT_EQ(second.name, first.name);
  EXPECT_EQ(second.count, 2);
  EXPECT_NE(filter.Judge(Note("1", "y"), Ms(minutes(5))).name, first.name);
}

TEST(EventFilterTest, ASeriesThatEndedOrIsGoneBeginsAnew) {
  EventFilter filter(Random(1));
  const auto first = filter.Judge(Note("1", "x"), 0);
  const auto late = filter.Judge(Note("1", "x"), Ms(EventFilter::kSeriesEnd) + 1);
  EXPECT_EQ(late.count, 1);
  EXPECT_NE(late.name, first.name);
  filter.Forget(Note("1", "x"));
  EXPECT_EQ(filter.Judge(Note("1", "x"), Ms(EventFilter::kSeriesEnd) + 2).count, 1);
}

TEST(EventFilterTest, WhoTalksTooMuchIsNotHeardAndTheOthersAre) {
  EventFilter filter(Random(1));
  for (int i = 0; i < EventFilter::kBurst; ++i)
    EXPECT_TRUE(filter.Judge(Note("1", std::to_string(i)), 0).heard);
  EXPECT_FALSE(filter.Judge(Note("1", "more"), 0).heard);
  EXPECT_TRUE(filter.Judge(Note("2", "x"), 0).heard);
  EXPECT_TRUE(filter.Judge(Note("1", "more"), Ms(EventFilter::kRefill)).heard);
  EXPECT_FALSE(filter.Judge(Note("1", "and more"), Ms(EventFilter::kRefill)).heard);
}

TEST(EventFilterTest, WhatIsRememberedIsBounded) {
  EventFilter filter(Random(1));
  for (size_t i = 0; i < EventFilter::kMostObjects; ++i)
    EXPECT_TRUE(filter.Judge(Note(std::to_string(i), "x"), 0).heard);
  EXPECT_FALSE(filter.Judge(Note("one more", "x"), 0).heard);
  const int64_t later = EventFilter::kBurst * Ms(EventFilter::kRefill) + 1;
  EXPECT_TRUE(filter.Judge(Note("one more", "x"), later).heard);
}

}  // namespace
}  // namespace headpond::kube
