#include "base/path.h"

#include <gmock/gmock.h>

namespace headpond {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NormalizePathTest, GivesOneFormToEverySpelling) {
  const std::pair<const char*, const char*> cases[] = {
      {"/", "/"},
      {"//", "/"},
      {"/a/", "/a"},
      {"//a///b", "/a/b"},
      {"/a/./b/", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/../..", "/"},
      {"/a b", "/a b"},
      {"/...", "/..."},
      {"alluxio://localhost:19998/a/b", "/a/b"},
      {"alluxio://localhost:19998", "/"},
      {"/a://b", "/a:/b"},
  };
  for (const auto& [text, canonical] : cases) {
    auto path = NormalizePath(text);
    ASSERT_TRUE(path.ok()) << text << ": " << path.status().ToString();
    EXPECT_EQ(*path, canonical) << text;
  }
}

TEST(NormalizePathTest, RefusesWhatIsNoPathAndSaysWhy) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "empty"},
      {"a/b", "Path \"a/b\" is invalid."},
      {"/..", "above the root"},
      {"/a/../..", "above the root"},
      {std::string("/a\0b", 4), "NUL"},
      {"/" + std::string(kMaxNameBytes + 1, 'x'), "longer than 4096"},
      {std::string(kMaxPathBytes + 1, '/'), "longer than 65536"},
  };
  for (const auto& [text, reason] : cases) {
    auto path = NormalizePath(text);
    ASSERT_FALSE(path.ok()) << text.substr(0, 40);
    EXPECT_EQ(path.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(path.status().message(), HasSubstr(reason));
    EXPECT_LT(path.status().message().size(), 300u);
  }
  std::string deep;
  for (size_t i = 0; i <= kMaxPathDepth; ++i) deep += "/d";
  EXPECT_THAT(NormalizePath(deep).status().message(), HasSubstr("more than 4096 levels"));
}

TEST(PathTest, TakesPathsApartAndJoinsThem) {
  EXPECT_EQ(ParentOf("/a/b"), "/a");
  EXPECT_EQ(ParentOf("/a"), "/");
  EXPECT_EQ(ParentOf("/"), "/");
  EXPECT_EQ(BaseName("/a/b"), "b");
  EXPECT_EQ(BaseName("/"), "");
  EXPECT_THAT(PathComponents("/a/b"), ElementsAre("a", "b"));
  EXPECT_THAT(PathComponents("/"), IsEmpty());
  EXPECT_EQ(JoinPath("/", "a"), "/a");
  EXPECT_EQ(JoinPath("/a", "b"), "/a/b");
}

TEST(PathTest, WithinMeansTheSameOrBelow) {
  EXPECT_TRUE(IsWithin("/a", "/"));
  EXPECT_TRUE(IsWithin("/a", "/a"));
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_FALSE(IsWithin("/", "/a"));
}

}  // namespace
}  // namespace headpond
