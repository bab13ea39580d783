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
