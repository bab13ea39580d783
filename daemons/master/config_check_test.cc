#include "master/config_check.h"

#include <gmock/gmock.h>

namespace headpond::master {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

NodeConfig Node(const std::string& address, std::vector<ReportedProperty> properties) {
  return {address, std::make_shared<const std::vector<ReportedProperty>>(std::move(properties))};
}

// Rows of the table with these levels and scopes.
constexpr char kWarned[] = "alluxio.worker.block.heartbeat.interval";
constexpr char kIgnored[] = "alluxio.worker.hostname";

const PropertyDef& AnyRow(ConsistencyCheck level, int scope) {
  for (const PropertyDef& def : PropertyTable())
    if (def.check == level && (def.scope & scope) == scope && def.name.find('{') == def.name.npos)
      return def;
  ADD_FAILURE() << "the table has no such row";
  return PropertyTable().front();
}

TEST(ConfigCheckTest, NodesThatAgreePass) {
  const std::vector<NodeConfig> nodes{Node("a:1", {{kWarned, "1s", ""}}),
                                      Node("b:1", {{kWarned, "1s", "SITE"}})};
  EXPECT_EQ(CheckConfigs(nodes).status(), ConfigCheck::Status::kPassed);
  EXPECT_EQ(CheckConfigs({}).status(), ConfigCheck::Status::kPassed);
}

TEST(ConfigCheckTest, ADifferenceIsReportedWithWhoHasWhat) {
  const std::vector<NodeConfig> nodes{
      Node("a:1", {{kWarned, "1s", ""}}), Node("b:1", {{kWarned, "2s", ""}}),
      Node("c:1", {{kWarned, "1s", ""}}), Node("d:1", {{kWarned, std::nullopt, ""}})};
  const ConfigCheck check = CheckConfigs(nodes);
  EXPECT_EQ(check.status(), ConfigCheck::Status::kWarn);
  EXPECT_THAT(check.errors, IsEmpty());
  ASSERT_THAT(check.warnings, ElementsAre(Pair("WORKER", SizeIs(1))));
  const InconsistentProperty& property = check.warnings.at("WORKER").front();
  EXPECT_EQ(property.name, kWarned);
  EXPECT_THAT(property.nodes,
              ElementsAre(Pair(std::nullopt, ElementsAre("d:1")),
                          Pair("1s", ElementsAre("a:1", "c:1")), Pair("2s", ElementsAre("b:1"))));
}

TEST(ConfigCheckTest, APropertyThatMustAgreeFailsTheCheck) {
  const std::string name(AnyRow(ConsistencyCheck::kEnforce, kScopeMaster | kScopeWorker).name);
  const std::vector<NodeConfig> nodes{Node("master:1", {{name, "x", ""}}),
                                      Node("worker:1", {{name, "y", ""}})};
  const ConfigCheck check = CheckConfigs(nodes);
  EXPECT_EQ(check.status(), ConfigCheck::Status::kFailed);
  EXPECT_THAT(check.errors, ElementsAre(Pair("SERVER", SizeIs(1))));
}

TEST(ConfigCheckTest, WhatMayDifferAndWhatIsUnknownIsLeftOut) {
  const std::vector<NodeConfig> nodes{
      Node("a:1", {{kIgnored, "a", ""}, {"alluxio.nosuch", "1", ""}}),
      Node("b:1", {{kIgnored, "b", ""}, {"alluxio.nosuch", "2", ""}}), NodeConfig{"c:1", nullptr}};
  EXPECT_EQ(CheckConfigs(nodes).status(), ConfigCheck::Status::kPassed);
}

TEST(CheckedPropertiesTest, ANodeTellsWhatIsCheckedInItsScope) {
  Config config;
  ASSERT_TRUE(config.Set(kWarned, "3s").ok());
  ASSERT_TRUE(config.Set(kIgnored, "me").ok());
  const auto of_worker = CheckedProperties(config, kScopeWorker);
  const auto has = [](const auto& properties, std::string_view name) {
    return std::ranges::find(properties, name, &ReportedProperty::name) != properties.end();
  };
  EXPECT_TRUE(has(of_worker, kWarned));
  EXPECT_FALSE(has(of_worker, kIgnored));
  EXPECT_FALSE(has(CheckedProperties(config, kScopeMaster), kWarned));
}

}  // namespace
}  // namespace headpond::master
