#include "journal/embedded/membership.h"

#include <gmock/gmock.h>

namespace headpond::journal {
namespace {

using consensus::Addresses;
using consensus::ConfChangeKind;
using consensus::MemberStatus;
using ::testing::HasSubstr;

const std::vector<std::string> kMasters = {"m-1:1", "m-2:1", "m-3:1"};
const Addresses kFounders = {{1, "m-1:1"}, {2, "m-2:1"}, {3, "m-3:1"}};

std::string AddressOf(uint64_t id) {
  return "m-" + std::to_string(id) + ":1";
}

// A master without a cluster.
MasterDescription Blank(uint64_t id) {
  return {.id = id, .address = AddressOf(id), .masters = kMasters};
}

// One of the cluster "c" of nodes 1 to 3, led by node 1.
MasterDescription Formed(uint64_t id) {
  MasterDescription description = Blank(id);
  description.cluster_id = "c";
  description.founders = kFounders;
  for (const auto& [other, address] : kFounders)
    description.members.push_back({.id = other, .address = address});
  description.leader = 1;
  return description;
}

MasterDescriptions Answers(const std::vector<MasterDescription>& all) {
  MasterDescriptions answers;
  for (const MasterDescription& one : all) answers[one.address] = one;
  return answers;
}

TEST(BeginningTest, TheFirstOfTheListFoundsOnceAllHaveAnswered) {
  const Beginning first = DecideBeginning(Blank(1), Answers({Blank(2), Blank(3)}));
  EXPECT_EQ(first.kind, Beginning::Kind::kFound);
  EXPECT_EQ(first.founders, kFounders);
  const Beginning second = DecideBeginning(Blank(2), Answers({Blank(1), Blank(3)}));
  EXPECT_EQ(second.kind, Beginning::Kind::kWait);
  EXPECT_THAT(second.why, HasSubstr("m-1:1 founds the cluster"));
}

TEST(BeginningTest, ABackupIsBroughtInByOneFounderWhomTheOthersJoin) {
  const auto restoring = [](uint64_t id) {
    MasterDescription description = Blank(id);
    description.restores = true;
    return description;
  };
  const Beginning first = DecideBeginning(restoring(1), Answers({restoring(2), restoring(3)}));
  EXPECT_EQ(first.kind, Beginning::Kind::kFound);
  EXPECT_EQ(first.founders, (Addresses{{1, "m-1:1"}}));

  MasterDescription founder = Formed(1);
  founder.founders = first.founders;
  EXPECT_EQ(DecideBeginning(restoring(2), Answers({founder, restoring(3)})).kind,
            Beginning::Kind::kJoin);
}

TEST(BeginningTest, MastersThatDisagreeOnWhetherThereIsABackupWait) {
  MasterDescription restoring = Blank(2);
  restoring.restores = true;
  const Beginning beginning = DecideBeginning(Blank(1), Answers({restoring, Blank(3)}));
  EXPECT_EQ(beginning.kind, Beginning::Kind::kWait);
  EXPECT_THAT(beginning.why, HasSubstr("m-2:1 is to begin with a backup and m-1:1 is not: set "
                                       "alluxio.master.journal.init.from.backup on all masters"));
  EXPECT_THAT(DecideBeginning(restoring, Answers({Blank(1), Blank(3)})).why,
              HasSubstr("m-2:1 is to begin with a backup and m-1:1 is not"));
}

TEST(BeginningTest, OneThatIsSilentMayKnowOfACluster) {
  const Beginning beginning = DecideBeginning(Blank(1), Answers({Blank(2)}));
  EXPECT_EQ(beginning.kind, Beginning::Kind::kWait);
  EXPECT_THAT(beginning.why, HasSubstr("m-3:1 did not answer yet"));
}

TEST(BeginningTest, OneMasterAloneFoundsAtOnce) {
  MasterDescription own = Blank(1);
  own.masters = {own.address};
  const Beginning beginning = DecideBeginning(own, {});
  EXPECT_EQ(beginning.kind, Beginning::Kind::kFound);
  EXPECT_EQ(beginning.founders, (Addresses{{1, "m-1:1"}}));
}

TEST(BeginningTest, FoundersEnterTheClusterThatNamesThem) {
  const Beginning beginning = DecideBeginning(Blank(2), Answers({Formed(1), Blank(3)}));
  EXPECT_EQ(beginning.kind, Beginning::Kind::kEnter);
  EXPECT_EQ(beginning.cluster_id, "c");
  EXPECT_EQ(beginning.founders, kFounders);
}

TEST(BeginningTest, AWipedDiskJoinsAndFoundsNothing) {
  MasterDescription wiped = Blank(9);
  wiped.address = "m-1:1";
  for (const auto& answers : {Answers({Formed(2), Formed(3)}), Answers({Formed(2)})}) {
    const Beginning beginning = DecideBeginning(wiped, answers);
    EXPECT_EQ(beginning.kind, Beginning::Kind::kJoin);
    EXPECT_EQ(beginning.cluster_id, "c");
    EXPECT_TRUE(beginning.founders.empty());
  }
}

TEST(BeginningTest, WhatDoesNotFitTogetherWaitsForSomebodyToMendIt) {
  MasterDescription other_list = Blank(2);
  other_list.masters = {"m-1:1", "m-2:1"};
  MasterDescription copy = Blank(2);
  copy.id = 1;
  MasterDescription other_cluster = Formed(3);
  other_cluster.cluster_id = "d";
  struct Case {
    MasterDescriptions answers;
    const char* why;
  };
  const Case cases[] = {
      {Answers({other_list, Blank(3)}), "m-2:1 was given other masters (m-1:1, m-2:1)"},
      {Answers({copy, Blank(3)}), "m-2:1 has the id of another master"},
      {Answers({Formed(2), other_cluster}), "m-2:1 and m-3:1 belong to two clusters"},
      {{{"m-2:1", Blank(3)}, {"m-3:1", Blank(3)}}, "who answers at m-2:1 calls itself m-3:1"},
  };
  for (const Case& c : cases) {
    const Beginning beginning = DecideBeginning(Blank(1), c.answers);
    EXPECT_EQ(beginning.kind, Beginning::Kind::kWait) << c.why;
    EXPECT_THAT(beginning.why, HasSubstr(c.why));
  }
}

TEST(StandingTest, OnlyTheLeaderKnows) {
  EXPECT_EQ(DecideStanding(Formed(2), true, Answers({Formed(1)})).kind, Standing::Kind::kMember);
  EXPECT_EQ(DecideStanding(Formed(2), true, Answers({Formed(3)})).kind, Standing::Kind::kUnknown);
  EXPECT_EQ(DecideStanding(Formed(2), true, {}).kind, Standing::Kind::kUnknown);
}

TEST(StandingTest, WhoIsNoVoterAsksTheLeader) {
  MasterDescription leader = Formed(1);
  const Standing asks = {.kind = Standing::Kind::kJoining, .leader_address = "m-1:1"};
  MasterDescription own = Formed(4);
  EXPECT_EQ(DecideStanding(own, false, Answers({leader})), asks);
  leader.members.push_back({.id = 4, .address = "m-4:1", .voter = false});
  EXPECT_EQ(DecideStanding(own, true, Answers({leader})), asks);
}

TEST(StandingTest, WhoWasAMemberAndIsNoneWasRemoved) {
  MasterDescription leader = Formed(1);
  leader.members.pop_back();
  EXPECT_EQ(DecideStanding(Formed(3), true, Answers({leader, Formed(2)})).kind,
            Standing::Kind::kRemoved);
}

TEST(StandingTest, AnotherClustersLeaderIsNotOurs) {
  MasterDescription leader = Formed(1);
  leader.cluster_id = "d";
  const Standing standing = DecideStanding(Formed(3), true, Answers({leader}));
  EXPECT_EQ(standing.kind, Standing::Kind::kUnknown);
  EXPECT_THAT(standing.why, HasSubstr("m-1:1 belongs to another cluster, d"));
}

class JoinStepTest : public ::testing::Test {
 protected:
  JoinStepTest() {
    status_.id = 1;
    for (const auto& [id, address] : kFounders)
      status_.members.push_back({.id = id, .address = address, .match = 100, .active = true});
  }
  MemberStatus& member(uint64_t id) {
    for (MemberStatus& one : status_.members)
      if (one.id == id) return one;
    return status_.members.emplace_back(
        MemberStatus{.id = id, .address = AddressOf(id), .voter = false});
  }
  void ExpectChange(const JoinStep& step, ConfChangeKind kind, uint64_t node) {
    EXPECT_EQ(step.kind, JoinStep::Kind::kChange);
    EXPECT_EQ(step.change.kind, kind);
    EXPECT_EQ(step.change.node, node);
  }
  consensus::NodeStatus status_;
};

TEST_F(JoinStepTest, ANewMemberLearnsCatchesUpAndVotes) {
  const auto step = [&] { return NextJoinStep(status_, 4, "m-4:1"); };
  ExpectChange(step(), ConfChangeKind::kAddLearner, 4);
  EXPECT_EQ(step().address, "m-4:1");
  member(4).active = true;
  EXPECT_EQ(step().kind, JoinStep::Kind::kWait) << "it has nothing yet";
  member(4).match = 1;
  member(4).lag = 1'000'000;
  EXPECT_EQ(step().kind, JoinStep::Kind::kWait) << "it lags";
  member(4).lag = 10;
  ExpectChange(step(), ConfChangeKind::kAddVoter, 4);
  member(4).voter = true;
  EXPECT_EQ(step().kind, JoinStep::Kind::kJoined);
}

TEST_F(JoinStepTest, ANewDiskTakesThePlaceOfTheOldOnceItHasCaughtUp) {
  member(3).active = false;
  const auto step = [&] { return NextJoinStep(status_, 9, "m-3:1"); };
  ExpectChange(step(), ConfChangeKind::kAddLearner, 9);
  member(9).address = "m-3:1";
  member(9).active = true;
  member(9).match = 100;
  ExpectChange(step(), ConfChangeKind::kRemove, 3);
  std::erase_if(status_.members, [](const MemberStatus& one) { return one.id == 3; });
  ExpectChange(step(), ConfChangeKind::kAddVoter, 9);
}

TEST_F(JoinStepTest, TheAddressOfALivingMemberIsTaken) {
  EXPECT_EQ(NextJoinStep(status_, 9, "m-3:1").kind, JoinStep::Kind::kWait);
  EXPECT_EQ(NextJoinStep(status_, 9, "m-1:1").kind, JoinStep::Kind::kWait);
}

}  // namespace
}  // namespace headpond::journal
