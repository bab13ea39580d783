#include "ufs/owners.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "testing/status_matchers.h"

namespace headpond::ufs {
namespace {

using ::testing::HasSubstr;

TEST(OwnersTest, NamesKnownIdsAndSpellsOutOthers) {
  ManualClock clock;
  Owners owners(clock);
  EXPECT_EQ(owners.UserName(0), "root");
  EXPECT_EQ(owners.GroupName(0), "root");
  EXPECT_EQ(owners.UserName(0), "root");  // remembered
  EXPECT_EQ(owners.UserName(3999999999), "3999999999");
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(owners.UserName(0), "root");  // looked up again
}

TEST(OwnersTest, FindsNamesAndNumbers) {
  ASSERT_OK_AND_ASSIGN(const OwnerIds ids, Owners::Find("root", "54321"));
  EXPECT_EQ(ids.user, 0u);
  EXPECT_EQ(ids.group, 54321u);
  ASSERT_OK_AND_ASSIGN(const OwnerIds none, Owners::Find("", ""));
  EXPECT_FALSE(none.user || none.group);
  EXPECT_THAT(Owners::Find("no-such-user-here", ""),
              StatusIs(Code::kInvalidArgument, HasSubstr("no-such-user-here")));
  EXPECT_THAT(Owners::Find("", "12x"), StatusIs(Code::kInvalidArgument, HasSubstr("12x")));
  EXPECT_THAT(Owners::Find("-1", ""), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Owners::Find("4294967295", ""),
              StatusIs(Code::kInvalidArgument));  // chown's "leave it"
}

TEST(OwnersTest, ServesManyThreadsWithinItsBound) {
  Owners owners(Clock::System());
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t id = 0; id < 2000; ++id) {
        EXPECT_EQ(owners.UserName(1'000'000 + t * 2000 + id),
                  std::to_string(1'000'000 + t * 2000 + id));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace headpond::ufs
