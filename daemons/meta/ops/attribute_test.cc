// SetAttribute, SetAcl, Free, persistence and TTL.

#include <gmock/gmock.h>

#include "meta/fingerprint_code.h"
#include "meta/ops/expire.h"
#include "meta/ops/free.h"
#include "meta/ops/persist.h"
#include "meta/ops/remove.h"
#include "meta/ops/set_acl.h"
#include "meta/ops/set_attribute.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AttributeTest : public ::testing::Test {
 protected:
  SetAttributeRequest Request(const std::string& path, const std::string& user = "root") const {
    SetAttributeRequest request;
    request.context = ns_.Context(user);
    request.path = path;
    return request;
  }
  Status Set(const SetAttributeRequest& request) {
    return ns_.Commit(PlanSetAttribute(*ns_, request));
  }
  FileInfo Info(const std::string& path) const { return ns_->Describe(ns_.At(path), path); }

  TestNamespace ns_;
};

TEST_F(AttributeTest, NothingAskedNothingChanged) {
  ns_.Make("/f", 1);
  const auto plan = PlanSetAttribute(*ns_, Request("/f"));
  ASSERT_OK(plan);
  EXPECT_TRUE(plan->mutation.empty());
  EXPECT_THAT(Set(Request("/nope")), StatusIs(Code::kNotFound, "Path \"/nope\" does not exist."));
}

TEST_F(AttributeTest, ARepeatedChangeDoesNotUndoALaterOne) {
  ns_.Make("/f", 1);
  SetAttributeRequest first = Request("/f");
  first.mode = 0600;
  first.context.operation_id = {7, 1};
  ASSERT_OK(Set(first));
  SetAttributeRequest later = Request("/f");
  later.mode = 0640;
  later.context.operation_id = {7, 2};
  ASSERT_OK(Set(later));
  EXPECT_OK(Set(first));
  EXPECT_EQ(Info("/f").mode, 0640);

  SetAclRequest acl{.context = ns_.Context(), .path = "/f", .action = AclAction::kModify};
  acl.entries = {{AclEntryType::kNamedUser, "bob", kRead}};
  acl.context.operation_id = {7, 3};
  ASSERT_OK(ns_.Commit(PlanSetAcl(*ns_, acl)));
  const auto repeated = PlanSetAcl(*ns_, acl);
  ASSERT_OK(repeated);
  EXPECT_TRUE(repeated->mutation.empty());
  ASSERT_OK(ns_.Commit(PlanRemove(*ns_, {.context = ns_.Context(), .path = "/f"})));
  EXPECT_OK(ns_.Commit(PlanSetAcl(*ns_, acl))) << "it was done before the file went";
  EXPECT_OK(Set(first));
}

TEST_F(AttributeTest, WhoMayChangeWhatIsAsInStock) {
  ns_.Make("/pub", 1);
  SetAttributeRequest request = Request("/pub", "bob");
  request.mode = 0777;
  EXPECT_THAT(Set(request), StatusIs(Code::kPermissionDenied,
                                     "Permission denied: user=bob is not the owner of path=/pub"));
  request = Request("/pub", "bob");
  request.owner = "bob";
  EXPECT_THAT(Set(request),
              StatusIs(Code::kPermissionDenied,
                       "Permission denied: bob is not a super user or in super group"));
  request = Request("/pub", "bob");
  request.pinned = true;
  EXPECT_THAT(Set(request), StatusIs(Code::kPermissionDenied, HasSubstr("access=-w-, path=/pub")));
  SetAttributeRequest give = Request("/pub");
  give.owner = "bob";
  ASSERT_OK(Set(give));
  EXPECT_OK(Set(request));
  request = Request("/pub", "bob");
  request.group = "anything";
  EXPECT_OK(Set(request));
}

TEST_F(AttributeTest, OwnerAndGroupMustFitWhenTheGroupsAreKnown) {
  ns_.Make("/f", 1);
  SetAttributeRequest request = Request("/f");
  request.owner = "root";
  request.group = "grp";
  request.owner_groups = {"root"};
  EXPECT_THAT(Set(request),
              StatusIs(Code::kUnknown,
                       "Could not update owner:group for /f to root:grp. "
                       "alluxio.exception.status.FailedPreconditionException: Owner root does not "
                       "belong to the group grp"));
  request.owner_groups = {"root", "grp"};
  EXPECT_OK(Set(request));
}

TEST_F(AttributeTest, ModeOfAPersistedTreeGoesToTheUnderStore) {
  ns_.Make("/d/f", 1, /*persisted=*/true);
  ns_.Make("/d/memory", 1);
  SetAttributeRequest request = Request("/d");
  request.mode = 0750;
  request.recursive = true;
  const auto plan = PlanSetAttribute(*ns_, request);
  ASSERT_OK(plan);
  ASSERT_THAT(plan->ufs_updates, SizeIs(2));
  EXPECT_EQ(plan->ufs_updates[0].location.ufs_path, "/ufs/d");
  EXPECT_EQ(plan->ufs_updates[1].mode, 0750);
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(Info("/d/memory").mode, 0750);
  EXPECT_EQ(FingerprintField(Info("/d/f").fingerprint, "MODE"), "488");
}

TEST_F(AttributeTest, ModeDoesNotTouchTimesButPinDoes) {
  ns_.Make("/f", 1);
  const int64_t before = ns_.now_ms;
  ns_.now_ms += 7;
  SetAttributeRequest request = Request("/f");
  request.mode = 0600;
  ASSERT_OK(Set(request));
  EXPECT_EQ(Info("/f").modification_ms, before);
  request = Request("/f");
  request.pinned = true;
  ASSERT_OK(Set(request));
  EXPECT_EQ(Info("/f").modification_ms, ns_.now_ms);
  EXPECT_EQ(Info("/f").access_ms, before);
}

TEST_F(AttributeTest, PinningATreePinsItsFiles) {
  ns_.Make("/d/f", 1);
  SetAttributeRequest request = Request("/d");
  request.pinned = true;
  request.pinned_media = {"SSD"};
  ASSERT_OK(Set(request));
  EXPECT_TRUE(Info("/d").pinned);
  EXPECT_EQ(Info("/d").replication_min, 0);
  EXPECT_EQ(Info("/d/f").replication_min, 1);
  EXPECT_THAT(Info("/d/f").pinned_media, ElementsAre("SSD"));
  EXPECT_THAT(ns_->pinned_files(), ElementsAre(ns_.At("/d/f").id()));
  request.pinned = false;
  ASSERT_OK(Set(request));
  EXPECT_EQ(Info("/d/f").replication_min, 0);
  EXPECT_THAT(Info("/d/f").pinned_media, IsEmpty());
  EXPECT_THAT(ns_->pinned_files(), IsEmpty());
}

TEST_F(AttributeTest, ReplicationGoesToFilesAndPins) {
  ns_.Make("/d/f", 1);
  SetAttributeRequest request = Request("/d");
  request.replication_min = 2;
  ASSERT_OK(Set(request));
  EXPECT_TRUE(Info("/d/f").pinned);
  EXPECT_FALSE(Info("/d").pinned);
  EXPECT_THAT(ns_->replication_limited(), SizeIs(1));
  request = Request("/d/f");
  request.replication_max = 1;
  EXPECT_THAT(Set(request),
              StatusIs(Code::kInvalidArgument,
                       "Cannot set min and max replication to be 2 and 1: min replication must be "
                       "smaller or equal than max replication"));
  request.replication_min = 0;
  request.replication_max = 0;
  ASSERT_OK(Set(request));
  EXPECT_FALSE(Info("/d/f").pinned);
}

TEST_F(AttributeTest, TtlStaysOnTheTargetUnlessRecursive) {
  ns_.Make("/d/f", 1);
  SetAttributeRequest request = Request("/d");
  request.ttl_ms = 1000;
  request.ttl_action = TtlAction::kDelete;
  ASSERT_OK(Set(request));
  EXPECT_EQ(Info("/d/f").ttl_ms, kNoTtl);
  request.recursive = true;
  ASSERT_OK(Set(request));
  EXPECT_EQ(Info("/d/f").ttl_ms, 1000);
  EXPECT_THAT(ns_->ttl_deadlines(), SizeIs(2));
  request.ttl_ms = -1;
  ASSERT_OK(Set(request));
  EXPECT_THAT(ns_->ttl_deadlines(), IsEmpty());
}

TEST_F(AttributeTest, XattrsAreUpdatedByStrategy) {
  ns_.Make("/f", 1);
  SetAttributeRequest request = Request("/f");
  const auto update = [&](XattrUpdate how, XattrMap xattr) {
    request.xattr_update = how;
    request.xattr = std::move(xattr);
    EXPECT_OK(Set(request));
    return Info("/f").xattr;
  };
  EXPECT_EQ(update(XattrUpdate::kTruncate, {{"a", "1"}, {"b", "2"}}),
            (XattrMap{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(update(XattrUpdate::kUnionReplace, {{"a", "3"}, {"c", "4"}}),
            (XattrMap{{"a", "3"}, {"b", "2"}, {"c", "4"}}));
  EXPECT_EQ(update(XattrUpdate::kUnionPreserve, {{"a", "5"}, {"d", "6"}}),
            (XattrMap{{"a", "3"}, {"b", "2"}, {"c", "4"}, {"d", "6"}}));
  EXPECT_EQ(update(XattrUpdate::kDeleteKeys, {{"a", ""}, {"zz", ""}}),
            (XattrMap{{"b", "2"}, {"c", "4"}, {"d", "6"}}));
  EXPECT_EQ(update(XattrUpdate::kTruncate, {}), XattrMap{});
}

TEST_F(AttributeTest, PersistedCanOnlyBeSetOnACompleteFile) {
  ns_.Make("/d/f", 1);
  SetAttributeRequest request = Request("/d/f");
  request.persisted = false;
  EXPECT_THAT(Set(request),
              StatusIs(Code::kInvalidArgument, "Cannot set the state of a file to not-persisted"));
  request.persisted = true;
  ASSERT_OK(Set(request));
  EXPECT_TRUE(Info("/d/f").persisted);
  EXPECT_TRUE(Info("/d").persisted);
  request.path = "/d";
  EXPECT_THAT(Set(request),
              StatusIs(Code::kInvalidArgument, "File being persisted must be complete"));
}

TEST_F(AttributeTest, AReadOnlyMountRefusesOnlyWhatTheUnderStoreHasToo) {
  MountRequest mount;
  mount.context = ns_.Context();
  mount.path = "/m";
  mount.ufs_uri = "/other";
  mount.mount_id = 5;
  mount.read_only = true;
  ASSERT_OK(ns_.Commit(PlanMount(*ns_, mount)));
  SetAttributeRequest request = Request("/m");
  request.mode = 0777;
  EXPECT_THAT(Set(request),
              StatusIs(Code::kPermissionDenied,
                       "A write operation on /m under a readonly mount point /m is not "
                       "allowed"));
  request = Request("/m");
  request.pinned = true;
  EXPECT_OK(Set(request));
}

TEST_F(AttributeTest, ALargeTreeIsChangedInParts) {
  ns_.check_invariants = false;
  constexpr size_t kFiles = kMaxPutsPerMutation + 50;
  Mutation many;
  for (size_t i = 1; i <= kFiles; ++i) {
    InodeRecord file;
    file.id = FileIdOfContainer(static_cast<int64_t>(i));
    file.parent_id = kRootId;
    file.name = fmt::format("f{}", i);
    file.completed = true;
    many.puts.push_back(std::move(file));
  }
  many.next_container = kFiles + 1;
  ns_.Apply(many);
  SetAttributeRequest request = Request("/");
  request.mode = 0600;
  request.recursive = true;
  ASSERT_OK_AND_ASSIGN(const SetAttributePlan first, PlanSetAttribute(*ns_, request));
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.mutation.puts.size(), kMaxPutsPerMutation);
  ns_.Apply(first.mutation);
  ASSERT_OK_AND_ASSIGN(const SetAttributePlan second, PlanSetAttribute(*ns_, request));
  EXPECT_FALSE(second.more);
  EXPECT_EQ(second.mutation.puts.size(), 51u);
}

TEST_F(AttributeTest, AclsNeedTheOwnerAndReachTheUnderStoreAsMode) {
  ns_.Make("/d/f", 1, /*persisted=*/true);
  SetAclRequest request;
  request.context = ns_.Context("bob");
  request.path = "/d/f";
  request.action = AclAction::kModify;
  request.entries = {{AclEntryType::kOther, "", kAll, false},
                     {AclEntryType::kNamedUser, "bob", 7, false}};
  EXPECT_THAT(PlanSetAcl(*ns_, request),
              StatusIs(Code::kPermissionDenied,
                       "Permission denied: user=bob is not the owner of path=/d/f"));
  request.context = ns_.Context();
  const auto plan = PlanSetAcl(*ns_, request);
  ASSERT_OK(plan);
  ASSERT_THAT(plan->ufs_updates, SizeIs(1));
  EXPECT_EQ(plan->ufs_updates[0].mode, 0647);
  ASSERT_OK(ns_.Commit(plan));
  EXPECT_EQ(Info("/d/f").acl.users.at("bob"), Bits{7});
  EXPECT_TRUE(PlanSetAcl(*ns_, request)->mutation.empty());

  request.path = "/d";
  request.recursive = true;
  request.entries = {{AclEntryType::kNamedUser, "bob", 7, true}};
  EXPECT_THAT(PlanSetAcl(*ns_, request),
              StatusIs(Code::kInvalidArgument, "Can not set default ACL for a file"));
  request.action = AclAction::kRemoveDefault;
  EXPECT_THAT(PlanSetAcl(*ns_, request), StatusIs(Code::kInvalidArgument));
}

TEST_F(AttributeTest, FreeRefusesInStocksWords) {
  ns_.Make("/d/p", 1, /*persisted=*/true);
  ns_.Make("/m", 1);
  const auto free = [&](const std::string& path, bool recursive = false, bool forced = false) {
    return PlanFree(*ns_, {ns_.Context(), path, recursive, forced});
  };
  EXPECT_THAT(free("/d"), StatusIs(Code::kUnknown,
                                   "Cannot free directory /d which is not empty. Please set the "
                                   "\"recursive\" flag of free operation to true"));
  EXPECT_THAT(free("/m"), StatusIs(Code::kUnknown, "Cannot free file /m which is not persisted"));
  SetAttributeRequest pin = Request("/d");
  pin.pinned = true;
  ASSERT_OK(Set(pin));
  EXPECT_THAT(free("/d/p"),
              StatusIs(Code::kUnknown,
                       "Cannot free file /d/p which is pinned. Please unpin it first or set the "
                       "\"forced\" flag of free operation to true"));
  const auto forced = free("/d", true, true);
  ASSERT_OK(forced);
  EXPECT_THAT(forced->files, ElementsAre(ns_.At("/d/p").id()));
  ASSERT_OK(ns_.Commit(forced));
  EXPECT_THAT(ns_->pinned_files(), IsEmpty());
  EXPECT_TRUE(free("/d", true)->mutation.empty());
  EXPECT_THAT(PlanFree(*ns_, {ns_.Context("bob"), "/d/p", false, false}), IsOk());
  EXPECT_THAT(free("/nope"), StatusIs(Code::kNotFound));
}

TEST_F(AttributeTest, PersistenceGoesThroughItsStates) {
  const InodeId id = ns_.Make("/d/f", 5);
  EXPECT_THAT(PlanSchedulePersist(*ns_, ns_.Context(), "/d", 0),
              StatusIs(Code::kNotFound, "Path \"/d\" must be a file."));
  ASSERT_OK(ns_.Commit(PlanSchedulePersist(*ns_, ns_.Context(), "/d/f", 0)));
  EXPECT_THAT(ns_->to_be_persisted(), ElementsAre(id));
  EXPECT_TRUE(PlanSchedulePersist(*ns_, ns_.Context(), "/d/f", 0)->empty());

  ASSERT_OK(ns_.Commit(PlanSetPersistJob(*ns_, id, 9, "/ufs/d/f.tmp", ns_.now_ms)));
  EXPECT_EQ(ns_.At("/d/f").ToRecord().temp_ufs_path, "/ufs/d/f.tmp");
  ASSERT_OK_AND_ASSIGN(const auto directories, MissingUfsDirectories(*ns_, id));
  ASSERT_THAT(directories, SizeIs(1));
  EXPECT_EQ(directories[0].location.ufs_path, "/ufs/d");
  EXPECT_THAT(PlanMarkPersisted(*ns_, id, 4, "x", ns_.now_ms), StatusIs(Code::kAborted));
  ASSERT_OK(ns_.Commit(PlanMarkPersisted(*ns_, id, 5, "CONTENT_HASH|x ", ns_.now_ms)));
  EXPECT_TRUE(Info("/d/f").persisted);
  EXPECT_TRUE(Info("/d").persisted);
  EXPECT_EQ(Info("/d/f").fingerprint, "CONTENT_HASH|x ");
  EXPECT_THAT(ns_->to_be_persisted(), IsEmpty());
  EXPECT_EQ(ns_.At("/d/f").ToRecord().persist_job_id, kNoPersistJob);
}

TEST_F(AttributeTest, PersistenceCanBeGivenUp) {
  const InodeId id = ns_.Make("/f", 5);
  ASSERT_OK(ns_.Commit(PlanSchedulePersist(*ns_, ns_.Context(), "/f", 0)));
  ASSERT_OK(ns_.Commit(PlanCancelPersist(*ns_, id, ns_.now_ms)));
  EXPECT_EQ(Info("/f").persistence, PersistenceState::kNotPersisted);
  EXPECT_THAT(PlanCancelPersist(*ns_, 12345, ns_.now_ms), StatusIs(Code::kNotFound));
}

TEST_F(AttributeTest, OnlyFilesWithoutAnotherCopyGetLost) {
  const InodeId memory = ns_.Make("/m", 5);
  const InodeId persisted = ns_.Make("/p", 5, /*persisted=*/true);
  ns_.Apply(PlanMarkLost(*ns_, {memory, persisted, 4242, kRootId}, ns_.now_ms));
  EXPECT_EQ(Info("/m").persistence, PersistenceState::kLost);
  EXPECT_TRUE(Info("/p").persisted);
  ns_.Apply(PlanMarkFound(*ns_, {memory, persisted}, ns_.now_ms));
  EXPECT_EQ(Info("/m").persistence, PersistenceState::kNotPersisted);
}

TEST_F(AttributeTest, AFoundFileIsStillPersistedWhenThatWasAskedFor) {
  const InodeId scheduled = ns_.Make("/s", 5), given_up = ns_.Make("/g", 5);
  ASSERT_OK(ns_.Commit(PlanSchedulePersist(*ns_, ns_.Context(), "/s", 0)));
  ASSERT_OK(ns_.Commit(PlanSchedulePersist(*ns_, ns_.Context(), "/g", 0)));
  ASSERT_OK(ns_.Commit(PlanCancelPersist(*ns_, given_up, ns_.now_ms)));
  ns_.Apply(PlanMarkLost(*ns_, {scheduled, given_up}, ns_.now_ms));
  EXPECT_THAT(ns_->lost_files(), ElementsAre(scheduled, given_up));
  ns_.Apply(PlanMarkFound(*ns_, {scheduled, given_up}, ns_.now_ms));
  EXPECT_EQ(Info("/s").persistence, PersistenceState::kToBePersisted);
  EXPECT_EQ(Info("/g").persistence, PersistenceState::kNotPersisted);
  EXPECT_THAT(ns_->lost_files(), IsEmpty());
  EXPECT_OK(ns_->CheckInvariants());
}

TEST_F(AttributeTest, ExpiredInodesComeEarliestFirst) {
  const InodeId f = ns_.Make("/f", 1, /*persisted=*/true);
  const InodeId g = ns_.Make("/g", 1);
  SetAttributeRequest ttl = Request("/f");
  ttl.ttl_ms = 100;
  ttl.ttl_action = TtlAction::kFree;
  ASSERT_OK(Set(ttl));
  ttl.path = "/g";
  ttl.ttl_ms = 50;
  ttl.ttl_action = TtlAction::kDeleteAlluxio;
  ASSERT_OK(Set(ttl));
  EXPECT_THAT(FindExpired(*ns_, ns_.now_ms + 49, 10), IsEmpty());
  const auto due = FindExpired(*ns_, ns_.now_ms + 100, 10);
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[0].id, g);
  EXPECT_EQ(due[1].id, f);
  EXPECT_THAT(FindExpired(*ns_, ns_.now_ms + 100, 1), SizeIs(1));

  ASSERT_OK_AND_ASSIGN(const RemoveRequest removal, ExpireRemoval(*ns_, due[0], ns_.now_ms + 100));
  EXPECT_TRUE(removal.alluxio_only);
  ASSERT_OK(ns_.Commit(PlanRemove(*ns_, removal)));
  const auto freed = PlanExpireFree(*ns_, f, ns_.now_ms + 100);
  ASSERT_OK(freed);
  EXPECT_THAT(freed->files, ElementsAre(f));
  ASSERT_OK(ns_.Commit(freed));
  EXPECT_EQ(Info("/f").ttl_ms, kNoTtl);
  EXPECT_THAT(ns_->ttl_deadlines(), IsEmpty());
  EXPECT_THAT(PlanExpireFree(*ns_, g, 0), StatusIs(Code::kNotFound));
}

TEST_F(AttributeTest, AnExpiredDirectoryFreesAllButTheOnlyCopies) {
  const InodeId persisted = ns_.Make("/d/p", 1, /*persisted=*/true);
  ns_.Make("/d/memory", 1);
  SetAttributeRequest request = Request("/d");
  request.pinned = true;
  request.ttl_ms = 1;
  ASSERT_OK(Set(request));
  const auto freed = PlanExpireFree(*ns_, ns_.At("/d").id(), ns_.now_ms + 1);
  ASSERT_OK(freed);
  EXPECT_THAT(freed->files, ElementsAre(persisted));
  ASSERT_OK(ns_.Commit(freed));
  EXPECT_TRUE(Info("/d/memory").pinned);
  EXPECT_FALSE(Info("/d/p").pinned);
}

TEST_F(AttributeTest, AHugeTtlNeverOverflows) {
  ns_.Make("/f", 1);
  SetAttributeRequest request = Request("/f");
  request.ttl_ms = std::numeric_limits<int64_t>::max();
  ASSERT_OK(Set(request));
  EXPECT_THAT(FindExpired(*ns_, ns_.now_ms, 10), IsEmpty());
}

TEST_F(AttributeTest, AccessTimesAreWrittenAtMostOncePerPrecision) {
  const InodeId id = ns_.Make("/f", 1);
  EXPECT_TRUE(PlanTouchAccess(*ns_, id, ns_.now_ms + 9, 10).empty());
  ns_.Apply(PlanTouchAccess(*ns_, id, ns_.now_ms + 10, 10));
  EXPECT_EQ(Info("/f").access_ms, ns_.now_ms + 10);
  EXPECT_EQ(Info("/f").modification_ms, ns_.now_ms);
  EXPECT_TRUE(PlanTouchAccess(*ns_, 999, ns_.now_ms, 0).empty());
}

}  // namespace
}  // namespace headpond::meta
