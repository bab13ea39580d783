#include "base/config_report.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "testing/status_matchers.h"

namespace headpond {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class ConfigReportTest : public ::testing::Test {
 protected:
  const ReportedProperty* Find(const std::string& name, bool raw = true) {
    properties_ = ReportedProperties(config_, raw);
    const auto found = std::ranges::find(properties_, name, &ReportedProperty::name);
    return found == properties_.end() ? nullptr : &*found;
  }
  std::optional<std::string> Value(const std::string& name, bool raw = true) {
    const ReportedProperty* property = Find(name, raw);
    return property ? property->value : std::nullopt;
  }
  std::string Hash() { return ConfigHash(ReportedProperties(config_, /*raw=*/true)); }

  Config config_{
      MachineFacts{.cpus = 2, .memory_bytes = 3000, .user_name = "ann", .user_home = "/home/ann"}};
  std::vector<ReportedProperty> properties_;
};

TEST_F(ConfigReportTest, HoldsEveryKeyOfStockSortedByName) {
  const std::vector<ReportedProperty> properties = ReportedProperties(config_, true);
  const auto ours = std::ranges::count_if(
      properties, [](const auto& property) { return property.name.starts_with("headpond."); });
  EXPECT_EQ(properties.size() - ours, 876u);
  EXPECT_TRUE(std::ranges::is_sorted(properties, {}, &ReportedProperty::name));
  ASSERT_NE(Find("alluxio.master.hostname"), nullptr);
  EXPECT_EQ(Value("alluxio.master.hostname"), std::nullopt);
  EXPECT_EQ(Find("alluxio.master.hostname")->source, "DEFAULT");
}

TEST_F(ConfigReportTest, AlwaysNamesTheVersionsThatClientsNeed) {
  ASSERT_OK(config_.Set("alluxio.version", "9"));
  EXPECT_THAT(Value("alluxio.version"), Optional(Eq("2.9.6")));
  EXPECT_THAT(Value("alluxio.underfs.version"), Optional(Eq("3.3.4")));
}

TEST_F(ConfigReportTest, RawKeepsReferencesButComputesWhatOnlyThisMachineKnows) {
  EXPECT_THAT(Value("alluxio.logs.dir", true), Optional(Eq("${alluxio.work.dir}/logs")));
  EXPECT_THAT(Value("alluxio.logs.dir", false), Optional(Eq("/opt/alluxio/logs")));
  EXPECT_THAT(Value("alluxio.worker.ramdisk.size", true), Optional(Eq("2000")));
  EXPECT_THAT(Value("alluxio.site.conf.dir", true),
              Optional(Eq("${alluxio.conf.dir}/,/home/ann/.alluxio/,/etc/alluxio/")));
  EXPECT_THAT(Value("alluxio.job.worker.hostname", true),
              Optional(Eq("${alluxio.worker.hostname}")));
  EXPECT_EQ(Value("alluxio.job.worker.hostname", false), std::nullopt);
}

TEST_F(ConfigReportTest, NamesTheSourceOfWhatIsSet) {
  ASSERT_OK(config_.Set("alluxio.master.hostname", "h", Source::kSiteProperty,
                        "/c/alluxio-site.properties"));
  EXPECT_THAT(Value("alluxio.master.hostname"), Optional(Eq("h")));
  EXPECT_EQ(Find("alluxio.master.hostname")->source, "SITE_PROPERTY (/c/alluxio-site.properties)");
}

TEST_F(ConfigReportTest, MasksCredentialsInEveryForm) {
  for (const char* key :
       {"s3a.secretKey", "aws.accessKeyId", "alluxio.master.mount.table.root.option.s3a.secretKey",
        "alluxio.master.mount.table.root.option.my.Password",
        "fs.azure.account.key.abc.blob.core.windows.net"})
    ASSERT_OK(config_.Set(key, "hunter2")) << key;
  for (bool raw : {true, false}) {
    for (const ReportedProperty& property : ReportedProperties(config_, raw))
      EXPECT_NE(property.value, "hunter2") << property.name;
    EXPECT_THAT(Value("s3a.secretKey", raw), Optional(Eq("******")));
    EXPECT_THAT(Value("s3a.accessKeyId", raw), Optional(Eq("******")));
  }
  EXPECT_EQ(Value("fs.cos.secret.key"), std::nullopt);  // unset stays unset
}

TEST_F(ConfigReportTest, AddsParameterisedKeysThatAreSetButNoUnknownOnes) {
  ASSERT_OK(config_.Set("alluxio.master.security.impersonation.hdfs.users", "*"));
  ASSERT_OK(config_.Set("no.such.key", "1"));
  EXPECT_THAT(Value("alluxio.master.security.impersonation.hdfs.users"), Optional(Eq("*")));
  EXPECT_EQ(Find("no.such.key"), nullptr);
}

TEST_F(ConfigReportTest, TheHashChangesWithTheConfigurationOnly) {
  const std::string before = Hash();
  EXPECT_EQ(before.size(), 32u);
  EXPECT_EQ(before.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(Hash(), before);
  ASSERT_OK(config_.Set("alluxio.user.block.size.bytes.default", "128MB"));
  EXPECT_NE(Hash(), before);
  config_.Unset("alluxio.user.block.size.bytes.default");
  EXPECT_EQ(Hash(), before);
}

TEST(ConfigHashTest, TellsNeighbouringFieldsApart) {
  EXPECT_EQ(ConfigHash({}), "d41d8cd98f00b204e9800998ecf8427e");
  const std::vector<std::vector<ReportedProperty>> lists = {{{"a", "bc", "D"}},
                                                            {{"ab", "c", "D"}},
                                                            {{"a", "b", "cD"}},
                                                            {{"a", "", "D"}},
                                                            {{"a", std::nullopt, "D"}}};
  std::vector<std::string> hashes;
  for (const auto& list : lists) hashes.push_back(ConfigHash(list));
  std::ranges::sort(hashes);
  EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end());
}

}  // namespace
}  // namespace headpond
