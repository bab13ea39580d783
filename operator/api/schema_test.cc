#include "operator/api/schema.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

namespace headpond::api {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Schema& ClusterSchema() {
  static const Schema schema(CacheClusterFields());
  return schema;
}

std::vector<std::string> Errors(const char* spec) {
  std::vector<std::string> texts;
  for (const FieldIssue& issue : ClusterSchema().Check(json::parse(spec)).errors)
    texts.push_back(issue.ToString());
  return texts;
}

std::vector<std::string> Warnings(const char* spec) {
  std::vector<std::string> texts;
  for (const FieldIssue& issue : ClusterSchema().Check(json::parse(spec)).warnings)
    texts.push_back(issue.ToString());
  return texts;
}

TEST(FieldTableTest, EveryRowIsCompleteAndInOrder) {
  std::set<std::string_view> seen = {""};
  for (const Field& field : CacheClusterFields()) {
    SCOPED_TRACE(field.path);
    const size_t dot = field.path.rfind('.');
    EXPECT_THAT(seen, Contains(dot == std::string_view::npos ? "" : field.path.substr(0, dot)))
        << "parent first";
    EXPECT_TRUE(seen.insert(field.path).second);
    EXPECT_FALSE(field.description.empty());
    EXPECT_FALSE(field.required && !field.default_json.empty());
    EXPECT_EQ(field.type == FieldType::kEnum, !field.values.empty());
    EXPECT_EQ(field.pattern.empty(), field.pattern_text.empty());
    const bool needs_bound = field.type == FieldType::kString || field.type == FieldType::kList ||
                             field.type == FieldType::kStringMap;
    EXPECT_TRUE(!needs_bound || field.max != kNoMax);
  }
  for (const Field& field : CacheClusterFields()) {
    if (field.type == FieldType::kList) {
      EXPECT_THAT(seen, Contains(std::string(field.path) + "[]"));
    }
  }
}

TEST(FieldTableTest, DefaultsPassTheirOwnChecksAndAreComplete) {
  const json defaults = ClusterSchema().WithDefaults(json::object());
  const Findings findings = ClusterSchema().Check(defaults);
  EXPECT_THAT(findings.errors, IsEmpty());
  EXPECT_THAT(findings.warnings, IsEmpty());
  EXPECT_EQ(ClusterSchema().WithDefaults(defaults), defaults);
  EXPECT_EQ(defaults.at("ports").at("master").at("rpc"), 19998);
  EXPECT_EQ(defaults.at("worker").at("tieredStore").at("levels").at(0).at("highWatermark"), 0.95);
}

TEST(SchemaTest, NullCountsAsAbsent) {
  EXPECT_EQ(ClusterSchema().WithDefaults({{"paused", nullptr}, {"rootUfs", {{"uri", nullptr}}}}),
            ClusterSchema().WithDefaults(json::object()));
}

TEST(SchemaTest, AnEntryWithoutValueIsLeftOutWithAWarning) {
  EXPECT_THAT(Errors(R"({"properties": {"alluxio.a": null}})"), IsEmpty());
  EXPECT_THAT(Warnings(R"({"properties": {"alluxio.a": null}})"),
              ElementsAre("spec.properties[alluxio.a]: has no value, ignored"));
  EXPECT_EQ(ClusterSchema().WithoutUnknown({{"properties", {{"a", nullptr}, {"b", "c"}}}}),
            json({{"properties", {{"b", "c"}}}}));
}

TEST(SchemaTest, SizesAreWrittenAsParseSizeAndKubernetesRead) {
  const auto errors = [](const std::string& size) {
    return Errors(json({{"container", {{"logs", {{"maxSize", size}}}}}}).dump().c_str());
  };
  for (const char* const good : {"4096", "4Ki", "4kb", "4KIB", "0.5Mi", "1.000000001G", "1024P"})
    EXPECT_THAT(errors(good), IsEmpty()) << good;
  for (const char* const bad : {"", "+4Ki", " 4Ki", "4 Ki", "4Bi", ".5Mi", "1.Mi", "1.0000000001Gi",
                                "1e9", "1E", "1Gi\n", "-4Ki", "99999999999999999999"})
    EXPECT_THAT(errors(bad), ElementsAre(HasSubstr("is not a size"))) << bad;
  EXPECT_THAT(errors("4095"), ElementsAre(HasSubstr("is below the minimum 4096B")));
  EXPECT_THAT(errors("1025P"), ElementsAre(HasSubstr("is above the maximum")));
}

TEST(SchemaTest, LengthsAreCountedInCharacters) {
  std::string path = "/";
  for (int i = 0; i < 1023; ++i) path += "\u00e9";
  EXPECT_THAT(ClusterSchema().Check({{"rootUfs", {{"uri", path}}}}).errors, IsEmpty());
  EXPECT_THAT(ClusterSchema().Check({{"rootUfs", {{"uri", path + "a"}}}}).errors, SizeIs(1));
}

TEST(SchemaTest, SaysWhichFieldHoldsNoSize) {
  EXPECT_THAT(
      Errors(R"({"worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": "1X"}]}}})"),
      ElementsAre(R"(spec.worker.tieredStore.levels[0].quota: "1X" is not a size; use e.g. 1Gi)"));
  EXPECT_THAT(
      Errors(R"({"worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": 1048576}]}}})"),
      IsEmpty());
  EXPECT_THAT(
      Errors(R"({"worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": "1Ki"}]}}})"),
      ElementsAre(HasSubstr("quota: \"1Ki\" is below the minimum")));
  EXPECT_THAT(
      Errors(
          R"({"worker": {"tieredStore": {"levels": [{"alias": "MEM", "quota": 18446744073709551615}]}}})"),
      ElementsAre(HasSubstr("is not a size")));
}

TEST(SchemaTest, SaysWhatTypeAFieldNeeds) {
  EXPECT_THAT(Errors(R"({"worker": {"replicas": "two"}})"),
              ElementsAre(R"(spec.worker.replicas: "two" is a string; must be a whole number)"));
  EXPECT_THAT(Errors(R"({"worker": {"replicas": 1.5}})"),
              ElementsAre("spec.worker.replicas: 1.5 is a fraction; must be a whole number"));
  EXPECT_THAT(Errors(R"({"paused": "yes"})"),
              ElementsAre(R"(spec.paused: "yes" is a string; must be true or false)"));
  EXPECT_THAT(Errors(R"({"worker": []})"), ElementsAre("spec.worker: is a list; must be a map"));
  EXPECT_THAT(Errors(R"([])"), ElementsAre("spec: is a list; must be a map"));
}

TEST(SchemaTest, TellsTheAuthorToQuoteWhatYamlReadAsABooleanOrNumber) {
  EXPECT_THAT(Errors(R"({"network": {"hostname": false}})"),
              ElementsAre("spec.network.hostname: false is a boolean; must be a string: quote it"));
  EXPECT_THAT(
      Errors(R"({"properties": {"alluxio.user.a": 1.1}})"),
      ElementsAre(
          "spec.properties[alluxio.user.a]: 1.1 is a fraction; must be a string: quote it"));
}

TEST(SchemaTest, ChecksRangesPatternsAndChoices) {
  EXPECT_THAT(Errors(R"({"worker": {"replicas": 65}})"),
              ElementsAre("spec.worker.replicas: 65 is above the maximum 64"));
  EXPECT_THAT(Errors(R"({"ports": {"master": {"rpc": 0}}})"),
              ElementsAre("spec.ports.master.rpc: 0 is below the minimum 1"));
  EXPECT_THAT(
      Errors(R"({"runtime": {"type": "podman"}})"),
      ElementsAre(R"(spec.runtime.type: "podman" is not supported; use process or docker or kubernetes)"));
  EXPECT_THAT(Errors(R"({"network": {"hostname": "a b"}})"),
              ElementsAre(R"(spec.network.hostname: "a b" is not a host name or an IPv4 address)"));
  EXPECT_THAT(Errors(R"({"rootUfs": {"uri": "relative/path"}})"),
              ElementsAre(HasSubstr("is not an absolute path or a URI")));
  EXPECT_THAT(Errors(R"({"rootUfs": {"uri": ""}})"),
              ElementsAre("spec.rootUfs.uri: must not be empty"));
  EXPECT_THAT(Errors(R"({"worker": {"tieredStore": {"levels": []}}})"),
              ElementsAre("spec.worker.tieredStore.levels: has 0 items; at least 1 needed"));
}

TEST(SchemaTest, LongTextsAreRefusedByLengthBeforeTheirPatternIsTried) {
  const json spec = {{"rootUfs", {{"uri", "/" + std::string(1'000'000, 'a')}}}};
  EXPECT_THAT(ClusterSchema().Check(spec).errors,
              ElementsAre(::testing::Field(&FieldIssue::message, HasSubstr("characters long"))));
}

TEST(SchemaTest, ReportsEverythingAtOnce) {
  EXPECT_THAT(
      Errors(
          R"({"worker": {"replicas": -1, "tieredStore": {"levels": [{"quota": "1Gi"}, null]}}})"),
      ElementsAre("spec.worker.replicas: -1 is below the minimum 0",
                  "spec.worker.tieredStore.levels[0].alias: is required",
                  "spec.worker.tieredStore.levels[1]: is empty"));
}

TEST(SchemaTest, ListItemsDifferInTheirKey) {
  EXPECT_THAT(Errors(R"({"env": [{"name": "A"}, {"name": "B"}, {"name": "A"}]})"),
              ElementsAre(R"(spec.env[2].name: "A" is there twice)"));
}

TEST(SchemaTest, WarnsAboutUnknownFieldsWithTheNearestKnownName) {
  EXPECT_THAT(Warnings(R"({"worker": {"replica": 2}})"),
              ElementsAre("spec.worker.replica: unknown field, ignored; did you mean replicas?"));
  EXPECT_THAT(Warnings(R"({"worker": {"Replicas": 2}})"),
              ElementsAre(HasSubstr("did you mean replicas?")));
  EXPECT_THAT(Warnings(R"({"zzzzzz": 2})"), ElementsAre("spec.zzzzzz: unknown field, ignored"));
}

TEST(SchemaTest, UnknownFieldsCanBeRemovedAndMapsKeepTheirKeys) {
  EXPECT_EQ(ClusterSchema().WithoutUnknown(
                json::parse(R"({"x": 1, "worker": {"replica": 1, "replicas": 2},
                                "properties": {"a": "b"}, "env": [{"name": "A", "y": 1}]})")),
            json::parse(R"({"worker": {"replicas": 2}, "properties": {"a": "b"},
                            "env": [{"name": "A"}]})"));
}

TEST(SchemaTest, BoundsTheNumberOfFindings) {
  json properties = json::object();
  for (int i = 0; i < 10'000; ++i) properties["alluxio.key" + std::to_string(i)] = i;
  EXPECT_THAT(ClusterSchema().Check({{"properties", properties}}).errors,
              SizeIs(Schema::kMaxFindings));
}

TEST(SchemaTest, ImmutableFieldsKeepTheirValue) {
  const json before = ClusterSchema().WithDefaults({{"rootUfs", {{"uri", "/a"}}}});
  const json after =
      ClusterSchema().WithDefaults({{"rootUfs", {{"uri", "/b"}}}, {"worker", {{"replicas", 2}}}});
  EXPECT_THAT(ClusterSchema().CheckTransition(before, after),
              ElementsAre(FieldIssue{"spec.rootUfs.uri",
                                     R"(cannot change from "/a" to "/b" after creation)"}));
  EXPECT_THAT(ClusterSchema().CheckTransition(before, before), IsEmpty());
  const json removed = ClusterSchema().WithDefaults(json::object());
  EXPECT_THAT(ClusterSchema().CheckTransition(before, removed), SizeIs(1));
}

TEST(NearestNameTest, OffersOnlyWhatIsLikelyMeant) {
  EXPECT_EQ(NearestName("worker", {"workers", "masters"}), "workers");
  EXPECT_EQ(NearestName("qouta", {"quota", "dirs"}), "quota");
  EXPECT_EQ(NearestName("x", {"quota", "dirs"}), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'x'), {"quota"}), "");
}

}  // namespace
}  // namespace headpond::api
