#include "cli/document.h"

#include <gtest/gtest.h>

namespace headpond::cli {
namespace {

Document Sample() {
  Document document = Document::EmptyMap();
  document.Set("path", "/d1/k 1")
      .Set("length", int64_t{3})
      .Set("folder", false)
      .Set("hosts", Document::EmptyList());
  return document;
}

TEST(DocumentTest, JsonKeepsTheOrderOfKeys) {
  EXPECT_EQ(
      Sample().ToJson(),
      "{\n  \"path\": \"/d1/k 1\",\n  \"length\": 3,\n  \"folder\": false,\n  \"hosts\": []\n}");
}

TEST(DocumentTest, YamlQuotesWhatWouldBeReadAsAnotherType) {
  Document document = Document::EmptyMap();
  document.Set("a", "true")
      .Set("b", "12")
      .Set("c", "/plain/path-1.txt")
      .Set("d", "")
      .Set("e", true)
      .Set("f", "x: y");
  EXPECT_EQ(document.ToYaml(),
            "a: \"true\"\nb: \"12\"\nc: /plain/path-1.txt\nd: \"\"\ne: true\nf: \"x: y\"\n");
}

TEST(DocumentTest, BytesThatAreNotUtf8DoNotBreakTheOutput) {
  EXPECT_EQ(Document("a\xFF").ToJson(), "\"a\xEF\xBF\xBD\"");
}

TEST(DocumentTest, ListsAreStreamed) {
  StringSink out;
  ListPrinter json(out, OutputFormat::kJson);
  json.Add(Document::EmptyMap().Set("a", 1));
  json.Add(2);
  json.Finish();
  EXPECT_EQ(out.Take(), "[\n  {\n    \"a\": 1\n  },\n  2\n]\n");

  ListPrinter yaml(out, OutputFormat::kYaml);
  yaml.Add(Document::EmptyMap().Set("a", 1).Set("b", 2));
  yaml.Add(2);
  yaml.Finish();
  EXPECT_EQ(out.Take(), "- a: 1\n  b: 2\n- 2\n");

  ListPrinter empty(out, OutputFormat::kYaml);
  empty.Finish();
  EXPECT_EQ(out.Take(), "[]\n");
}

}  // namespace
}  // namespace headpond::cli
