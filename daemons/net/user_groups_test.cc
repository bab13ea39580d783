#include "net/user_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

namespace headpond::net {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class FakeGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string& user) override {
    ++calls;
    if (failing) return Unavailable("down");
    return groups[user];
  }
  std::map<std::string, std::vector<std::string>> groups;
  bool failing = false;
  int calls = 0;
};

class CachedUserGroupsTest : public testing::Test {
 protected:
  FakeGroups source_;
  ManualClock clock_;
  CachedUserGroups cached_{source_, clock_, seconds(60)};
};

TEST_F(CachedUserGroupsTest, AsksAgainOnlyAfterTheTimeToLive) {
  source_.groups["alice"] = {"staff", "wheel"};
  EXPECT_THAT(*cached_.Groups("alice"), ElementsAre("staff", "wheel"));
  source_.groups["alice"] = {"staff"};
  clock_.Advance(seconds(59));
  EXPECT_THAT(*cached_.Groups("alice"), ElementsAre("staff", "wheel"));
  EXPECT_EQ(source_.calls, 1);
  clock_.Advance(seconds(1));
  EXPECT_THAT(*cached_.Groups("alice"), ElementsAre("staff"));
}

TEST_F(CachedUserGroupsTest, RemembersUnknownUsersButNotErrors) {
  EXPECT_THAT(*cached_.Groups("nobody-here"), IsEmpty());
  EXPECT_THAT(*cached_.Groups("nobody-here"), IsEmpty());
  EXPECT_EQ(source_.calls, 1);
  source_.failing = true;
  EXPECT_EQ(cached_.Groups("bob").status().code(), Code::kUnavailable);
  source_.failing = false;
  source_.groups["bob"] = {"users"};
  EXPECT_THAT(*cached_.Groups("bob"), ElementsAre("users"));
}

TEST_F(CachedUserGroupsTest, StaysBounded) {
  for (size_t i = 0; i < CachedUserGroups::kMaxUsers + 1; ++i) {
    ASSERT_TRUE(cached_.Groups("user" + std::to_string(i)).ok());
  }
  const int calls = source_.calls;
  ASSERT_TRUE(cached_.Groups("user0").ok());
  EXPECT_EQ(source_.calls, calls + 1) << "the full cache was not emptied";
}

TEST(UnixUserGroupsTest, KnowsRootAndAnswersEmptyForAnUnknownUser) {
  UnixUserGroups groups;
  const auto of_root = groups.Groups("root");
  ASSERT_TRUE(of_root.ok()) << of_root.status().ToString();
  ASSERT_FALSE(of_root->empty());
  EXPECT_EQ(of_root->front(), "root");
  EXPECT_THAT(*groups.Groups("no-such-user-1f2e3d"), IsEmpty());
}

TEST(UnixUserGroupsTest, NamesTheProcessUser) {
  EXPECT_FALSE(ProcessUser().empty());
  if (geteuid() == 0) {
    EXPECT_EQ(ProcessUser(), "root");
  }
}

}  // namespace
}  // namespace headpond::net
