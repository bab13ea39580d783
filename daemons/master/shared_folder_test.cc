#include "master/shared_folder.h"

#include <gmock/gmock.h>

#include "io/mem_env.h"
#include "journal/shared/epochs.h"
#include "testing/status_matchers.h"
#include "zookeeper/fake_server.h"

namespace headpond::master {
namespace {

using ::testing::HasSubstr;

const ClusterRecord kFormed{.cluster_id = "c", .formed = true, .epoch = 3};
const FolderView kBlank{.folder = "/shared"};
const FolderView kStamped{.folder = "/shared", .cluster_id = "c", .epoch = 3};

TEST(NextFolderStepTest, ANewClusterIsBegunByTheElectedMasterAlone) {
  EXPECT_THAT(NextFolderStep(std::nullopt, kBlank, false), IsOkAndHolds(FolderStep::kWait));
  EXPECT_THAT(NextFolderStep(std::nullopt, kBlank, true), IsOkAndHolds(FolderStep::kRecord));
  const ClusterRecord begun{.cluster_id = "c"};
  EXPECT_THAT(NextFolderStep(begun, kBlank, false), IsOkAndHolds(FolderStep::kWait));
  EXPECT_THAT(NextFolderStep(begun, kBlank, true), IsOkAndHolds(FolderStep::kStamp));
  // The one that stamped it died before it said so.
  EXPECT_THAT(NextFolderStep(begun, kStamped, true), IsOkAndHolds(FolderStep::kStamp));
  EXPECT_THAT(NextFolderStep(begun, kStamped, false), IsOkAndHolds(FolderStep::kWait));
}

TEST(NextFolderStepTest, AFolderThatZooKeeperKnowsIsUsed) {
  EXPECT_THAT(NextFolderStep(kFormed, kStamped, false), IsOkAndHolds(FolderStep::kUse));
  FolderView later = kStamped;
  later.epoch = 9;  // claimed, and not told ZooKeeper
  EXPECT_THAT(NextFolderStep(kFormed, later, true), IsOkAndHolds(FolderStep::kUse));
}

TEST(NextFolderStepTest, ARecordThatWasLostIsMadeAnewFromTheFolder) {
  EXPECT_THAT(NextFolderStep(std::nullopt, kStamped, false), IsOkAndHolds(FolderStep::kWait));
  EXPECT_THAT(NextFolderStep(std::nullopt, kStamped, true), IsOkAndHolds(FolderStep::kAdopt));
}

TEST(NextFolderStepTest, AFolderThatIsNotTheSharedOneIsRefused) {
  for (const bool elected : {false, true}) {
    EXPECT_THAT(NextFolderStep(kFormed, kBlank, elected).status(),
                StatusIs(Code::kFailedPrecondition, HasSubstr("is blank")));
    FolderView other = kStamped;
    other.cluster_id = "another";
    EXPECT_THAT(NextFolderStep(kFormed, other, elected).status(),
                StatusIs(Code::kFailedPrecondition, HasSubstr("cluster another")));
    FolderView copy = kStamped;
    copy.epoch = 2;
    EXPECT_THAT(NextFolderStep(kFormed, copy, elected).status(),
                StatusIs(Code::kFailedPrecondition, HasSubstr("ends with epoch 2")));
  }
}

TEST(ClusterRecordTest, ComesBackFromZooKeeper) {
  zookeeper::FakeServer server;
  const auto session = server.Opener()({.address = "zk"});
  ASSERT_OK(session);
  ASSERT_OK(CreatePath(**session, "/alluxio/election"));
  const std::string path = ClusterRecordPath("/alluxio/election");
  EXPECT_THAT(ReadClusterRecord(**session, path), IsOkAndHolds(std::nullopt));
  ASSERT_OK(WriteClusterRecord(**session, path, {.cluster_id = "c"}));
  ASSERT_OK(WriteClusterRecord(**session, path, kFormed));
  EXPECT_THAT(ReadClusterRecord(**session, path), IsOkAndHolds(kFormed));
  ASSERT_OK((*session)->Set(path, "something else"));
  EXPECT_THAT(ReadClusterRecord(**session, path).status(),
              StatusIs(Code::kDataLoss, HasSubstr("/alluxio/election.cluster")));
}

TEST(SharedFolderTest, IsAPathOfThisMachine) {
  io::MemEnv env;
  Config config;
  ASSERT_OK(config.Set("alluxio.master.journal.folder", "file:///shared"));
  EXPECT_THAT(SharedFolderOf(config, env), IsOkAndHolds("/shared"));
  ASSERT_OK(config.Set("alluxio.master.journal.folder", "hdfs://n:8020/journal"));
  EXPECT_THAT(SharedFolderOf(config, env).status(), StatusIs(Code::kInvalidArgument));
}

TEST(SharedFolderTest, ShowsItsStampAndItsNewestEpoch) {
  io::MemEnv env;
  ASSERT_OK(journal::CheckSharedFolder(env, "/shared", "probe"));
  ASSERT_OK_AND_ASSIGN(const FolderView blank, LookAtSharedFolder(env, "/shared"));
  EXPECT_FALSE(blank.cluster_id);
  ASSERT_OK(journal::WriteSharedStamp(env, "/shared", "c"));
  journal::Epochs epochs(env, "/shared");
  ASSERT_OK(epochs.Claim("m-1:19998"));
  ASSERT_OK(epochs.Claim("m-2:19998"));
  ASSERT_OK_AND_ASSIGN(const FolderView view, LookAtSharedFolder(env, "/shared"));
  EXPECT_EQ(view.cluster_id, "c");
  EXPECT_EQ(view.epoch, 2u);
}

}  // namespace
}  // namespace headpond::master
