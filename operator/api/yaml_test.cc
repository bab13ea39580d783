#include "operator/api/yaml.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "operator/api/yaml_scalar.h"
#include "testing/status_matchers.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The only document of `text`.
json Parse(std::string_view text) {
  const auto documents = ParseYaml(text);
  EXPECT_OK(documents);
  if (!documents.ok() || documents->size() != 1) return "not one document";
  return documents->front().value();
}

TEST(PlainScalarTest, MeansWhatItMeansToKubectl) {
  const std::vector<std::pair<const char*, json>> cases = {
      {"text", "text"},
      {"", nullptr},
      {"~", nullptr},
      {"null", nullptr},
      {"nUll", "nUll"},
      {"true", true},
      {"True", true},
      {"tRue", "tRue"},
      {"yes", true},
      {"on", true},
      {"y", true},
      {"no", false},
      {"NO", false},
      {"off", false},
      {"n", false},
      {"42", 42},
      {"-7", -7},
      {"+5", 5},
      {"0", 0},
      {"0x1F", 31},
      {"0o17", 15},
      {"017", 15},
      {"0b101", 5},
      {"-0b11", -3},
      {"1_000", 1000},
      {"08", 8},
      {"1.5", 1.5},
      {".5", 0.5},
      {"-1.5e3", -1500},
      {"1e3", 1000},
      {"1.0", 1},
      {"1.", 1},
      {"1.1.1", "1.1.1"},
      {"1Gi", "1Gi"},
      {"-", "-"},
      {"+", "+"},
      {".", "."},
      {"..", ".."},
      {"1e", "1e"},
      {"1e999", "1e999"},
      {"0x", "0x"},
      {"0xg", "0xg"},
      {"1:30", "1:30"},
      {"2001-01-01", "2001-01-01"},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"18446744073709551615", UINT64_MAX},
      {"100000000000000000000", 1e20},
  };
  for (const auto& [text, value] : cases)
    EXPECT_THAT(ResolvePlainScalar(text), IsOkAndHolds(value)) << text;
  EXPECT_THAT(ResolvePlainScalar(".nan"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ResolvePlainScalar("-.INF"), StatusIs(Code::kInvalidArgument));
}

TEST(YamlTest, QuotedScalarsStayStrings) {
  EXPECT_EQ(Parse(R"({a: "no", b: 'true', c: "1", d: !!str 1, e: "", f: "null"})"),
            json({{"a", "no"}, {"b", "true"}, {"c", "1"}, {"d", "1"}, {"e", ""}, {"f", "null"}}));
  EXPECT_EQ(Parse("a: |\n  12\nb: >-\n  no\n"), json({{"a", "12\n"}, {"b", "no"}}));
}

TEST(YamlTest, ReadsJsonAndDocuments) {
  EXPECT_EQ(Parse(R"({"a": [1, 2.5, null, {"b": false}]})"),
            json::parse(R"({"a": [1, 2.5, null, {"b": false}]})"));
  EXPECT_THAT(*ParseYaml("a: 1\n---\n---\nb: 2\n...\n---\n# nothing\n"), SizeIs(2));
  EXPECT_THAT(*ParseYaml(""), SizeIs(0));
}

TEST(YamlTest, KnownTagsMustFitAndOthersAreRefused) {
  EXPECT_EQ(Parse("a: !!int 3\nb: !!float 2\nc: !!bool yes\n"),
            json({{"a", 3}, {"b", 2}, {"c", true}}));
  EXPECT_THAT(ParseYaml("a: !!int x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("line 1: \"x\" is not of type !!int")));
  EXPECT_THAT(ParseYaml("a: !!binary eA=="), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseYaml("a: !mine x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("tag !mine is not supported")));
  EXPECT_THAT(ParseYaml("a: !!set {x}"), StatusIs(Code::kInvalidArgument));
}

TEST(YamlTest, FollowsAliasesAndMergeKeys) {
  EXPECT_EQ(
      Parse("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\n"),
      json::parse(R"({"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 2}, "c": {"k": 1, "l": 3}})"));
  EXPECT_EQ(Parse("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}\n").at("c"),
            json({{"k", 1}, {"m", 3}}));
  EXPECT_THAT(ParseYaml("a: {<<: 3}"),
              StatusIs(Code::kInvalidArgument, HasSubstr("<< needs a map")));
}

TEST(YamlTest, RefusesWhatHasNoOneMeaning) {
  EXPECT_THAT(ParseYaml("a: 1\nb: 2\na: 3\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("line 3: key \"a\" is there twice")));
  EXPECT_THAT(ParseYaml("? [a]\n: 1\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("a key must be a scalar")));
  EXPECT_THAT(ParseYaml("a: &x [*x]\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("refers to the node it is part of")));
  EXPECT_THAT(ParseYaml("a: *nowhere\n"), StatusIs(Code::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(ParseYaml("a:\n  - b\n c: 1\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("line 3")));
  EXPECT_THAT(ParseYaml("a: .inf"), StatusIs(Code::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(ParseYaml("a: 1\nb: \xff\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("line 2: not UTF-8")));
}

TEST(YamlTest, BoundsWhatATextMayCost) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 10; ++k) bomb += fmt::format("*a{}{}", i - 1, k < 9 ? ", " : "]\n");
  }
  EXPECT_THAT(ParseYaml(bomb), StatusIs(Code::kResourceExhausted, HasSubstr("alias")));
  EXPECT_THAT(ParseYaml(std::string(65, '[') + std::string(65, ']')),
              StatusIs(Code::kResourceExhausted, HasSubstr("deep")));
  EXPECT_OK(ParseYaml(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(ParseYaml(std::string(100'000, '[')).ok());
  EXPECT_THAT(ParseYaml(std::string((1 << 20) + 1, ' ')),
              StatusIs(Code::kResourceExhausted, HasSubstr("bytes")));
  std::string many;
  for (int i = 0; i < 101; ++i) many += "---\na: 1\n";
  EXPECT_THAT(ParseYaml(many), StatusIs(Code::kResourceExhausted, HasSubstr("documents")));
}

TEST(YamlTest, KnowsTheLineOfEachField) {
  const auto documents = ParseYaml(
      "a: 1\n---\nspec:\n  list:\n  - x: 1\n    y: 2\n  - x: 3\n  props:\n    a.b.c: 1\n");
  ASSERT_OK(documents);
  const YamlDocument& document = documents->back();
  EXPECT_EQ(document.LineOf("spec"), 3);
  EXPECT_EQ(document.LineOf("spec.list[0].y"), 6);
  EXPECT_EQ(document.LineOf("spec.list[1].x"), 7);
  EXPECT_EQ(document.LineOf("spec.list[1].missing"), 7);
  EXPECT_EQ(document.LineOf("spec.props[a.b.c]"), 9);
  EXPECT_EQ(document.LineOf("nowhere"), 2);
}

std::string RandomText(Random& random) {
  static const std::vector<std::string> pieces = {
      "a", "no", "1", " ", ":",  "#",    "-", "\n", "\"", "'", "{", "[", "&",
      "*", "!",  "é", "~", ".5", "null", ",", "<<", "\t", "%", "@", "|"};
  std::string text;
  for (uint64_t i = random.Below(4); i > 0; --i) text += pieces[random.Below(pieces.size())];
  return text;
}

json RandomValue(Random& random, int depth) {
  switch (random.Below(depth > 0 ? 8 : 6)) {
    case 0: return nullptr;
    case 1: return random.OneIn(2);
    case 2: return static_cast<int64_t>(random.Next());
    case 3: return static_cast<double>(random.Below(1'000'000)) / 4;
    case 6: {
      json list = json::array();
      for (uint64_t i = random.Below(4); i > 0; --i) list.push_back(RandomValue(random, depth - 1));
      return list;
    }
    case 7: {
      json map = json::object();
      for (uint64_t i = random.Below(4); i > 0; --i)
        map[RandomText(random)] = RandomValue(random, depth - 1);
      return map;
    }
    default: return RandomText(random);
  }
}

TEST(YamlTest, WhatToYamlWritesReadsBackTheSame) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    const json value = {{"root", RandomValue(random, 4)}};
    const std::string text = ToYaml(value);
    const auto documents = ParseYaml(text);
    ASSERT_TRUE(documents.ok()) << "seed " << seed << ": " << documents.status().ToString() << "\n"
                                << text;
    ASSERT_EQ(documents->size(), 1u) << "seed " << seed << "\n" << text;
    ASSERT_EQ(documents->front().value(), value) << "seed " << seed << "\n" << text;
  }
}

}  // namespace
}  // namespace headpond::api
