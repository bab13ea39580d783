#include "cli/args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headpond::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<OptionSpec> kSpecs{
    {.letter = "R", .name = "recursive"}, {.letter = "h"},
    {.name = "sort", .value = "field"},   {.name = "option", .value = "key=value"},
    {.letter = "c", .value = "bytes"},    {.letter = "v2"},
    {.name = "max", .value = "num"},      {.letter = "live"},
};

Result<Args> Parse(std::vector<std::string> words) {
  return Args::Parse(kSpecs, words);
}

TEST(ArgsTest, OptionsAndArgumentsMixInAnyOrder) {
  const auto args = Parse({"/a", "-R", "/b", "--sort", "size"});
  ASSERT_TRUE(args.ok()) << args.status().ToString();
  EXPECT_THAT(args->positional(), ElementsAre("/a", "/b"));
  EXPECT_TRUE(args->Has("R"));
  EXPECT_EQ(args->Value("sort"), "size");
  EXPECT_FALSE(args->Has("h"));
}

TEST(ArgsTest, LongNamesAndLettersAreTheSameOption) {
  EXPECT_TRUE(Parse({"--recursive"})->Has("R"));
  EXPECT_TRUE(Parse({"--rec"})->Has("R"));
}

TEST(ArgsTest, ValuesMayBeGlued) {
  EXPECT_EQ(Parse({"--sort=name"})->Value("sort"), "name");
  EXPECT_EQ(Parse({"-c5"})->Value("c"), "5");
  EXPECT_EQ(Parse({"-c=5"})->Value("c"), "5");
  EXPECT_THAT(Parse({"--option", "a=b", "--option=c=d"})->Values("option"),
              ElementsAre("a=b", "c=d"));
}

TEST(ArgsTest, FlagsBundleAndWordsAfterOneDashWork) {
  const auto args = Parse({"-hR", "-v2", "-live"});
  ASSERT_TRUE(args.ok());
  EXPECT_TRUE(args->Has("h") && args->Has("R") && args->Has("v2") && args->Has("live"));
}

TEST(ArgsTest, NegativeNumbersAreArguments) {
  const auto args = Parse({"--max", "-1", "-7"});
  ASSERT_TRUE(args.ok());
  EXPECT_EQ(args->Value("max"), "-1");
  EXPECT_THAT(args->positional(), ElementsAre("-7"));
}

TEST(ArgsTest, TwoDashesEndTheOptionsAndOneDashIsAnArgument) {
  EXPECT_THAT(Parse({"-", "--", "-R"})->positional(), ElementsAre("-", "-R"));
}

TEST(ArgsTest, ErrorsHaveTheTextsOfStock) {
  EXPECT_EQ(Parse({"-Q"}).status().message(), "Unrecognized option: -Q");
  EXPECT_EQ(Parse({"--nosuch"}).status().message(), "Unrecognized option: --nosuch");
  EXPECT_EQ(Parse({"-hQ"}).status().message(), "Unrecognized option: -hQ");
  EXPECT_EQ(Parse({"--recursive=1"}).status().message(), "Unrecognized option: --recursive=1");
  EXPECT_EQ(Parse({"--sort"}).status().message(), "Missing argument for option: sort");
  EXPECT_EQ(Parse({"--sort", "-R"}).status().message(), "Missing argument for option: sort");
}

TEST(ArgsTest, MissingRequiredOptionsAreNamed) {
  const std::vector<OptionSpec> specs{
      {.letter = "a", .name = "addresses", .value = "hosts", .required = true}};
  EXPECT_EQ(Args::Parse(specs, {}).status().message(), "Missing required option: a");
}

TEST(ArgsTest, NothingGivesNothing) {
  const auto args = Parse({});
  ASSERT_TRUE(args.ok());
  EXPECT_THAT(args->positional(), IsEmpty());
  EXPECT_EQ(args->option_count(), 0u);
}

}  // namespace
}  // namespace headpond::cli
