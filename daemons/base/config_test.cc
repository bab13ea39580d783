#include "base/config.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

constexpr int64_t kGiB = int64_t{1} << 30;

class ConfigTest : public ::testing::Test {
 protected:
  Config config_{MachineFacts{.cpus = 6,
                              .memory_bytes = 24 * kGiB,
                              .user_name = "ann",
                              .user_home = "/home/ann",
                              .working_dir = "/srv"}};
};

TEST_F(ConfigTest, GivesDefaultsUntilSomethingIsSet) {
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 19998);
  EXPECT_FALSE(config_.IsSet("alluxio.master.rpc.port"));
  EXPECT_EQ(config_.FindEntry("alluxio.master.rpc.port"), nullptr);

  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "0"));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 0);
  EXPECT_TRUE(config_.IsSet("alluxio.master.rpc.port"));

  config_.Unset("alluxio.master.rpc.port");
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 19998);
}

TEST_F(ConfigTest, ReadsEveryType) {
  EXPECT_EQ(config_.GetString("alluxio.user.file.writetype.default"), "ASYNC_THROUGH");
  EXPECT_TRUE(config_.GetBool("alluxio.user.short.circuit.enabled"));
  EXPECT_EQ(config_.GetInt("alluxio.user.ufs.block.read.concurrency.max"), 2147483647);
  EXPECT_DOUBLE_EQ(config_.GetDouble("alluxio.worker.tieredstore.level0.watermark.high.ratio"),
                   0.95);
  EXPECT_EQ(config_.GetSize("alluxio.user.block.size.bytes.default"), 64 << 20);
  EXPECT_EQ(config_.GetDuration("alluxio.master.worker.timeout"), milliseconds(300'000));
  EXPECT_THAT(config_.GetList("alluxio.locality.order"), ElementsAre("node", "rack"));
}

TEST_F(ConfigTest, TrimsAndDropsEmptyListElements) {
  ASSERT_OK(config_.Set("alluxio.master.whitelist", " /a, /b ,,/c,"));
  EXPECT_THAT(config_.GetList("alluxio.master.whitelist"), ElementsAre("/a", "/b", "/c"));
  ASSERT_OK(config_.Set("alluxio.master.whitelist", ""));
  EXPECT_THAT(config_.GetList("alluxio.master.whitelist"), IsEmpty());
}

TEST_F(ConfigTest, HasNoValueForUnsetAndUnknownKeys) {
  EXPECT_EQ(config_.Find("alluxio.master.hostname"), std::nullopt);
  EXPECT_EQ(config_.Find("no.such.key"), std::nullopt);
}

TEST_F(ConfigTest, ComputesDefaultsFromTheMachine) {
  EXPECT_EQ(config_.GetSize("alluxio.worker.ramdisk.size"), 16 * kGiB);
  EXPECT_EQ(config_.GetInt("alluxio.worker.network.async.cache.manager.threads.max"), 12);
  EXPECT_EQ(config_.GetInt("alluxio.master.ufs.active.sync.thread.pool.size"), 3);
  EXPECT_EQ(config_.GetList("alluxio.worker.tieredstore.level0.dirs.quota"),
            std::vector<std::string>{std::to_string(16 * kGiB)});
  EXPECT_THAT(config_.GetList("alluxio.site.conf.dir"),
              ElementsAre("/opt/alluxio/conf/", "/home/ann/.alluxio/", "/etc/alluxio/"));
}

TEST_F(ConfigTest, FollowsReferences) {
  ASSERT_OK(config_.Set("alluxio.home", "/x"));
  EXPECT_EQ(config_.GetString("alluxio.logs.dir"), "/x/logs");
  EXPECT_THAT(config_.FindRaw("alluxio.logs.dir"),
              Optional(std::string("${alluxio.work.dir}/logs")));
  ASSERT_OK(
      config_.Set("alluxio.logs.dir", "${user.home}/${user.name}-${alluxio.master.rpc.port}/l"));
  EXPECT_EQ(config_.GetString("alluxio.logs.dir"), "/home/ann/ann-19998/l");
  ASSERT_OK(config_.Set("alluxio.logs.dir", "a${b"));  // not a reference
  EXPECT_EQ(config_.GetString("alluxio.logs.dir"), "a${b");
}

TEST_F(ConfigTest, FollowsReferencesToKeysOutsideTheTableAndByAlias) {
  ASSERT_OK(config_.Set("my.dir", "/my"));
  ASSERT_OK(config_.Set("alluxio.work.dir", "${my.dir}/${alluxio.master.port}"));
  EXPECT_EQ(config_.GetString("alluxio.work.dir"), "/my/19998");
}

TEST_F(ConfigTest, AReferenceToAnUnsetKeyMakesTheValueAbsent) {
  EXPECT_EQ(config_.Find("alluxio.job.worker.hostname"), std::nullopt);
  ASSERT_OK(config_.Set("alluxio.worker.hostname", "w1"));
  EXPECT_THAT(config_.Find("alluxio.job.worker.hostname"), Optional(std::string("w1")));
}

TEST_F(ConfigTest, RefusesCyclesAndLeavesTheOldValue) {
  ASSERT_OK(config_.Set("alluxio.work.dir", "/old"));
  EXPECT_THAT(config_.Set("alluxio.work.dir", "${alluxio.work.dir}/x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.work.dir refers to itself")));
  EXPECT_THAT(config_.Set("alluxio.work.dir", "${alluxio.logs.dir}/x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("by way of alluxio.logs.dir")));
  EXPECT_EQ(config_.GetString("alluxio.work.dir"), "/old");
}

TEST_F(ConfigTest, RefusesReferencesToNothing) {
  EXPECT_THAT(config_.Set("alluxio.work.dir", "${nosuch}/x"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("alluxio.work.dir"), HasSubstr("${nosuch}"))));
  EXPECT_FALSE(config_.IsSet("alluxio.work.dir"));
}

TEST_F(ConfigTest, ChecksValuesThatComeByReference) {
  ASSERT_OK(config_.Set("my.port", "1234"));
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "${my.port}"));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 1234);
  EXPECT_THAT(config_.Set("my.port", "x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.master.rpc.port=x")));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 1234);
}

TEST_F(ConfigTest, BoundsWhatReferencesCanGrowTo) {
  ASSERT_OK(config_.Set("k0", std::string(1000, 'x')));
  for (int i = 1; i < 10; ++i)
    ASSERT_OK(config_.Set(fmt::format("k{}", i),
                          fmt::format("${{k{0}}}${{k{0}}}${{k{0}}}${{k{0}}}", i - 1)));
  EXPECT_EQ(config_.Find("k9"), std::nullopt);
  EXPECT_THAT(config_.Set("alluxio.work.dir", "${k9}"),
              StatusIs(Code::kInvalidArgument, HasSubstr("longer than")));
  for (int i = 10; i < 100; ++i)
    ASSERT_OK(config_.Set(fmt::format("k{}", i), fmt::format("${{k{}}}", i - 1)));
  EXPECT_THAT(config_.Set("alluxio.work.dir", "${k99}"),
              StatusIs(Code::kInvalidArgument, HasSubstr("more than")));
}

TEST_F(ConfigTest, AliasesLeadToTheSameValue) {
  ASSERT_OK(config_.Set("alluxio.worker.memory.size", "1Gi"));
  EXPECT_EQ(config_.GetSize("alluxio.worker.ramdisk.size"), kGiB);
  EXPECT_EQ(config_.GetSize("alluxio.worker.memory.size"), kGiB);
  EXPECT_EQ(config_.entries().begin()->first, "alluxio.worker.ramdisk.size");
  config_.Unset("alluxio.worker.memory.size");
  EXPECT_FALSE(config_.IsSet("alluxio.worker.ramdisk.size"));
}

TEST_F(ConfigTest, LaterSourcesWin) {
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "3", Source::kSystemProperty));
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "2", Source::kSiteProperty));
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "1", Source::kClusterDefault));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 3);
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "4", Source::kSystemProperty));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 4);
  ASSERT_OK(config_.Set("alluxio.master.rpc.port", "5", Source::kMountOption));
  EXPECT_EQ(config_.GetInt("alluxio.master.rpc.port"), 5);
}

TEST_F(ConfigTest, NamesSourcesLikeStock) {
  EXPECT_EQ(Config::SourceText({"", Source::kDefault, ""}), "DEFAULT");
  EXPECT_EQ(Config::SourceText({"", Source::kClusterDefault, ""}), "CLUSTER_DEFAULT");
  EXPECT_EQ(Config::SourceText({"", Source::kSiteProperty, "/a/b"}), "SITE_PROPERTY (/a/b)");
  EXPECT_EQ(Config::SourceText({"", Source::kSystemProperty, "ALLUXIO_JAVA_OPTS"}),
            "SYSTEM_PROPERTY");
  EXPECT_EQ(Config::SourceText({"", Source::kPathDefault, ""}), "PATH_DEFAULT");
  EXPECT_EQ(Config::SourceText({"", Source::kRuntime, ""}), "RUNTIME");
  EXPECT_EQ(Config::SourceText({"", Source::kMountOption, ""}), "MOUNT_OPTION");
}

TEST_F(ConfigTest, BringsValuesIntoOneSpelling) {
  const struct {
    const char *key, *given, *kept;
  } cases[] = {
      {"alluxio.user.short.circuit.enabled", "TRUE", "true"},
      {"alluxio.user.short.circuit.enabled", " False ", "false"},
      {"alluxio.master.journal.type", "ufs", "UFS"},
      {"alluxio.user.file.create.ttl.action", "delete_alluxio", "DELETE_ALLUXIO"},
      {"alluxio.security.authentication.type", "nosasl", "NOSASL"},
      {"alluxio.master.rpc.port", " +19998 ", "19998"},
      {"alluxio.worker.ramdisk.size", " 64MB ", "64MB"},
      {"alluxio.master.worker.timeout", "10sec", "10sec"},
      {"alluxio.worker.tieredstore.level2.dirs.quota", "1Gi, 2g", "1Gi, 2g"},
      {"alluxio.worker.tieredstore.level5.dirs.quota", "1Gi", "1Gi"},
      {"alluxio.master.hostname", " as is ", " as is "},
      {"no.such.key", " as is ", " as is "},
  };
  for (const auto& c : cases) {
    EXPECT_OK(config_.Set(c.key, c.given)) << c.key;
    EXPECT_THAT(config_.Find(c.key), Optional(std::string(c.kept))) << c.key;
  }
}

// Stock dies of a ClassCastException without the key, or runs on without its heartbeat
// (compat/features.md section C, compat/messages.md "Start failures").
TEST_F(ConfigTest, BadValuesAreRefusedWithKeyValueAndRemedy) {
  const struct {
    const char *key, *value, *remedy;
  } cases[] = {
      {"alluxio.master.rpc.port", "abc", "whole number from 0 to 65535"},
      {"alluxio.master.rpc.port", "", "whole number from 0 to 65535"},
      {"alluxio.master.rpc.port", "1.0", "whole number"},
      {"alluxio.master.rpc.port", "0x1", "whole number"},
      {"alluxio.master.rpc.port", "19,998", "whole number"},
      {"alluxio.master.rpc.port", "99999", "from 0 to 65535"},
      {"alluxio.master.rpc.port", "-1", "from 0 to 65535"},
      {"alluxio.job.batch.size", "2147483648", "from -2147483648 to 2147483647"},
      {"alluxio.job.master.job.capacity", "9223372036854775808", "whole number"},
      {"alluxio.master.filesystem.liststatus.result.message.length", "0", "from 1 to"},
      {"alluxio.master.journal.type", "FOO", "one of EMBEDDED, NOOP, UFS"},
      {"alluxio.security.authentication.type", "KERBEROS", "one of NOSASL, SIMPLE, CUSTOM"},
      {"alluxio.user.file.writetype.default", "CACHE",
       "MUST_CACHE, TRY_CACHE, CACHE_THROUGH, THROUGH, ASYNC_THROUGH"},
      {"alluxio.user.file.readtype.default", "", "one of NO_CACHE, CACHE, CACHE_PROMOTE"},
      {"alluxio.user.file.create.ttl.action", "DROP", "one of DELETE, FREE, DELETE_ALLUXIO"},
      {"alluxio.worker.allocator.class", "my.Allocator",
       "one of alluxio.worker.block.allocator.MaxFreeAllocator"},
      {"alluxio.worker.ramdisk.size", "abc", "such as 64MB"},
      {"alluxio.worker.ramdisk.size", "-5", "such as 64MB"},
      {"alluxio.worker.tieredstore.level0.dirs.quota", "1GB,abc", "'abc' is not a size"},
      {"alluxio.worker.tieredstore.level7.dirs.quota", "x", "such as 64MB"},
      {"alluxio.master.worker.timeout", "zzz", "such as 30s"},
      {"alluxio.user.short.circuit.enabled", "yes", "true or false"},
      {"alluxio.user.short.circuit.enabled", "", "true or false"},
      {"alluxio.worker.tieredstore.level0.watermark.high.ratio", "abc", "a number such as 0.95"},
      {"alluxio.worker.tieredstore.level0.watermark.high.ratio", "nan", "a number such as 0.95"},
      {"alluxio.worker.tieredstore.level0.watermark.high.ratio", "1.5", "from 0 to 1"},
      {"alluxio.security.authorization.permission.umask", "089", "octal number such as 022"},
      {"alluxio.worker.data.folder.permissions", "rwxrwx", "such as rwxr-x---"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(
        config_.Set(c.key, c.value),
        StatusIs(Code::kInvalidArgument,
                 AllOf(HasSubstr(fmt::format("{}={}:", c.key, c.value)), HasSubstr(c.remedy))))
        << c.key;
    EXPECT_FALSE(config_.IsSet(c.key)) << c.key;
  }
  EXPECT_THAT(config_.Set("", "x"), StatusIs(Code::kInvalidArgument));
}

TEST_F(ConfigTest, AnAliasInAMessageIsNamedByItsPresentKey) {
  EXPECT_THAT(config_.Set("alluxio.master.port", "x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.master.rpc.port=x")));
}

TEST_F(ConfigTest, NeverNamesTheValueOfACredential) {
  const PropertyDef secret{
      .name = "s3a.secretKey", .type = PropertyType::kInteger, .credential = true};
  EXPECT_THAT(
      CheckPropertyValue(secret, secret.name, "hunter2"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("******"), Not(HasSubstr("hunter2")))));
}

}  // namespace
}  // namespace headpond
