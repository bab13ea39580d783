// The table as a whole: nothing in properties.tsv may contradict the code that reads it.

#include <gmock/gmock.h>

#include <algorithm>

#include "base/config.h"
#include "testing/status_matchers.h"

namespace headpond {
namespace {

bool HasHoles(const PropertyDef& def) {
  return def.name.find('{') != def.name.npos;
}

// Any name that the row stands for.
std::string ConcreteName(const PropertyDef& def) {
  std::string name(def.name);
  for (std::string_view hole : {"{}", "{n}", "{*}"}) {
    for (size_t at = name.find(hole); at != name.npos; at = name.find(hole))
      name.replace(at, hole.size(), hole == "{n}" ? "7" : hole == "{}" ? "zz" : "a.b-c@d");
  }
  return name;
}

std::vector<std::string> Aliases(const PropertyDef& def) {
  std::vector<std::string> aliases;
  for (size_t begin = 0; begin < def.aliases.size();) {
    const size_t end = std::min(def.aliases.find(',', begin), def.aliases.size());
    aliases.emplace_back(def.aliases.substr(begin, end - begin));
    begin = end + 1;
  }
  return aliases;
}

TEST(PropertyTableTest, HoldsAllKeysOfStockAndItsParameterisedOnes) {
  const auto stock = std::ranges::count_if(PropertyTable(), [](const PropertyDef& def) {
    return !HasHoles(def) && !def.name.starts_with("headpond.");
  });
  EXPECT_EQ(stock, 876);
  EXPECT_EQ(std::ranges::count_if(PropertyTable(), HasHoles), 44);
  EXPECT_TRUE(std::ranges::is_sorted(PropertyTable(), {}, &PropertyDef::name));
}

TEST(PropertyTableTest, FindsEveryRowByNameAndAlias) {
  for (const PropertyDef& def : PropertyTable()) {
    EXPECT_EQ(FindProperty(ConcreteName(def)), &def) << def.name;
    for (const std::string& alias : Aliases(def)) {
      EXPECT_EQ(FindProperty(alias), &def) << alias;
      EXPECT_EQ(CanonicalPropertyName(alias), def.name) << alias;
    }
  }
}

TEST(PropertyTableTest, EveryDefaultPassesItsOwnCheck) {
  const Config config(MachineFacts{.cpus = 1, .memory_bytes = 1 << 20, .user_home = "/home/ann"});
  for (const PropertyDef& def : PropertyTable()) {
    const std::string name = ConcreteName(def);
    const std::optional<std::string> value = config.Find(name);
    if (value) {
      EXPECT_THAT(CheckPropertyValue(def, name, *value), IsOkAndHolds(*value)) << name;
    }
  }
}

// So a value that was checked under its own key needs no check where a default refers to it.
TEST(PropertyTableTest, DefaultsReferToKeysOfTheSameType) {
  for (const PropertyDef& def : PropertyTable()) {
    const std::string_view text = def.default_value ? def.default_value : "";
    if (def.type == PropertyType::kString || def.type == PropertyType::kList ||
        !text.starts_with("${"))
      continue;
    const PropertyDef* other = FindProperty(text.substr(2, text.size() - 3));
    ASSERT_NE(other, nullptr) << def.name;
    EXPECT_EQ(other->type, def.type) << def.name;
  }
}

TEST(PropertyTableTest, KeysActedOnHaveAMeaning) {
  for (const PropertyDef& def : PropertyTable())
    EXPECT_EQ(def.acted_on, !def.meaning.empty()) << def.name;
}

TEST(PropertyTableTest, TellsClientsTheVersionOfTheWire) {
  EXPECT_EQ(FindProperty("alluxio.version")->default_value, kCompatVersion);
}

// A sample of rows against compat/properties.md, one per column.
TEST(PropertyTableTest, CarriesTheColumnsOfStock) {
  const PropertyDef& bind = *FindProperty("alluxio.master.bind.host");
  EXPECT_EQ(bind.type, PropertyType::kString);
  EXPECT_STREQ(bind.default_value, "0.0.0.0");
  EXPECT_EQ(bind.scope, kScopeMaster);
  EXPECT_EQ(bind.check, ConsistencyCheck::kIgnore);
  EXPECT_FALSE(bind.hidden);
  EXPECT_TRUE(bind.acted_on);

  EXPECT_EQ(FindProperty("alluxio.debug")->scope, kScopeMaster | kScopeWorker);
  EXPECT_EQ(FindProperty("alluxio.home")->scope, kScopeMaster | kScopeWorker | kScopeClient);
  EXPECT_EQ(FindProperty("alluxio.integration.master.resource.cpu")->scope, 0);
  EXPECT_EQ(FindProperty("alluxio.master.journal.type")->check, ConsistencyCheck::kEnforce);
  EXPECT_TRUE(FindProperty("alluxio.web.resources")->hidden);
  EXPECT_TRUE(FindProperty("s3a.secretKey")->credential);
  EXPECT_TRUE(FindProperty("alluxio.conf.dir")->not_in_site_file);
  EXPECT_EQ(FindProperty("alluxio.user.network.zerocopy.enabled")->replaced_by,
            "alluxio.user.streaming.zerocopy.enabled");
  EXPECT_FALSE(FindProperty("alluxio.zookeeper.auth.enabled")->acted_on);
}

TEST(FindPropertyTest, RecognisesParameterisedKeys) {
  const std::pair<const char*, const char*> cases[] = {
      {"alluxio.worker.tieredstore.level0.alias", "alluxio.worker.tieredstore.level0.alias"},
      {"alluxio.worker.tieredstore.level12.alias", "alluxio.worker.tieredstore.level{n}.alias"},
      {"alluxio.master.mount.table.root.ufs", "alluxio.master.mount.table.root.ufs"},
      {"alluxio.master.mount.table.s3_data.ufs", "alluxio.master.mount.table.{}.ufs"},
      {"alluxio.master.mount.table.root.option.alluxio.underfs.s3.region",
       "alluxio.master.mount.table.{}.option.{*}"},
      {"alluxio.master.security.impersonation.a.b@c.users",
       "alluxio.master.security.impersonation.{*}.users"},
      {"alluxio.locality.zone", "alluxio.locality.{}"},
      {"alluxio.locality.rack", "alluxio.locality.rack"},
      {"alluxio.job.rpc.executor.type", "alluxio.{}.rpc.executor.type"},
  };
  for (const auto& [name, row] : cases) {
    ASSERT_NE(FindProperty(name), nullptr) << name;
    EXPECT_EQ(FindProperty(name)->name, row) << name;
  }
}

TEST(FindPropertyTest, KnowsNothingElse) {
  for (const char* name :
       {"", "alluxio", "alluxio.", "alluxio.nosuch", "alluxio.worker.tieredstore.level.alias",
        "alluxio.worker.tieredstore.levelx.alias", "alluxio.worker.tieredstore.level{n}.alias",
        "alluxio.locality.", "alluxio.locality.a.b", "alluxio.master.mount.table.root.option.",
        "alluxio.master.mount.table..ufs", "alluxio.master.security.impersonation..users",
        "alluxio.master.rpc.port.", "ALLUXIO.MASTER.RPC.PORT"})
    EXPECT_EQ(FindProperty(name), nullptr) << name;
}

TEST(CanonicalPropertyNameTest, LeavesOtherNamesAlone) {
  EXPECT_EQ(CanonicalPropertyName("alluxio.worker.memory.size"), "alluxio.worker.ramdisk.size");
  EXPECT_EQ(CanonicalPropertyName("alluxio.underfs.address"),
            "alluxio.master.mount.table.root.ufs");
  EXPECT_EQ(CanonicalPropertyName("alluxio.worker.tieredstore.level7.alias"),
            "alluxio.worker.tieredstore.level7.alias");
  EXPECT_EQ(CanonicalPropertyName("no.such.key"), "no.such.key");
}

TEST(NearestPropertyTest, FindsTyposAndGivesUpOnNoise) {
  EXPECT_EQ(NearestProperty("alluxio.mastr.hostname"), "alluxio.master.hostname");
  EXPECT_EQ(NearestProperty("alluxio.user.file.writetype.defualt"),
            "alluxio.user.file.writetype.default");
  EXPECT_EQ(NearestProperty("alluxio.worker.ramdisk.sizes"), "alluxio.worker.ramdisk.size");
  EXPECT_EQ(NearestProperty("alluxio.completely.different"), "");
  EXPECT_EQ(NearestProperty("x"), "");
  EXPECT_EQ(NearestProperty(std::string(100'000, 'a')), "");
}

TEST(IsCredentialTest, KnowsSecretsInAnyPlace) {
  for (const char* key :
       {"s3a.secretKey", "s3a.accessKeyId", "aws.secretKey", "fs.swift.password",
        "alluxio.master.mount.table.root.option.s3a.accessKeyId",
        "alluxio.master.mount.table.m1.option.fs.oss.accessKeySecret",
        "fs.azure.account.key.x.dfs.core.windows.net", "fs.adl.account.x.oauth2.credential",
        "alluxio.underfs.cephfs.auth.key", "fs.s3a.secret.key", "my.Password", "ssl.passwd"})
    EXPECT_TRUE(IsCredential(key)) << key;
  for (const char* key :
       {"alluxio.master.hostname", "alluxio.worker.ramdisk.size", "fs.gcs.credential.path", "",
        "alluxio.security.login.username", "alluxio.underfs.s3.endpoint"})
    EXPECT_FALSE(IsCredential(key)) << key;
}

}  // namespace
}  // namespace headpond
