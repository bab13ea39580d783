#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/config.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

// A machine of its own: home and configuration folders below a temporary one.
class ConfigLoadTest : public ::testing::Test {
 protected:
  ConfigLoadTest() {
    options_.role = "master";
    options_.machine = {
        .cpus = 2, .memory_bytes = 3 << 20, .user_name = "ann", .user_home = temp_ / "home"};
    options_.environment["ALLUXIO_CONF_DIR"] = temp_ / "conf";
  }

  std::string WriteSiteFile(std::string_view dir, std::string_view text) {
    const std::string folder = temp_ / dir;
    std::filesystem::create_directories(folder);
    const std::string path = folder + "/alluxio-site.properties";
    std::ofstream(path) << text;
    return path;
  }

  Result<Config> Load() { return Config::Load(options_); }

  TempDirectory temp_;
  Config::LoadOptions options_;
};

TEST_F(ConfigLoadTest, WorksWithoutAnything) {
  options_.environment.clear();
  options_.machine.user_home = temp_.path();
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 19998);
  EXPECT_EQ(config.GetSize("alluxio.worker.ramdisk.size"), 2 << 20);
}

TEST_F(ConfigLoadTest, LaterPlacesWin) {
  const std::string file = WriteSiteFile("conf",
                                         "alluxio.master.web.port=1\nalluxio.master.rpc.port=1\n"
                                         "alluxio.worker.rpc.port=1\nalluxio.worker.web.port=1\n"
                                         "alluxio.master.hostname=h1\n");
  options_.environment["ALLUXIO_MASTER_HOSTNAME"] = "h2";
  options_.environment["ALLUXIO_JAVA_OPTS"] =
      "-Dalluxio.master.rpc.port=2 -Dalluxio.worker.rpc.port=2 -Dalluxio.worker.web.port=2";
  options_.environment["ALLUXIO_MASTER_JAVA_OPTS"] =
      "-Dalluxio.worker.rpc.port=3 -Dalluxio.worker.web.port=3";
  options_.environment["ALLUXIO_WORKER_JAVA_OPTS"] =
      "-Dalluxio.worker.rpc.port=9";  // another role's
  options_.arguments = {"start", "-Dalluxio.worker.web.port=4"};
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.master.web.port"), 1);
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 2);
  EXPECT_EQ(config.GetInt("alluxio.worker.rpc.port"), 3);
  EXPECT_EQ(config.GetInt("alluxio.worker.web.port"), 4);
  EXPECT_EQ(config.GetString("alluxio.master.hostname"), "h2");
  EXPECT_THAT(config.warnings(), IsEmpty());
  EXPECT_EQ(Config::SourceText(*config.FindEntry("alluxio.master.web.port")),
            "SITE_PROPERTY (" + file + ")");
  EXPECT_EQ(Config::SourceText(*config.FindEntry("alluxio.master.rpc.port")), "SYSTEM_PROPERTY");
}

TEST_F(ConfigLoadTest, TheLastOfTwoEqualOptionsWins) {
  options_.environment["ALLUXIO_JAVA_OPTS"] = "-Dalluxio.master.rpc.port=2 -Dalluxio.master.port=3";
  WriteSiteFile("conf", "alluxio.master.web.port=4\nalluxio.master.web.port=5\n");
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 3);
  EXPECT_EQ(config.GetInt("alluxio.master.web.port"), 5);
}

TEST_F(ConfigLoadTest, UsesTheFirstSiteFileOnly) {
  WriteSiteFile("home/.alluxio", "alluxio.master.rpc.port=2\nalluxio.master.web.port=2\n");
  ASSERT_OK_AND_ASSIGN(const Config second, Load());
  EXPECT_EQ(second.GetInt("alluxio.master.rpc.port"), 2);

  WriteSiteFile("conf", "alluxio.master.rpc.port=1\n");
  ASSERT_OK_AND_ASSIGN(const Config first, Load());
  EXPECT_EQ(first.GetInt("alluxio.master.rpc.port"), 1);
  EXPECT_EQ(first.GetInt("alluxio.master.web.port"), 19999);
}

TEST_F(ConfigLoadTest, LooksForTheSiteFileWhereOptionsSay) {
  WriteSiteFile("conf", "alluxio.master.rpc.port=1\n");
  WriteSiteFile("elsewhere", "alluxio.master.rpc.port=2\n");
  options_.environment["ALLUXIO_JAVA_OPTS"] =
      "-Dalluxio.site.conf.dir=/nosuch/," + (temp_ / "elsewhere");
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 2);

  options_.environment["ALLUXIO_JAVA_OPTS"] = "-Dalluxio.home=" + temp_.path();
  options_.environment.erase("ALLUXIO_CONF_DIR");
  ASSERT_OK_AND_ASSIGN(const Config home, Load());
  EXPECT_EQ(home.GetInt("alluxio.master.rpc.port"), 1);
}

TEST_F(ConfigLoadTest, ASiteFileThatCannotBeReadIsAnError) {
  std::filesystem::create_directories(temp_ / "conf/alluxio-site.properties");  // a folder
  const Result<Config> config = Load();
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.status().message(), HasSubstr("conf/alluxio-site.properties"));
}

TEST_F(ConfigLoadTest, ABadEscapeNamesFileAndLine) {
  const std::string file = WriteSiteFile("conf", "a=b\nc=\\u1\n");
  EXPECT_THAT(Load(),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr(file), HasSubstr("line 2"))));
}

TEST_F(ConfigLoadTest, AFileThatIsNoSiteFileIsRefusedBySize) {
  WriteSiteFile("conf", std::string(5 << 20, 'x'));
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument, HasSubstr("is it a properties file?")));
}

TEST_F(ConfigLoadTest, TakesQuotedValuesFromOptions) {
  options_.environment["ALLUXIO_MASTER_JAVA_OPTS"] =
      "-Dalluxio.logs.dir='/my logs' \"-Dalluxio.work.dir=/my work\" "
      "-Dalluxio.underfs.web.header.last.modified=a\\ b";
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetString("alluxio.logs.dir"), "/my logs");
  EXPECT_EQ(config.GetString("alluxio.work.dir"), "/my work");
  EXPECT_EQ(config.GetString("alluxio.underfs.web.header.last.modified"), "a b");
  EXPECT_THAT(config.warnings(), IsEmpty());
}

TEST_F(ConfigLoadTest, AnUnclosedQuoteNamesTheVariable) {
  options_.environment["ALLUXIO_JAVA_OPTS"] = "-Dalluxio.logs.dir='/my logs";
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument,
                               AllOf(HasSubstr("ALLUXIO_JAVA_OPTS"), HasSubstr("never closed"))));
}

TEST_F(ConfigLoadTest, ReportsAllJvmFlagsInOneWarning) {
  options_.environment["ALLUXIO_JAVA_OPTS"] = "-Xmx4g -XX:+UseG1GC -Dalluxio.master.rpc.port=5";
  options_.environment["ALLUXIO_MASTER_JAVA_OPTS"] =
      "-XX:MaxDirectMemorySize=2g -Djava.net.preferIPv4Stack=true";
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 5);
  EXPECT_THAT(config.warnings(),
              ElementsAre(HasSubstr("-Xmx4g -XX:+UseG1GC -XX:MaxDirectMemorySize=2g")));
}

TEST_F(ConfigLoadTest, ExpandsEnvironmentVariablesInOptions) {
  options_.environment["HOST"] = "node-7";
  options_.environment["COMMON"] = "-Dalluxio.worker.rpc.port=7 -Xms1g";
  options_.environment["ALLUXIO_JAVA_OPTS"] =
      "${COMMON} -Dalluxio.worker.hostname=${HOST} -Dalluxio.logs.dir=${alluxio.work.dir}/${HOST}";
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.worker.rpc.port"), 7);
  EXPECT_EQ(config.GetString("alluxio.worker.hostname"), "node-7");
  EXPECT_EQ(config.GetString("alluxio.logs.dir"), "/opt/alluxio/node-7");

  options_.environment.erase("HOST");
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument,
                               AllOf(HasSubstr("ALLUXIO_JAVA_OPTS"), HasSubstr("${HOST}"))));
}

TEST_F(ConfigLoadTest, KnowsTheVariablesOfTheStartScripts) {
  options_.environment = {
      {"ALLUXIO_HOME", temp_ / "h"},      {"ALLUXIO_LOGS_DIR", "/l"},
      {"ALLUXIO_MASTER_HOSTNAME", "m"},   {"ALLUXIO_MASTER_MOUNT_TABLE_ROOT_UFS", "s3://b/"},
      {"ALLUXIO_RAM_FOLDER", "/dev/shm"}, {"ALLUXIO_WORKER_MEMORY_SIZE", "1GB"},
      {"ALLUXIO_USER_LOGS_DIR", ""}};
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetString("alluxio.conf.dir"), temp_ / "h/conf");
  EXPECT_EQ(config.GetString("alluxio.logs.dir"), "/l");
  EXPECT_EQ(config.GetString("alluxio.user.logs.dir"), "/l/user");
  EXPECT_EQ(config.GetString("alluxio.master.hostname"), "m");
  EXPECT_EQ(config.GetString("alluxio.master.mount.table.root.ufs"), "s3://b/");
  EXPECT_THAT(config.GetList("alluxio.worker.tieredstore.level0.dirs.path"),
              ElementsAre("/dev/shm"));
  EXPECT_TRUE(config.IsSet("alluxio.worker.tieredstore.level0.alias"));
  EXPECT_EQ(config.GetSize("alluxio.worker.ramdisk.size"), 1 << 30);
}

TEST_F(ConfigLoadTest, TheRoleSelectsItsVariable) {
  options_.environment["ALLUXIO_JOB_MASTER_JAVA_OPTS"] = "-Dalluxio.job.master.rpc.port=7";
  for (const char* role : {"job_master", "job-master"}) {
    options_.role = role;
    ASSERT_OK_AND_ASSIGN(const Config config, Load());
    EXPECT_EQ(config.GetInt("alluxio.job.master.rpc.port"), 7) << role;
  }
}

TEST_F(ConfigLoadTest, UnknownKeysWarnWithTheNearestName) {
  const std::string file = WriteSiteFile(
      "conf", "alluxio.mastr.hostname=h\nalluxio.zzz=1\nheadpond.x=1\nfs.s3a.path.style=1\n");
  options_.arguments = {"-Dalluxio.worker.memry.size=1GB", "-Dmy.own=1"};
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_THAT(config.warnings(),
              ElementsAre(AllOf(HasSubstr("alluxio.worker.memry.size"), HasSubstr("command line")),
                          AllOf(HasSubstr("alluxio.mastr.hostname"), HasSubstr(file),
                                HasSubstr("did you mean alluxio.master.hostname?")),
                          AllOf(HasSubstr("alluxio.zzz"), Not(HasSubstr("did you mean"))),
                          HasSubstr("headpond.x")));
  // Keys outside the table may be an under-store's.
  EXPECT_THAT(config.Find("fs.s3a.path.style"), Optional(std::string("1")));
  EXPECT_THAT(config.Find("my.own"), Optional(std::string("1")));
}

TEST_F(ConfigLoadTest, DeprecatedAndMisplacedKeysWarn) {
  WriteSiteFile("conf",
                "alluxio.logs.dir=/"
                "l\nalluxio.user.network.reader.chunk.size.bytes=3MB\nalluxio.master.mount.table."
                "root.shared=false\n");
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_THAT(config.warnings(),
              ElementsAre(AllOf(HasSubstr("alluxio.logs.dir has no effect"),
                                HasSubstr("-Dalluxio.logs.dir=")),
                          AllOf(HasSubstr("deprecated and has no effect"),
                                HasSubstr("alluxio.user.streaming.reader.chunk.size.bytes")),
                          AllOf(HasSubstr("deprecated"), Not(HasSubstr("no effect")))));
  EXPECT_FALSE(config.IsSet("alluxio.logs.dir"));
  EXPECT_EQ(config.GetSize("alluxio.user.streaming.reader.chunk.size.bytes"), 1 << 20);
  EXPECT_FALSE(config.GetBool("alluxio.master.mount.table.root.shared"));
}

TEST_F(ConfigLoadTest, DropsBlanksAroundKeysAndValues) {
  WriteSiteFile("conf", "alluxio.master.hostname = h1 \t\nalluxio.master.rpc.port=5 \n");
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetString("alluxio.master.hostname"), "h1");
  EXPECT_EQ(config.GetInt("alluxio.master.rpc.port"), 5);
}

TEST_F(ConfigLoadTest, EveryBadValueIsNamedWithItsOriginAndRemedy) {
  const std::string file =
      WriteSiteFile("conf", "alluxio.master.worker.timeout=zzz\nalluxio.master.rpc.port=1\n");
  options_.environment["ALLUXIO_JAVA_OPTS"] = "-Dalluxio.worker.ramdisk.size=abc";
  options_.arguments = {"-Dalluxio.master.journal.type=FOO"};
  EXPECT_THAT(
      Load(),
      StatusIs(
          Code::kInvalidArgument,
          AllOf(HasSubstr("alluxio.master.worker.timeout=zzz"), HasSubstr("(from " + file + ")"),
                HasSubstr("alluxio.worker.ramdisk.size=abc"), HasSubstr("(from ALLUXIO_JAVA_OPTS)"),
                HasSubstr("alluxio.master.journal.type=FOO"),
                HasSubstr("one of EMBEDDED, NOOP, UFS"), HasSubstr("(from command line)"),
                Not(HasSubstr("rpc.port")))));
}

TEST_F(ConfigLoadTest, AValueThatALaterPlaceReplacesIsNotChecked) {
  WriteSiteFile("conf", "alluxio.master.rpc.port=abc\n");
  options_.arguments = {"-Dalluxio.master.rpc.port=1"};
  EXPECT_OK(Load());
}

TEST_F(ConfigLoadTest, ReferencesMayPointForwardAndAreChecked) {
  WriteSiteFile(
      "conf",
      "alluxio.worker.rpc.port=${my.port}\nmy.port=31\nalluxio.work.dir=${alluxio.home}/w\n");
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_EQ(config.GetInt("alluxio.worker.rpc.port"), 31);
  EXPECT_EQ(config.GetString("alluxio.logs.dir"), "/opt/alluxio/w/logs");

  WriteSiteFile("conf", "alluxio.worker.rpc.port=${my.port}\nmy.port=x\n");
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.worker.rpc.port=x")));
  WriteSiteFile("conf", "alluxio.work.dir=${alluxio.logs.dir}\n");
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument, HasSubstr("refers to itself")));
  WriteSiteFile("conf", "alluxio.work.dir=${my.dirr}\n");
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument,
                               HasSubstr("${my.dirr}, which is no known property")));
}

TEST_F(ConfigLoadTest, CyclesAmongTheFoldersAreFoundBeforeTheSiteFile) {
  options_.environment["ALLUXIO_CONF_DIR"] = "${alluxio.conf.dir}/x";
  EXPECT_THAT(Load(),
              StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.conf.dir refers to itself")));
  options_.environment["ALLUXIO_CONF_DIR"] = "${alluxio.worker.hostname}/x";
  EXPECT_THAT(Load(), StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.site.conf.dir")));
}

TEST_F(ConfigLoadTest, AnOptionWithoutValueIsEmpty) {
  options_.arguments = {"-Dalluxio.master.whitelist", "-D", "-D=x"};
  ASSERT_OK_AND_ASSIGN(const Config config, Load());
  EXPECT_TRUE(config.IsSet("alluxio.master.whitelist"));
  EXPECT_THAT(config.GetList("alluxio.master.whitelist"), IsEmpty());
}

TEST(MachineFactsTest, FindsSomethingPlausible) {
  const MachineFacts facts = MachineFacts::Detect();
  EXPECT_GE(facts.cpus, 1);
  EXPECT_GT(facts.memory_bytes, 1 << 20);
  EXPECT_FALSE(facts.working_dir.empty());
}

TEST(MachineDefaultTest, StaysWithinItsBounds) {
  const MachineFacts small{.cpus = 1, .memory_bytes = 1000},
      big{.cpus = 64, .memory_bytes = int64_t{1} << 62};
  const MachineDefault threads{MachineDefault::Unit::kCpus, 3, 2, 4, 16};
  EXPECT_EQ(threads.Compute(small), 4);
  EXPECT_EQ(threads.Compute(big), 16);
  EXPECT_EQ((MachineDefault{MachineDefault::Unit::kMemoryBytes, 2, 3}.Compute(small)), 666);
  EXPECT_GT((MachineDefault{MachineDefault::Unit::kMemoryBytes, 4, 3}.Compute(big)),
            int64_t{1} << 60);
}

}  // namespace
}  // namespace headpond
