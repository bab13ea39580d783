// GetStatus, Exists, listing, access checks.

#include <gmock/gmock.h>

#include "meta/ops/check_access.h"
#include "meta/ops/get_status.h"
#include "meta/ops/list.h"
#include "meta/ops/remove.h"
#include "meta/ops/set_attribute.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReadTest : public ::testing::Test {
 protected:
  void Chmod(const std::string& path, uint16_t mode) {
    SetAttributeRequest chmod;
    chmod.context = ns_.Context();
    chmod.path = path;
    chmod.mode = mode;
    ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, chmod)));
  }
  ListRequest Listing(const std::string& path, bool recursive = false,
                      const std::string& user = "root") const {
    ListRequest request;
    request.caller = ns_.Context(user).caller;
    request.path = path;
    request.recursive = recursive;
    return request;
  }
  std::vector<std::string> All(const ListRequest& request, size_t batch = 2) {
    auto lister = Lister::Start(*ns_, request);
    EXPECT_OK(lister);
    std::vector<std::string> paths;
    while (lister.ok() && !lister->done()) {
      const auto entries = lister->Next(*ns_, batch);
      EXPECT_LE(entries.size(), batch);
      for (const FileInfo& info : entries) paths.push_back(info.path);
    }
    return paths;
  }
  Result<StatusReply> Stat(const std::string& path, const std::string& user, Bits access = kNone) {
    return GetStatus(*ns_, {ns_.Context(user).caller, path, access});
  }

  TestNamespace ns_;
};

TEST_F(ReadTest, StatusNeedsOnlyTheWayThere) {
  ns_.Make("/sec/f", 1);
  Chmod("/sec", 0700);
  ASSERT_OK_AND_ASSIGN(const StatusReply directory, Stat("/sec", "bob"));
  EXPECT_TRUE(directory.found);
  const auto denied = StatusIs(Code::kPermissionDenied,
                               "Permission denied: user=bob, access=--x, path=/sec/f: failed at "
                               "sec, inode owner=root, inode "
                               "group=root, inode mode=rwx------");
  EXPECT_THAT(Stat("/sec/f", "bob"), denied);
  EXPECT_THAT(Stat("/sec/nope", "bob"), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Exists(*ns_, ns_.Context("bob").caller, "/sec/f"), denied);
  EXPECT_THAT(Stat("/sec", "bob", kRead),
              StatusIs(Code::kPermissionDenied, HasSubstr("access=r--")));
}

TEST_F(ReadTest, AMissingPathSaysSoAndWhetherTheUnderStoreMayHaveIt) {
  ASSERT_OK_AND_ASSIGN(StatusReply reply, Stat("/nope", "bob"));
  EXPECT_FALSE(reply.found);
  EXPECT_TRUE(reply.may_exist_in_ufs);
  EXPECT_THAT(reply.missing, StatusIs(Code::kNotFound, "Path \"/nope\" does not exist."));
  // Nothing can be below a directory that was made here.
  ns_.Make("/d/f", 1);
  ASSERT_OK_AND_ASSIGN(reply, Stat("/d/nope", "bob"));
  EXPECT_FALSE(reply.may_exist_in_ufs);
  ASSERT_OK_AND_ASSIGN(reply, Stat("/d/f/x", "bob"));
  EXPECT_THAT(reply.missing,
              StatusIs(Code::kInvalidArgument, HasSubstr("Component 2(f) is a file")));
  ASSERT_OK_AND_ASSIGN(const ExistsReply exists, Exists(*ns_, Caller::Internal(), "/d/f/x"));
  EXPECT_FALSE(exists.found);
}

TEST_F(ReadTest, ADirectoryLooksAsStockSendsIt) {
  ns_.Make("/d/f", 1);
  ASSERT_OK_AND_ASSIGN(const StatusReply reply, Stat("/d", "root"));
  const FileInfo& info = reply.info;
  EXPECT_TRUE(info.folder);
  EXPECT_TRUE(info.completed);
  EXPECT_FALSE(info.cacheable);
  EXPECT_EQ(info.length, 1);
  EXPECT_EQ(info.block_size, 0);
  EXPECT_EQ(info.replication_min, 0);
  EXPECT_EQ(info.replication_max, 0);
  EXPECT_EQ(info.ttl_ms, kNoTtl);
  ASSERT_OK_AND_ASSIGN(const StatusReply root, Stat("/", "root"));
  EXPECT_EQ(root.info.name, "");
  EXPECT_EQ(root.info.ufs_path, "/ufs");
  EXPECT_FALSE(root.info.mount_point);
}

TEST_F(ReadTest, InodesAreFoundById) {
  const InodeId id = ns_.Make("/d/f", 1);
  ASSERT_OK_AND_ASSIGN(const FileInfo info, GetFileInfoById(*ns_, id));
  EXPECT_EQ(info.path, "/d/f");
  EXPECT_THAT(GetFileInfoById(*ns_, 99999999),
              StatusIs(Code::kNotFound, "inodeId 99999999 does not exist"));
  EXPECT_THAT(ns_->PathOf(InodeId{5}), StatusIs(Code::kNotFound));
}

// The order was recorded from a stock master.
TEST_F(ReadTest, ARecursiveListingIsDepthFirstInByteOrder) {
  for (const char* path : {"/o/a/x/", "/o/a.txt", "/o/a/z", "/o/B", "/o/b"}) ns_.Make(path);
  const std::vector<std::string> all = {"/o/B", "/o/a", "/o/a/x", "/o/a/z", "/o/a.txt", "/o/b"};
  for (const size_t batch : {1, 2, 3, 6, 100}) EXPECT_EQ(All(Listing("/o", true), batch), all);
  EXPECT_THAT(All(Listing("/o")), ElementsAre("/o/B", "/o/a", "/o/a.txt", "/o/b"));
}

TEST_F(ReadTest, AFileListsItselfAndAnEmptyDirectoryNothing) {
  ns_.Make("/d/");
  ns_.Make("/f", 1);
  EXPECT_THAT(All(Listing("/f")), ElementsAre("/f"));
  EXPECT_THAT(All(Listing("/d")), IsEmpty());
  EXPECT_THAT(Lister::Start(*ns_, Listing("/nope")), StatusIs(Code::kNotFound));
}

TEST_F(ReadTest, ListingNeedsReadAndSkipsWhatItMayNotRead) {
  ns_.Make("/sec/f", 1);
  ns_.Make("/open/f", 1);
  Chmod("/sec", 0700);
  EXPECT_THAT(Lister::Start(*ns_, Listing("/sec", false, "bob")),
              StatusIs(Code::kPermissionDenied, HasSubstr("access=r--, path=/sec: failed at sec")));
  EXPECT_THAT(All(Listing("/", true, "bob")), ElementsAre("/open", "/open/f", "/sec"));
}

TEST_F(ReadTest, AListingGoesOnBehindAnOffset) {
  for (const char* path : {"/o/a/x/", "/o/a.txt", "/o/a/z", "/o/B", "/o/b"}) ns_.Make(path);
  ListRequest request = Listing("/o", true);
  request.start_after = "a/x";
  EXPECT_THAT(All(request), ElementsAre("/o/a/z", "/o/a.txt", "/o/b"));
  request.start_after = "/o/a";
  EXPECT_THAT(All(request), ElementsAre("/o/a/x", "/o/a/z", "/o/a.txt", "/o/b"));
  request.start_after = "a/y/not-there";
  EXPECT_THAT(All(request), ElementsAre("/o/a/z", "/o/a.txt", "/o/b"));
  request.start_after = "/z/a";
  EXPECT_THAT(Lister::Start(*ns_, request),
              StatusIs(Code::kInvalidArgument,
                       "The start after partial listing option /z/a is not a prefix of the listing "
                       "path /o"));
  request.start_after = "";
  request.offset_id = ns_.At("/o/a/z").id();
  EXPECT_THAT(All(request), ElementsAre("/o/a.txt", "/o/b"));
  request.offset_id = 424242;
  EXPECT_THAT(Lister::Start(*ns_, request),
              StatusIs(Code::kNotFound, HasSubstr("was not found during partial listing")));
  request.offset_id = ns_.Make("/elsewhere", 1);
  EXPECT_THAT(Lister::Start(*ns_, request), StatusIs(Code::kNotFound));
  request.offset_id.reset();
  request.offset_count = 4;
  EXPECT_THAT(All(request), ElementsAre("/o/a.txt", "/o/b"));
}

TEST_F(ReadTest, APrefixSelects) {
  for (const char* path : {"/o/a/x/", "/o/a.txt", "/o/a/z", "/o/a/xy/q", "/o/B", "/o/b"}) {
    ns_.Make(path);
  }
  ListRequest request = Listing("/o", true);
  request.prefix = "a";
  EXPECT_THAT(All(request),
              ElementsAre("/o/a", "/o/a/x", "/o/a/xy", "/o/a/xy/q", "/o/a/z", "/o/a.txt"));
  request.prefix = "/a/x";
  EXPECT_THAT(All(request), ElementsAre("/o/a/x", "/o/a/xy", "/o/a/xy/q"));
  request.prefix = "zz";
  EXPECT_THAT(All(request), IsEmpty());
  request = Listing("/", true);
  request.prefix = "o/a.";
  EXPECT_THAT(All(request), ElementsAre("/o/a.txt"));
}

TEST_F(ReadTest, ItIsKnownExactlyWhetherAListingIsTruncated) {
  for (int i = 0; i < 4; ++i) ns_.Make(fmt::format("/o/{}", i));
  ASSERT_OK_AND_ASSIGN(Lister lister, Lister::Start(*ns_, Listing("/o")));
  EXPECT_EQ(lister.file_count(), 4);
  lister.Next(*ns_, 2);
  EXPECT_FALSE(lister.done());
  lister.Next(*ns_, 2);
  EXPECT_TRUE(lister.done());
}

TEST_F(ReadTest, AListingSurvivesChangesBetweenItsBatches) {
  for (int i = 0; i < 6; ++i) ns_.Make(fmt::format("/o/d{}/f", i));
  ASSERT_OK_AND_ASSIGN(Lister lister, Lister::Start(*ns_, Listing("/o", true)));
  lister.Next(*ns_, 3);  // d0, d0/f, d1
  RemoveRequest removal;
  removal.context = ns_.Context();
  removal.path = "/o/d1";
  removal.recursive = true;
  ASSERT_OK(ns_.Commit(PlanRemove(*ns_, removal)));
  std::vector<std::string> rest;
  while (!lister.done()) {
    for (const FileInfo& info : lister.Next(*ns_, 3)) rest.push_back(info.path);
  }
  EXPECT_THAT(rest, ElementsAre("/o/d2", "/o/d2/f", "/o/d3", "/o/d3/f", "/o/d4", "/o/d4/f", "/o/d5",
                                "/o/d5/f"));
}

TEST_F(ReadTest, AListingStopsAtDirectoriesTheUnderStoreWasNotAskedFor) {
  ns_.Make("/o/d/known", 1);
  SetAttributeRequest forget;
  forget.context = ns_.Context();
  forget.path = "/o/d";
  forget.children_loaded = false;
  ASSERT_OK(ns_.Commit(PlanSetAttribute(*ns_, forget)));
  ns_.Make("/o/z", 1);
  ASSERT_OK_AND_ASSIGN(Lister lister, Lister::Start(*ns_, Listing("/o", true)));
  EXPECT_FALSE(lister.unloaded_directory());
  EXPECT_EQ(lister.Next(*ns_, 100).size(), 1u);
  EXPECT_EQ(lister.unloaded_directory(), "/o/d");
  EXPECT_FALSE(lister.done());
  ns_.Make("/o/d/loaded", 1);
  EXPECT_EQ(lister.Next(*ns_, 100).size(), 3u);
  EXPECT_TRUE(lister.done());
  ASSERT_OK_AND_ASSIGN(Lister base, Lister::Start(*ns_, Listing("/o/d")));
  EXPECT_EQ(base.unloaded_directory(), "/o/d");
}

TEST_F(ReadTest, CheckAccessAsksForBitsOnTheTarget) {
  ns_.Make("/f", 1);
  EXPECT_OK(CheckPathAccess(*ns_, ns_.Context("bob").caller, "/f", kRead));
  EXPECT_THAT(CheckPathAccess(*ns_, ns_.Context("bob").caller, "/f", kWrite),
              StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(CheckPathAccess(*ns_, ns_.Context("bob").caller, "/nope", kRead),
              StatusIs(Code::kNotFound));
}

TEST_F(ReadTest, TheSupergroupMayDoEverything) {
  ns_.Make("/sec/f", 1);
  Chmod("/sec", 0);
  Caller admin = ns_.Context("eve").caller;
  EXPECT_THAT(CheckPathAccess(*ns_, admin, "/sec/f", kRead), StatusIs(Code::kPermissionDenied));
  admin.groups.push_back("supergroup");
  EXPECT_OK(CheckPathAccess(*ns_, admin, "/sec/f", kAll));
}

TEST(PermissionSwitchTest, EverythingIsAllowedWhenSwitchedOff) {
  NamespaceOptions options;
  options.check_permissions = false;
  TestNamespace ns(options);
  EXPECT_OK(CheckPathAccess(*ns, ns.Context("bob").caller, "/", kAll));
}

}  // namespace
}  // namespace headpond::meta
