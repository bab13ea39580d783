#include "master/quorum_page.h"

#include <gtest/gtest.h>

namespace headpond::master {
namespace {

using Role = QuorumStanding::Role;

std::string Shown(const QuorumView& view) {
  const http::Response answer = QuorumAnswer(view);
  return fmt::format("{} {}", answer.status, answer.body);
}

TEST(QuorumPageTest, SaysHowAMasterStands) {
  EXPECT_EQ(Shown({.standing = {.role = Role::kFollower, .term = 7, .leader = "m-2:19200"},
                   .sequence = 42}),
            R"(200 {"role":"STANDBY","term":7,"leader":"m-2:19200","sequence":42,"members":[]})");
  EXPECT_EQ(
      Shown({.standing = {.role = Role::kLeader, .confirmed = true, .term = 8, .leader = "a:1"},
             .serves = true,
             .sequence = 43,
             .members = {{.address = {"a", 1}, .available = true, .votes = true},
                         {.address = {"b", 2}}},
             .live_workers = 2}),
      R"(200 {"role":"LEADER","term":8,"leader":"a:1","sequence":43,"members":[)"
      R"({"address":"a:1","votes":true,"available":true},)"
      R"({"address":"b:2","votes":false,"available":false}],"liveWorkers":2})");
}

TEST(QuorumPageTest, IsNoHealthyAnswerOfOneThatNeitherLeadsNorFollows) {
  const auto role_of = [](const std::optional<QuorumView>& view) {
    const http::Response answer = QuorumAnswer(view);
    EXPECT_EQ(answer.status, 503);
    const size_t from = answer.body.find(":\"") + 2;
    return answer.body.substr(from, answer.body.find('"', from) - from);
  };
  EXPECT_EQ(role_of(std::nullopt), "STARTING");
  EXPECT_EQ(role_of(QuorumView{.standing = {.role = Role::kFollower}}), "ELECTING");
  EXPECT_EQ(role_of(QuorumView{.standing = {.role = Role::kCandidate, .leader = "a:1"}}),
            "ELECTING");
  EXPECT_EQ(role_of(QuorumView{.standing = {.role = Role::kLeader, .confirmed = true}}),
            "PROMOTING");
  EXPECT_EQ(role_of(QuorumView{.standing = {.role = Role::kLeader}, .serves = true}), "ISOLATED");
  // Led until a moment ago, and is about to notice.
  EXPECT_EQ(
      role_of(QuorumView{.standing = {.role = Role::kFollower, .leader = "a:1"}, .serves = true}),
      "ELECTING");
}

}  // namespace
}  // namespace headpond::master
