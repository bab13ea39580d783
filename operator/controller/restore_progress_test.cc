#include "operator/controller/restore_progress.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace headpond::controller {
namespace {

using nlohmann::json;
using plan::RestoreStep;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Phase = RestoreState::Phase;

constexpr int64_t kNow = 1'772'841'600'000;

const api::Restore kByName{.metadata = {.name = "r", .uid = "u"},
                           .spec = {.cluster = "a", .backup = "b", .deadline_seconds = 600}};
const api::Restore kByUri{.metadata = {.name = "r", .uid = "u"},
                          .spec = {.cluster = "a", .uri = "file:///b/x.gz"}};

BackupState Backup(BackupState::Phase phase) {
  return {.phase = phase, .uri = "/b/x.gz", .message = "disk full"};
}

RestoreInputs Inputs() {
  return {.site = RestoreSite(), .backup = Backup(BackupState::Phase::kComplete), .holder = ""};
}

plan::RestoreRecord Record(RestoreStep step, const std::string& uid = "u") {
  return {.uid = uid,
          .name = "r",
          .uri = "/b/x.gz",
          .step = step,
          .started_at_ms = kNow,
          .deadline_at_ms = kNow + 600'000};
}

RestoreState Judge(const RestoreInputs& inputs, const api::Restore& restore = kByName) {
  return NextRestoreState({}, restore, inputs, kNow);
}

TEST(RestoreProgressTest, OneThatNothingSpeaksAgainstIsAccepted) {
  for (const api::Restore& restore : {kByName, kByUri}) {
    const RestoreState state = Judge(Inputs(), restore);
    EXPECT_EQ(state.phase, Phase::kAccepted);
    EXPECT_EQ(state.uri, restore.spec.backup.empty() ? "file:///b/x.gz" : "/b/x.gz");
    // From then on its own backup doesn't matter, nor does the cluster until it takes it up.
    RestoreInputs gone = Inputs();
    gone.site = NotFound("gone");
    gone.backup = NotFound("gone");
    EXPECT_EQ(NextRestoreState(state, restore, gone, kNow), state);
  }
}

TEST(RestoreProgressTest, WhatSpeaksAgainstItIsNamed) {
  struct Case {
    const char* what;
    std::function<void(RestoreInputs&)> change;
    Phase phase;
    const char* reason;
    const char* message;
  };
  const Case cases[] = {
      {"no cluster", [](auto& in) { in.site = NotFound("there is no CacheCluster a"); },
       Phase::kPending, "ClusterMissing", "there is no CacheCluster a"},
      {"not looked at", [](auto& in) { in.site = Unavailable("no runtime"); }, Phase::kPending,
       "ClusterNotReady", "no runtime"},
      {"paused", [](auto& in) { in.site->paused = true; }, Phase::kPending, "ClusterPaused",
       "spec.paused"},
      {"refused",
       [](auto& in) {
         in.site->refusal = RestoreSite::Refusal{"RuntimeNotSupported", "spec.runtime.type: pods"};
       },
       Phase::kFailed, "RuntimeNotSupported", "spec.runtime.type: pods"},
      {"another accepted", [](auto& in) { in.holder = "other"; }, Phase::kPending, "Busy",
       "Restore other has the cluster"},
      {"another begun", [](auto& in) { in.site->record = Record(RestoreStep::kPuttingBack, "v"); },
       Phase::kPending, "Busy", "the cluster is at PuttingBack of Restore r"},
      {"no backup", [](auto& in) { in.backup = NotFound("there is no Backup b"); }, Phase::kPending,
       "BackupMissing", "there is no Backup b"},
      {"a backup that runs", [](auto& in) { in.backup = Backup(BackupState::Phase::kRunning); },
       Phase::kPending, "BackupNotComplete", "Backup b is not complete yet"},
      {"a backup that failed", [](auto& in) { in.backup = Backup(BackupState::Phase::kFailed); },
       Phase::kFailed, "BackupFailed", "name another one: disk full"},
      {"a file in the journal",
       [](auto& in) {
         in.site->journals = {"/z", "/b"};
       },
       Phase::kFailed, "FileInJournal", "/b/x.gz is in /b"},
      {"a file beside the journal",
       [](auto& in) {
         in.site->journals = {"/b/x", "/bb"};
       },
       Phase::kAccepted, "Accepted", ""},
      {"another that ended", [](auto& in) { in.site->record = Record(RestoreStep::kFailed, "v"); },
       Phase::kAccepted, "Accepted", ""},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    RestoreInputs inputs = Inputs();
    one.change(inputs);
    const RestoreState state = Judge(inputs);
    EXPECT_EQ(state.phase, one.phase);
    EXPECT_EQ(state.reason, one.reason);
    EXPECT_THAT(state.message, HasSubstr(one.message));
    EXPECT_EQ(state.started_at_ms, 0);
    EXPECT_EQ(state.finished_at_ms, one.phase == Phase::kFailed ? kNow : 0);
  }
}

TEST(RestoreProgressTest, TellsWhatTheClusterDoes) {
  struct Case {
    RestoreStep step;
    Phase phase;
    const char* reason;
  };
  const Case cases[] = {{RestoreStep::kStopping, Phase::kRestoring, "Stopping"},
                        {RestoreStep::kSettingAside, Phase::kRestoring, "SettingAside"},
                        {RestoreStep::kStarting, Phase::kRestoring, "Starting"},
                        {RestoreStep::kWithdrawing, Phase::kRestoring, "Withdrawing"},
                        {RestoreStep::kPuttingBack, Phase::kRestoring, "PuttingBack"},
                        {RestoreStep::kComplete, Phase::kComplete, "Complete"},
                        {RestoreStep::kFailed, Phase::kFailed, "RestoreFailed"}};
  for (const auto& [step, phase, reason] : cases) {
    RestoreInputs inputs = Inputs();
    inputs.site->record = Record(step);
    inputs.site->paused = true;
    inputs.holder = "other";
    const RestoreState state = NextRestoreState(Judge(Inputs()), kByName, inputs, kNow);
    EXPECT_EQ(state.phase, phase);
    EXPECT_EQ(state.reason, reason);
    EXPECT_EQ(state.step, plan::NameOf(step));
    EXPECT_EQ(state.started_at_ms, kNow);
  }
}

TEST(RestoreProgressTest, WhatHasEndedStaysAsItIs) {
  RestoreInputs inputs = Inputs();
  inputs.site->record = Record(RestoreStep::kFailed);
  inputs.site->record->message = "no file";
  const RestoreState failed = NextRestoreState({}, kByName, inputs, kNow);
  EXPECT_THAT(failed.message, HasSubstr("no file; the journals from before are back"));
  EXPECT_EQ(NextRestoreState(failed, kByName, Inputs(), kNow), failed);
}

std::string Verdicts(const json& status) {
  std::string text;
  for (const json& condition : status.at("conditions"))
    text += condition.at("type").get<std::string>() + "=" +
            condition.at("status").get<std::string>() + " ";
  return text;
}

TEST(RestoreProgressTest, AStatusHasAllThatIsRemembered) {
  RestoreInputs refused = Inputs();
  refused.site->refusal = RestoreSite::Refusal{"JournalNotOwned", "spec.properties"};
  std::vector<RestoreState> states = {RestoreState{.reason = "Pending"}, Judge(Inputs()),
                                      Judge(refused)};
  std::vector<std::string> verdicts = {
      "Accepted=False Restoring=False Complete=False Failed=False ",
      "Accepted=True Restoring=False Complete=False Failed=False ",
      "Accepted=False Restoring=False Complete=False Failed=True "};
  for (const RestoreStep step :
       {RestoreStep::kStarting, RestoreStep::kComplete, RestoreStep::kFailed}) {
    RestoreInputs inputs = Inputs();
    inputs.site->record = Record(step);
    if (step != RestoreStep::kStarting) inputs.site->record->finished_at_ms = kNow + 2000;
    states.push_back(NextRestoreState({}, kByName, inputs, kNow));
  }
  verdicts.emplace_back("Accepted=True Restoring=True Complete=False Failed=False ");
  verdicts.emplace_back("Accepted=True Restoring=False Complete=True Failed=False ");
  verdicts.emplace_back("Accepted=True Restoring=False Complete=False Failed=True ");
  for (size_t i = 0; i < states.size(); ++i) {
    const json status = RestoreStatus(states[i], 1, nullptr, kNow);
    EXPECT_EQ(Verdicts(status), verdicts[i]);
    EXPECT_EQ(ReadRestoreState(status), states[i]) << status;
    EXPECT_EQ(RestoreStatus(ReadRestoreState(status), 1, status, kNow + 60'000), status);
    const api::Kind& kind = *api::FindKind(api::kRestoreKind);
    EXPECT_EQ(api::StatusSchema(kind).WithoutUnknown(status), status);
    EXPECT_TRUE(api::StatusSchema(kind).Check(status).ok()) << status;
  }
}

TEST(RestoreProgressTest, AStatusOfSomebodyElseIsNone) {
  for (const char* const text : {"null", "[]", R"({"phase": 5})", R"({"phase": "Odd"})",
                                 R"({"phase": "Restoring", "step": 7})"})
    EXPECT_EQ(ReadRestoreState(json::parse(text)), RestoreState()) << text;
}

TEST(RestoreProgressTest, EachStepIsToldOnce) {
  RestoreInputs inputs = Inputs();
  inputs.site->record = Record(RestoreStep::kStarting);
  const RestoreState accepted = Judge(Inputs());
  const RestoreState starting = NextRestoreState(accepted, kByName, inputs, kNow);
  EXPECT_THAT(RestoreNotices(accepted, accepted), IsEmpty());
  ASSERT_EQ(RestoreNotices(accepted, starting).size(), 1u);
  EXPECT_FALSE(RestoreNotices(accepted, starting)[0].warning);
  inputs.site->record->step = RestoreStep::kWithdrawing;
  inputs.site->record->message = "no file";
  const RestoreState back = NextRestoreState(starting, kByName, inputs, kNow);
  ASSERT_EQ(RestoreNotices(starting, back).size(), 1u);
  EXPECT_TRUE(RestoreNotices(starting, back)[0].warning);
  EXPECT_EQ(RestoreNotices(starting, back)[0].text, "no file");
}

}  // namespace
}  // namespace headpond::controller
