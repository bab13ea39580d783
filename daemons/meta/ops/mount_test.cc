// Mounts and what comes from the under-store.

#include "meta/ops/mount.h"

#include <gmock/gmock.h>

#include "meta/ops/check_access.h"
#include "meta/ops/load_metadata.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MountTest : public ::testing::Test {
 protected:
  MountRequest Request(const std::string& path, const std::string& uri) const {
    MountRequest request;
    request.context = ns_.Context();
    request.path = path;
    request.ufs_uri = uri;
    request.mount_id = 77;
    request.root.owner = "store";
    request.root.group = "store";
    request.root.mode = 0755;
    request.root.modification_ms = 123;
    return request;
  }
  Status Mount(const MountRequest& request) { return ns_.Commit(PlanMount(*ns_, request)); }
  Status Mount(const std::string& path, const std::string& uri) {
    return Mount(Request(path, uri));
  }
  Status Unmount(const std::string& path) {
    return ns_.Commit(PlanUnmount(*ns_, ns_.Context(), path));
  }
  static UfsEntry Entry(std::string name, int64_t length = 5) {
    UfsEntry entry;
    entry.name = std::move(name);
    entry.length = length;
    entry.modification_ms = 50;
    entry.owner = "o";
    entry.group = "g";
    entry.mode = 0644;
    entry.fingerprint =
        fmt::format("TYPE|FILE UFS|local CONTENT_HASH|(len:{},_modtime:50) ", length);
    return entry;
  }
  static UfsEntry DirectoryEntry(std::string name) {
    UfsEntry entry = Entry(std::move(name), 0);
    entry.is_directory = true;
    entry.mode = 0755;
    return entry;
  }
  Status Load(const std::string& directory, std::vector<UfsEntry> entries, bool complete = true) {
    LoadMetadataRequest request;
    request.now_ms = ns_.now_ms;
    request.directory = directory;
    request.entries = std::move(entries);
    request.complete = complete;
    request.block_size = 4;
    return ns_.Commit(PlanLoadMetadata(*ns_, request));
  }

  TestNamespace ns_;
};

TEST_F(MountTest, AMountPointLooksLikeItsUnderStoreFolder) {
  MountRequest request = Request("/m", "/other/");
  request.shared = true;
  ASSERT_OK(Mount(request));
  const FileInfo info = ns_->Describe(ns_.At("/m"), "/m");
  EXPECT_TRUE(info.mount_point);
  EXPECT_TRUE(info.persisted);
  EXPECT_EQ(info.owner, "store");
  EXPECT_EQ(info.mode, 0757);  // shared
  EXPECT_EQ(info.modification_ms, 123);
  EXPECT_EQ(info.mount_id, 77);
  EXPECT_EQ(info.ufs_path, "/other");
  ASSERT_OK_AND_ASSIGN(const UfsLocation below, ns_->mounts().Resolve("/m/a/b"));
  EXPECT_EQ(below.ufs_path, "/other/a/b");
  EXPECT_EQ(ns_->mounts().ReverseResolve("file:///other/a"), "/m/a");
  EXPECT_EQ(ns_->mounts().ReverseResolve("/ufs/x"), "/x");
  EXPECT_EQ(ns_->mounts().ReverseResolve("/otherwise"), std::nullopt);
}

TEST_F(MountTest, MountRefusesWhatStockRefusesInItsWords) {
  ASSERT_OK(Mount("/m", "/other"));
  EXPECT_THAT(
      Mount("/m", "/third"),
      StatusIs(Code::kAlreadyExists,
               "Mount point target path /m already exists in Alluxio namespace. Try mounting to "
               "another path."));
  EXPECT_THAT(Mount("/", "/third"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(Mount("/n", "/other"),
              StatusIs(Code::kInvalidArgument, "Mount point /other is a prefix of /other"));
  EXPECT_THAT(Mount("/n", "/other/sub"),
              StatusIs(Code::kInvalidArgument, "Mount point /other is a prefix of /other/sub"));
  EXPECT_THAT(Mount("/n", "file:///"),
              StatusIs(Code::kInvalidArgument, HasSubstr("Mount point / is a prefix of")));
  EXPECT_THAT(
      Mount("/no/m", "/third"),
      StatusIs(Code::kNotFound, "File /no/m creation failed. Component 1(no) does not exist"));
  MountRequest shadow = Request("/shadow", "/third");
  shadow.shadows_ufs_path = true;
  EXPECT_THAT(Mount(shadow),
              StatusIs(Code::kInvalidArgument,
                       "Mount path /shadow shadows an existing path /ufs/shadow in the parent "
                       "underlying filesystem"));
  MountRequest bob = Request("/n", "/third");
  bob.context = ns_.Context("bob");
  EXPECT_THAT(Mount(bob), StatusIs(Code::kPermissionDenied));
  EXPECT_OK(Mount("/n", "/otherwise"));
}

TEST_F(MountTest, UnmountTakesTheMetadataAway) {
  ASSERT_OK(Mount("/m", "/other"));
  ns_.Make("/m/d/f", 1, /*persisted=*/true);
  const auto plan = PlanUnmount(*ns_, ns_.Context(), "/m");
  ASSERT_OK(plan);
  EXPECT_THAT(plan->removed_files, SizeIs(1));
  EXPECT_THAT(plan->removed_mounts, ElementsAre(77));
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(ns_.Tree(), "");
  EXPECT_OK(Mount("/again", "/other"));
}

TEST_F(MountTest, UnmountRefusesInStocksWords) {
  ns_.Make("/d/");
  EXPECT_THAT(
      Unmount("/"),
      StatusIs(Code::kInvalidArgument,
               "Failed to unmount /. Please ensure the path is an existing mount point and not "
               "root."));
  EXPECT_THAT(Unmount("/d"),
              StatusIs(Code::kInvalidArgument,
                       "Failed to unmount /d. Please ensure the path is an existing mount point."));
  EXPECT_THAT(Unmount("/nope"),
              StatusIs(Code::kNotFound, "Failed to unmount: Path /nope does not exist"));
  ASSERT_OK(Mount("/m", "/other"));
  MountRequest nested = Request("/m/n", "/third");
  nested.mount_id = 78;
  ASSERT_OK(Mount(nested));
  EXPECT_THAT(Unmount("/m"), StatusIs(Code::kInvalidArgument, HasSubstr("/m/n is mounted in it")));
  EXPECT_OK(Unmount("/m/n"));
  EXPECT_OK(Unmount("/m"));
}

TEST_F(MountTest, UpdatedOptionsComeWithANewId) {
  ASSERT_OK(Mount("/m", "/other"));
  UpdateMountRequest request;
  request.context = ns_.Context();
  request.path = "/m";
  request.new_mount_id = 99;
  EXPECT_TRUE(PlanUpdateMount(*ns_, request)->empty());
  request.read_only = true;
  ASSERT_OK(ns_.Commit(PlanUpdateMount(*ns_, request)));
  EXPECT_EQ(ns_->mounts().FindAt("/m")->id, 99);
  EXPECT_THAT(CheckWritable(*ns_, "/m/x"), StatusIs(Code::kPermissionDenied));
  for (const char* path : {"/d", "/nope"}) {
    request.path = path;
    EXPECT_THAT(
        PlanUpdateMount(*ns_, request),
        StatusIs(Code::kInvalidArgument,
                 fmt::format("Failed to update mount properties for {}. Please ensure the path "
                             "is an existing mount point.",
                             path)));
  }
}

TEST_F(MountTest, TheRootMountFollowsTheConfiguration) {
  InitializeRequest request;
  request.root_mount.ufs_uri = "/ufs";
  EXPECT_TRUE(PlanInitialize(*ns_, request)->empty());
  request.root_mount.properties["k"] = "v";
  ASSERT_OK(ns_.Commit(PlanInitialize(*ns_, request)));
  EXPECT_EQ(ns_->mounts().FindAt("/")->properties.at("k"), "v");
  EXPECT_EQ(ns_->cluster_id(), "cluster");
}

TEST_F(MountTest, MaintenanceStopsWrites) {
  EXPECT_THAT(PlanUpdateUfsMode(*ns_, ns_.Context(), "s3://b/", UfsMode::kReadOnly),
              StatusIs(Code::kInvalidArgument, "Unknown Ufs path s3://b/"));
  ASSERT_OK(ns_.Commit(PlanUpdateUfsMode(*ns_, ns_.Context(), "/", UfsMode::kReadOnly)));
  EXPECT_THAT(CheckWritable(*ns_, "/x"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("under maintenance mode READ_ONLY")));
  EXPECT_THAT(PlanUpdateUfsMode(*ns_, ns_.Context("bob"), "/", UfsMode::kReadWrite),
              StatusIs(Code::kPermissionDenied));
}

TEST_F(MountTest, LoadingAddsWhatIsMissing) {
  ns_.Make("/have", 3);
  EXPECT_TRUE(ns_->Walk("/f").may_exist_in_ufs);
  ASSERT_OK(
      Load("/", {Entry("f", 9), DirectoryEntry("d"), Entry("have", 99), Entry("f", 1), Entry("a/b"),
                 Entry(".."), Entry(".alluxio_ufs_blocks.alluxio.0x1D91AC0E01AB0165.tmp")}));
  EXPECT_EQ(ns_.Tree(), "/d/ /f:9 /have:3");
  const FileInfo info = ns_->Describe(ns_.At("/f"), "/f");
  EXPECT_TRUE(info.completed);
  EXPECT_TRUE(info.persisted);
  EXPECT_THAT(info.blocks, SizeIs(3));
  EXPECT_EQ(info.modification_ms, 50);
  EXPECT_EQ(info.creation_ms, ns_.now_ms);
  EXPECT_EQ(info.owner, "o");
  EXPECT_FALSE(ns_->Walk("/g").may_exist_in_ufs);
  EXPECT_TRUE(ns_->Walk("/d/x").may_exist_in_ufs);
}

TEST_F(MountTest, LoadingOneNameLeavesTheRestUnknown) {
  ASSERT_OK(Load("/", {Entry("f")}, /*complete=*/false));
  EXPECT_EQ(ns_.Tree(), "/f:5");
  EXPECT_TRUE(ns_->Walk("/g").may_exist_in_ufs);
  EXPECT_THAT(Load("/f", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Load("/nope", {}), StatusIs(Code::kNotFound));
}

TEST_F(MountTest, OthersGetTheOwnersBitsOnASharedMount) {
  MountRequest request = Request("/m", "/other");
  request.shared = true;
  ASSERT_OK(Mount(request));
  ASSERT_OK(Load("/m", {Entry("f")}));
  EXPECT_EQ(ns_.At("/m/f").mode(), 0646);
}

class SyncTest : public MountTest {
 protected:
  SyncTest() { EXPECT_OK(Load("/", {Entry("f", 9), DirectoryEntry("d")})); }
  Result<SyncInodePlan> Sync(const std::string& path, std::optional<UfsEntry> entry) {
    SyncInodeRequest request;
    request.now_ms = ns_.now_ms;
    request.id = ns_.At(path).id();
    request.entry = std::move(entry);
    auto plan = PlanSyncInode(*ns_, request);
    if (plan.ok()) ns_.Apply(plan->mutation);
    return plan;
  }
};

TEST_F(SyncTest, UnchangedContentKeepsTheInode) {
  const InodeId id = ns_.At("/f").id();
  EXPECT_TRUE(Sync("/f", Entry("f", 9))->mutation.empty());
  UfsEntry chmod = Entry("f", 9);
  chmod.mode = 0600;
  EXPECT_THAT(Sync("/f", chmod)->removed_files, IsEmpty());
  EXPECT_EQ(ns_.At("/f").id(), id);
  EXPECT_EQ(ns_.At("/f").mode(), 0600);
}

TEST_F(SyncTest, ChangedContentGetsANewInode) {
  const InodeId id = ns_.At("/f").id();
  EXPECT_THAT(Sync("/f", Entry("f", 8))->removed_files, ElementsAre(id));
  EXPECT_NE(ns_.At("/f").id(), id);
  EXPECT_EQ(ns_.At("/f").length(), 8);
}

TEST_F(SyncTest, WhatIsGoneThereGoesHere) {
  ASSERT_OK(Sync("/f", std::nullopt));
  EXPECT_EQ(ns_.Tree(), "/d/");
  ASSERT_OK(Sync("/d", Entry("d")));
  EXPECT_EQ(ns_.Tree(), "/d:5");
}

TEST_F(SyncTest, WhatExistsOnlyHereStays) {
  ns_.Make("/d/memory", 1);
  ns_.Make("/open/f", 1);
  EXPECT_TRUE(Sync("/d", std::nullopt)->mutation.empty());
  EXPECT_TRUE(Sync("/open/f", std::nullopt)->mutation.empty());
  EXPECT_EQ(ns_.Tree(), "/d/ /d/memory:1 /f:9 /open/ /open/f:1");
}

}  // namespace
}  // namespace headpond::meta
