#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/config.h"
#include "operator/api/cache_cluster.h"
#include "operator/api/yaml.h"
#include "operator/cli/main.h"
#include "operator/cli/stock_cluster.h"
#include "operator/cli/stock_schema.h"
#include "operator/cli/stock_values.h"
#include "testing/status_matchers.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

json Yaml(const std::string& text) {
  auto documents = api::ParseYaml(text);
  EXPECT_OK(documents);
  return documents.ok() && !documents->empty() ? documents->front().value() : json::object();
}

json Stock() {
  return Yaml(ReadAll(STOCK_VALUES));
}

std::vector<std::string> Lines(const std::vector<api::FieldIssue>& issues) {
  std::vector<std::string> lines;
  for (const api::FieldIssue& issue : issues) lines.push_back(issue.ToString());
  return lines;
}

// Of values that are right.
Conversion Converted(const json& values, const ConvertOptions& options = {}) {
  Conversion done = ConvertStockValues(values, options);
  EXPECT_THAT(Lines(done.findings.errors), IsEmpty()) << values.dump();
  return done;
}

json Spec(const std::string& text, const ConvertOptions& options = {}) {
  return Converted(Yaml(text), options).cluster.at("spec");
}

std::vector<std::string> Warnings(const std::string& text, const ConvertOptions& options = {}) {
  return Lines(Converted(Yaml(text), options).findings.warnings);
}

// {"a": [{"b": value}]} for "a[].b".
json At(const std::string& key, json value) {
  std::vector<std::string> names;
  std::istringstream stream(key);
  for (std::string name; std::getline(stream, name, '.');) names.push_back(name);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const bool item = name->ends_with("[]");
    value = {{item ? name->substr(0, name->size() - 2) : *name,
              item ? json::array({std::move(value)}) : std::move(value)}};
  }
  return value;
}

// A value that asks for something.
json Sample(const json& row) {
  const std::string is = row.at("is");
  if (row.contains("needs")) return {{row.at("needs").get<std::string>(), true}};
  if (row.contains("of")) return row.at("of").back();
  if (is == "switch") return true;
  if (is == "count") return row.value("min", 0) + 2;
  if (is == "number") return 0.9;
  if (is == "size") return "3Gi";
  if (is == "texts") return json::array({"a"});
  if (is == "map" || is == "group") return {{"a", "b"}};
  if (is == "list" || is == "claims") return json::array({{{"name", "a"}}});
  return "a";
}

TEST(ConvertTest, TheStockValuesAsTheyAre) {
  const Conversion done = Converted(Stock());
  EXPECT_EQ(api::ToYaml(done.cluster), R"(apiVersion: headpond.dev/v1alpha1
kind: CacheCluster
metadata:
  name: alluxio
spec:
  container:
    user: 1000:1000
  imagePullPolicy: IfNotPresent
  master:
    journal:
      type: UFS
    replicas: 1
    resources:
      cpus: 4.0
      memory: 8Gi
  ports:
    master:
      embedded: 19200
      rpc: 19998
      web: 19999
    worker:
      rpc: 29999
      web: 30000
  properties:
    alluxio.security.stale.channel.purge.interval: 365d
  runtime:
    kubernetes:
      journalSize: 1Gi
      storageClass: standard
      underStoreClaim: alluxio-under-store
    type: kubernetes
  worker:
    replicas: 1
    resources:
      cpus: 4.0
      memory: 4Gi
    tieredStore:
      levels:
        - alias: MEM
          highWatermark: 0.95
          lowWatermark: 0.7
          quota: 1Gi)");
  std::set<std::string> paths;
  for (const api::FieldIssue& issue : done.findings.warnings) paths.insert(issue.path);
  EXPECT_THAT(paths,
              ElementsAre("image", "jobMaster", "jobWorker", "master.livenessProbe",
                          "master.readinessProbe", "master.resources.requests", "shortCircuit",
                          "tieredstore.levels[0].path", "underStore.claim", "worker.livenessProbe",
                          "worker.readinessProbe", "worker.replicas", "worker.resources.requests"));
}

TEST(ConvertTest, NothingIsAClusterOfDefaults) {
  EXPECT_EQ(Converted(json::object()).cluster.at("metadata"), json({{"name", "alluxio"}}));
}

// The tables know each key, itself or as part of something that is not served as a whole.
void ExpectKnown(const json& value, const std::string& key) {
  const auto row = StockKeys().find(key);
  ASSERT_NE(row, StockKeys().end()) << key;
  const std::string is = row->at("is");
  if (is == "group" && WhyDropped(*row).empty())
    for (const auto& [name, child] : value.items()) ExpectKnown(child, key + "." + name);
  if (is == "list")
    for (const auto& [name, child] : value.at(0).items()) ExpectKnown(child, key + "[]." + name);
}

TEST(ConvertTest, EveryKeyOfTheStockChartIsKnown) {
  const json stock = Stock();
  ASSERT_EQ(stock.size(), 22u);
  for (const auto& [name, value] : stock.items()) ExpectKnown(value, name);
}

TEST(ConvertTest, WhatHasNoPlaceIsReportedWithItsReason) {
  int dropped = 0;
  for (const auto& [key, row] : StockKeys().items()) {
    const std::string why(WhyDropped(row));
    if (why.empty() || key.starts_with("shortCircuit.")) continue;
    ++dropped;
    const api::Findings findings = CheckStockValues(At(key, Sample(row)));
    EXPECT_THAT(Lines(findings.errors), IsEmpty()) << key;
    EXPECT_THAT(findings.warnings, Contains(::testing::Field(&api::FieldIssue::message, why)))
        << key;
    if (row.contains("same")) {
      EXPECT_THAT(CheckStockValues(At(key, row.at("same"))).warnings, IsEmpty()) << key;
    }
  }
  EXPECT_GT(dropped, 50);
}

// Values for keys that ask for nothing alone.
json Around(const std::string& key) {
  if (key.starts_with("tieredstore.levels[]"))
    return Yaml("{tieredstore: {levels: [{mediumtype: SSD, quota: 1Gi}]}}");
  if (key == "imageTag") return Yaml("{image: r.example/pond}");
  if (key.starts_with("mounts[]"))
    return Yaml("{mounts: [{name: lake, path: /opt/alluxio/underFSStorage}]}");
  if (key == "shortCircuit.enabled") return Yaml("{shortCircuit: {enabled: true}}");
  return json::object();
}

json ValueFor(const std::string& key, const json& row) {
  static const std::map<std::string, json> kValues = {{"master.enabled", false},
                                                      {"worker.enabled", false},
                                                      {"master.count", 3},
                                                      {"jvmOptions", {"-Dalluxio.a=b"}},
                                                      {"master.jvmOptions", {"-Dalluxio.a=b"}},
                                                      {"worker.jvmOptions", {"-Dalluxio.a=b"}},
                                                      {"mounts[].path", "/elsewhere"},
                                                      {"tieredstore.levels[].alias", "HDD"},
                                                      {"tieredstore.levels[].mediumtype", "HDD"},
                                                      {"tieredstore.levels[].quota", "2Gi"},
                                                      {"tieredstore.levels[].type", "hostPath"},
                                                      {"tieredstore.levels[].low", 0.1},
                                                      {"shortCircuit.enabled", false},
                                                      {"underStore.uri", "/lake"},
                                                      {"master.resources.limits.cpu", "2"},
                                                      {"worker.resources.limits.cpu", "2"}};
  const auto own = kValues.find(key);
  return own == kValues.end() ? Sample(row) : own->second;
}

TEST(ConvertTest, WhatHasAPlaceMakesADifference) {
  // The alias is the medium's name where there is no mediumtype; levels' numbers order them.
  const std::set<std::string> by_themselves = {"tieredstore.levels[].alias",
                                               "tieredstore.levels[].level"};
  int kept = 0;
  for (const auto& [key, row] : StockKeys().items()) {
    const std::string is = row.at("is");
    if (is == "group" || is == "list" || !WhyDropped(row).empty() || row.contains("same") ||
        by_themselves.contains(key) ||
        (key.starts_with("shortCircuit.") && key != "shortCircuit.enabled"))
      continue;
    ++kept;
    const json around = Around(key);
    json values = around;
    json change = At(key, ValueFor(key, row));
    for (const char* const list : {"mounts", "tieredstore"})
      if (change.contains(list) && around.contains(list)) {
        json& item = list == std::string("mounts") ? change["mounts"][0]
                                                   : change["tieredstore"]["levels"][0];
        json whole = list == std::string("mounts") ? around["mounts"][0]
                                                   : around["tieredstore"]["levels"][0];
        whole.merge_patch(item);
        item = whole;
      }
    values.merge_patch(change);
    const Conversion before = Converted(around), after = Converted(values);
    EXPECT_TRUE(before.cluster != after.cluster ||
                Lines(before.findings.warnings) != Lines(after.findings.warnings))
        << key;
  }
  EXPECT_GT(kept, 35);
}

TEST(ConvertTest, WhatCantBeIsRefusedWithItsPathAndTheRemedy) {
  const std::vector<std::pair<std::string, std::string>> kBad = {
      {"{master: 3}", "master: 3 is not a map"},
      {"{master: {count: two}}", R"(master.count: "two" is not a whole number)"},
      {"{master: {count: 0}}", "master.count: 0 is not 1 or more"},
      {"{master: {count: 9}}", "master.count: 9 is not 7 or less"},
      {"{master: {count: 2}}", "spec.master.replicas: 2 masters bear no more failures than 1"},
      {"{master: {hostNetwork: 'yes'}}", R"(master.hostNetwork: "yes" is not true or false)"},
      {"{master: {ports: {rpc: 70000}}}", "master.ports.rpc: 70000 is not 65535 or less"},
      {"{master: {env: [A]}}", "master.env: [\"A\"] is not a map"},
      {"{properties: {a: [1]}}", "properties[a]: [1] is not a text or a number"},
      {"{jvmOptions: -Xmx2g}", R"(jvmOptions: "-Xmx2g" is not a list)"},
      {"{jvmOptions: [{a: b}]}", R"(jvmOptions[0]: {"a":"b"} is not a text)"},
      {"{user: 0}", "user: 0 is not 1 or more"},
      {"{image: a b}", R"(image: "a b" is not one word)"},
      {"{journal: {type: NFS}}", R"(journal.type: "NFS" is not supported; use UFS or EMBEDDED)"},
      {"{journal: {size: big}}", R"(journal.size: "big" is not a size; use e.g. 1Gi)"},
      {"{journal: {size: 1Mi}}", "spec.runtime.kubernetes.journalSize: \"1Mi\" is below"},
      {"{shortCircuit: {enabled: false, size: x}}", R"(shortCircuit.size: "x" is not a size)"},
      {"{worker: {resources: {limits: {cpu: many}}}}", "worker.resources.limits.cpu: \"many\" is"},
      {"{tieredstore: {levels: {}}}", "tieredstore.levels: {} is not a list"},
      {"{tieredstore: {levels: [1]}}", "tieredstore.levels[0]: 1 is not a map"},
      {"{tieredstore: {levels: [{quota: 1Gi}]}}", "tieredstore.levels[0].mediumtype: is missing"},
      {"{tieredstore: {levels: [{alias: MEM}]}}", "tieredstore.levels[0].quota: is missing"},
      {"{tieredstore: {levels: [{alias: TAPE, quota: 1Gi}]}}",
       R"(tieredstore.levels[0].mediumtype: "TAPE" is not supported; use MEM, SSD or HDD)"},
      {"{tieredstore: {levels: [{alias: MEM, quota: x}]}}",
       R"(tieredstore.levels[0].quota: "x" is not a size)"},
      {"{properties: {alluxio.master.mount.table.root.readonly: maybe}}",
       "properties[alluxio.master.mount.table.root.readonly]: \"maybe\" is not supported"},
      {"{fullnameOverride: Big_Name}", "metadata.name: "},
      {"[]", ": [] is not a map of keys"}};
  for (const auto& [text, message] : kBad)
    EXPECT_THAT(Lines(ConvertStockValues(Yaml(text), {}).findings.errors),
                Contains(StartsWith(message)))
        << text;
}

TEST(ConvertTest, WhateverAKeyHoldsIsJudged) {
  const json odd = json::parse(R"([null, true, -1, 0, 1e300, 70000, 9223372036854775807, "", "x",
      "1Gi", "9000P", "99999999999P", "MEM,MEM", ",", [], [1], [null], [[]], [{}], {}, {"a": {}},
      {"a": null}, {"": ""}, {"enabled": "x"}])");
  for (const auto& [key, row] : StockKeys().items())
    for (const json& value : odd) {
      json values = Around(key);
      values.merge_patch(At(key, value));
      const Conversion done = ConvertStockValues(values, {});
      if (done.findings.ok()) {
        EXPECT_THAT(Lines(api::CheckCacheCluster(done.cluster).errors), IsEmpty()) << values;
      }
      for (const api::FieldIssue& error : done.findings.errors)
        EXPECT_NE(error.message, "") << values;
    }
}

TEST(ConvertTest, QuotasThatAddUpToMoreThanThereIsAreRefused) {
  EXPECT_THAT(Lines(ConvertStockValues(Yaml(R"({tieredstore: {levels: [
                        {mediumtype: "MEM,MEM", quota: 1000P}]}})"),
                                       {})
                        .findings.errors),
              ElementsAre(StartsWith("tieredstore.levels[0].quota: 1000P is more than")));
}

TEST(ConvertTest, KeysThatNobodyKnowsAreReported) {
  EXPECT_THAT(Warnings("{master: {counts: 3}, ours: 1}"),
              AllOf(Contains("master.counts: is no key of the chart, ignored; is master.count "
                             "meant?"),
                    Contains("ours: is no key of the chart, ignored")));
}

TEST(ConvertTest, SeveralMastersKeepTheirJournalTogether) {
  const Conversion done = Converted(Yaml("{master: {count: 3}, journal: {type: UFS}}"));
  EXPECT_EQ(done.cluster["spec"]["master"]["journal"]["type"], "EMBEDDED");
  EXPECT_THAT(Lines(done.findings.warnings), Contains(StartsWith("journal.type: UFS is for one")));
}

TEST(ConvertTest, OptionsOfAJavaMachineBecomePropertiesOrAreReported) {
  const char* const text =
      R"({jvmOptions: ["-XX:+UseG1GC -Dalluxio.user.block.size.bytes.default=8MB"],
                              worker: {jvmOptions: [-Xmx2g, -Dalluxio.worker.rpc.port=1]}})";
  EXPECT_EQ(Spec(text)["properties"], json({{"alluxio.user.block.size.bytes.default", "8MB"}}));
  EXPECT_THAT(
      Warnings(text),
      AllOf(Contains("jvmOptions[0]: -XX:+UseG1GC is for a Java machine, and daemons have none"),
            Contains("worker.jvmOptions[0]: -Xmx2g is for a Java machine, and daemons have none: "
                     "resources.limits.memory says what they may use"),
            Contains("worker.jvmOptions[1]: follows from worker.ports.rpc, ignored")));
}

TEST(ConvertTest, TheUnderStoreIsWhereThePropertiesSay) {
  const json spec = Spec(R"({
      properties: {alluxio.master.mount.table.root.ufs: "s3://bucket/a",
                   alluxio.master.mount.table.root.readonly: true},
      master: {properties: {alluxio.master.mount.table.root.option.s3a.accessKeyId: me}}})");
  EXPECT_EQ(spec["rootUfs"], json({{"uri", "s3://bucket/a"},
                                   {"readOnly", true},
                                   {"options", {{"s3a.accessKeyId", "me"}}}}));
  EXPECT_FALSE(spec["runtime"].contains("kubernetes"));
  EXPECT_FALSE(spec.contains("properties") || spec["master"].contains("properties"));
}

TEST(ConvertTest, AClaimThatIsMountedAtTheUnderStoreHoldsIt) {
  const char* const text = R"({
      properties: {alluxio.master.mount.table.root.ufs: /lake},
      mounts: [{name: other, path: /other}, {name: lake-claim, path: /lake}]})";
  EXPECT_EQ(Spec(text)["runtime"]["kubernetes"]["underStoreClaim"], "lake-claim");
  EXPECT_EQ(Spec(text)["rootUfs"]["uri"], "/lake");
  EXPECT_THAT(Warnings(text), AllOf(Contains(StartsWith("mounts[0]: ")),
                                    Not(Contains(StartsWith("underStore.claim")))));
  EXPECT_EQ(Spec(text, {.under_store_claim = "mine"})["runtime"]["kubernetes"]["underStoreClaim"],
            "mine");
  EXPECT_EQ(Spec(text, {.under_store = "s3://b/"})["rootUfs"]["uri"], "s3://b/");
}

TEST(ConvertTest, EachMediumIsALevel) {
  const char* const text = R"({tieredstore: {levels: [
      {level: 1, mediumtype: "SSD,HDD", path: "/a,/b", quota: "10Gi,20Gi", high: 0.8},
      {level: 0, alias: MEM, mediumtype: "MEM,MEM", quota: 1Gi}]}})";
  EXPECT_EQ(Spec(text)["worker"]["tieredStore"]["levels"],
            json::parse(R"([{"alias": "MEM", "quota": 2147483648},
                            {"alias": "SSD", "quota": "10Gi", "highWatermark": 0.8},
                            {"alias": "HDD", "quota": "20Gi", "highWatermark": 0.8}])"));
}

TEST(ConvertTest, MemoryLevelsFitIntoTheWorkersMemory) {
  const char* const text = R"({worker: {resources: {limits: {memory: 2G}}},
                              tieredstore: {levels: [{alias: MEM, quota: 2Gi}]}})";
  EXPECT_EQ(Spec(text)["worker"]["resources"]["memory"], (int64_t{2} << 30) + (320 << 20));
  EXPECT_THAT(Warnings(text), Contains(StartsWith("worker.resources.limits.memory: 2G is raised")));
  // 2G means something else in a CacheCluster.
  EXPECT_EQ(Spec("{worker: {resources: {limits: {memory: 2G}}}}")["worker"]["resources"]["memory"],
            2'000'000'000);
}

TEST(ConvertTest, DaemonsHaveOneEnvironment) {
  const char* const text = "{master: {env: {A: 1, B: x}}, worker: {env: {B: y, C: true}}}";
  EXPECT_EQ(Spec(text)["env"],
            json::parse(R"([{"name": "A", "value": "1"}, {"name": "B", "value": "x"},
                            {"name": "C", "value": "true"}])"));
  EXPECT_THAT(Warnings(text),
              AllOf(Contains("master.env[A]: masters and workers have one environment: all get it"),
                    Contains("worker.env[B]: masters and workers have one environment: it is x")));
}

TEST(ConvertTest, TheNodesNetworkIsForBothRoles) {
  const auto shared = [](const Conversion& done) {
    return done.cluster["spec"]["runtime"]["kubernetes"]["hostNetwork"] == true;
  };
  const Conversion both =
      Converted(Yaml("{master: {hostNetwork: true}, worker: {hostNetwork: true}}"));
  EXPECT_TRUE(shared(both));
  EXPECT_EQ(Lines(both.findings.warnings), Lines(Converted(Yaml("{}")).findings.warnings));
  const Conversion one = Converted(Yaml("{worker: {hostNetwork: true}}"));
  EXPECT_TRUE(shared(one));
  EXPECT_THAT(Lines(one.findings.warnings),
              Contains(StartsWith("worker.hostNetwork: masters and")));
}

TEST(ConvertTest, AnImageOfOursIsKept) {
  EXPECT_EQ(Spec("{image: r.example/headpond, imageTag: '1.2'}")["image"],
            "r.example/headpond:1.2");
  for (const char* const stock : {"alluxio/alluxio", "r.example/alluxio/alluxio-dev"})
    EXPECT_FALSE(Spec(std::string("{image: ") + stock + "}").contains("image")) << stock;
  EXPECT_EQ(Spec("{image: me/notalluxio/alluxio-like}")["image"], "me/notalluxio/alluxio-like");
}

TEST(ConvertTest, TheBackupThatMastersBeginWithIsKept) {
  EXPECT_EQ(
      Spec("{properties: {alluxio.master.journal.init.from.backup: /backups/b.gz}}")["bootstrap"],
      json::parse(R"({"fromBackup": {"uri": "/backups/b.gz"}})"));
}

TEST(ConvertTest, WhatTheSpecDerivesFromFieldsIsNotLeftToProperties) {
  for (const api::OwnedProperty& owned : api::OwnedProperties()) {
    if (owned.key.starts_with("alluxio.master.mount.table.root")) continue;  // becomes rootUfs
    if (owned.key == "alluxio.master.journal.init.from.backup") continue;    // becomes bootstrap
    EXPECT_TRUE(StockOwnedProperties().contains(owned.key)) << owned.key;
  }
}

// Made by `headpond-operator values-schema`.
TEST(ConvertTest, TheChartsSchemaKnowsTheSameKeys) {
  EXPECT_EQ(ReadAll(CHART_SCHEMA), StockValuesSchema());
}

TEST(ConvertTest, PropertiesOfTheCommandLineAreNotPutIntoAFile) {
  const json arguments = Yaml(std::string(StockKeysText())).at("arguments");
  for (const json& key : arguments) {
    const PropertyDef* const property = FindProperty(key.get<std::string>());
    EXPECT_TRUE(property != nullptr && property->not_in_site_file) << key;
  }
}

TEST(QuantityTest, UnitsAreThoseOfKubernetes) {
  EXPECT_EQ(QuantityBytes("1Gi"), int64_t{1} << 30);
  EXPECT_EQ(QuantityBytes("1.5G"), 1'500'000'000);
  EXPECT_EQ(QuantityBytes("3k"), 3000);
  EXPECT_EQ(QuantityBytes(7), 7);
  for (const json& bad : {json("1K"), json("1GB"), json(""), json("-1"), json("Gi"), json("1e9P"),
                          json(true), json("99999999999P")})
    EXPECT_EQ(QuantityBytes(bad), std::nullopt) << bad;
  EXPECT_EQ(QuantityNumber("250m"), 0.25);
  EXPECT_EQ(QuantityNumber(2), 2);
  EXPECT_EQ(QuantityNumber("2x"), std::nullopt);
}

// The command.

struct Ended {
  int exit_code = 0;
  std::string out, err;
};

Ended RunConvert(std::vector<std::string> words) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ended ended{.exit_code = ConvertMain(words)};
  std::fflush(stdout);
  ended.out = ::testing::internal::GetCapturedStdout();
  ended.err = ::testing::internal::GetCapturedStderr();
  return ended;
}

std::string FileWith(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/values.yaml";
  std::ofstream(path) << text;
  return path;
}

TEST(ConvertCommandTest, PrintsAManifestAndListsWhatIsLost) {
  const std::string file = FileWith("# mine\nmaster:\n  hostPID: true\n");
  const Ended ended = RunConvert({file, "--name", "pond", "-n", "lab", "--workers", "4"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  const json cluster = Yaml(ended.out);
  EXPECT_THAT(api::CheckCacheCluster(cluster).errors, IsEmpty());
  EXPECT_EQ(cluster["metadata"], json({{"name", "pond"}, {"namespace", "lab"}}));
  EXPECT_EQ(cluster["spec"]["worker"]["replicas"], 4);
  EXPECT_THAT(ended.err, HasSubstr("warning: " + file +
                                   ":3: master.hostPID: pods share no processes with the node\n"));
  EXPECT_EQ(RunConvert({file, "--strict"}).exit_code, 1);
}

TEST(ConvertCommandTest, StrictIsContentWithValuesThatHaveAPlace) {
  const std::string file = FileWith("underStore: {uri: 's3://b/'}\nworker: {replicas: 2}\n");
  const Ended ended = RunConvert({file, "--strict"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
}

TEST(ConvertCommandTest, WhatIsWrongHasALine) {
  std::string file = FileWith("master:\n  count: two\n");
  Ended ended = RunConvert({file});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, file + ":2: master.count: \"two\" is not a whole number\n");
  file = FileWith("a: [\n");
  EXPECT_THAT(RunConvert({file}).err, StartsWith(file + ": line "));
  file = FileWith("a: 1\n---\nb: 1\n");
  EXPECT_EQ(RunConvert({file}).err, file + ": has 2 documents; values are one\n");
  EXPECT_THAT(RunConvert({"/nowhere/values.yaml"}).err, HasSubstr("/nowhere/values.yaml"));
}

TEST(ConvertCommandTest, HelpHasExamples) {
  const Ended ended = RunConvert({"--help"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, HasSubstr("headpond convert values.yaml --workers 3 | kubectl apply"));
}

}  // namespace
}  // namespace headpond::operator_cli
