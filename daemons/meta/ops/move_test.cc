// Rename and remove.

#include <gmock/gmock.h>

#include "meta/ops/remove.h"
#include "meta/ops/rename.h"
#include "meta/ops/set_attribute.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MoveTest : public ::testing::Test {
 protected:
  void Chmod(const std::string& path, uint16_t mode) {
    SetAttributeRequest chmod;
    chmod.context = ns_.Context();
    chmod.path = path;
    chmod.mode = mode;
    ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, chmod)));
  }
  void Mount(const std::string& path, const std::string& uri, bool read_only = false) {
    MountRequest request;
    request.context = ns_.Context();
    request.path = path;
    request.ufs_uri = uri;
    request.mount_id = 77;
    request.read_only = read_only;
    request.root.mode = 0755;
    request.root.owner = "root";
    ASSERT_OK(ns_.Commit(PlanMount(*ns_, request)));
  }
  RenameRequest Move(const std::string& source, const std::string& destination,
                     const std::string& user = "root") const {
    RenameRequest request;
    request.context = ns_.Context(user);
    request.source = source;
    request.destination = destination;
    return request;
  }
  Status Rename(const std::string& source, const std::string& destination,
                const std::string& user = "root") {
    return ns_.Commit(PlanRename(*ns_, Move(source, destination, user)));
  }
  RemoveRequest Removal(const std::string& path, const std::string& user = "root") const {
    RemoveRequest request;
    request.context = ns_.Context(user);
    request.path = path;
    request.recursive = true;
    return request;
  }
  Status Remove(const RemoveRequest& request) { return ns_.Commit(PlanRemove(*ns_, request)); }

  TestNamespace ns_;
};

TEST_F(MoveTest, RenameTakesADirectoryAlongWithItsChildren) {
  ns_.Make("/a/b/file", 3);
  const InodeId id = ns_.At("/a/b").id();
  ns_.now_ms += 10;
  ASSERT_OK(Rename("/a/b", "/c"));
  EXPECT_EQ(ns_.Tree(), "/a/ /c/ /c/file:3");
  EXPECT_EQ(ns_.At("/c").id(), id);
  EXPECT_EQ(ns_.At("/a").modification_ms(), ns_.now_ms);
  EXPECT_EQ(ns_.At("/").modification_ms(), ns_.now_ms);
  EXPECT_EQ(ns_.At("/c").modification_ms(), ns_.now_ms - 10);
}

TEST_F(MoveTest, RenameRefusesWhatStockRefusesInItsWords) {
  ns_.Make("/p/f", 1);
  ns_.Make("/p/g", 1);
  ns_.Make("/p/x/");
  ns_.Make("/m0/");
  Mount("/m0/m", "/other");
  struct Case {
    std::string source, destination;
    Code code;
    std::string text;
  };
  const std::vector<Case> cases = {
      {"/", "/p/q", Code::kInvalidArgument, "The root directory cannot be renamed"},
      {"/p", "/", Code::kInvalidArgument, "Cannot rename a path to the root directory"},
      {"/nope", "/nope", Code::kNotFound, "Path \"/nope\" does not exist."},
      {"/nope", "/p/q", Code::kNotFound, "Path \"/nope\" does not exist."},
      {"/p/f", "/p/f/x", Code::kInvalidArgument,
       "Traversal failed for path /p/f/x. Component 2(f) is a file, not a directory."},
      {"/p/f", "/nodir/z", Code::kNotFound, "Path \"/nodir\" does not exist."},
      {"/p/f", "/nodir/y/z", Code::kNotFound, "Path \"/nodir/y\" does not exist."},
      {"/p/f", "/p/g", Code::kAlreadyExists,
       "Cannot rename because destination already exists. src: /p/f dst: /p/g"},
      {"/p/f", "/p/x", Code::kAlreadyExists,
       "Cannot rename because destination already exists. src: /p/f dst: /p/x"},
      {"/p", "/p/x/zz", Code::kInvalidArgument, "Cannot rename because /p is a prefix of /p/x/zz"},
      {"/p/f", "/m0/m/f", Code::kInvalidArgument,
       "Renaming /p/f to /m0/m/f is a cross mount operation"},
      {"/p/f", "/m0/m", Code::kInvalidArgument,
       "Renaming /p/f to /m0/m is a cross mount operation"},
      {"/m0/m", "/m9", Code::kInvalidArgument, "Renaming /m0/m to /m9 is a cross mount operation"},
      {"/m0", "/m9", Code::kInvalidArgument,
       "Cannot rename /m0 because /m0/m is mounted in it; unmount that first"},
  };
  const std::string before = ns_.Tree();
  for (const Case& c : cases) {
    EXPECT_THAT(Rename(c.source, c.destination), StatusIs(c.code, c.text))
        << c.source << " -> " << c.destination;
  }
  EXPECT_EQ(ns_.Tree(), before);
}

TEST_F(MoveTest, RenameToItselfChangesNothing) {
  ns_.Make("/p/f", 1);
  const auto plan = PlanRename(*ns_, Move("/p/f", "/p/f"));
  ASSERT_OK(plan);
  EXPECT_TRUE(plan->mutation.empty());
}

TEST_F(MoveTest, RenameOverwritesAFileIfSaidSo) {
  ns_.Make("/f", 1, /*persisted=*/true);
  const InodeId replaced = ns_.Make("/g", 2, /*persisted=*/true);
  RenameRequest request = Move("/f", "/g");
  request.overwrite = true;
  const auto plan = PlanRename(*ns_, request);
  ASSERT_OK(plan);
  EXPECT_THAT(plan->removed_files, ElementsAre(replaced));
  ASSERT_TRUE(plan->replaced);
  EXPECT_EQ(plan->replaced->location.ufs_path, "/ufs/g");
  ASSERT_TRUE(plan->rename);
  EXPECT_EQ(plan->rename->from.ufs_path, "/ufs/f");
  EXPECT_EQ(plan->rename->to.ufs_path, "/ufs/g");
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(ns_.Tree(), "/g:1");
  ns_.Make("/d/");
  request = Move("/g", "/d");
  request.overwrite = true;
  EXPECT_THAT(PlanRename(*ns_, request), StatusIs(Code::kAlreadyExists));
}

TEST_F(MoveTest, APersistedSourcePersistsItsNewParents) {
  ns_.Make("/f", 1, /*persisted=*/true);
  ns_.Make("/d/e/");
  const auto plan = PlanRename(*ns_, Move("/f", "/d/e/f"));
  ASSERT_OK(plan);
  ASSERT_THAT(plan->make_directories, SizeIs(2));
  EXPECT_EQ(plan->make_directories[0].path, "/d");
  EXPECT_EQ(plan->make_directories[1].path, "/d/e");
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_TRUE(ns_.At("/d/e").persisted());
  const auto memory_only = PlanRename(*ns_, Move("/d/e/f", "/d/g"));
  ASSERT_OK(memory_only);
  EXPECT_THAT(memory_only->make_directories, IsEmpty());
}

TEST_F(MoveTest, PersistOnRenameSchedulesTheFilesThatMoved) {
  ns_.Make("/d/f", 1);
  ns_.Make("/d/p", 1, /*persisted=*/true);
  RenameRequest request = Move("/d", "/e");
  request.persist = true;
  ASSERT_OK(ns_.Commit(PlanRename(*ns_, request)));
  EXPECT_THAT(ns_->to_be_persisted(), ElementsAre(ns_.At("/e/f").id()));
  request = Move("/e/f", "/f");
  request.persist = true;
  ASSERT_OK(ns_.Commit(PlanRename(*ns_, request)));
  EXPECT_EQ(ns_.Tree(), "/e/ /e/p:1 /f:1");
}

TEST_F(MoveTest, RenameNeedsWriteOnBothParents) {
  ns_.Make("/open/f", 1);
  Chmod("/open", 0777);
  EXPECT_THAT(Rename("/open/f", "/f", "bob"),
              StatusIs(Code::kPermissionDenied, HasSubstr("access=-w-, path=/f: failed at /")));
  EXPECT_OK(Rename("/open/f", "/open/g", "bob"));
}

TEST_F(MoveTest, RepeatedOperationsSucceedOnce) {
  ns_.Make("/a", 1);
  RenameRequest request = Move("/a", "/b");
  request.context.operation_id = {7, 7};
  ASSERT_OK(ns_.Commit(PlanRename(*ns_, request)));
  EXPECT_OK(ns_.Commit(PlanRename(*ns_, request)));
  RemoveRequest removal = Removal("/b");
  removal.context.operation_id = {7, 8};
  ASSERT_OK(Remove(removal));
  EXPECT_OK(Remove(removal));
  EXPECT_EQ(ns_.Tree(), "");
}

TEST_F(MoveTest, RemoveRefusesWhatStockRefusesInItsWords) {
  ns_.Make("/d/f", 1);
  ns_.Make("/m0/");
  Mount("/m0/m", "/other", /*read_only=*/true);
  RemoveRequest flat = Removal("/d");
  flat.recursive = false;
  EXPECT_THAT(Remove(flat),
              StatusIs(Code::kFailedPrecondition,
                       "Cannot delete non-empty directory d because recursive is set to false"));
  EXPECT_THAT(Remove(Removal("/d/nope")),
              StatusIs(Code::kNotFound, "Path \"/d/nope\" does not exist."));
  EXPECT_THAT(Remove(Removal("/d/f/x")), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Remove(Removal("/m0")),
              StatusIs(Code::kPermissionDenied,
                       "Cannot delete path /m0 which is or contains a mount point without "
                       "--deleteMountPoint/-m option specified"));
  RemoveRequest root = Removal("/");
  root.delete_mount_point = true;
  EXPECT_THAT(Remove(root), StatusIs(Code::kInvalidArgument, "Cannot delete the root directory"));
  EXPECT_THAT(Remove(Removal("/m0/m/x")),
              StatusIs(Code::kPermissionDenied,
                       "A write operation on /m0/m/x under a readonly mount point /m0/m is not "
                       "allowed"));
}

TEST_F(MoveTest, RemoveListsBlocksAndUnderStoreWorkChildrenFirst) {
  ns_.Make("/keep", 1);
  ns_.Make("/d/e/f", 1, /*persisted=*/true);
  ns_.Make("/d/memory", 1);
  const auto plan = PlanRemove(*ns_, Removal("/d"));
  ASSERT_OK(plan);
  EXPECT_THAT(plan->removed_files, SizeIs(2));
  ASSERT_THAT(plan->deletes, SizeIs(3));
  EXPECT_EQ(plan->deletes[0].location.ufs_path, "/ufs/d/e/f");
  EXPECT_EQ(plan->deletes[1].location.ufs_path, "/ufs/d/e");
  EXPECT_EQ(plan->deletes[2].location.ufs_path, "/ufs/d");
  EXPECT_FALSE(plan->deletes[2].recursive);
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(ns_.Tree(), "/keep:1");
}

TEST_F(MoveTest, UncheckedRemovalDeletesWholeDirectories) {
  ns_.Make("/d/e/f", 1, /*persisted=*/true);
  RemoveRequest request = Removal("/d");
  request.unchecked = true;
  const auto plan = PlanRemove(*ns_, request);
  ASSERT_OK(plan);
  ASSERT_THAT(plan->deletes, SizeIs(1));
  EXPECT_TRUE(plan->deletes[0].recursive);
  EXPECT_EQ(plan->deletes[0].location.ufs_path, "/ufs/d");
}

TEST_F(MoveTest, AlluxioOnlyLeavesTheUnderStoreAndWorksOnReadOnlyMounts) {
  ns_.Make("/d/f", 1, /*persisted=*/true);
  RemoveRequest request = Removal("/d");
  request.alluxio_only = true;
  const auto plan = PlanRemove(*ns_, request);
  ASSERT_OK(plan);
  EXPECT_THAT(plan->deletes, IsEmpty());
}

TEST_F(MoveTest, WhatCouldNotBeDeletedStaysWithItsAncestors) {
  ns_.Make("/d/e/stuck", 1, /*persisted=*/true);
  ns_.Make("/d/gone", 1, /*persisted=*/true);
  RemoveRequest request = Removal("/d");
  request.context.operation_id = {1, 1};
  request.keep = {ns_.At("/d/e/stuck").id()};
  ASSERT_OK(Remove(request));
  EXPECT_EQ(ns_.Tree(), "/d/ /d/e/ /d/e/stuck:1");
  EXPECT_FALSE(ns_->IsCompleted({1, 1}));
  request.keep.clear();
  ASSERT_OK(Remove(request));
  EXPECT_EQ(ns_.Tree(), "");
}

TEST_F(MoveTest, MountsGoAlongIfSaidSoButNotTheirContent) {
  ns_.Make("/m0/f", 1, /*persisted=*/true);
  Mount("/m0/m", "/other");
  ns_.Make("/m0/m/f", 1, /*persisted=*/true);
  RemoveRequest request = Removal("/m0");
  request.delete_mount_point = true;
  const auto plan = PlanRemove(*ns_, request);
  ASSERT_OK(plan);
  EXPECT_THAT(plan->removed_mounts, ElementsAre(77));
  EXPECT_THAT(plan->removed_files, SizeIs(2));
  ASSERT_THAT(plan->deletes, SizeIs(2));
  EXPECT_EQ(plan->deletes[0].path, "/m0/f");
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(ns_->mounts().FindAt("/m0/m"), nullptr);
}

TEST_F(MoveTest, RemoveNeedsWriteOnEverythingBelowAsInStock) {
  ns_.Make("/open/bd2/rf", 1);
  Chmod("/open", 0777);
  EXPECT_THAT(
      Remove(Removal("/open/bd2", "bob")),
      StatusIs(Code::kFailedPrecondition,
               "Failed to delete 2 paths from the under file system: /open/bd2/rf (Permission "
               "denied: user=bob, access=-w-, path=/open/bd2/rf: failed at rf, inode owner=root, "
               "inode group=root, inode mode=rw-r--r--), /open/bd2 (Directory not empty)"));
  EXPECT_THAT(Remove(Removal("/nope", "bob")), StatusIs(Code::kPermissionDenied));
  Chmod("/open/bd2/rf", 0666);
  EXPECT_OK(Remove(Removal("/open/bd2", "bob")));
}

TEST_F(MoveTest, RemoveNeedsNoStackForADeepTree) {
  constexpr int kDepth = 100'000;
  ns_.check_invariants = false;
  Mutation deep;
  for (int i = 1; i <= kDepth; ++i) {
    InodeRecord directory;
    directory.id = i;
    directory.parent_id = i - 1;
    directory.name = "d";
    directory.owner = "bob";
    deep.puts.push_back(directory);
  }
  deep.next_directory_id = kDepth + 1;
  ns_.Apply(deep);
  ASSERT_OK_AND_ASSIGN(const std::string bottom, ns_->PathOf(kDepth));
  EXPECT_EQ(bottom.size(), 2u * kDepth);
  ASSERT_OK(Remove(Removal("/d")));
  EXPECT_EQ(ns_->inodes().size(), 1u);
  ASSERT_OK(ns_->CheckInvariants());
}

}  // namespace
}  // namespace headpond::meta
