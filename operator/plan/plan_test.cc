#include "operator/plan/plan.h"

#include <gmock/gmock.h>

namespace headpond::plan {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kNow = 1'000'000;
const RestartPolicy kPolicy;

Workload Wanted(Role role, int ordinal, std::string setting = "1") {
  Workload workload{
      .role = role, .ordinal = ordinal, .args = {std::string(RoleName(role)), std::move(setting)}};
  workload.name = "c-" + std::string(RoleName(role)) + "-" + std::to_string(ordinal);
  return workload;
}

ObservedWorkload Seen(const Workload& workload, Phase phase, bool serving = false) {
  return {.name = workload.name,
          .role = workload.role,
          .ordinal = workload.ordinal,
          .phase = phase,
          .config_hash = workload.ConfigHash(),
          .serving = serving,
          .started_at_ms = kNow - 100'000};
}

ObservedWorkload Serving(const Workload& workload) {
  return Seen(workload, Phase::kRunning, true);
}

ObservedWorkload Crashed(const Workload& workload, int crashes, int64_t exited_at_ms) {
  ObservedWorkload seen = Seen(workload, Phase::kExited);
  seen.crashes = crashes;
  seen.exited_at_ms = exited_at_ms;
  seen.message = "exited with code 1";
  return seen;
}

std::string PlanOf(const DesiredCluster& desired, const ObservedCluster& observed) {
  return Describe(MakePlan(desired, observed, kNow, kPolicy));
}

const Workload kMaster = Wanted(Role::kMaster, 0), kWorker0 = Wanted(Role::kWorker, 0),
               kWorker1 = Wanted(Role::kWorker, 1);
const DesiredCluster kDesired{.workloads = {kMaster, kWorker0, kWorker1}};

TEST(PlanTest, StartsMastersBeforeWorkers) {
  EXPECT_EQ(PlanOf(kDesired, {}),
            "start c-master-0 (not running)\n"
            "start c-worker-0 (not running), waits for c-master-0 to serve\n"
            "start c-worker-1 (not running), waits for c-master-0 to serve\n");
  EXPECT_EQ(PlanOf(kDesired, {{Seen(kMaster, Phase::kRunning)}}),
            "start c-worker-0 (not running), waits for c-master-0 to serve\n"
            "start c-worker-1 (not running), waits for c-master-0 to serve\n"
            "c-master-0 does not serve yet\n");
  EXPECT_EQ(PlanOf(kDesired, {{Serving(kMaster)}}),
            "start c-worker-0 (not running)\nstart c-worker-1 (not running)\n");
}

TEST(PlanTest, AMajorityOfMastersIsEnoughForWorkers) {
  const Workload second = Wanted(Role::kMaster, 1), third = Wanted(Role::kMaster, 2);
  const DesiredCluster desired{.workloads = {kMaster, second, third, kWorker0}};
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Seen(second, Phase::kRunning), Serving(third)}}),
            "start c-worker-0 (not running)\nc-master-1 does not serve yet\n");
}

Workload On(const std::string& node, Workload workload) {
  workload.node = node;
  return workload;
}
ObservedWorkload On(const std::string& node, ObservedWorkload seen) {
  seen.node = node;
  return seen;
}

TEST(PlanTest, WhatANodeHasThatCantBeLookedAtIsLeftAlone) {
  const DesiredCluster desired{
      .workloads = {On("a", kMaster), On("a", kWorker0), On("b", kWorker1)}};
  ObservedCluster observed{.workloads = {On("a", Serving(kMaster))}};
  observed.unreachable["b"] = "no answer";
  EXPECT_EQ(PlanOf(desired, observed),
            "start c-worker-0 on node a (not running)\nnode b can't be looked at: no answer\n");
  // A change waits for what may be down there.
  ObservedWorkload outdated = On("a", Serving(kWorker0));
  outdated.config_hash = "other";
  observed.workloads.push_back(outdated);
  EXPECT_EQ(PlanOf(desired, observed),
            "stop c-worker-0 on node a (its configuration changed), waits for c-worker-1 to serve\n"
            "node b can't be looked at: no answer\n");
}

TEST(PlanTest, ADeletionWaitsForNodesThatCantBeLookedAt) {
  DesiredCluster desired{.workloads = {On("a", kMaster), On("b", kWorker0)}};
  desired.deleting = desired.delete_data = true;
  ObservedCluster observed{.workloads = {On("a", Serving(kMaster))}, .has_data = true};
  observed.unreachable["b"] = "no answer";
  EXPECT_EQ(PlanOf(desired, observed),
            "stop c-master-0 on node a (cluster is being deleted)\n"
            "delete data (cluster is being deleted with its data), waits for c-master-0 to be "
            "removed, node b to be there\nnode b can't be looked at: no answer\n");
}

TEST(PlanTest, WorkersMoveOneAtATimeAndEndBeforeTheyStart) {
  const DesiredCluster desired{
      .workloads = {On("a", kMaster), On("b", kWorker0), On("b", kWorker1)}};
  const ObservedCluster observed{.workloads = {On("a", Serving(kMaster)),
                                               On("a", Serving(kWorker0)),
                                               On("a", Serving(kWorker1))}};
  EXPECT_EQ(PlanOf(desired, observed),
            "stop c-worker-1 on node a (it belongs on node b)\n"
            "stop c-worker-0 on node a (it belongs on node b), waits for c-worker-1 to serve where "
            "it belongs\n"
            "start c-worker-0 on node b (not running), waits for c-worker-0 to end on node a\n"
            "start c-worker-1 on node b (not running), waits for c-worker-1 to end on node a\n");
}

class ImagePlanTest : public ::testing::Test {
 protected:
  ImagePlanTest() {
    master_.container = Container{.image = "i:1"};
    worker_.container = Container{.image = "i:1"};
    desired_.workloads = {master_, worker_};
  }
  ObservedCluster With(ObservedImage image, std::vector<ObservedWorkload> workloads = {}) const {
    ObservedCluster observed{.workloads = std::move(workloads)};
    observed.images["i:1"] = std::move(image);
    return observed;
  }

  Workload master_ = Wanted(Role::kMaster, 0), worker_ = Wanted(Role::kWorker, 0);
  DesiredCluster desired_;
};

TEST_F(ImagePlanTest, AnImageIsFetchedOnceAndAllStartsWaitForIt) {
  EXPECT_EQ(PlanOf(desired_, {}),
            "fetch the image of c-master-0 (image i:1 is needed)\n"
            "start c-master-0 (not running), waits for image i:1\n"
            "start c-worker-0 (not running), waits for c-master-0 to serve, image i:1\n");
  EXPECT_EQ(PlanOf(desired_, With({.changed_at_ms = kNow - 10, .message = "is pulled: 1 of 2"})),
            "start c-master-0 (not running), waits for image i:1\n"
            "start c-worker-0 (not running), waits for c-master-0 to serve, image i:1\n"
            "image i:1 is pulled: 1 of 2\n");
  EXPECT_EQ(PlanOf(desired_, With({.state = ImageState::kPresent, .changed_at_ms = kNow - 10})),
            "start c-master-0 (not running)\n"
            "start c-worker-0 (not running), waits for c-master-0 to serve\n");
}

TEST_F(ImagePlanTest, WhatIsKnownForLongIsLookedAtAgain) {
  EXPECT_THAT(
      PlanOf(desired_, With({.state = ImageState::kPresent, .changed_at_ms = kNow - 70'000})),
      ::testing::StartsWith("fetch the image"));
}

TEST_F(ImagePlanTest, AFailedFetchIsRepeatedAfterABackOff) {
  const ObservedCluster observed =
      With({.state = ImageState::kFailed, .changed_at_ms = kNow - 3000, .failures = 3});
  EXPECT_THAT(PlanOf(desired_, observed), ::testing::StartsWith("start c-master-0"));
  EXPECT_EQ(MakePlan(desired_, observed, kNow, kPolicy).due_at_ms, kNow + 1000);
  EXPECT_THAT(Describe(MakePlan(desired_, observed, kNow + 1000, kPolicy)),
              ::testing::StartsWith("fetch the image"));
}

TEST_F(ImagePlanTest, NothingIsStoppedForAnImageThatIsNotThere) {
  const std::vector<ObservedWorkload> running = {Serving(kMaster), Serving(kWorker0)};
  EXPECT_EQ(MakePlan(desired_,
                     With({.state = ImageState::kFailed, .changed_at_ms = kNow - 10, .failures = 1},
                          running),
                     kNow, kPolicy)
                .Runnable()
                .size(),
            0u);
  EXPECT_THAT(
      PlanOf(desired_, With({.state = ImageState::kPresent, .changed_at_ms = kNow}, running)),
      ::testing::StartsWith("stop c-master-0 (its configuration changed)\n"));
}

TEST(PlanTest, WhatIsLeftOfADeletedClusterIsCleanedUpAfterItsDaemons) {
  const DesiredCluster deleting{.deleting = true};
  EXPECT_EQ(PlanOf(deleting, {.has_leftovers = true}), "clean up (cluster is being deleted)\n");
  EXPECT_EQ(PlanOf(deleting, {.workloads = {Crashed(kMaster, 1, kNow)}, .has_leftovers = true}),
            "remove c-master-0 (cluster is being deleted)\n"
            "clean up (cluster is being deleted), waits for c-master-0 to be removed\n");
}

TEST(PlanTest, DoesNothingWhenAllServe) {
  const Plan plan =
      MakePlan(kDesired, {{Serving(kMaster), Serving(kWorker0), Serving(kWorker1)}}, kNow, kPolicy);
  EXPECT_TRUE(plan.converged()) << Describe(plan);
}

TEST(PlanTest, StartsACrashedDaemonAgainAfterItsBackOff) {
  const ObservedCluster recent{
      {Serving(kMaster), Crashed(kWorker0, 3, kNow - 1000), Serving(kWorker1)}};
  EXPECT_EQ(PlanOf(kDesired, recent),
            "start c-worker-0 (exited with code 1), waits for 4000 ms of back-off after crash 3\n");
  EXPECT_EQ(MakePlan(kDesired, recent, kNow, kPolicy).due_at_ms, kNow + 3000);
  EXPECT_EQ(
      PlanOf(kDesired, {{Serving(kMaster), Crashed(kWorker0, 3, kNow - 4000), Serving(kWorker1)}}),
      "start c-worker-0 (exited with code 1)\n");
}

TEST(PlanTest, AClockSetBackDoesNotStretchABackOff) {
  const Plan plan = MakePlan(
      kDesired, {{Serving(kMaster), Crashed(kWorker0, 1, kNow + 1'000'000), Serving(kWorker1)}},
      kNow, kPolicy);
  EXPECT_EQ(plan.due_at_ms, kNow + 1000);
}

TEST(PlanTest, ANewConfigurationIsTriedWithoutBackOff) {
  ObservedWorkload crashed = Crashed(kWorker0, 9, kNow);
  crashed.config_hash = "other";
  EXPECT_EQ(PlanOf(kDesired, {{Serving(kMaster), crashed, Serving(kWorker1)}}),
            "start c-worker-0 (exited with code 1)\n");
}

TEST(PlanTest, ARepairIsTriedWithoutBackOffOnce) {
  DesiredCluster desired = kDesired;
  desired.retry_at_ms = kNow - 10;
  EXPECT_EQ(
      PlanOf(desired, {{Serving(kMaster), Crashed(kWorker0, 9, kNow - 20), Serving(kWorker1)}}),
      "start c-worker-0 (exited with code 1)\n");
  EXPECT_EQ(
      MakePlan(desired, {{Serving(kMaster), Crashed(kWorker0, 9, kNow - 5), Serving(kWorker1)}},
               kNow, kPolicy)
          .due_at_ms,
      kNow - 5 + 60'000);
}

TEST(PlanTest, BackOffDoublesUpToItsLimitAndAStableRunResetsIt) {
  using std::chrono::milliseconds;
  EXPECT_EQ(BackoffAfter(1, kPolicy), milliseconds(1000));
  EXPECT_EQ(BackoffAfter(2, kPolicy), milliseconds(2000));
  EXPECT_EQ(BackoffAfter(7, kPolicy), milliseconds(60'000));
  EXPECT_EQ(BackoffAfter(1'000'000, kPolicy), milliseconds(60'000));
  EXPECT_EQ(NextCrashCount(4, 0, 59'999, kPolicy), 5);
  EXPECT_EQ(NextCrashCount(4, 0, 60'000, kPolicy), 1);
}

TEST(PlanTest, ReplacesOneDaemonAtATimeAndWorkersAfterMasters) {
  const DesiredCluster desired{.workloads = {Wanted(Role::kMaster, 0, "2"),
                                             Wanted(Role::kWorker, 0, "2"),
                                             Wanted(Role::kWorker, 1, "2")}};
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Serving(kWorker0), Serving(kWorker1)}}),
            "stop c-master-0 (its configuration changed)\n"
            "stop c-worker-0 (its configuration changed), waits for c-master-0 to serve the new "
            "configuration\n"
            "stop c-worker-1 (its configuration changed), waits for c-master-0 to serve the new "
            "configuration\n");
  EXPECT_EQ(
      PlanOf(desired, {{Serving(desired.workloads[0]), Serving(kWorker0), Serving(kWorker1)}}),
      "stop c-worker-0 (its configuration changed)\n"
      "stop c-worker-1 (its configuration changed), waits for c-worker-0 to serve\n");
  EXPECT_EQ(PlanOf(desired, {{Serving(desired.workloads[0]), Seen(kWorker0, Phase::kStopping),
                              Serving(kWorker1)}}),
            "stop c-worker-1 (its configuration changed), waits for c-worker-0 to serve\n"
            "c-worker-0 is stopping\n");
}

TEST(PlanTest, AnOutdatedDaemonThatDoesNotServeIsReplacedAtOnce) {
  const DesiredCluster desired{
      .workloads = {kMaster, Wanted(Role::kWorker, 0, "2"), Wanted(Role::kWorker, 1, "2")}};
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Seen(kWorker0, Phase::kRunning),
                              Seen(kWorker1, Phase::kRunning)}}),
            "stop c-worker-0 (its configuration changed)\n"
            "stop c-worker-1 (its configuration changed)\n"
            "c-worker-0 does not serve yet\nc-worker-1 does not serve yet\n");
}

TEST(PlanTest, EndsWhatIsNoLongerWantedFromTheTop) {
  const DesiredCluster desired{.workloads = {kMaster}};
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Serving(kWorker0), Serving(kWorker1)}, true}),
            "stop c-worker-1 (no longer wanted)\nstop c-worker-0 (no longer wanted)\n");
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Seen(kWorker0, Phase::kStopping),
                              Seen(kWorker1, Phase::kExited)},
                             true}),
            "remove c-worker-1 (no longer wanted)\nc-worker-0 is stopping\n");
}

TEST_F(ImagePlanTest, LimitsOfARunningContainerAreChangedInPlace) {
  worker_.container->resources = {.memory_bytes = 1 << 30, .cpus = 0.5};
  desired_.workloads = {master_, worker_};
  ObservedWorkload worker = Serving(worker_);
  worker.limits = Limits{2 << 20, 500'000'000};
  ObservedCluster observed =
      With({.state = ImageState::kPresent, .changed_at_ms = kNow}, {Serving(master_), worker});
  EXPECT_EQ(PlanOf(desired_, observed), "adjust c-worker-0 (memory 1024.00MB, cpus 0.5)\n");
  observed.workloads[1].limits = worker_.container->limits();
  EXPECT_EQ(PlanOf(desired_, observed), "");
}

TEST_F(ImagePlanTest, LimitsThatWereRefusedAreTriedRarely) {
  worker_.container->resources = {.memory_bytes = 1 << 30};
  desired_.workloads = {master_, worker_};
  ObservedWorkload worker = Serving(worker_);
  worker.limits = Limits{2 << 20, 0};
  worker.refused_limits = {worker_.container->limits(), kNow - 10, "no"};
  const ObservedCluster observed =
      With({.state = ImageState::kPresent, .changed_at_ms = kNow}, {Serving(master_), worker});
  const Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
  EXPECT_TRUE(plan.converged()) << Describe(plan);
  EXPECT_EQ(plan.due_at_ms, kNow - 10 + 60'000);
  EXPECT_EQ(MakePlan(desired_, observed, kNow + 60'000, kPolicy).Runnable().size(), 1u);
  worker_.container->resources.memory_bytes = 1 << 29;
  desired_.workloads = {master_, worker_};
  EXPECT_EQ(MakePlan(desired_, observed, kNow, kPolicy).Runnable().size(), 1u);
}

// A change of all daemons from setting 1, with which all served, to setting 2.
class TrialTest : public ::testing::Test {
 protected:
  TrialTest() { desired_.generation = 7; }

  static ObservedWorkload Proven(ObservedWorkload seen) {
    seen.proven_hash = seen.config_hash;
    return seen;
  }
  static ObservedWorkload Old(const Workload& workload) { return Proven(Serving(workload)); }
  // Runs the new setting, or tried to; the old one is kept.
  ObservedWorkload OnTrial(size_t index, Phase phase) const {
    ObservedWorkload seen = Seen(desired_.workloads[index], phase);
    seen.proven_hash = old_[index].ConfigHash();
    return seen;
  }
  ObservedWorkload FailedTrial(size_t index, int crashes) const {
    ObservedWorkload seen = OnTrial(index, Phase::kExited);
    seen.crashes = crashes;
    seen.exited_at_ms = kNow - 60'000;
    seen.reason = "Crashed";
    seen.message = "exited with code 1; last output: no";
    return seen;
  }
  ObservedWorkload PutBack(size_t index) const {
    ObservedWorkload seen = Old(old_[index]);
    seen.refusal = Refusal{desired_.workloads[index].ConfigHash(), 7, kNow - 10, "Crashed",
                           "exited with code 1; last output: no"};
    return seen;
  }
  Plan Make(std::vector<ObservedWorkload> seen) const {
    return MakePlan(desired_, {.workloads = std::move(seen)}, kNow, kPolicy);
  }

  const std::vector<Workload> old_ = {kMaster, kWorker0, kWorker1};
  DesiredCluster desired_{.workloads = {Wanted(Role::kMaster, 0, "2"),
                                        Wanted(Role::kWorker, 0, "2"),
                                        Wanted(Role::kWorker, 1, "2")}};
};

TEST_F(TrialTest, ACrashOrTwoAreNoVerdict) {
  EXPECT_THAT(Describe(Make({FailedTrial(0, 2), Old(kWorker0), Old(kWorker1)})),
              ::testing::StartsWith("start c-master-0 (exited with code 1"));
}

TEST_F(TrialTest, WhatCrashesAgainAndAgainIsGivenUpForWhatServed) {
  const Plan plan = Make({FailedTrial(0, 3), Old(kWorker0), Old(kWorker1)});
  ASSERT_EQ(plan.Runnable().size(), 1u) << Describe(plan);
  const Action action = plan.Runnable()[0];
  EXPECT_EQ(Describe(action),
            "restore c-master-0 (exited with code 1; last output: no (3 times in a row))");
  EXPECT_EQ(action.refusal, (Refusal{desired_.workloads[0].ConfigHash(), 7, kNow, "Crashed",
                                     "exited with code 1; last output: no (3 times in a row)"}));
}

TEST_F(TrialTest, WhatDoesNotEvenStartIsGivenUpAtOnce) {
  ObservedWorkload failed = FailedTrial(0, 1);
  failed.start_failed = true;
  failed.reason = "MountMissing";
  const Plan plan = Make({failed, Old(kWorker0), Old(kWorker1)});
  ASSERT_EQ(plan.Runnable().size(), 1u) << Describe(plan);
  EXPECT_EQ(plan.Runnable()[0].kind, ActionKind::kRestore);
  EXPECT_EQ(plan.Runnable()[0].refusal->reason, "MountMissing");
}

TEST_F(TrialTest, WhatRunsWithoutServingHasItsTime) {
  ObservedWorkload silent = OnTrial(0, Phase::kRunning);
  silent.started_at_ms = kNow - 119'999;
  silent.message = "port 19998: refused";
  Plan plan = Make({silent, Old(kWorker0), Old(kWorker1)});
  EXPECT_THAT(plan.Runnable(), IsEmpty());
  EXPECT_EQ(plan.due_at_ms, kNow + 1);
  silent.started_at_ms = kNow - 120'000;
  plan = Make({silent, Old(kWorker0), Old(kWorker1)});
  ASSERT_EQ(plan.Runnable().size(), 1u) << Describe(plan);
  EXPECT_EQ(plan.Runnable()[0].kind, ActionKind::kRestore);
  EXPECT_EQ(plan.Runnable()[0].refusal->reason, "NotServing");
  EXPECT_EQ(plan.Runnable()[0].refusal->message, "did not serve within 120 s: port 19998: refused");
}

TEST_F(TrialTest, WhatANodeThatDoesNotAnswerHasIsNotTheConfigurationsFault) {
  ObservedWorkload lost = OnTrial(1, Phase::kRunning);
  lost.started_at_ms = kNow - 3'600'000;
  lost.scheduled_to = "n2";
  lost.cut_off = true;
  const Plan plan = Make({Proven(Serving(desired_.workloads[0])), lost, Old(kWorker1)});
  EXPECT_TRUE(plan.Runnable().empty()) << Describe(plan);
  EXPECT_THAT(plan.in_progress,
              ::testing::Contains(::testing::HasSubstr("on node n2, which does not answer")));
}

TEST_F(TrialTest, WhatWasEndedForItIsFollowedByWhatServed) {
  ObservedWorkload ended = OnTrial(0, Phase::kExited);
  ended.refusal = PutBack(0).refusal;
  EXPECT_THAT(Describe(Make({ended, Old(kWorker0), Old(kWorker1)})),
              ::testing::StartsWith("restore c-master-0 (its new configuration was refused)\n"));
}

TEST_F(TrialTest, WhatAMasterCouldNotTakeIsTriedOnNobodyUntilTheSpecChanges) {
  const Plan plan = Make({PutBack(0), Old(kWorker0), Old(kWorker1)});
  EXPECT_TRUE(plan.converged()) << Describe(plan);
  ASSERT_EQ(plan.halted.size(), 1u);
  EXPECT_EQ(Describe(plan.halted[0]),
            "c-master-0 keeps configuration " + kMaster.ConfigHash() + ", because " +
                desired_.workloads[0].ConfigHash() +
                " was refused: Crashed: exited with code 1; last output: no");
  desired_.generation = 8;
  EXPECT_THAT(Describe(Make({PutBack(0), Old(kWorker0), Old(kWorker1)})),
              ::testing::StartsWith("stop c-master-0"));
}

TEST_F(TrialTest, TheUsersWordIsAsGoodAsAChange) {
  desired_.retry_at_ms = kNow;
  EXPECT_THAT(Describe(Make({PutBack(0), Old(kWorker0), Old(kWorker1)})),
              ::testing::StartsWith("stop c-master-0"));
}

TEST_F(TrialTest, WhatOneWorkerCouldNotTakeIsNotTriedOnTheNext) {
  const Plan plan = Make({Proven(Serving(desired_.workloads[0])), PutBack(1), Old(kWorker1)});
  EXPECT_TRUE(plan.converged()) << Describe(plan);
  EXPECT_EQ(plan.halted.size(), 1u);
}

TEST_F(TrialTest, ACrashDuringAHaltIsHealedWithTheConfigurationThatServed) {
  ObservedWorkload crashed = Proven(Crashed(kWorker1, 1, kNow - 500));
  Plan plan = Make({Proven(Serving(desired_.workloads[0])), PutBack(1), crashed});
  EXPECT_EQ(Describe(plan.steps.at(0).action), "restore c-worker-1 (exited with code 1)");
  EXPECT_THAT(plan.Runnable(), IsEmpty());
  EXPECT_EQ(plan.due_at_ms, kNow + 500);
  crashed.exited_at_ms = kNow - 1000;
  plan = Make({Proven(Serving(desired_.workloads[0])), PutBack(1), crashed});
  ASSERT_EQ(plan.Runnable().size(), 1u);
  EXPECT_FALSE(plan.Runnable()[0].refusal.has_value());
}

TEST_F(TrialTest, WhileOneIsOnTrialNoOtherLosesWhatServed) {
  const ObservedWorkload master = Proven(Serving(desired_.workloads[0]));
  ObservedWorkload silent = Proven(Seen(kWorker1, Phase::kRunning));
  const Plan plan = Make({master, OnTrial(1, Phase::kRunning), silent});
  EXPECT_EQ(Describe(plan),
            "stop c-worker-1 (its configuration changed), waits for c-worker-0 to serve the new "
            "configuration\nc-worker-0 does not serve yet\nc-worker-1 does not serve yet\n");
}

TEST_F(TrialTest, AFirstConfigurationHasNothingToGoBackTo) {
  ObservedWorkload crashed = FailedTrial(0, 5);
  crashed.proven_hash.clear();
  EXPECT_THAT(Describe(Make({crashed, Old(kWorker0), Old(kWorker1)})),
              ::testing::StartsWith("start c-master-0"));
}

TEST(PlanTest, PutsBackWhatIsGoneBesideADaemonOnceForAllThatMissIt) {
  ObservedWorkload master = Serving(kMaster), worker = Serving(kWorker0);
  master.missing = {"services c", "services c-master-0"};
  worker.missing = {"services c"};
  EXPECT_EQ(PlanOf(kDesired, {{master, worker, Serving(kWorker1)}}),
            "mend what is beside c-master-0 (gone: services c, services c-master-0)\n");
  worker.surplus = {"networkpolicies c-workers"};
  EXPECT_EQ(PlanOf(kDesired, {{master, worker, Serving(kWorker1)}}),
            "mend what is beside c-master-0 (gone: services c, services c-master-0)\n"
            "mend what is beside c-worker-0 (not wanted: networkpolicies c-workers)\n");
  master.mend_failed_at_ms = kNow - 1000;
  worker = Serving(kWorker0);
  const Plan plan = MakePlan(kDesired, {{master, worker, Serving(kWorker1)}}, kNow, kPolicy);
  EXPECT_TRUE(plan.converged());
  EXPECT_EQ(plan.due_at_ms, kNow - 1000 + kPolicy.max_backoff.count());
}

TEST(PlanTest, ClaimsGrowAndNeverShrink) {
  DesiredCluster desired = kDesired;
  desired.workloads[0].volumes = {{.name = "state", .volume_name = "c-state", .claim_bytes = 10}};
  ObservedWorkload master = Serving(kMaster);
  master.config_hash = desired.workloads[0].ConfigHash();
  const auto plan_with = [&](int64_t bytes) {
    master.claims = {{"c-state", bytes}, {"another", 1}};
    return PlanOf(desired, {{master, Serving(kWorker0), Serving(kWorker1)}});
  };
  EXPECT_EQ(plan_with(9), "mend what is beside c-master-0 (too small: c-state)\n");
  EXPECT_EQ(plan_with(10), "");
  EXPECT_EQ(plan_with(11), "");
}

TEST(PlanTest, DeletionStopsWorkersThenMastersAndKeepsData) {
  DesiredCluster desired = kDesired;
  desired.deleting = true;
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster), Serving(kWorker0)}, true}),
            "stop c-worker-0 (cluster is being deleted)\n"
            "stop c-master-0 (cluster is being deleted), waits for c-worker-0 to end\n");
  EXPECT_EQ(
      PlanOf(desired, {{Serving(kMaster), Seen(kWorker0, Phase::kExited)}, true}),
      "remove c-worker-0 (cluster is being deleted)\nstop c-master-0 (cluster is being deleted)\n");
  EXPECT_EQ(PlanOf(desired, {{}, true}), "");
}

TEST(PlanTest, DeletesDataOnlyWhenToldToAndAfterTheLastDaemon) {
  DesiredCluster desired = kDesired;
  desired.deleting = desired.delete_data = true;
  EXPECT_EQ(
      PlanOf(desired, {{Seen(kMaster, Phase::kExited)}, true}),
      "remove c-master-0 (cluster is being deleted)\n"
      "delete data (cluster is being deleted with its data), waits for c-master-0 to be removed\n");
  EXPECT_EQ(PlanOf(desired, {{}, true}), "delete data (cluster is being deleted with its data)\n");
  EXPECT_EQ(PlanOf(desired, {{}, false}), "");
}

TEST(PlanTest, APausedClusterIsLeftAloneUnlessItIsDeleted) {
  DesiredCluster desired = kDesired;
  desired.paused = true;
  EXPECT_TRUE(MakePlan(desired, {{Crashed(kMaster, 1, 0)}}, kNow, kPolicy).converged());
  desired.deleting = true;
  EXPECT_EQ(PlanOf(desired, {{Serving(kMaster)}}), "stop c-master-0 (cluster is being deleted)\n");
}

}  // namespace
}  // namespace headpond::plan
