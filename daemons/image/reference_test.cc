#include "image/reference.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond::image {
namespace {

using ::testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ReferenceTest, FillsInWhatDockerLeavesToBeUnderstood) {
  struct Case {
    std::string text, registry, repository, tag, digest, back;
  };
  for (const Case& c : std::vector<Case>{
           {"debian", "docker.io", "library/debian", "latest", "", "debian:latest"},
           {"headpond/headpond:0.1", "docker.io", "headpond/headpond", "0.1", "",
            "headpond/headpond:0.1"},
           {"localhost/a", "localhost", "a", "latest", "", "localhost/a:latest"},
           {"127.0.0.1:5000/a/b:c", "127.0.0.1:5000", "a/b", "c", "", "127.0.0.1:5000/a/b:c"},
           {"[::1]:5000/a", "[::1]:5000", "a", "latest", "", "[::1]:5000/a:latest"},
           {"r.example/a@" + kDigest, "r.example", "a", "", kDigest, "r.example/a@" + kDigest},
           {"r.example/a:b@" + kDigest, "r.example", "a", "b", kDigest,
            "r.example/a:b@" + kDigest}}) {
    ASSERT_OK_AND_ASSIGN(const Reference reference, ParseReference(c.text));
    EXPECT_EQ(reference.registry, c.registry) << c.text;
    EXPECT_EQ(reference.repository, c.repository) << c.text;
    EXPECT_EQ(reference.tag, c.tag) << c.text;
    EXPECT_EQ(reference.digest, c.digest) << c.text;
    EXPECT_EQ(reference.ToString(), c.back);
  }
}

TEST(ReferenceTest, RefusesWhatIsNoName) {
  for (const std::string text :
       {"", "/a", "a/", "A", "a:", "a:-b", "a b", "a@sha256:12", "a@md5:1", "http://r.example/a",
        "r.example/", "r.example:5000/a?b", "a//b", "-a", "r.example/\na"})
    EXPECT_THAT(ParseReference(text), StatusIs(Code::kInvalidArgument, HasSubstr("no name")))
        << text;
  EXPECT_THAT(ParseReference(std::string(300, 'a')), StatusIs(Code::kInvalidArgument));
}

TEST(ReferenceTest, KnowsRegistriesOfThisMachine) {
  for (const char* const host : {"localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"})
    EXPECT_TRUE(IsLoopbackRegistry(host)) << host;
  for (const char* const host : {"localhost.example", "128.0.0.1:5000", "r.example"})
    EXPECT_FALSE(IsLoopbackRegistry(host)) << host;
}

}  // namespace
}  // namespace headpond::image
