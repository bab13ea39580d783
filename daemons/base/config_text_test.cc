#include <gmock/gmock.h>

#include "base/config.h"
#include "testing/status_matchers.h"

namespace headpond {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Properties = std::vector<std::pair<std::string, std::string>>;

TEST(ParsePropertiesTest, ReadsOneProperty) {
  const struct {
    std::string text, key, value;
  } cases[] = {
      {"a=b", "a", "b"},
      {"a:b", "a", "b"},
      {"a b", "a", "b"},
      {"a", "a", ""},
      {"a=", "a", ""},
      {"=b", "", "b"},
      {"  a =  b", "a", "b"},
      {"\ta\t:\tb\t", "a", "b\t"},  // blanks at the end belong to the value
      {"a  = = b", "a", "= b"},
      {"a = b = c", "a", "b = c"},
      {"a=b#c", "a", "b#c"},
      {"a=b!c", "a", "b!c"},
      {"a=b\r\n", "a", "b"},
      {"a=b\r", "a", "b"},
      {"a\\ b=c", "a b", "c"},
      {"a\\=b=c", "a=b", "c"},
      {"a\\:b:c", "a:b", "c"},
      {"a\\\\=c", "a\\", "c"},
      {"\\#a=c", "#a", "c"},
      {"a=\\t\\n\\r\\f\\\\", "a", "\t\n\r\f\\"},
      {"a=\\z\\\"", "a", "z\""},
      {"a=\\  b", "a", "  b"},
      {"a=b\\\n   c", "a", "bc"},
      {"a=b\\\r\n\t c", "a", "bc"},
      {"a\\\n  b=c", "ab", "c"},
      {"a=b\\\\", "a", "b\\"},
      {"a=b\\", "a", "b"},
      {"a=b\\\n", "a", "b"},
      {"a=b\\\n# not a comment", "a", "b# not a comment"},
      {"\\\n#c\n\\\na=b", "a", "b"},  // nothing but a continuation is no line
      {"a=b\\\n\n", "a", "b"},
      {"a=\\u0041\\u00e9\\u20AC", "a", "A\xC3\xA9\xE2\x82\xAC"},
      {"a=\\uD83D\\uDE00", "a", "\xF0\x9F\x98\x80"},
      {"\\u0061=b", "a", "b"},
      {"a=\xC3\xA9", "a", "\xC3\xA9"},
      {"a=${b}/c", "a", "${b}/c"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(ParseProperties(c.text), IsOkAndHolds(ElementsAre(Pair(c.key, c.value)))) << c.text;
}

TEST(ParsePropertiesTest, SkipsCommentsAndEmptyLines) {
  for (const char* text : {"", "\n", "\r\n\r\n", "  \t\f\n", "#a=b", "!a=b", "   # a=b\\\n", "#"})
    EXPECT_THAT(ParseProperties(text), IsOkAndHolds(IsEmpty())) << text;
  // A comment does not continue.
  EXPECT_THAT(ParseProperties("# x \\\na=b"), IsOkAndHolds(ElementsAre(Pair("a", "b"))));
}

TEST(ParsePropertiesTest, KeepsTheOrderAndDuplicates) {
  EXPECT_THAT(ParseProperties("b=1\n\na=2\r\nb=3"),
              IsOkAndHolds(Properties{{"b", "1"}, {"a", "2"}, {"b", "3"}}));
}

TEST(ParsePropertiesTest, NamesTheLineOfABadEscape) {
  for (const char* escape :
       {"\\u12", "\\u", "\\u12g4", "\\uD83D", "\\uD83D\\u0041", "\\uDE00", "\\uD83D\\uD83D"})
    EXPECT_THAT(ParseProperties(std::string("# 1\na=\\\n 3\nb=") + escape + "\nc=d"),
                StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("line 4"), HasSubstr("\\u"))))
        << escape;
}

TEST(SplitShellWordsTest, SplitsLikeAShell) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {"", {}},
      {" \t\n\r ", {}},
      {"a", {"a"}},
      {"  a  b\tc\nd ", {"a", "b", "c", "d"}},
      {"-Dk='a b'", {"-Dk=a b"}},
      {"-Dk=\"a b\" -Dl=c", {"-Dk=a b", "-Dl=c"}},
      {"'-Dk=a b'", {"-Dk=a b"}},
      {"a''b", {"ab"}},
      {"''", {""}},
      {"\"\" ''", {"", ""}},
      {"a\\ b", {"a b"}},
      {"a\\\\b", {"a\\b"}},
      {"'a\\ b'", {"a\\ b"}},
      {"\"a\\\"b\"", {"a\"b"}},
      {"\"a\\nb\"", {"a\\nb"}},
      {"\"\\$x\\`\"", {"$x`"}},
      {"'it'\\''s'", {"it's"}},
      {"\"it's\"", {"it's"}},
      {"a\\", {"a\\"}},
      {"-Dk=${alluxio.home}/x", {"-Dk=${alluxio.home}/x"}},
  };
  for (const auto& [text, words] : cases)
    EXPECT_THAT(SplitShellWords(text), IsOkAndHolds(words)) << text;
}

TEST(SplitShellWordsTest, NamesWhereAnUnclosedQuoteStarts) {
  EXPECT_THAT(SplitShellWords("-Dk='a b"),
              StatusIs(Code::kInvalidArgument, HasSubstr("the ' at offset 4")));
  EXPECT_THAT(SplitShellWords("a \"b' c"),
              StatusIs(Code::kInvalidArgument, HasSubstr("the \" at offset 2")));
  EXPECT_THAT(SplitShellWords("\"a\\\""), StatusIs(Code::kInvalidArgument, HasSubstr("offset 0")));
}

}  // namespace
}  // namespace headpond
