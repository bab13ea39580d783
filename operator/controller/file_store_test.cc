#include "operator/controller/file_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "operator/controller/home.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class FileStoreTest : public ::testing::Test {
 protected:
  static api::CacheCluster Cluster(json spec = json::object()) {
    auto cluster = api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                                          {"kind", api::kCacheClusterKind},
                                          {"metadata", {{"name", "demo"}}},
                                          {"spec", std::move(spec)}});
    EXPECT_OK(cluster);
    return cluster.value_or({});
  }

  TempDirectory home_;
  ManualClock clock_;
  FileStore store_{home_.path(), clock_};
  const ClusterKey key_{"default", "demo"};
};

TEST_F(FileStoreTest, ApplyCreatesChangesAndLeavesAlone) {
  EXPECT_THAT(store_.Apply(Cluster()), IsOkAndHolds(Applied::kCreated));
  ASSERT_OK_AND_ASSIGN(const api::CacheCluster created, store_.Get(key_));
  EXPECT_EQ(created.metadata.generation, 1);
  EXPECT_THAT(created.metadata.uid, SizeIs(36));
  EXPECT_EQ(created.metadata.creation_timestamp, "2023-11-14T22:13:20Z");

  EXPECT_THAT(store_.Apply(Cluster()), IsOkAndHolds(Applied::kUnchanged));
  clock_.Advance(std::chrono::seconds(5));
  EXPECT_THAT(store_.Apply(Cluster({{"worker", {{"replicas", 2}}}})),
              IsOkAndHolds(Applied::kConfigured));
  ASSERT_OK_AND_ASSIGN(const api::CacheCluster changed, store_.Get(key_));
  EXPECT_EQ(changed.metadata.generation, 2);
  EXPECT_EQ(changed.metadata.uid, created.metadata.uid);
  EXPECT_EQ(changed.metadata.creation_timestamp, created.metadata.creation_timestamp);
}

TEST_F(FileStoreTest, LabelsChangeNoGeneration) {
  ASSERT_OK(store_.Apply(Cluster()));
  api::CacheCluster labelled = Cluster();
  labelled.metadata.labels["team"] = "a";
  EXPECT_THAT(store_.Apply(labelled), IsOkAndHolds(Applied::kConfigured));
  EXPECT_EQ(store_.Get(key_)->metadata.generation, 1);
}

TEST_F(FileStoreTest, ImmutableFieldsAreKeptAlsoFromAnEarlierClusterWithKeptData) {
  ASSERT_OK(store_.Apply(Cluster({{"rootUfs", {{"uri", "/a"}}}})));
  EXPECT_THAT(store_.Apply(Cluster({{"rootUfs", {{"uri", "/b"}}}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.rootUfs.uri: cannot change")));
  ASSERT_OK(store_.MarkDeleted(key_, false));
  ASSERT_OK(store_.Finalize(key_, true));
  EXPECT_THAT(store_.Apply(Cluster({{"rootUfs", {{"uri", "/b"}}}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("headpond down demo --delete-data")));
  EXPECT_THAT(store_.Apply(Cluster({{"rootUfs", {{"uri", "/a"}}}})),
              IsOkAndHolds(Applied::kCreated));
}

TEST_F(FileStoreTest, ADeletedClusterCannotBeChangedButItsDataCanBeGivenUp) {
  ASSERT_OK(store_.Apply(Cluster()));
  ASSERT_OK(store_.MarkDeleted(key_, false));
  EXPECT_THAT(store_.Apply(Cluster()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("is being deleted")));
  ASSERT_OK(store_.MarkDeleted(key_, true));
  EXPECT_THAT(store_.Finalize(key_, /*data_kept=*/true), StatusIs(Code::kFailedPrecondition));
  EXPECT_OK(store_.Finalize(key_, /*data_kept=*/false));
  EXPECT_THAT(store_.MarkDeleted(key_, true), StatusIs(Code::kNotFound));
}

TEST_F(FileStoreTest, KeptDataKeepsTheIdentity) {
  ASSERT_OK(store_.Apply(Cluster()));
  const std::string uid = store_.Get(key_)->metadata.uid;
  ASSERT_OK(store_.MarkDeleted(key_, false));
  ASSERT_OK(store_.Finalize(key_, true));
  EXPECT_THAT(*store_.ListRetained(), ElementsAre(key_));
  EXPECT_THAT(store_.MarkDeleted(key_, false), StatusIs(Code::kNotFound));
  ASSERT_OK(store_.Apply(Cluster()));
  EXPECT_EQ(store_.Get(key_)->metadata.uid, uid);
  EXPECT_THAT(*store_.ListRetained(), SizeIs(0));
}

TEST_F(FileStoreTest, ALiveClusterIsNotFinalized) {
  ASSERT_OK(store_.Apply(Cluster()));
  EXPECT_THAT(store_.Finalize(key_, false), StatusIs(Code::kFailedPrecondition));
}

TEST_F(FileStoreTest, StatusesAreReadBackAndGoWithTheirObject) {
  EXPECT_THAT(store_.WriteStatus(key_, {}), StatusIs(Code::kNotFound));
  ASSERT_OK(store_.Apply(Cluster()));
  EXPECT_EQ(store_.GetStatus(key_)->observed_generation, 0);
  ClusterStatus status{.observed_generation = 3,
                       .phase = "Ready",
                       .masters = {1, 1, 1},
                       .workers = {2, 1, 2},
                       .registered_workers = 1};
  status.daemons = {{.name = "d",
                     .role = "master",
                     .state = "Failed",
                     .pid = 5,
                     .crashes = 2,
                     .exited_at_ms = 7,
                     .address = "h:1",
                     .web = "w",
                     .logs = "/l",
                     .message = "m"}};
  status.endpoints = {{"masterRpc", "h:1"}};
  status.under_store = "/u";
  status.data = {"/d"};
  status.rollout = {"start d"};
  status.conditions = {{"Ready", "True", "Serving", "", "2026-01-01T00:00:00Z", 3}};
  ASSERT_OK(store_.WriteStatus(key_, status));
  ASSERT_OK_AND_ASSIGN(const ClusterStatus read, store_.GetStatus(key_));
  EXPECT_EQ(controller::ToJson(read), controller::ToJson(status));
  ASSERT_OK(store_.MarkDeleted(key_, false));
  ASSERT_OK(store_.Finalize(key_, false));
  EXPECT_EQ(store_.GetStatus(key_)->observed_generation, 0);
}

TEST_F(FileStoreTest, DamagedFilesAreNamed) {
  ASSERT_OK(store_.Apply(Cluster()));
  ASSERT_OK(
      io::WriteFileAtomically(io::Env::Posix(), store_.objects_dir() + "/default.demo.json", "{"));
  EXPECT_THAT(store_.Get(key_), StatusIs(Code::kDataLoss, HasSubstr("default.demo.json")));
  EXPECT_THAT(store_.List()->unreadable, ElementsAre(HasSubstr("default.demo.json")));
  EXPECT_THAT(store_.Apply(Cluster()), StatusIs(Code::kDataLoss));
}

TEST(HomeTest, ComesFromTheEnvironment) {
  EXPECT_THAT(HomePath({{"HEADPOND_HOME", "/x/"}, {"HOME", "/h"}}), IsOkAndHolds("/x"));
  EXPECT_THAT(HomePath({{"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}}), IsOkAndHolds("/s/headpond"));
  EXPECT_THAT(HomePath({{"HOME", "/h"}}), IsOkAndHolds("/h/.local/state/headpond"));
  EXPECT_THAT(HomePath({}), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(HomePath({{"HEADPOND_HOME", "x"}}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("absolute")));
  EXPECT_THAT(HomePath({{"HEADPOND_HOME", "/x,y"}}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("comma")));
}

TEST(HomeTest, IsForItsOwnerOnly) {
  TempDirectory parent;
  ASSERT_OK(EnsurePrivateDirectory(parent / "home"));
  ASSERT_EQ(::chmod((parent / "home").c_str(), 0777), 0);
  ASSERT_OK(EnsurePrivateDirectory(parent / "home"));
  struct stat info {};
  ASSERT_EQ(::stat((parent / "home").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(HomeTest, ALockIsWaitedForAndItsHolderNamed) {
  TempDirectory directory;
  ASSERT_OK_AND_ASSIGN(auto held, LockWithin(directory / "l", std::chrono::milliseconds(1)));
  EXPECT_THAT(LockWithin(directory / "l", std::chrono::milliseconds(30)),
              StatusIs(Code::kUnavailable, HasSubstr("pid")));
  held.reset();
  EXPECT_OK(LockWithin(directory / "l", std::chrono::milliseconds(30)));
}

}  // namespace
}  // namespace headpond::controller
