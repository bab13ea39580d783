#include "operator/controller/status.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/api/kind.h"
#include "operator/plan/desired.h"
#include "testing/status_matchers.h"

namespace headpond::controller {
namespace {

using plan::ObservedWorkload;

constexpr int64_t kNow = 1'700'000'000'000;

class StatusTest : public ::testing::Test {
 protected:
  StatusTest() {
    auto cluster = api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                                          {"kind", api::kCacheClusterKind},
                                          {"metadata", {{"name", "c"}}},
                                          {"spec", {{"worker", {{"replicas", 2}}}}}});
    cluster_ = *std::move(cluster);
    cluster_.metadata.generation = 7;
    workloads_ = plan::Desired(cluster_, {.cluster_dir = "/d", .memory_dir = "/m"});
  }

  ObservedWorkload Seen(size_t index, bool serving = true) const {
    const plan::Workload& w = workloads_.at(index);
    return {.name = w.name,
            .role = w.role,
            .ordinal = w.ordinal,
            .config_hash = w.ConfigHash(),
            .serving = serving,
            .pid = 9};
  }

  ClusterStatus Compute(const std::vector<ObservedWorkload>& seen,
                        const Status& trouble = Status::Ok()) {
    const plan::ObservedCluster observed{.workloads = seen};
    const plan::Plan plan = plan::MakePlan(
        {.workloads = workloads_, .generation = cluster_.metadata.generation}, observed, kNow, {});
    return ComputeStatus(cluster_, workloads_, observed, plan, trouble, before_, kNow);
  }

  api::CacheCluster cluster_;
  std::vector<plan::Workload> workloads_;
  ClusterStatus before_;
};

TEST_F(StatusTest, NothingRunsYet) {
  const ClusterStatus status = Compute({});
  EXPECT_EQ(status.phase, "Pending");
  EXPECT_EQ(status.Find("Ready")->reason, "NoMasterServes");
  EXPECT_EQ(status.Find("WorkersReady")->message, "0 of 2 ready, 0 with the current configuration");
  for (const Condition& condition : status.conditions) {
    EXPECT_EQ(condition.observed_generation, 7);
    EXPECT_EQ(condition.last_transition_time, "2023-11-14T22:13:20Z");
    EXPECT_FALSE(condition.reason.empty());
  }
}

TEST_F(StatusTest, OneWorkerOfTwoIsUsableButNotAsDesired) {
  ObservedWorkload master = Seen(0);
  master.live_workers = 1;
  const ClusterStatus status = Compute({master, Seen(1), Seen(2, false)});
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_FALSE(status.IsTrue("WorkersReady"));
  EXPECT_TRUE(status.IsTrue("Progressing"));
  EXPECT_EQ(status.phase, "Progressing");
}

TEST_F(StatusTest, AWorkerCountsWhenTheMasterKnowsIt) {
  ObservedWorkload master = Seen(0);
  master.live_workers = 0;
  ClusterStatus status = Compute({master, Seen(1), Seen(2)});
  EXPECT_FALSE(status.IsTrue("Ready"));
  EXPECT_EQ(status.Find("Ready")->reason, "NoWorkerRegistered");
  EXPECT_EQ(status.Find("Progressing")->reason, "WorkersRegistering");
  master.live_workers = 2;
  status = Compute({master, Seen(1), Seen(2)});
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_FALSE(status.IsTrue("Progressing"));
  EXPECT_EQ(status.phase, "Ready");
}

TEST_F(StatusTest, WhatCantBeMendedIsToldAsLongAsItIsWanted) {
  workloads_[0].volumes = {{.name = "state", .volume_name = "c-state", .claim_bytes = 10}};
  ObservedWorkload master = Seen(0);
  master.claims = {{"c-state", 9}};
  master.mend_failed_at_ms = kNow - 1;
  master.mend_failure = "spec.x: the claim stays at 9B";
  ClusterStatus status = Compute({master, Seen(1), Seen(2)});
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_EQ(status.Find("Degraded")->reason, "MendFailed");
  EXPECT_THAT(status.Find("Degraded")->message, ::testing::HasSubstr("stays at 9B"));
  master.claims = {{"c-state", 10}};
  status = Compute({master, Seen(1), Seen(2)});
  EXPECT_FALSE(status.IsTrue("Degraded"));
}

TEST_F(StatusTest, ANodeThatDoesNotAnswerIsNamedWithWhatToDo) {
  ObservedWorkload lost = Seen(1, false), ending = Seen(2, false);
  lost.scheduled_to = ending.scheduled_to = "n2";
  lost.cut_off = ending.cut_off = true;
  ending.phase = plan::Phase::kStopping;
  const ClusterStatus status = Compute({Seen(0), lost, ending});
  EXPECT_EQ(status.phase, "Degraded");
  EXPECT_EQ(status.Find("Degraded")->reason, "NodeUnavailable");
  EXPECT_THAT(status.Find("Degraded")->message,
              ::testing::AllOf(::testing::HasSubstr("node n2 does not answer: " + lost.name + ", " +
                                                    ending.name),
                               ::testing::HasSubstr("kubectl delete node n2")));
  for (const size_t worker : {1, 2}) {
    EXPECT_EQ(status.daemons.at(worker).node, "n2");
    EXPECT_EQ(status.daemons.at(worker).state, "Unreachable");
  }
  EXPECT_EQ(status.daemons.at(0).node, "");
}

TEST_F(StatusTest, AnOutdatedDaemonIsNotReadyAsDesired) {
  ObservedWorkload outdated = Seen(1);
  outdated.config_hash = "old";
  const ClusterStatus status = Compute({Seen(0), outdated, Seen(2)});
  EXPECT_TRUE(status.IsTrue("Ready"));
  EXPECT_FALSE(status.IsTrue("WorkersReady"));
  EXPECT_EQ(status.workers.updated, 1);
}

TEST_F(StatusTest, TransitionTimesChangeWithTheStatusOnly) {
  before_.conditions = {{"Ready", "False", "x", "", "2020-01-01T00:00:00Z", 1},
                        {"Progressing", "False", "x", "", "2020-01-01T00:00:00Z", 1}};
  const ClusterStatus status = Compute({});
  EXPECT_EQ(status.Find("Ready")->last_transition_time, "2020-01-01T00:00:00Z");
  EXPECT_EQ(status.Find("Progressing")->last_transition_time, "2023-11-14T22:13:20Z");
}

TEST_F(StatusTest, TroubleOfTheOperatorIsDegraded) {
  const ClusterStatus status = Compute({Seen(0), Seen(1), Seen(2)}, Unavailable("disk gone"));
  EXPECT_EQ(status.Find("Degraded")->reason, "OperatorError");
  EXPECT_EQ(status.Find("Degraded")->message, "disk gone");
}

TEST_F(StatusTest, AChangeThatWasGivenUpSaysWhichDaemonKeepsWhatAndWhy) {
  ObservedWorkload kept = Seen(1);
  kept.config_hash = kept.proven_hash = "0123456789abcdef";
  kept.refusal = plan::Refusal{workloads_.at(1).ConfigHash(), 7, kNow, "Crashed",
                               "exited with code 1; last output: no (3 times in a row)"};
  const ClusterStatus status = Compute({Seen(0), kept, Seen(2)});
  EXPECT_EQ(status.phase, "Degraded");
  EXPECT_TRUE(status.IsTrue("Ready"));
  const std::string text = "c-worker-0 keeps configuration 0123456789abcdef, because " +
                           workloads_.at(1).ConfigHash() +
                           " was refused: Crashed: exited with code 1; last output: no "
                           "(3 times in a row)";
  for (const auto& [type, value, reason] : {std::tuple("Progressing", "False", "RolledBack"),
                                            {"UpgradeBlocked", "True", "Crashed"},
                                            {"Degraded", "True", "RolledBack"}}) {
    const Condition* const condition = status.Find(type);
    ASSERT_NE(condition, nullptr) << type;
    EXPECT_EQ(condition->status, value) << type;
    EXPECT_EQ(condition->reason, reason) << type;
    EXPECT_EQ(condition->message, text) << type;
  }
  EXPECT_THAT(status.rollout, ::testing::ElementsAre(text));
}

TEST_F(StatusTest, ARollOutCountsItsStepsFromItsBeginning) {
  before_ = Compute({});
  EXPECT_EQ(before_.rollout_step, 1) << "the master's start; workers wait for it";
  EXPECT_EQ(before_.rollout_started_at, "2023-11-14T22:13:20Z");
  before_.rollout_started_at = "2023-11-14T22:00:00Z";
  ClusterStatus status = Compute({Seen(0)});
  EXPECT_EQ(status.rollout_step, 3);
  EXPECT_EQ(status.rollout_started_at, "2023-11-14T22:00:00Z");
  EXPECT_EQ(ToJson(status)["rollout"],
            nlohmann::json(
                {{"plan", {"start c-worker-0 (not running)", "start c-worker-1 (not running)"}},
                 {"step", 3},
                 {"startedAt", "2023-11-14T22:00:00Z"}}));
  ASSERT_OK_AND_ASSIGN(const ClusterStatus read, ParseStatus(ToJson(status)));
  EXPECT_EQ(ToJson(read), ToJson(status));
  cluster_.metadata.generation = 8;
  status = Compute({Seen(0)});
  EXPECT_EQ(status.rollout_step, 2) << "another spec, another roll-out";
  EXPECT_FALSE(ToJson(Compute({Seen(0), Seen(1), Seen(2)})).contains("rollout"));
}

// An API server that follows the schema would refuse or drop what it doesn't know.
TEST_F(StatusTest, EverythingItSaysIsInTheSchema) {
  const api::Schema& schema = api::StatusSchema(*api::FindKind(api::kCacheClusterKind));
  before_ = Compute({});
  ObservedWorkload failed = Seen(1, /*serving=*/false);
  failed.pid = 0;
  failed.exited_at_ms = kNow;
  ClusterStatus whole = Compute({Seen(0), failed}, Unavailable("gone"));
  whole.registered_workers = 1;
  whole.bootstrap_uri = "/backups/x.gz";
  whole.restore = plan::RestoreRecord{.uid = "u",
                                      .name = "r",
                                      .uri = "/backups/y.gz",
                                      .step = plan::RestoreStep::kFailed,
                                      .started_at_ms = kNow,
                                      .deadline_at_ms = kNow + 1000,
                                      .finished_at_ms = kNow + 2000,
                                      .message = "no file"};
  EXPECT_EQ(ParseStatus(ToJson(whole))->restore, whole.restore);
  EXPECT_EQ(ParseStatus(ToJson(whole))->bootstrap_uri, "/backups/x.gz");
  for (const ClusterStatus& status : {before_, Compute({Seen(0), Seen(1), Seen(2)}), whole}) {
    const api::Findings findings = schema.Check(ToJson(status));
    EXPECT_EQ(api::JoinIssues(findings.errors), "");
    EXPECT_EQ(api::JoinIssues(findings.warnings), "");
  }
}

// Whoever wrote it: what is set aside comes back.
TEST_F(StatusTest, ARestoreAtAnUnknownStepGoesBack) {
  nlohmann::json status = ToJson(Compute({}));
  status["restore"] = {{"uid", "u"},    {"name", "r"},      {"uri", "/x"},
                       {"step", "Odd"}, {"startedAtMs", 1}, {"deadlineAtMs", 2}};
  ASSERT_OK_AND_ASSIGN(const ClusterStatus read, ParseStatus(status));
  EXPECT_EQ(read.restore->step, plan::RestoreStep::kWithdrawing);
}

TEST_F(StatusTest, SaysWhereThingsAre) {
  const ClusterStatus status = Compute({Seen(0), Seen(1), Seen(2)});
  EXPECT_EQ(status.under_store, "/d/under-store");
  EXPECT_EQ(status.endpoints.at("masterWeb"), "http://localhost:19999");
  EXPECT_EQ(status.daemons.at(2).address, "localhost:30009");
  EXPECT_EQ(status.daemons.at(2).logs, "/d/logs/c-worker-1");
  EXPECT_THAT(status.data, ::testing::Contains("/d/volumes/c-master-0"));
}

}  // namespace
}  // namespace headpond::controller
