// What a master or worker does when it is started with properties that can't work: exit at once,
// with the key, the value and the remedy.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/file_system.h"
#include "master/master_server.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "worker/worker_server.h"

namespace headpond::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

enum class Role { kMaster, kWorker };

class StartupTest : public ::testing::Test {
 protected:
  struct Outcome {
    int exit_code;
    std::string output;  // standard error, and the log
  };

  // Starts a daemon that must not come up.
  Outcome Start(Role role, const std::vector<std::string>& properties) {
    std::vector<std::string> arguments = {
        "-Dalluxio.conf.dir=" + folder_ / "conf",
        "-Dalluxio.site.conf.dir=" + folder_ / "conf",
        "-Dalluxio.logs.dir=" + folder_ / "logs",
        "-Dalluxio.master.journal.folder=" + folder_ / "journal",
        "-Dalluxio.master.mount.table.root.ufs=" + folder_ / "ufs",
        "-Dalluxio.worker.tieredstore.level0.dirs.path=" + folder_ / "tier"};
    for (const std::string& property : properties) arguments.push_back("-D" + property);
    ::testing::internal::CaptureStderr();
    const int exit_code =
        role == Role::kMaster ? master::MasterMain(arguments) : worker::WorkerMain(arguments);
    std::string output = ::testing::internal::GetCapturedStderr();
    for (const char* log : {"logs/master.log", "logs/worker.log"}) {
      std::stringstream text;
      text << std::ifstream(folder_ / log).rdbuf();
      output += text.str();
    }
    return {exit_code, std::move(output)};
  }

  TempDirectory folder_;
};

TEST_F(StartupTest, APropertyThatCannotWorkEndsTheStartWithKeyValueAndRemedy) {
  struct Case {
    Role role;
    std::string property;
    std::string remedy;
  };
  const std::vector<Case> cases = {
      {Role::kMaster, "alluxio.master.rpc.port=abc", "whole number"},
      {Role::kMaster, "alluxio.master.rpc.port=70000", "65535"},
      {Role::kMaster, "alluxio.master.worker.timeout=zzz", "such as 30s"},
      {Role::kMaster, "alluxio.master.journal.type=FOO", "EMBEDDED"},
      {Role::kMaster, "alluxio.master.hostname=nosuchhost.invalid", "reached"},
      {Role::kMaster, "alluxio.master.bind.host=nosuchhost.invalid", "bind host"},
      {Role::kMaster, "alluxio.security.authentication.type=KERBEROS", "SIMPLE"},
      {Role::kMaster, "alluxio.security.authentication.type=CUSTOM", "SIMPLE"},
      {Role::kMaster, "alluxio.network.tls.enabled=true", "false"},
      {Role::kMaster, "alluxio.security.group.mapping.class=com.example.Groups",
       "ShellBasedUnixGroupsMapping"},
      {Role::kWorker, "alluxio.worker.ramdisk.size=abc", "such as 64MB"},
      {Role::kWorker, "alluxio.worker.block.heartbeat.interval=zzz", "such as 30s"},
      {Role::kWorker, "alluxio.worker.hostname=nosuchhost.invalid", "reached"},
      {Role::kWorker, "alluxio.security.authentication.type=CUSTOM", "SIMPLE"},
      {Role::kWorker, "alluxio.network.tls.enabled=true", "false"},
      {Role::kWorker, "alluxio.worker.allocator.class=com.example.Mine", "MaxFreeAllocator"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = Start(c.role, {c.property});
    const std::string key = c.property.substr(0, c.property.find('='));
    const std::string value = c.property.substr(key.size() + 1);
    EXPECT_EQ(outcome.exit_code, 1) << c.property;
    EXPECT_THAT(outcome.output, AllOf(HasSubstr(key), HasSubstr(value), HasSubstr(c.remedy)));
  }
}

TEST_F(StartupTest, AllBadPropertiesAreNamedAtOnce) {
  const Outcome outcome =
      Start(Role::kMaster, {"alluxio.master.rpc.port=abc", "alluxio.master.web.port=def"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("alluxio.master.rpc.port=abc"),
                                    HasSubstr("alluxio.master.web.port=def")));
}

TEST_F(StartupTest, AnUnknownKeyIsAWarningWithTheNearestOne) {
  // The second property ends the start, after the warning.
  const Outcome outcome = Start(
      Role::kMaster, {"alluxio.master.hostnam=localhost", "alluxio.network.tls.enabled=true"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("unknown property alluxio.master.hostnam"),
                                    HasSubstr("did you mean alluxio.master.hostname?")));
}

TEST_F(StartupTest, AFolderThatCannotBeWrittenEndsTheStart) {
  std::ofstream(folder_ / "file") << "no folder";
  const Outcome journal =
      Start(Role::kMaster, {"alluxio.master.journal.folder=" + folder_ / "file/journal"});
  EXPECT_EQ(journal.exit_code, 1);
  EXPECT_THAT(journal.output, HasSubstr(folder_ / "file/journal"));
  const Outcome root =
      Start(Role::kMaster, {"alluxio.master.mount.table.root.ufs=" + folder_ / "file/ufs"});
  EXPECT_EQ(root.exit_code, 1);
  EXPECT_THAT(root.output, AllOf(HasSubstr("alluxio.master.mount.table.root.ufs"),
                                 HasSubstr(folder_ / "file/ufs")));
  const Outcome tier = Start(
      Role::kWorker, {"alluxio.worker.tieredstore.level0.dirs.path=" + folder_ / "file/tier"});
  EXPECT_EQ(tier.exit_code, 1);
  EXPECT_THAT(tier.output, HasSubstr(folder_ / "file/tier"));
}

TEST_F(StartupTest, AClientRefusesToSpeakInTheClearWhenAskedToEncrypt) {
  Config config;
  ASSERT_OK(config.Set("alluxio.master.hostname", "127.0.0.1"));
  ASSERT_OK(config.Set("alluxio.network.tls.enabled", "true"));
  EXPECT_THAT(client::FileSystem::Connect(config).status(),
              StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.network.tls.enabled=true")));
}

}  // namespace
}  // namespace headpond::testing
