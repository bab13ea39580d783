#include "operator/plan/restore.h"

#include <gmock/gmock.h>

namespace headpond::plan {
namespace {

using enum RestoreStep;
using ::testing::HasSubstr;

constexpr int64_t kNow = 1'000'000;
constexpr int kTries = 3;
const RestoreOrder kOrder{.uid = "u", .name = "r", .uri = "/b.gz", .deadline_ms = 60'000};

RestoreRecord Record(RestoreStep step) {
  return {.uid = "u",
          .name = "r",
          .uri = "/b.gz",
          .step = step,
          .started_at_ms = kNow,
          .deadline_at_ms = kNow + kOrder.deadline_ms};
}

std::optional<RestoreRecord> Next(const std::optional<RestoreRecord>& record,
                                  const RestoreFacts& facts, int64_t after_ms = 0,
                                  const std::optional<RestoreOrder>& order = std::nullopt) {
  return NextRestoreRecord(record, order, facts, kNow + after_ms, kTries);
}

TEST(RestoreTest, EachStepHasItsNext) {
  const RestoreFacts nothing;
  const RestoreFacts gone{.masters_gone = true};
  const RestoreFacts aside{.masters_gone = true, .all_set_aside = true};
  const RestoreFacts aside_but_there{.all_set_aside = true};
  const RestoreFacts back{.masters_gone = true, .none_set_aside = true};
  const RestoreFacts back_but_there{.none_set_aside = true};
  const RestoreFacts serve{.all_set_aside = true, .all_serve = true, .majority_serves = true};
  const RestoreFacts most{.all_set_aside = true, .majority_serves = true, .crashes = 9};
  const RestoreFacts crashing{.all_set_aside = true, .crashes = kTries};
  const RestoreFacts crashed{.all_set_aside = true, .crashes = kTries - 1};
  constexpr int64_t kSoon = 59'999, kLate = 60'000;
  struct Case {
    RestoreStep from;
    const RestoreFacts& facts;
    int64_t after_ms;
    RestoreStep to;
  };
  const Case cases[] = {
      {kStopping, nothing, kSoon, kStopping},
      {kStopping, nothing, kLate, kWithdrawing},
      {kStopping, gone, 0, kSettingAside},
      {kStopping, gone, kLate, kSettingAside},
      {kSettingAside, gone, kSoon, kSettingAside},
      {kSettingAside, gone, kLate, kWithdrawing},
      {kSettingAside, aside_but_there, 0, kSettingAside},
      {kSettingAside, aside, 0, kStarting},
      {kStarting, nothing, kSoon, kStarting},
      {kStarting, nothing, kLate, kWithdrawing},
      {kStarting, aside, kSoon, kStarting},
      {kStarting, crashed, kSoon, kStarting},
      {kStarting, crashing, 0, kWithdrawing},
      {kStarting, most, kSoon, kStarting},
      {kStarting, most, kLate, kComplete},
      {kStarting, serve, 0, kComplete},
      {kStarting, serve, kLate, kComplete},
      {kWithdrawing, nothing, kLate, kWithdrawing},
      {kWithdrawing, serve, 0, kWithdrawing},
      {kWithdrawing, gone, kLate, kPuttingBack},
      {kPuttingBack, gone, kLate, kPuttingBack},
      {kPuttingBack, back_but_there, 0, kPuttingBack},
      {kPuttingBack, back, 0, kFailed},
      {kComplete, nothing, kLate, kComplete},
      {kFailed, nothing, kLate, kFailed},
  };
  int number = 0;
  for (const Case& one : cases) {
    SCOPED_TRACE(::testing::Message() << "case " << number++ << " from " << NameOf(one.from));
    const auto next = Next(Record(one.from), one.facts, one.after_ms);
    ASSERT_TRUE(next);
    EXPECT_EQ(NameOf(next->step), NameOf(one.to));
    const bool ends = one.to != one.from && next->finished();
    EXPECT_EQ(next->finished_at_ms, ends ? kNow + one.after_ms : 0);
    const bool fails = one.to == kWithdrawing && one.from != kWithdrawing;
    EXPECT_EQ(!next->message.empty(), fails || (&one.facts == &most && one.to == kComplete));
  }
}

TEST(RestoreTest, WhatWentWrongIsKept) {
  const auto crashed = Next(Record(kStarting), {.crashes = kTries, .trouble = "m-0 no such file"});
  EXPECT_EQ(crashed->message, "the masters can't begin with /b.gz: m-0 no such file");
  const auto late = Next(Record(kSettingAside), {.trouble = "m-0 is stuck"}, 60'000);
  EXPECT_EQ(late->message, "SettingAside took longer than 60 s: m-0 is stuck");
  EXPECT_EQ(Next(Next(late, {.masters_gone = true}), {})->message, late->message);
  const auto most = Next(Record(kStarting), {.majority_serves = true}, 60'000);
  EXPECT_THAT(most->message, HasSubstr("not all masters serve"));
}

TEST(RestoreTest, AnOrderIsTakenUpOnce) {
  EXPECT_EQ(Next(std::nullopt, {}), std::nullopt);
  EXPECT_EQ(Next(std::nullopt, {}, 0, kOrder), Record(kStopping));
  for (const RestoreStep ended : {kComplete, kFailed}) {
    EXPECT_EQ(Next(Record(ended), {}, 0, kOrder), Record(ended));
    RestoreOrder other = kOrder;
    other.uid = "v";
    EXPECT_EQ(Next(Record(ended), {}, 0, other)->uid, "v");
    EXPECT_EQ(Next(Record(ended), {}, 0, other)->step, kStopping);
  }
  RestoreOrder other = kOrder;
  other.uid = "v";
  for (const RestoreStep step : {kStopping, kSettingAside, kStarting, kWithdrawing, kPuttingBack})
    EXPECT_EQ(Next(Record(step), {}, 0, other), Record(step));
}

TEST(RestoreTest, StepsHaveNames) {
  for (const RestoreStep step :
       {kStopping, kSettingAside, kStarting, kComplete, kWithdrawing, kPuttingBack, kFailed})
    EXPECT_EQ(RestoreStepOf(NameOf(step)), step);
  EXPECT_EQ(RestoreStepOf("Odd"), std::nullopt);
}

Workload Master(int ordinal, const std::string& address = "") {
  Workload workload{.role = Role::kMaster, .ordinal = ordinal};
  workload.name = "c-master-" + std::to_string(ordinal);
  workload.args = {"master"};
  workload.volumes = {
      {.name = "state", .kind = VolumeKind::kDurable, .path = "/v/" + workload.name}};
  workload.quorum_address = address;
  return workload;
}

ObservedWorkload Seen(const Workload& workload, Phase phase, bool serving = false) {
  return {.name = workload.name,
          .role = workload.role,
          .ordinal = workload.ordinal,
          .phase = phase,
          .config_hash = workload.ConfigHash(),
          .serving = serving};
}

class RestoringTest : public ::testing::Test {
 protected:
  RestoringTest() {
    for (int i = 0; i < 3; ++i) masters_.push_back(Master(i, "h:" + std::to_string(i)));
    worker_.name = "c-worker-0";
    desired_.workloads = masters_;
    desired_.workloads.push_back(worker_);
  }
  std::string PlanAt(RestoreStep step) {
    desired_.restoring = Restoring{step, "u"};
    return Describe(MakePlan(desired_, observed_, kNow, {}));
  }
  RestoreFacts Facts() { return FactsOf(Record(kStarting), desired_.workloads, observed_); }
  void SetAside(int ordinal) {
    observed_.folders.insert("/v/c-master-" + std::to_string(ordinal) + ".before-restore-u");
  }
  void Serve(int ordinal) {
    ObservedWorkload seen = Seen(masters_[static_cast<size_t>(ordinal)], Phase::kRunning, true);
    seen.quorum = QuorumView{.leads = ordinal == 0, .term = 1, .leader = "h:0", .sequence = 5};
    observed_.workloads.push_back(std::move(seen));
  }

  std::vector<Workload> masters_;
  Workload worker_{.role = Role::kWorker};
  DesiredCluster desired_;
  ObservedCluster observed_;
};

TEST_F(RestoringTest, MastersEndAndWorkersStay) {
  observed_.workloads = {Seen(masters_[0], Phase::kRunning, true),
                         Seen(masters_[1], Phase::kStopping), Seen(masters_[2], Phase::kExited),
                         Seen(worker_, Phase::kRunning)};
  for (const RestoreStep step : {kStopping, kSettingAside, kWithdrawing, kPuttingBack})
    EXPECT_EQ(PlanAt(step),
              "remove c-master-2 (the cluster is being restored)\n"
              "stop c-master-0 (the cluster is being restored)\n"
              "c-master-1 is stopping\n");
  EXPECT_FALSE(Facts().masters_gone);
}

TEST_F(RestoringTest, JournalsMoveOnceNoMasterIsThere) {
  observed_.workloads = {Seen(worker_, Phase::kExited)};
  EXPECT_EQ(PlanAt(kStopping), "");
  EXPECT_EQ(PlanAt(kWithdrawing), "");
  SetAside(1);
  EXPECT_EQ(PlanAt(kSettingAside),
            "set aside the journal of c-master-0 (the cluster is being restored)\n"
            "set aside the journal of c-master-2 (the cluster is being restored)\n");
  EXPECT_EQ(PlanAt(kPuttingBack), "put back the journal of c-master-1 (the restore failed)\n");
  EXPECT_EQ(MakePlan(desired_, observed_, kNow, {}).Runnable().at(0).to, "u");
  EXPECT_TRUE(Facts().masters_gone);
  EXPECT_FALSE(Facts().all_set_aside);
  EXPECT_FALSE(Facts().none_set_aside);
  SetAside(0);
  SetAside(2);
  EXPECT_TRUE(Facts().all_set_aside);
  EXPECT_EQ(PlanAt(kSettingAside), "");
  observed_.folders.clear();
  EXPECT_TRUE(Facts().none_set_aside);
}

TEST_F(RestoringTest, NothingMovesWhileANodeCantBeLookedAt) {
  observed_.unreachable["b"] = "no answer";
  EXPECT_EQ(PlanAt(kSettingAside), "node b can't be looked at: no answer\n");
  EXPECT_FALSE(Facts().masters_gone);
}

TEST_F(RestoringTest, OnlyMastersAreStarted) {
  EXPECT_EQ(PlanAt(kStarting),
            "start c-master-0 (not running)\nstart c-master-1 (not running)\n"
            "start c-master-2 (not running)\n");
  desired_.paused = true;
  EXPECT_EQ(PlanAt(kStarting), "");
}

TEST_F(RestoringTest, ADeletionGoesFirst) {
  desired_.deleting = true;
  Serve(0);
  EXPECT_EQ(PlanAt(kStarting), "stop c-master-0 (cluster is being deleted)\n");
}

TEST_F(RestoringTest, ServeWhenOneLeadsAndAllFollow) {
  EXPECT_FALSE(Facts().majority_serves);
  Serve(0);
  EXPECT_FALSE(Facts().majority_serves);
  Serve(1);
  EXPECT_TRUE(Facts().majority_serves);
  EXPECT_FALSE(Facts().all_serve);
  Serve(2);
  EXPECT_TRUE(Facts().all_serve);
  observed_.workloads[0].quorum->leads = false;
  EXPECT_FALSE(Facts().majority_serves);
}

TEST_F(RestoringTest, OneMasterAloneNeedsNoLeader) {
  desired_.workloads = {Master(0), worker_};
  observed_.workloads = {Seen(desired_.workloads[0], Phase::kRunning)};
  EXPECT_FALSE(Facts().all_serve);
  observed_.workloads[0].serving = true;
  EXPECT_TRUE(Facts().all_serve);
}

TEST_F(RestoringTest, TellsWhatMastersSay) {
  ObservedWorkload crashed = Seen(masters_[0], Phase::kExited);
  crashed.crashes = 2;
  crashed.message = "exited with code 1";
  ObservedWorkload worker = Seen(worker_, Phase::kExited);
  worker.crashes = 9;
  observed_.workloads = {crashed, worker};
  EXPECT_EQ(Facts().crashes, 2);
  EXPECT_EQ(Facts().trouble, "c-master-0 exited with code 1");
}

}  // namespace
}  // namespace headpond::plan
