#include <gmock/gmock.h>

#include "meta/ops/get_status.h"
#include "meta/ops/rename.h"
#include "meta/ops/set_acl.h"
#include "meta/ops/set_attribute.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CreateTest : public ::testing::Test {
 protected:
  CreateFileRequest File(const std::string& path, const std::string& user = "root") const {
    CreateFileRequest request;
    request.context = ns_.Context(user);
    request.path = path;
    return request;
  }
  CreateDirectoryRequest Directory(const std::string& path,
                                   const std::string& user = "root") const {
    CreateDirectoryRequest request;
    request.context = ns_.Context(user);
    request.path = path;
    return request;
  }
  Status Create(const CreateFileRequest& request) {
    return ns_.Commit(PlanCreateFile(*ns_, request));
  }
  Status Create(const CreateDirectoryRequest& request) {
    return ns_.Commit(PlanCreateDirectory(*ns_, request));
  }
  FileInfo Info(const std::string& path) const { return ns_->Describe(ns_.At(path), path); }

  TestNamespace ns_;
};

TEST_F(CreateTest, TheFirstIdsAreThoseOfStock) {
  EXPECT_EQ(ns_.Make("/d/"), 1);
  EXPECT_EQ(ns_.Make("/f", 10), 33554431);
  EXPECT_EQ(Info("/f").blocks, (std::vector<BlockSpan>{{16777216, 0, 10}}));
}

TEST_F(CreateTest, ANewFileIsOpenAndBelongsToItsCaller) {
  ns_.Make("/open/");
  SetAttributeRequest chmod;
  chmod.context = ns_.Context();
  chmod.path = "/open";
  chmod.mode = 0777;
  ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, chmod)));
  ns_.now_ms += 5;
  CreateFileRequest request = File("/open/f", "bob");
  request.mode = 0640;
  ASSERT_OK(Create(request));
  const FileInfo info = Info("/open/f");
  EXPECT_FALSE(info.completed);
  EXPECT_FALSE(info.folder);
  EXPECT_EQ(info.owner, "bob");
  EXPECT_EQ(info.group, "bob");
  EXPECT_EQ(info.mode, 0640);
  EXPECT_EQ(info.length, 0);
  EXPECT_EQ(info.block_size, 64 << 20);
  EXPECT_EQ(info.ufs_path, "/ufs/open/f");
  EXPECT_EQ(info.mount_id, kRootMountId);
  EXPECT_EQ(info.creation_ms, ns_.now_ms);
  EXPECT_EQ(info.persistence, PersistenceState::kNotPersisted);
  EXPECT_EQ(Info("/open").modification_ms, ns_.now_ms);
  EXPECT_EQ(Info("/open").access_ms, ns_.now_ms);
}

TEST_F(CreateTest, NeedsItsParentUnlessRecursive) {
  EXPECT_THAT(
      Create(File("/q/r/f")),
      StatusIs(Code::kNotFound, "File /q/r/f creation failed. Component 1(q) does not exist"));
  CreateFileRequest request = File("/q/r/f");
  request.recursive = true;
  ASSERT_OK(Create(request));
  EXPECT_EQ(ns_.Tree(), "/q/ /q/r/ /q/r/f:0");
  EXPECT_EQ(Info("/q").mode, 0755);
}

TEST_F(CreateTest, RefusesAnExistingFileUnlessOverwritten) {
  const InodeId former = ns_.Make("/f", 3);
  EXPECT_THAT(
      Create(File("/f")),
      StatusIs(Code::kAlreadyExists,
               "/f already exists. If you want to overwrite the file, you need to specify the "
               "overwrite option."));
  CreateFileRequest request = File("/f");
  request.overwrite = true;
  const auto plan = PlanCreateFile(*ns_, request);
  ASSERT_OK(plan);
  EXPECT_THAT(plan->removed_files, ElementsAre(former));
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_NE(ns_.At("/f").id(), former);
  EXPECT_EQ(ns_.Tree(), "/f:0");
}

TEST_F(CreateTest, NeverOverwritesADirectory) {
  ns_.Make("/d/");
  CreateFileRequest request = File("/d");
  request.overwrite = true;
  EXPECT_THAT(Create(request),
              StatusIs(Code::kAlreadyExists,
                       "/d already exists. Directories cannot be overwritten with create"));
  EXPECT_THAT(Create(File("/")), StatusIs(Code::kAlreadyExists));
}

TEST_F(CreateTest, RefusesAPathThroughAFile) {
  ns_.Make("/d/f");
  const auto through_file =
      StatusIs(Code::kInvalidArgument,
               "Traversal failed for path /d/f/x. Component 2(f) is a file, not a directory.");
  EXPECT_THAT(Create(File("/d/f/x")), through_file);
  EXPECT_THAT(Create(Directory("/d/f/x")), through_file);
}

TEST_F(CreateTest, RefusesImpossibleNumbers) {
  CreateFileRequest request = File("/f");
  request.block_size = 0;
  EXPECT_THAT(Create(request), StatusIs(Code::kInvalidArgument, "Invalid block size 0"));
  request = File("/f");
  request.replication_min = 3;
  request.replication_max = 2;
  EXPECT_THAT(Create(request), StatusIs(Code::kInvalidArgument, HasSubstr("to be 3 and 2")));
}

TEST_F(CreateTest, NeedsWriteOnTheParent) {
  ns_.Make("/sec/");
  SetAttributeRequest chmod;
  chmod.context = ns_.Context();
  chmod.path = "/sec";
  chmod.mode = 0700;
  ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, chmod)));
  EXPECT_THAT(Create(File("/sec/x", "bob")),
              StatusIs(Code::kPermissionDenied,
                       "Permission denied: user=bob, access=-w-, path=/sec/x: failed at sec, inode "
                       "owner=root, inode group=root, inode mode=rwx------"));
  EXPECT_THAT(Create(Directory("/x", "bob")),
              StatusIs(Code::kPermissionDenied,
                       "Permission denied: user=bob, access=-w-, path=/x: failed at /, inode "
                       "owner=root, inode group=root, inode mode=rwxr-xr-x"));
}

TEST_F(CreateTest, APersistedFileAsksForItsDirectoriesTopDown) {
  ns_.Make("/a/");
  CreateFileRequest request = File("/a/b/f");
  request.recursive = true;
  request.persisted = true;
  const auto plan = PlanCreateFile(*ns_, request);
  ASSERT_OK(plan);
  ASSERT_THAT(plan->make_directories, SizeIs(2));
  EXPECT_EQ(plan->make_directories[0].location.ufs_path, "/ufs/a");
  EXPECT_EQ(plan->make_directories[1].location.ufs_path, "/ufs/a/b");
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(Info("/a").persistence, PersistenceState::kPersisted);
  EXPECT_EQ(Info("/a/b").persistence, PersistenceState::kPersisted);
  EXPECT_EQ(Info("/a/b/f").persistence, PersistenceState::kPersisted);
}

TEST_F(CreateTest, AnAsynchronousFileIsToBePersistedOnceComplete) {
  CreateFileRequest request = File("/f");
  request.async_persist = true;
  ASSERT_OK(Create(request));
  EXPECT_EQ(Info("/f").persistence, PersistenceState::kToBePersisted);
  EXPECT_THAT(ns_->to_be_persisted(), IsEmpty());
  CompleteFileRequest complete;
  complete.context = ns_.Context();
  complete.path = "/f";
  complete.async_persist_wait_ms = 100;
  ASSERT_OK(ns_.Commit(PlanCompleteFile(*ns_, complete)));
  EXPECT_THAT(ns_->to_be_persisted(), ElementsAre(ns_.At("/f").id()));
  EXPECT_EQ(ns_.At("/f").ToRecord().persist_at_ms, ns_.now_ms + 100);
}

TEST_F(CreateTest, NewInodesInAPinnedDirectoryArePinned) {
  ns_.Make("/d/");
  SetAttributeRequest pin;
  pin.context = ns_.Context();
  pin.path = "/d";
  pin.pinned = true;
  ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, pin)));
  ns_.Make("/d/f", 1);
  EXPECT_TRUE(Info("/d/f").pinned);
  EXPECT_EQ(Info("/d/f").replication_min, 1);
  EXPECT_THAT(ns_->pinned_files(), ElementsAre(ns_.At("/d/f").id()));
}

TEST_F(CreateTest, ADirectoryMayExistIfSaidSo) {
  ns_.Make("/d/");
  EXPECT_THAT(Create(Directory("/d")),
              StatusIs(Code::kAlreadyExists,
                       "Not allowed to create directory because path already exists: /d"));
  CreateDirectoryRequest request = Directory("/d");
  request.allow_exists = true;
  EXPECT_OK(Create(request));
  ns_.Make("/f");
  request.path = "/f";
  EXPECT_THAT(Create(request), StatusIs(Code::kAlreadyExists));
  request.path = "/";
  EXPECT_THAT(Create(request),
              StatusIs(Code::kAlreadyExists, "Not allowed to create existing root path: /"));
}

TEST_F(CreateTest, TtlAndAttributesGoToNewParentsOfADirectory) {
  CreateDirectoryRequest request = Directory("/m/n/o");
  request.recursive = true;
  request.mode = 0700;
  request.ttl_ms = 1000;
  request.ttl_action = TtlAction::kDelete;
  request.xattr = {{"k", "v"}};
  ASSERT_OK(Create(request));
  EXPECT_EQ(Info("/m").mode, 0755);
  EXPECT_EQ(Info("/m/n/o").mode, 0700);
  EXPECT_EQ(Info("/m").ttl_ms, 1000);
  EXPECT_EQ(Info("/m").xattr, request.xattr);
  request.path = "/l/n";
  request.xattr_propagation = XattrPropagation::kLeafNode;
  ASSERT_OK(Create(request));
  EXPECT_THAT(Info("/l").xattr, IsEmpty());
  EXPECT_EQ(Info("/l/n").xattr, request.xattr);
}

// Figures recorded from a stock master.
TEST_F(CreateTest, ChildrenInheritTheDefaultAcl) {
  ns_.Make("/a/");
  SetAclRequest acl;
  acl.context = ns_.Context();
  acl.path = "/a";
  acl.action = AclAction::kReplace;
  acl.entries = {{AclEntryType::kOwner, "", 7, true},
                 {AclEntryType::kOwningGroup, "", 5, true},
                 {AclEntryType::kOther, "", 0, true},
                 {AclEntryType::kNamedUser, "bob", 7, true}};
  ASSERT_OK(ns_.Commit(PlanSetAcl(*ns_, acl)));
  ASSERT_OK(Create(File("/a/g")));
  EXPECT_EQ(Info("/a/g").mode, 0650);
  EXPECT_EQ(Info("/a/g").acl.mask, Bits{4});
  EXPECT_FALSE(Info("/a/g").default_acl);
  ASSERT_OK(Create(Directory("/a/d")));
  EXPECT_EQ(Info("/a/d").mode, 0750);
  EXPECT_EQ(Info("/a/d").acl.mask, Bits{5});
  EXPECT_EQ(Info("/a/d").default_acl, Info("/a").default_acl);
}

TEST_F(CreateTest, ARepeatedOperationIsANoOpSuccess) {
  CreateFileRequest request = File("/f");
  request.context.operation_id = {1, 2};
  ASSERT_OK(Create(request));
  const auto again = PlanCreateFile(*ns_, request);
  ASSERT_OK(again);
  EXPECT_TRUE(again->mutation.empty());
  EXPECT_EQ(again->file_id, ns_.At("/f").id());
  CreateDirectoryRequest directory = Directory("/d");
  directory.context.operation_id = {1, 3};
  ASSERT_OK(Create(directory));
  EXPECT_OK(Create(directory));
}

TEST_F(CreateTest, BlocksAreCountedAndFilledInOrder) {
  CreateFileRequest request = File("/f");
  request.block_size = 4;
  ASSERT_OK(Create(request));
  ASSERT_OK_AND_ASSIGN(const NewBlockPlan first, PlanNewBlock(*ns_, {ns_.Context(), "/f"}));
  ns_.Apply(first.mutation);
  ASSERT_OK_AND_ASSIGN(const NewBlockPlan second, PlanNewBlock(*ns_, {ns_.Context(), "/f"}));
  ns_.Apply(second.mutation);
  EXPECT_EQ(second.block_id, first.block_id + 1);

  CompleteFileRequest complete;
  complete.context = ns_.Context();
  complete.path = "/f";
  EXPECT_THAT(
      PlanCompleteFile(*ns_, complete),
      StatusIs(Code::kInvalidArgument, "Cannot complete a file without all the blocks committed"));
  ASSERT_OK(ns_.Commit(PlanCommitBlock(*ns_, first.block_id, 4, ns_.now_ms)));
  ASSERT_OK(ns_.Commit(PlanCommitBlock(*ns_, second.block_id, 1, ns_.now_ms)));
  // A second worker's different length is not believed.
  ASSERT_OK_AND_ASSIGN(const Mutation other, PlanCommitBlock(*ns_, second.block_id, 3, ns_.now_ms));
  EXPECT_TRUE(other.empty());
  ASSERT_OK(ns_.Commit(PlanCompleteFile(*ns_, complete)));
  EXPECT_EQ(Info("/f").length, 5);
  EXPECT_EQ(Info("/f").blocks,
            (std::vector<BlockSpan>{{first.block_id, 0, 4}, {second.block_id, 4, 1}}));
  EXPECT_THAT(PlanCompleteFile(*ns_, complete),
              StatusIs(Code::kAlreadyExists, "File /f has already been completed."));
  EXPECT_THAT(PlanNewBlock(*ns_, {ns_.Context(), "/f"}), StatusIs(Code::kAlreadyExists));
}

// The answer to a request for a block was lost with the leader, so that the client asked again.
TEST_F(CreateTest, BlocksThatNobodyGotAreSkipped) {
  CreateFileRequest request = File("/f");
  request.block_size = 4;
  ASSERT_OK(Create(request));
  std::vector<BlockId> ids;
  for (const int64_t length : {-1, 4, -1, -1, 3}) {
    ASSERT_OK_AND_ASSIGN(const NewBlockPlan block, PlanNewBlock(*ns_, {ns_.Context(), "/f"}));
    ns_.Apply(block.mutation);
    ids.push_back(block.block_id);
    if (length < 0) continue;
    ASSERT_OK(ns_.Commit(PlanCommitBlock(*ns_, block.block_id, length, 0)));
  }
  CompleteFileRequest complete;
  complete.context = ns_.Context();
  complete.path = "/f";
  complete.async_persist_wait_ms = 0;
  ASSERT_OK(ns_.Commit(PlanCompleteFile(*ns_, complete)));
  EXPECT_EQ(Info("/f").length, 7);
  EXPECT_EQ(Info("/f").blocks, (std::vector<BlockSpan>{{ids[1], 0, 4}, {ids[4], 4, 3}}));
  ASSERT_OK_AND_ASSIGN(const BlockSpan second, ns_->FindBlock(ids[4]));
  EXPECT_EQ(second, (BlockSpan{ids[4], 4, 3}));
  for (const BlockId lost : {ids[0], ids[2], ids[3]})
    EXPECT_THAT(ns_->FindBlock(lost), StatusIs(Code::kNotFound));
  EXPECT_OK(ns_->CheckInvariants());
}

TEST_F(CreateTest, ABlockInTheMiddleMustBeFull) {
  CreateFileRequest request = File("/f");
  request.block_size = 4;
  ASSERT_OK(Create(request));
  for (const int64_t length : {3, 4}) {
    ASSERT_OK_AND_ASSIGN(const NewBlockPlan block, PlanNewBlock(*ns_, {ns_.Context(), "/f"}));
    ns_.Apply(block.mutation);
    ASSERT_OK(ns_.Commit(PlanCommitBlock(*ns_, block.block_id, length, ns_.now_ms)));
  }
  CompleteFileRequest complete;
  complete.context = ns_.Context();
  complete.path = "/f";
  EXPECT_THAT(
      PlanCompleteFile(*ns_, complete),
      StatusIs(Code::kInvalidArgument, HasSubstr("Block index 0 has a block size smaller")));
}

TEST_F(CreateTest, APersistedFileHasTheUnderStoresLength) {
  CreateFileRequest request = File("/f");
  request.persisted = true;
  request.block_size = 4;
  ASSERT_OK(Create(request));
  ASSERT_OK_AND_ASSIGN(const NewBlockPlan block, PlanNewBlock(*ns_, {ns_.Context(), "/f"}));
  ns_.Apply(block.mutation);
  ASSERT_OK(ns_.Fill("/f", 9));
  const FileInfo info = Info("/f");
  EXPECT_EQ(info.length, 9);
  EXPECT_THAT(info.blocks, SizeIs(3));
  EXPECT_EQ(info.xattr.at("s3_etag"), fmt::format("(len:9, modtime:{})", ns_.now_ms));
}

TEST_F(CreateTest, UnknownBlocksAreNotFound) {
  EXPECT_THAT(PlanCommitBlock(*ns_, 16777216, 1, 0), StatusIs(Code::kNotFound));
  EXPECT_THAT(PlanCommitBlock(*ns_, -1, 1, 0), StatusIs(Code::kNotFound));
  ns_.Make("/f", 3);
  EXPECT_OK(PlanCommitBlock(*ns_, 16777216, 3, 0));
  EXPECT_THAT(PlanCommitBlock(*ns_, 16777217, 3, 0), StatusIs(Code::kNotFound));
  EXPECT_THAT(PlanCommitBlock(*ns_, 33554431, 3, 0), StatusIs(Code::kNotFound));
}

TEST_F(CreateTest, AReadOnlyFileCanBeFilledByItsCreator) {
  SetAttributeRequest chmod;
  chmod.context = ns_.Context();
  chmod.path = "/";
  chmod.mode = 0777;
  ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, chmod)));
  CreateFileRequest request = File("/f", "bob");
  request.mode = 0400;
  ASSERT_OK(Create(request));
  EXPECT_OK(PlanNewBlock(*ns_, {ns_.Context("bob"), "/f"}));
  EXPECT_THAT(PlanNewBlock(*ns_, {ns_.Context("eve"), "/f"}), StatusIs(Code::kPermissionDenied));
}

TEST_F(CreateTest, IdsThatAreUsedUpAreAnError) {
  Mutation marks;
  marks.next_container = kMaxContainer + 1;
  ns_.Apply(marks);
  EXPECT_THAT(Create(File("/f")), StatusIs(Code::kResourceExhausted));
  EXPECT_OK(Create(Directory("/d")));
}

TEST_F(CreateTest, DirectoriesNeverTakeAFilesId) {
  Mutation marks;
  marks.next_directory_id = kMaxSequence;
  ns_.Apply(marks);
  const InodeId id = ns_.Make("/d/");
  EXPECT_FALSE(IsFileId(id));
  EXPECT_EQ(ContainerOf(id), 1);
  EXPECT_EQ(ContainerOf(ns_.Make("/f")), 2);
}

}  // namespace
}  // namespace headpond::meta
