#include "cli/acl_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headpond::cli {
namespace {

using client::AclEntry;
using ::testing::ElementsAre;
using Type = AclEntry::Type;

TEST(AclTextTest, EntriesWithPermissions) {
  const auto entries =
      ParseAclEntries("user::rwx,user:alice:r--,group:g1:-wx,mask::r-x,default:other::---", true);
  ASSERT_TRUE(entries.ok()) << entries.status().ToString();
  EXPECT_THAT(*entries, ElementsAre(AclEntry{Type::kOwner, "", 7, false},
                                    AclEntry{Type::kNamedUser, "alice", 4, false},
                                    AclEntry{Type::kNamedGroup, "g1", 3, false},
                                    AclEntry{Type::kMask, "", 5, false},
                                    AclEntry{Type::kOther, "", 0, true}));
}

TEST(AclTextTest, EntriesToRemoveHaveNoPermissions) {
  const auto entries = ParseAclEntries("user:alice,mask", false);
  ASSERT_TRUE(entries.ok()) << entries.status().ToString();
  EXPECT_THAT(*entries, ElementsAre(AclEntry{Type::kNamedUser, "alice", 0, false},
                                    AclEntry{Type::kMask, "", 0, false}));
}

TEST(AclTextTest, ErrorsHaveTheTextsOfStock) {
  EXPECT_EQ(ParseAclEntries("garbage", true).status().message(),
            "Unexpected acl components: garbage");
  EXPECT_EQ(ParseAclEntries("user:a:rwz", true).status().message(), "Invalid mode string: rwz");
  EXPECT_FALSE(ParseAclEntries("", true).ok());
  EXPECT_FALSE(ParseAclEntries("user:a:rwx,", true).ok());
}

}  // namespace
}  // namespace headpond::cli
