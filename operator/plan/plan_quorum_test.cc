// Plans for clusters of several masters.
#include <gmock/gmock.h>

#include "operator/plan/plan.h"

namespace headpond::plan {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'000'000;
constexpr uint64_t kSequence = 50'000;
const RestartPolicy kPolicy;

class QuorumPlanTest : public ::testing::Test {
 protected:
  QuorumPlanTest() { desired_.workloads = Workloads("1"); }

  static std::vector<Workload> Workloads(const std::string& setting, int masters = 3) {
    std::vector<Workload> workloads;
    for (int i = 0; i < masters; ++i) {
      Workload master{.role = Role::kMaster, .ordinal = i, .args = {"master", setting}};
      master.name = "c-master-" + std::to_string(i);
      master.quorum_address = "h:1920" + std::to_string(i);
      workloads.push_back(std::move(master));
    }
    workloads.push_back({.role = Role::kWorker, .name = "c-worker-0", .args = {"worker", setting}});
    return workloads;
  }

  // All run with the configuration of before; the master `leader` leads.
  static ObservedCluster Old(int leader) {
    ObservedCluster observed;
    for (const Workload& workload : Workloads("0"))
      observed.workloads.push_back(Running(workload, leader));
    return observed;
  }
  // All run with the wanted configuration.
  static ObservedCluster Current(int leader) {
    ObservedCluster observed;
    for (const Workload& workload : Workloads("1"))
      observed.workloads.push_back(Running(workload, leader));
    return observed;
  }
  static ObservedWorkload Running(const Workload& workload, int leader) {
    ObservedWorkload seen{.name = workload.name,
                          .role = workload.role,
                          .ordinal = workload.ordinal,
                          .config_hash = workload.ConfigHash(),
                          .serving = true,
                          .started_at_ms = kNow - 100'000,
                          .proven_hash = workload.ConfigHash()};
    if (workload.role == Role::kMaster)
      seen.quorum =
          QuorumView{.leads = workload.ordinal == leader, .term = 3, .sequence = kSequence};
    return seen;
  }
  // `masters` run with the wanted configuration, and say that these take part: all that run, if
  // `members` is empty.
  static ObservedCluster Members(int masters, int leader, std::vector<QuorumMember> members = {}) {
    ObservedCluster observed;
    for (const Workload& workload : Workloads("1", masters))
      observed.workloads.push_back(Running(workload, leader));
    if (members.empty())
      for (int i = 0; i < masters; ++i) members.push_back(Voter(i));
    for (ObservedWorkload& workload : observed.workloads) {
      if (!workload.quorum) continue;
      workload.quorum->leader = Voter(leader).address;
      workload.members = members;
    }
    return observed;
  }
  static QuorumMember Voter(int ordinal) {
    return {"h:1920" + std::to_string(ordinal), /*votes=*/true, /*available=*/true};
  }
  void Want(int masters) { desired_.workloads = Workloads("1", masters); }
  // Without what workers wait for.
  std::string MastersPlanOf(const ObservedCluster& observed) const {
    Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
    std::erase_if(plan.steps,
                  [](const Step& step) { return step.action.workload == "c-worker-0"; });
    return Describe(plan);
  }
  static void Elect(ObservedCluster& observed) {
    for (ObservedWorkload& workload : observed.workloads) {
      if (!workload.quorum) continue;
      workload.quorum.reset();
      workload.serving = false;
    }
  }
  static void Exit(ObservedWorkload& workload) {
    workload.phase = Phase::kExited;
    workload.serving = false;
    workload.quorum.reset();
    workload.crashes = 1;
    workload.exited_at_ms = kNow - 5000;
    workload.message = "was killed by signal 9";
  }
  void MakeCurrent(ObservedWorkload& workload) const {
    workload.config_hash =
        desired_.workloads.at(static_cast<size_t>(workload.ordinal)).ConfigHash();
  }

  std::string PlanOf(const ObservedCluster& observed) const {
    return Describe(MakePlan(desired_, observed, kNow, kPolicy));
  }

  DesiredCluster desired_;
};

TEST_F(QuorumPlanTest, MastersStartTogetherAndWorkersWaitForALeader) {
  EXPECT_EQ(PlanOf({}),
            "start c-master-0 (not running)\nstart c-master-1 (not running)\n"
            "start c-master-2 (not running)\n"
            "start c-worker-0 (not running), waits for c-master-0 to serve, c-master-1 to serve, "
            "c-master-2 to serve\n");
  ObservedCluster observed = Current(2);
  observed.workloads.pop_back();
  Exit(observed.workloads[0]);
  EXPECT_THAT(PlanOf(observed), HasSubstr("start c-worker-0 (not running)\n"));
  observed.workloads[2].quorum->leads = false;
  EXPECT_THAT(PlanOf(observed),
              HasSubstr("start c-worker-0 (not running), waits for a master to lead\n"));
}

TEST_F(QuorumPlanTest, AMasterThatCrashedIsStartedAgainAndNobodyElseIsTouched) {
  ObservedCluster observed = Current(1);
  Exit(observed.workloads[1]);
  observed.workloads[0].quorum->leads = true;
  EXPECT_EQ(PlanOf(observed), "start c-master-1 (was killed by signal 9)\n");
}

TEST_F(QuorumPlanTest, AChangeReachesTheLeaderLast) {
  EXPECT_EQ(PlanOf(Old(0)),
            "stop c-master-1 (its configuration changed)\n"
            "stop c-master-2 (its configuration changed), waits for c-master-1 to serve\n"
            "stop c-master-0 (its configuration changed), waits for c-master-1 to serve the new "
            "configuration, c-master-2 to serve the new configuration\n"
            "stop c-worker-0 (its configuration changed), waits for c-master-0 to serve the new "
            "configuration, c-master-1 to serve the new configuration, c-master-2 to serve the new "
            "configuration\n");
}

TEST_F(QuorumPlanTest, TheNextWaitsUntilTheLastOneHasCaughtUp) {
  ObservedCluster observed = Old(0);
  MakeCurrent(observed.workloads[1]);
  observed.workloads[1].quorum->sequence = 0;
  const Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
  EXPECT_THAT(plan.Runnable(), IsEmpty());
  EXPECT_THAT(Describe(plan), HasSubstr("c-master-1 is catching up\n"));
  observed.workloads[1].quorum->sequence = kSequence - 100;
  EXPECT_THAT(PlanOf(observed),
              ::testing::StartsWith("stop c-master-2 (its configuration changed)\n"));
}

TEST_F(QuorumPlanTest, TheLeaderHandsOverToOneThatIsCloseBehindItAndThenGoes) {
  ObservedCluster observed = Old(0);
  for (const size_t master : {1, 2}) MakeCurrent(observed.workloads[master]);
  observed.workloads[1].quorum->sequence -= 20;
  EXPECT_EQ(MakePlan(desired_, observed, kNow, kPolicy).Runnable().at(0).to, "c-master-1");
  observed.workloads[1].quorum->sequence -= 2000;
  observed.workloads[2].quorum->sequence -= 10;
  const Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
  ASSERT_EQ(plan.Runnable().size(), 1u);
  EXPECT_EQ(plan.Runnable()[0].kind, ActionKind::kTransfer);
  EXPECT_EQ(plan.Runnable()[0].to, "c-master-2");
  EXPECT_THAT(Describe(plan),
              ::testing::StartsWith(
                  "transfer leadership from c-master-0 (its configuration changed; c-master-2 is "
                  "to lead)\nstop c-master-0 (its configuration changed), waits for c-master-2 to "
                  "lead\n"));
  observed.workloads[0].quorum->leads = false;
  observed.workloads[2].quorum->leads = true;
  observed.workloads[2].quorum->term = 4;
  EXPECT_THAT(PlanOf(observed),
              ::testing::StartsWith("stop c-master-0 (its configuration changed)\n"));
}

TEST_F(QuorumPlanTest, ALeaderThatDoesNotHandOverIsStoppedInTheEnd) {
  ObservedCluster observed = Old(0);
  for (const size_t master : {1, 2}) MakeCurrent(observed.workloads[master]);
  observed.refused_transfers = 3;
  EXPECT_THAT(PlanOf(observed),
              ::testing::StartsWith("stop c-master-0 (its configuration changed)\n"));
}

TEST_F(QuorumPlanTest, OfTwoThatSayTheyLeadTheLaterOneDoes) {
  ObservedCluster observed = Old(0);
  observed.workloads[2].quorum->leads = true;
  observed.workloads[2].quorum->term = 4;
  EXPECT_EQ(LeaderOf(observed), &observed.workloads[2]);
  EXPECT_THAT(PlanOf(observed),
              ::testing::StartsWith("stop c-master-0 (its configuration changed)\n"));
}

// A moment without a leader is no licence to stop what doesn't serve for it.
TEST_F(QuorumPlanTest, WithoutALeaderOneMasterAtATimeIsReplaced) {
  ObservedCluster observed = Old(0);
  Elect(observed);
  Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
  ASSERT_EQ(plan.Runnable().size(), 1u);
  EXPECT_EQ(plan.Runnable()[0].workload, "c-master-0");
  Exit(observed.workloads[1]);
  plan = MakePlan(desired_, observed, kNow, kPolicy);
  for (const Action& action : plan.Runnable()) EXPECT_NE(action.kind, ActionKind::kStop);
}

TEST_F(QuorumPlanTest, ANewConfigurationIsNotJudgedWhileNobodyLeads) {
  ObservedCluster observed = Old(0);
  MakeCurrent(observed.workloads[1]);
  observed.workloads[1].started_at_ms = kNow - kPolicy.serve_within.count();
  observed.workloads[1].serving = false;
  observed.workloads[1].quorum.reset();
  EXPECT_THAT(PlanOf(observed), HasSubstr("restore c-master-1"));
  Elect(observed);
  EXPECT_THAT(PlanOf(observed), ::testing::Not(HasSubstr("restore")));
}

TEST_F(QuorumPlanTest, MastersJoinOneAfterTheOther) {
  Want(5);
  ObservedCluster observed = Members(3, 1);
  EXPECT_EQ(MastersPlanOf(observed),
            "start c-master-3 (not running)\n"
            "start c-master-4 (not running), waits for c-master-3 to join\n");
  observed = Members(4, 1, {Voter(0), Voter(1), Voter(2), {"h:19203"}});
  EXPECT_EQ(MastersPlanOf(observed),
            "start c-master-4 (not running), waits for c-master-3 to join\n"
            "c-master-3 is joining the other masters\n");
  const Plan plan = MakePlan(desired_, observed, kNow, kPolicy);
  EXPECT_THAT(plan.joining, ::testing::ElementsAre("c-master-3", "c-master-4"));
  EXPECT_EQ(MastersPlanOf(Members(4, 1)), "start c-master-4 (not running)\n");
  EXPECT_EQ(MastersPlanOf(Members(5, 1)), "");
}

// Whoever leads next, workers find it in the list that they have.
TEST_F(QuorumPlanTest, EverybodyHasTheLongerListBeforeAMasterJoins) {
  Want(5);
  ObservedCluster observed = Members(3, 0);
  for (ObservedWorkload& workload : observed.workloads) workload.config_hash = "three";
  const auto waits = [&] { return MastersPlanOf(observed); };
  EXPECT_THAT(waits(), HasSubstr("start c-master-3 (not running), waits for c-master-0 to get its "
                                 "configuration, "));
  EXPECT_THAT(waits(), HasSubstr("\nstop c-master-1 (its configuration changed)\n"));
  for (const size_t master : {0, 1, 2}) MakeCurrent(observed.workloads[master]);
  EXPECT_EQ(PlanOf(observed),
            "start c-master-3 (not running), waits for c-worker-0 to get its configuration\n"
            "start c-master-4 (not running), waits for c-master-3 to join, c-worker-0 to get its "
            "configuration\n"
            "stop c-worker-0 (its configuration changed)\n");
}

TEST_F(QuorumPlanTest, NobodyJoinsWhileAMemberIsAway) {
  Want(5);
  ObservedCluster observed = Members(3, 1);
  Exit(observed.workloads[2]);
  EXPECT_THAT(MastersPlanOf(observed),
              HasSubstr("start c-master-3 (not running), waits for c-master-2 to serve\n"));
  Elect(observed);
  EXPECT_THAT(MastersPlanOf(observed),
              HasSubstr("start c-master-3 (not running), waits for a master to lead\n"));
}

TEST_F(QuorumPlanTest, AMasterLeavesBeforeItIsStopped) {
  ObservedCluster observed = Members(5, 1);
  EXPECT_EQ(MastersPlanOf(observed),
            "dismiss master h:19204 (no longer wanted)\n"
            "dismiss master h:19203 (no longer wanted), waits for h:19204 to leave\n"
            "stop c-master-4 (no longer wanted), waits for h:19204 to leave, h:19203 to leave\n"
            "stop c-master-3 (no longer wanted), waits for h:19204 to leave, h:19203 to leave\n");
  EXPECT_EQ(MastersPlanOf(Members(5, 1, {Voter(0), Voter(1), Voter(2)})),
            "stop c-master-4 (no longer wanted)\nstop c-master-3 (no longer wanted)\n");
}

TEST_F(QuorumPlanTest, OneThatIsAwayLeavesFirst) {
  ObservedCluster observed = Members(5, 1);
  Exit(observed.workloads[3]);
  for (ObservedWorkload& workload : observed.workloads)
    if (workload.quorum) workload.members[3].available = false;
  EXPECT_THAT(MastersPlanOf(observed),
              ::testing::StartsWith("dismiss master h:19203 (no longer wanted)\n"));
}

TEST_F(QuorumPlanTest, ALeaderThatIsTooManyHandsOverFirst) {
  ObservedCluster observed = Members(5, 4, {Voter(0), Voter(1), Voter(2), Voter(4)});
  EXPECT_THAT(MastersPlanOf(observed),
              ::testing::StartsWith(
                  "transfer leadership from c-master-4 (no longer wanted; c-master-0 is to lead)\n"
                  "dismiss master h:19204 (no longer wanted), waits for another master to lead\n"));
  observed.refused_transfers = 3;
  EXPECT_THAT(
      MastersPlanOf(observed),
      ::testing::StartsWith("stop c-master-4 (no longer wanted, and does not hand over)\n"));
}

TEST_F(QuorumPlanTest, NobodyLeavesWhenTheOthersWouldHaveNoMajority) {
  ObservedCluster observed = Members(5, 0);
  for (const size_t master : {1, 2}) Exit(observed.workloads[master]);
  EXPECT_THAT(MastersPlanOf(observed),
              ::testing::StartsWith("dismiss master h:19204 (no longer wanted), waits for a "
                                    "majority without h:19204 to serve\n"));
}

TEST_F(QuorumPlanTest, OneThatWasNotLetInYetEndsFirst) {
  const ObservedCluster observed =
      Members(4, 0, {Voter(0), Voter(1), Voter(2), {"h:19203", /*votes=*/false}});
  EXPECT_EQ(MastersPlanOf(observed),
            "dismiss master h:19203 (no longer wanted), waits for c-master-3 to end\n"
            "stop c-master-3 (no longer wanted)\n");
}

// Its vote may be what the others need to go on, and to let it leave.
TEST_F(QuorumPlanTest, WithoutALeaderOneThatIsTooManyIsStartedAgain) {
  ObservedCluster observed = Members(5, 0);
  for (const size_t master : {3, 4}) Exit(observed.workloads[master]);
  Elect(observed);
  EXPECT_THAT(MastersPlanOf(observed),
              ::testing::StartsWith("restore c-master-4 (it may be a member still)\n"
                                    "restore c-master-3 (it may be a member still)\n"));
}

TEST_F(QuorumPlanTest, OneThatIsAloneIsStartedAnewBeforeOthersJoin) {
  ObservedCluster observed = Members(1, 0);
  observed.workloads[0].quorum.reset();
  observed.workloads[0].members.clear();
  observed.workloads[0].config_hash = observed.workloads[0].proven_hash = "alone";
  EXPECT_EQ(MastersPlanOf(observed),
            "start c-master-1 (not running), waits for c-master-0 to lead\n"
            "start c-master-2 (not running), waits for c-master-0 to lead\n"
            "stop c-master-0 (its configuration changed)\n");
  EXPECT_EQ(MastersPlanOf(Members(1, 0)),
            "start c-master-1 (not running)\n"
            "start c-master-2 (not running), waits for c-master-1 to join\n");
}

TEST_F(QuorumPlanTest, NothingIsToBeDoneWhenAllIsAsWanted) {
  EXPECT_EQ(PlanOf(Current(1)), "");
  ObservedCluster moved = Current(2);
  EXPECT_EQ(PlanOf(moved), "") << "whoever leads";
}

}  // namespace
}  // namespace headpond::plan
