#include "master/sync_times.h"

#include <gtest/gtest.h>

namespace headpond::master {
namespace {

constexpr SyncPolicy kNever{-1};
constexpr SyncPolicy kAlways{0};
constexpr SyncPolicy kEachTenMs{10};

TEST(SyncTimesTest, NeverAndAlwaysMeanWhatTheySay) {
  SyncTimes times;
  EXPECT_FALSE(times.Due("/a", SyncDepth::kSelf, kNever, 100));
  EXPECT_TRUE(times.Due("/a", SyncDepth::kSelf, kAlways, 100));
  times.Synced("/a", SyncDepth::kTree, 100);
  EXPECT_TRUE(times.Due("/a", SyncDepth::kSelf, kAlways, 100));
}

TEST(SyncTimesTest, AnIntervalCountsFromTheBeginOfTheLastComparison) {
  SyncTimes times;
  EXPECT_TRUE(times.Due("/a", SyncDepth::kSelf, kEachTenMs, 100));
  times.Synced("/a", SyncDepth::kSelf, 100);
  EXPECT_FALSE(times.Due("/a", SyncDepth::kSelf, kEachTenMs, 109));
  EXPECT_TRUE(times.Due("/a", SyncDepth::kSelf, kEachTenMs, 110));
}

TEST(SyncTimesTest, ADirectoryWithItsChildrenAnswersForThemButNotForWhatIsBelow) {
  SyncTimes times;
  times.Synced("/d", SyncDepth::kChildren, 100);
  EXPECT_FALSE(times.Due("/d", SyncDepth::kSelf, kEachTenMs, 101));
  EXPECT_FALSE(times.Due("/d/c", SyncDepth::kSelf, kEachTenMs, 101));
  EXPECT_TRUE(times.Due("/d/c", SyncDepth::kChildren, kEachTenMs, 101));
  EXPECT_TRUE(times.Due("/d/c/x", SyncDepth::kSelf, kEachTenMs, 101));
  EXPECT_TRUE(times.Due("/d", SyncDepth::kTree, kEachTenMs, 101));
  EXPECT_TRUE(times.Due("/dd", SyncDepth::kSelf, kEachTenMs, 101));
}

TEST(SyncTimesTest, ATreeAnswersForAllBelowIt) {
  SyncTimes times;
  times.Synced("/", SyncDepth::kTree, 100);
  EXPECT_FALSE(times.Due("/d/c/x", SyncDepth::kTree, kEachTenMs, 101));
}

TEST(SyncTimesTest, WhatIsDeclaredStaleIsComparedOnceEvenWithThePolicyNever) {
  SyncTimes times;
  times.Invalidate("/d/f", 100);
  EXPECT_TRUE(times.Due("/d/f", SyncDepth::kSelf, kNever, 101));
  EXPECT_TRUE(times.Due("/d", SyncDepth::kChildren, kNever, 101));
  EXPECT_TRUE(times.Due("/", SyncDepth::kTree, kNever, 101));
  EXPECT_FALSE(times.Due("/", SyncDepth::kChildren, kNever, 101));
  EXPECT_FALSE(times.Due("/d/g", SyncDepth::kSelf, kNever, 101));
  times.Synced("/d", SyncDepth::kChildren, 101);
  EXPECT_FALSE(times.Due("/d/f", SyncDepth::kSelf, kNever, 102));
  EXPECT_FALSE(times.Due("/d", SyncDepth::kChildren, kNever, 102));
}

TEST(SyncTimesTest, AStaleDirectoryMakesAllBelowItStale) {
  SyncTimes times;
  times.Invalidate("/d", 100);
  EXPECT_TRUE(times.Due("/d/e/f", SyncDepth::kSelf, kNever, 101));
  times.Synced("/d", SyncDepth::kTree, 101);
  EXPECT_FALSE(times.Due("/d/e/f", SyncDepth::kSelf, kNever, 102));
}

TEST(SyncTimesTest, AComparisonThatBeganBeforeTheDeclarationDoesNotCount) {
  SyncTimes times;
  times.Invalidate("/f", 100);
  times.Synced("/f", SyncDepth::kTree, 99);
  EXPECT_TRUE(times.Due("/f", SyncDepth::kSelf, kNever, 101));
}

TEST(SyncTimesTest, BeyondItsCapacityTheOldestAreForgottenAndComparedAgain) {
  SyncTimes times(2);
  times.Synced("/a", SyncDepth::kSelf, 100);
  times.Synced("/b", SyncDepth::kSelf, 100);
  times.Synced("/a", SyncDepth::kSelf, 101);
  times.Synced("/c", SyncDepth::kSelf, 101);
  EXPECT_FALSE(times.Due("/a", SyncDepth::kSelf, kEachTenMs, 102));
  EXPECT_TRUE(times.Due("/b", SyncDepth::kSelf, kEachTenMs, 102));
  times.Invalidate("/x", 102);
  times.Invalidate("/y", 102);
  times.Invalidate("/z", 102);
  EXPECT_FALSE(times.Due("/x", SyncDepth::kSelf, kNever, 103));
  EXPECT_TRUE(times.Due("/z", SyncDepth::kSelf, kNever, 103));
}

}  // namespace
}  // namespace headpond::master
