#include "net/impersonation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headpond::net {
namespace {

using testing::HasSubstr;

class FakeGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string& user) override {
    ++calls;
    if (user == "broken") return Unavailable("name service is down");
    if (user == "carol") return std::vector<std::string>{"staff", "hdfs-users"};
    return std::vector<std::string>{};
  }
  int calls = 0;
};

ImpersonationRules Rules() {
  return ImpersonationRules::FromProperties({
      {"alluxio.master.security.impersonation.yarn.users", "alice, bob"},
      {"alluxio.master.security.impersonation.yarn.groups", "hdfs-users"},
      {"alluxio.master.security.impersonation.root.users", "*"},
      {"alluxio.master.security.impersonation.hue.groups", "*"},
      {"alluxio.master.security.impersonation.svc.presto@corp.users", "dan"},
      {"alluxio.master.security.impersonation.empty.users", ""},
      {"alluxio.master.security.impersonation..users", "*"},
      {"alluxio.master.security.impersonation.users", "*"},
      {"alluxio.user.security.impersonation.eve.users", "*"},
  });
}

TEST(ImpersonationTest, FollowsTheTable) {
  struct Case {
    const char* connection_user;
    const char* target_user;
    bool allowed;
  };
  const Case cases[] = {
      {"alice", "alice", true},          // acting as oneself needs no rule
      {"alice", "bob", false},           // no rule for alice
      {"yarn", "alice", true},           // named
      {"yarn", "bob", true},             // named, after a blank
      {"yarn", "carol", true},           // through her group
      {"yarn", "dave", false},           // neither
      {"root", "whoever", true},         // any user
      {"hue", "whoever", true},          // any group, even of a user without groups
      {"svc.presto@corp", "dan", true},  // dots in the connection user
      {"empty", "alice", false},         // an empty list names nobody
      {"", "alice", false},              // keys without a user make no rule
      {"eve", "alice", false},           // another key
  };
  FakeGroups groups;
  const ImpersonationRules rules = Rules();
  for (const Case& c : cases) {
    const Status status = rules.Check(c.connection_user, c.target_user, groups);
    EXPECT_EQ(status.ok(), c.allowed) << c.connection_user << " as " << c.target_user;
    if (!c.allowed) {
      EXPECT_EQ(status.code(), Code::kUnauthenticated);
    }
  }
}

TEST(ImpersonationTest, ARefusalNamesBothUsersAndTheRemedy) {
  FakeGroups groups;
  EXPECT_THAT(Rules().Check("alice", "bob", groups).message(),
              AllOf(HasSubstr("user alice may not act as user bob"),
                    HasSubstr("alluxio.master.security.impersonation.alice.users")));
}

TEST(ImpersonationTest, AsksForGroupsOnlyWhenTheyDecide) {
  FakeGroups groups;
  EXPECT_TRUE(Rules().Check("yarn", "alice", groups).ok());
  EXPECT_TRUE(Rules().Check("hue", "broken", groups).ok());
  EXPECT_FALSE(Rules().Check("empty", "carol", groups).ok());
  EXPECT_EQ(groups.calls, 0);
}

TEST(ImpersonationTest, PassesOnThatGroupsCouldNotBeRead) {
  FakeGroups groups;
  EXPECT_EQ(Rules().Check("yarn", "broken", groups).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace headpond::net
