#include "operator/controller/backup_progress.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/api/backup.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Phase = BackupState::Phase;
using Answer = BackupAnswer::State;

constexpr int64_t kNow = 1'772'841'600'000;
constexpr int kLimit = 1;

BackupAnswer Says(Answer state, const std::string& id = "uid") {
  return {.state = state, .id = id, .host = "m-1", .uri = "/b/file.gz", .entries = 7};
}

BackupState Begun() {
  return AfterAnswer(NextAttempt({}, "uid"), Says(Answer::kRunning), kLimit, kNow);
}

TEST(BackupProgressTest, TheIdIsThatOfTheObjectAndTheAttempt) {
  BackupState state = NextAttempt({}, "uid");
  EXPECT_EQ(state.id, "uid");
  EXPECT_EQ(NextAttempt(state, "uid").id, "uid-2");
}

TEST(BackupProgressTest, GoesOnToItsEnd) {
  BackupState state = Begun();
  EXPECT_EQ(state.phase, Phase::kRunning);
  EXPECT_EQ(state.started_at_ms, kNow);
  EXPECT_EQ(state.host, "m-1");
  state = AfterAnswer(state, Says(Answer::kCompleted), kLimit, kNow + 2000);
  EXPECT_EQ(state.phase, Phase::kComplete);
  EXPECT_EQ(state.started_at_ms, kNow);
  EXPECT_EQ(state.finished_at_ms, kNow + 2000);
  EXPECT_EQ(state.uri, "/b/file.gz");
  EXPECT_EQ(state.entries, 7);
}

TEST(BackupProgressTest, AnAttemptThatFailedIsFollowedByAnotherOneUpToTheLimit) {
  const Result<BackupAnswer> failed = Aborted("backup uid failed: disk full");
  BackupState state = AfterAnswer(Begun(), failed, kLimit, kNow);
  EXPECT_EQ(state.phase, Phase::kPending);
  EXPECT_THAT(state.id, IsEmpty());
  EXPECT_GT(state.retry_at_ms, kNow);
  EXPECT_EQ(state.started_at_ms, 0);
  EXPECT_THAT(state.message, HasSubstr("disk full"));
  state = AfterAnswer(NextAttempt(state, "uid"), failed, kLimit, kNow);
  EXPECT_EQ(state.phase, Phase::kFailed);
  EXPECT_EQ(state.reason, "BackupFailed");
  EXPECT_THAT(state.message, HasSubstr("disk full (2 attempts); make another Backup"));
}

TEST(BackupProgressTest, OneThatNoMasterKnowsHasFailed) {
  const BackupState state = AfterAnswer(Begun(), Says(Answer::kUnknown), 0, kNow);
  EXPECT_EQ(state.phase, Phase::kFailed);
  EXPECT_EQ(state.reason, "MasterLost");
}

TEST(BackupProgressTest, WhatTheMastersNeverTakeIsFinal) {
  const BackupState state = AfterAnswer(NextAttempt({}, "uid"),
                                        InvalidArgument("the backup's directory s3://x"), 9, kNow);
  EXPECT_EQ(state.phase, Phase::kFailed);
  EXPECT_EQ(state.reason, "Refused");
}

TEST(BackupProgressTest, WhatMayPassIsWaitedFor) {
  struct Case {
    Status why;
    const char* reason;
  };
  const Case cases[] = {{FailedPrecondition("backup b is running"), "MasterBusy"},
                        {PermissionDenied("not a superuser"), "NotAllowed"},
                        {Unavailable("nobody answers"), "MasterUnavailable"}};
  for (const auto& [why, reason] : cases) {
    const BackupState state = AfterAnswer(Begun(), why, 0, kNow);
    EXPECT_EQ(state.phase, Phase::kRunning);
    EXPECT_EQ(state.reason, reason);
    EXPECT_EQ(state.message, why.message());
  }
}

TEST(BackupProgressTest, ABackupOfAClusterThatIsGoneHasFailed) {
  const Status gone = NotFound("there is no CacheCluster a");
  EXPECT_EQ(WithoutMasters(Begun(), gone, 0, kNow).phase, Phase::kFailed);
  const BackupState waits = WithoutMasters({}, gone, 0, kNow);
  EXPECT_EQ(waits.phase, Phase::kPending);
  EXPECT_EQ(waits.reason, "ClusterMissing");
  EXPECT_EQ(WithoutMasters(Begun(), Unavailable("none serves"), 0, kNow).phase, Phase::kRunning);
}

TEST(BackupProgressTest, AStatusHasAllThatIsRemembered) {
  const BackupState begun = Begun();
  for (const BackupState& state : {BackupState(), NextAttempt({}, "uid"), begun,
                                   AfterAnswer(begun, Says(Answer::kCompleted), kLimit, kNow),
                                   AfterAnswer(begun, Aborted("disk full"), kLimit, kNow),
                                   AfterAnswer(begun, Aborted("disk full"), 0, kNow)}) {
    const json status = BackupStatus(state, 1, nullptr, kNow);
    BackupState expected = state;
    if (expected.reason.empty()) expected.reason = "Pending";
    EXPECT_EQ(ReadBackupState(status), expected) << status;
    EXPECT_EQ(BackupStatus(ReadBackupState(status), 1, status, kNow + 60'000), status);
    const api::Kind& kind = *api::FindKind(api::kBackupKind);
    EXPECT_EQ(api::StatusSchema(kind).WithoutUnknown(status), status);
    EXPECT_TRUE(api::StatusSchema(kind).Check(status).ok()) << status;
  }
}

TEST(BackupProgressTest, AStatusOfSomebodyElseIsNone) {
  for (const char* const text : {"null", "[]", R"({"phase": 5})", R"({"phase": "Odd"})",
                                 R"({"phase": "Running", "attempts": "x"})"})
    EXPECT_EQ(ReadBackupState(json::parse(text)), BackupState()) << text;
}

TEST(BackupProgressTest, EachStepIsToldOnce) {
  const BackupState begun = Begun();
  const BackupState complete = AfterAnswer(begun, Says(Answer::kCompleted), kLimit, kNow);
  EXPECT_THAT(BackupNotices(begun, begun), IsEmpty());
  ASSERT_EQ(BackupNotices(NextAttempt({}, "uid"), begun).size(), 1u);
  ASSERT_EQ(BackupNotices(begun, complete).size(), 1u);
  EXPECT_THAT(BackupNotices(begun, complete)[0].text, HasSubstr("/b/file.gz has 7"));
  const BackupState failed = AfterAnswer(begun, Aborted("disk full"), 0, kNow);
  ASSERT_EQ(BackupNotices(begun, failed).size(), 1u);
  EXPECT_TRUE(BackupNotices(begun, failed)[0].warning);
}

}  // namespace
}  // namespace headpond::controller
