#include "meta/acl.h"

#include <gmock/gmock.h>

#include "meta/file_info.h"
#include "testing/status_matchers.h"

namespace headpond::meta {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Text(const std::vector<AclEntry>& entries) {
  std::vector<std::string> text;
  for (const AclEntry& entry : entries) text.push_back(AclEntryText(entry));
  return text;
}

std::vector<std::string> Access(const AclState& state) {
  return Text(AclEntries(state.mode, state.extended, false));
}

std::vector<std::string> Default(const AclState& state) {
  return Text(AclEntries(state.default_acl->mode, state.default_acl->extended, true));
}

AclEntry Owner(Bits bits, bool is_default = false) {
  return {AclEntryType::kOwner, "", bits, is_default};
}
AclEntry Group(Bits bits, bool is_default = false) {
  return {AclEntryType::kOwningGroup, "", bits, is_default};
}
AclEntry Other(Bits bits, bool is_default = false) {
  return {AclEntryType::kOther, "", bits, is_default};
}
AclEntry Mask(Bits bits, bool is_default = false) {
  return {AclEntryType::kMask, "", bits, is_default};
}
AclEntry User(std::string name, Bits bits, bool is_default = false) {
  return {AclEntryType::kNamedUser, std::move(name), bits, is_default};
}
AclEntry NamedGroup(std::string name, Bits bits) {
  return {AclEntryType::kNamedGroup, std::move(name), bits, false};
}

// Starts from rw-r--r--. The expected texts were recorded from a stock master.
class AclTest : public ::testing::Test {
 protected:
  Status Change(AclAction action, const std::vector<AclEntry>& entries, bool is_directory = false) {
    auto changed = ChangeAcl(state_, action, entries, is_directory);
    if (!changed.ok()) return changed.status();
    state_ = *changed;
    return Status::Ok();
  }
  Status Modify(const std::vector<AclEntry>& entries) {
    return Change(AclAction::kModify, entries);
  }

  AclState state_{.mode = 0644};
};

TEST_F(AclTest, TheMaskFollowsTheNamedEntriesUnlessGiven) {
  ASSERT_OK(Modify({User("alice", 7)}));
  EXPECT_EQ(Access(state_), (std::vector<std::string>{"user::rw-", "group::r--", "other::r--",
                                                      "user:alice:rwx", "mask::rwx"}));
  ASSERT_OK(Modify({Mask(4)}));
  EXPECT_EQ(Access(state_).back(), "mask::r--");
  ASSERT_OK(Modify({NamedGroup("g", 2)}));
  EXPECT_EQ(Access(state_).back(), "mask::rwx");
  ASSERT_OK(Change(AclAction::kRemove, {User("alice", 7)}));
  EXPECT_EQ(Access(state_).back(), "mask::rw-");
  ASSERT_OK(Change(AclAction::kRemove, {NamedGroup("g", 7)}));
  EXPECT_EQ(Access(state_), (std::vector<std::string>{"user::rw-", "group::r--", "other::r--"}));
}

TEST_F(AclTest, BaseEntriesAreTheMode) {
  ASSERT_OK(Modify({Owner(5), Group(7), Other(1)}));
  EXPECT_EQ(state_.mode, 0571);
  EXPECT_TRUE(state_.extended.empty());
}

TEST_F(AclTest, AMaskAloneMeansNothing) {
  ASSERT_OK(Modify({Mask(4)}));
  EXPECT_EQ(state_, (AclState{.mode = 0644}));
}

TEST_F(AclTest, ReplacingNeedsTheBaseEntries) {
  EXPECT_THAT(
      Change(AclAction::kReplace, {Owner(7)}),
      StatusIs(Code::kInvalidArgument,
               "Replacing ACL entries must include the base entries for user, group, and other. "
               "missing: OTHER, OWNING_GROUP"));
  ASSERT_OK(Modify({User("alice", 7)}));
  ASSERT_OK(Change(AclAction::kReplace, {Owner(7), Group(4), Other(0), User("u1", 6), Mask(4)}));
  EXPECT_EQ(Access(state_), (std::vector<std::string>{"user::rwx", "group::r--", "other::---",
                                                      "user:u1:rw-", "mask::r--"}));
}

TEST_F(AclTest, RemovingWhatMustStayIsRefused) {
  ASSERT_OK(Modify({User("alice", 7)}));
  EXPECT_THAT(Change(AclAction::kRemove, {Mask(4)}),
              StatusIs(Code::kInvalidArgument,
                       "Deleting the mask for an extended ACL is not allowed. entry: "
                       "AclEntry{type=MASK, subject=, actions=AclActions{actions=[READ]}, "
                       "isDefault=false}"));
  EXPECT_THAT(Change(AclAction::kRemove, {Owner(6)}),
              StatusIs(Code::kInvalidArgument, HasSubstr("Deleting base entry is not allowed.")));
  EXPECT_THAT(Modify({User("", 6)}),
              StatusIs(Code::kInvalidArgument, HasSubstr("must have subject")));
}

TEST_F(AclTest, RemovingAllLeavesTheMode) {
  ASSERT_OK(Modify({User("alice", 7)}));
  ASSERT_OK(Change(AclAction::kRemoveAll, {}));
  EXPECT_EQ(state_, (AclState{.mode = 0644}));
}

TEST_F(AclTest, ADefaultAclStartsFromTheMode) {
  state_.mode = 0755;
  ASSERT_OK(Change(AclAction::kModify, {User("bob", 5, true)}, true));
  EXPECT_EQ(Default(state_), (std::vector<std::string>{"default:user::rwx", "default:group::r-x",
                                                       "default:other::r-x", "default:user:bob:r-x",
                                                       "default:mask::r-x"}));
  EXPECT_EQ(state_.mode, 0755);
  EXPECT_TRUE(state_.extended.empty());
  ASSERT_OK(Change(AclAction::kRemoveAll, {}, true));
  EXPECT_TRUE(state_.default_acl);
  ASSERT_OK(Change(AclAction::kRemoveDefault, {}, true));
  EXPECT_FALSE(state_.default_acl);
}

TEST_F(AclTest, ReplacingTheDefaultLeavesTheAccessAcl) {
  ASSERT_OK(Change(AclAction::kReplace, {Owner(7, true), Group(5, true), Other(0, true)}, true));
  EXPECT_EQ(state_.mode, 0644);
  EXPECT_EQ(state_.default_acl->mode, 0750);
}

// `fs setfacl -k FILE` kills a stock master.
TEST_F(AclTest, AFileHasNoDefaultAcl) {
  const auto refused = StatusIs(Code::kInvalidArgument, "Can not set default ACL for a file");
  EXPECT_THAT(Change(AclAction::kRemoveDefault, {}), refused);
  EXPECT_THAT(Modify({User("bob", 5, true)}), refused);
}

TEST_F(AclTest, InheritanceLimitsByTheRequestedMode) {
  DefaultAcl parent;
  parent.mode = 0750;
  EXPECT_EQ(InheritAcl(parent, 0644), (AclState{.mode = 0640}));
  parent.extended.users["bob"] = 7;
  parent.extended.mask = 7;
  AclState file = InheritAcl(parent, 0644);
  EXPECT_EQ(Access(file), (std::vector<std::string>{"user::rw-", "group::r-x", "other::---",
                                                    "user:bob:rwx", "mask::r--"}));
}

TEST(AclTextTest, ModesReadAsInListings) {
  EXPECT_EQ(ModeText(0751), "rwxr-x--x");
  EXPECT_EQ(BitsText(kWrite), "-w-");
}

}  // namespace
}  // namespace headpond::meta
