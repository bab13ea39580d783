#include "master/block_master.h"

#include <gmock/gmock.h>

namespace headpond::master {
namespace {

using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const StoragePlace kMem{"MEM", "MEM"};

WorkerAddress Address(const std::string& host) {
  return {.host = host, .rpc_port = 29999, .web_port = 30000};
}

class BlockMasterTest : public ::testing::Test {
 protected:
  WorkerId Register(const std::string& host, std::vector<BlockId> blocks = {}) {
    const WorkerId id = master_.GetWorkerId(Address(host));
    EXPECT_TRUE(master_.RequestLease(id)->allowed);
    Registration registration;
    registration.capacity_bytes = {{"MEM", 1000}};
    EXPECT_TRUE(master_.BeginRegistration(id, registration).ok());
    EXPECT_TRUE(master_.AddBlocks(id, {{kMem, std::move(blocks)}}).ok());
    EXPECT_TRUE(master_.FinishRegistration(id).ok());
    return id;
  }

  WorkerCommand Beat(WorkerId id, BlocksByPlace added = {}, std::vector<BlockId> removed = {}) {
    return master_.Heartbeat(
        {.worker_id = id, .added = std::move(added), .removed = std::move(removed)});
  }

  ManualClock clock_;
  std::set<BlockId> known_{1, 2, 3, 4};
  BlockMaster master_{
      {.lease_count = 2, .is_known = [this](BlockId block) { return known_.contains(block); }},
      clock_,
      Random(7)};
};

TEST_F(BlockMasterTest, GivesTheSameAddressTheSameId) {
  const WorkerId id = master_.GetWorkerId(Address("a"));
  EXPECT_GE(id, 0);
  EXPECT_EQ(master_.GetWorkerId(Address("a")), id);
  EXPECT_NE(master_.GetWorkerId(Address("b")), id);
}

TEST_F(BlockMasterTest, ShowsAWorkersBlocksOnceItsRegistrationIsWhole) {
  const WorkerId id = master_.GetWorkerId(Address("a"));
  ASSERT_TRUE(master_.RequestLease(id)->allowed);
  ASSERT_TRUE(master_.BeginRegistration(id, {}).ok());
  ASSERT_TRUE(master_.AddBlocks(id, {{kMem, {1}}}).ok());
  EXPECT_THAT(master_.CopiesOf(1), IsEmpty());
  EXPECT_THAT(master_.Workers(), IsEmpty());
  ASSERT_TRUE(master_.FinishRegistration(id).ok());
  ASSERT_THAT(master_.CopiesOf(1), SizeIs(1));
  EXPECT_EQ(master_.CopiesOf(1)[0].address.host, "a");
}

TEST_F(BlockMasterTest, RegisteringAgainReplacesTheBlocks) {
  const WorkerId id = Register("a", {1, 2});
  EXPECT_EQ(Register("a", {2, 3}), id);
  EXPECT_FALSE(master_.HasCopy(1));
  EXPECT_TRUE(master_.HasCopy(3));
  EXPECT_EQ(master_.copy_count(), 2);
}

TEST_F(BlockMasterTest, RefusesARegistrationWithoutALease) {
  const WorkerId id = master_.GetWorkerId(Address("a"));
  EXPECT_EQ(master_.BeginRegistration(id, {}).code(), Code::kUnavailable);
  EXPECT_EQ(master_.BeginRegistration(id + 1, {}).code(), Code::kNotFound);
}

TEST_F(BlockMasterTest, HandsOutAsManyLeasesAsConfiguredUntilTheyExpire) {
  EXPECT_TRUE(master_.RequestLease(master_.GetWorkerId(Address("a")))->allowed);
  EXPECT_TRUE(master_.RequestLease(master_.GetWorkerId(Address("b")))->allowed);
  const WorkerId third = master_.GetWorkerId(Address("c"));
  EXPECT_FALSE(master_.RequestLease(third)->allowed);
  clock_.Advance(minutes(2));
  EXPECT_TRUE(master_.RequestLease(third)->allowed);
}

TEST_F(BlockMasterTest, AnUnknownWorkerIsToldToRegister) {
  EXPECT_EQ(Beat(42).kind, WorkerCommand::Kind::kRegister);
}

TEST_F(BlockMasterTest, HeartbeatsMoveBlocks) {
  const WorkerId id = Register("a", {1});
  EXPECT_EQ(Beat(id, {{kMem, {2}}}, {1}).kind, WorkerCommand::Kind::kNothing);
  EXPECT_FALSE(master_.HasCopy(1));
  EXPECT_TRUE(master_.HasCopy(2));
}

TEST_F(BlockMasterTest, BlocksThatNoFileHasAreFreedUntilReportedRemoved) {
  const WorkerId id = Register("a", {1, 99});
  EXPECT_THAT(Beat(id).blocks, ElementsAre(99));
  EXPECT_THAT(Beat(id).blocks, ElementsAre(99));
  EXPECT_EQ(Beat(id, {}, {99}).kind, WorkerCommand::Kind::kNothing);
}

TEST_F(BlockMasterTest, FreeingABlockTellsEveryHolder) {
  const WorkerId a = Register("a", {1});
  const WorkerId b = Register("b", {1});
  master_.Free(std::vector<BlockId>{1, 2});
  EXPECT_THAT(Beat(a).blocks, ElementsAre(1));
  EXPECT_THAT(Beat(b).blocks, ElementsAre(1));
  Beat(a, {}, {1});
  EXPECT_TRUE(master_.HasCopy(1));
  Beat(b, {}, {1});
  EXPECT_FALSE(master_.HasCopy(1));
}

TEST_F(BlockMasterTest, ABlockCachedAnewIsNotFreedForTheFormerCopysSake) {
  const WorkerId a = Register("a", {1});
  master_.Free(std::vector<BlockId>{1});
  ASSERT_TRUE(master_.AddCopy(a, 1, kMem, 10).ok());
  EXPECT_EQ(Beat(a).kind, WorkerCommand::Kind::kNothing);
  EXPECT_TRUE(master_.HasCopy(1));
}

TEST_F(BlockMasterTest, ASilentWorkerIsLostWithItsBlocksAndComesBack) {
  const WorkerId a = Register("a", {1, 2});
  Register("b", {2, 3});
  clock_.Advance(minutes(4));
  Beat(a);
  clock_.Advance(minutes(4));
  EXPECT_THAT(master_.DetectLostWorkers(), UnorderedElementsAre(3));
  EXPECT_THAT(master_.Workers(WorkerState::kLost), SizeIs(1));
  EXPECT_THAT(master_.CopiesOf(2), SizeIs(1));
  const WorkerId b = master_.Workers(WorkerState::kLost)[0].id;
  EXPECT_EQ(Beat(b).kind, WorkerCommand::Kind::kRegister);
  EXPECT_EQ(Register("b", {3}), b);
  EXPECT_TRUE(master_.HasCopy(3));
  EXPECT_THAT(master_.Workers(WorkerState::kLive), SizeIs(2));
}

TEST_F(BlockMasterTest, ALongLostWorkerIsForgotten) {
  Register("a", {1});
  clock_.Advance(minutes(6));
  EXPECT_THAT(master_.DetectLostWorkers(), ElementsAre(1));
  clock_.Advance(minutes(31));
  EXPECT_THAT(master_.DetectLostWorkers(), IsEmpty());
  EXPECT_THAT(master_.Workers(), IsEmpty());
}

TEST_F(BlockMasterTest, AWorkerThatIsNotLiveReportsNoBlockBeforeItRegisters) {
  const WorkerId a = Register("a");
  clock_.Advance(minutes(6));
  master_.DetectLostWorkers();
  EXPECT_EQ(master_.AddCopy(a, 1, kMem, 10).code(), Code::kUnavailable);
  EXPECT_EQ(master_.AddCopy(master_.GetWorkerId(Address("b")), 1, kMem, 10).code(),
            Code::kUnavailable);
  EXPECT_EQ(master_.AddCopy(a + 1, 1, kMem, 10).code(), Code::kNotFound);
  EXPECT_FALSE(master_.HasCopy(1));
  clock_.Advance(minutes(31));
  master_.DetectLostWorkers();
  master_.Free(std::vector<BlockId>{1});
}

TEST_F(BlockMasterTest, ADecommissionedWorkerIsToldSoAndMayRegisterAgainUnlessDisabled) {
  const WorkerId a = Register("a", {1});
  ASSERT_TRUE(master_.Decommission("a", 30000, true).ok());
  EXPECT_EQ(Beat(a).kind, WorkerCommand::Kind::kDecommissioned);
  EXPECT_FALSE(master_.HasCopy(1));
  Register("a", {1});
  EXPECT_TRUE(master_.HasCopy(1));
  ASSERT_TRUE(master_.Decommission("a", 30000, false).ok());
  EXPECT_EQ(Beat(a).kind, WorkerCommand::Kind::kDisabled);
  ASSERT_TRUE(master_.RequestLease(a)->allowed);
  EXPECT_EQ(master_.BeginRegistration(a, {}).code(), Code::kPermissionDenied);
  ASSERT_TRUE(master_.RemoveDisabled("a", 30000).ok());
  EXPECT_TRUE(master_.BeginRegistration(a, {}).ok());
  EXPECT_EQ(master_.Decommission("nosuch", 30000, true).code(), Code::kNotFound);
}

}  // namespace
}  // namespace headpond::master
