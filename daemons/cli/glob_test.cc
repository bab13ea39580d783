#include "cli/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace headpond::cli {
namespace {

using ::testing::ElementsAre;

TEST(GlobTest, StarStopsAtASlash) {
  EXPECT_TRUE(MatchesGlob("*", ""));
  EXPECT_TRUE(MatchesGlob("a*c", "abbc"));
  EXPECT_TRUE(MatchesGlob("*a*b*", "xxaybz"));
  EXPECT_TRUE(MatchesGlob("/d/*", "/d/x"));
  EXPECT_FALSE(MatchesGlob("/d/*", "/d/x/y"));
  EXPECT_FALSE(MatchesGlob("a*c", "ab"));
  EXPECT_FALSE(MatchesGlob("?", "a"));
}

class ExpandTest : public ::testing::Test {
 protected:
  Result<std::vector<std::string>> Expand(std::string_view pattern) {
    return ExpandGlob(pattern, [&](const std::string& folder) -> Result<std::vector<GlobEntry>> {
      ++listed_[folder];
      const auto found = tree_.find(folder);
      if (found == tree_.end()) return NotFound("no {}", folder);
      return found->second;
    });
  }

  std::map<std::string, std::vector<GlobEntry>> tree_{
      {"/", {{"d2", true}, {"d1", true}, {"f", false}}},
      {"/d1", {{"b", false}, {"a", false}, {"sub", true}}},
      {"/d2", {{"a", true}}},
      {"/d1/sub", {{"x", false}}},
      {"/d2/a", {{"y", false}}},
  };
  std::map<std::string, int> listed_;
};

TEST_F(ExpandTest, APathWithoutWildcardsIsNotLookedUp) {
  EXPECT_THAT(*Expand("/nosuch"), ElementsAre("/nosuch"));
  EXPECT_TRUE(listed_.empty());
}

TEST_F(ExpandTest, MatchesAreSorted) {
  EXPECT_THAT(*Expand("/d1/*"), ElementsAre("/d1/a", "/d1/b", "/d1/sub"));
}

TEST_F(ExpandTest, FoldersMayHaveWildcards) {
  EXPECT_THAT(*Expand("/d*/a"), ElementsAre("/d1/a", "/d2/a"));
}

TEST_F(ExpandTest, FilesAreNotDescendedInto) {
  EXPECT_THAT(*Expand("/*/*/*"), ElementsAre("/d1/sub/x", "/d2/a/y"));
}

TEST_F(ExpandTest, NothingAboveTheFirstWildcardIsListed) {
  ASSERT_TRUE(Expand("/d1/s*").ok());
  EXPECT_FALSE(listed_.contains("/"));
}

TEST_F(ExpandTest, NoMatchIsNotFoundWithThePattern) {
  EXPECT_EQ(Expand("/z*").status().message(), "/z* does not exist.");
  EXPECT_EQ(Expand("/nosuch/*").status().message(), "/nosuch/* does not exist.");
}

}  // namespace
}  // namespace headpond::cli
