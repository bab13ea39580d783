#include "operator/daemon/backup_caller.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using controller::BackupAnswer;
using ::testing::HasSubstr;

TEST(BackupOutcomeTest, IsReadAsTheCommandPrintsIt) {
  ASSERT_OK_AND_ASSIGN(
      const BackupAnswer answer,
      ReadBackupOutcome(
          R"({"id": "a", "host": "m", "uri": "/b", "entries": 3, "state": "Completed"})"));
  EXPECT_EQ(answer.state, BackupAnswer::State::kCompleted);
  EXPECT_EQ(answer.uri, "/b");
  EXPECT_EQ(answer.entries, 3);
  EXPECT_THAT(ReadBackupOutcome(R"({"code": "ABORTED", "error": "disk full"})"),
              StatusIs(Code::kAborted, HasSubstr("disk full")));
  for (const char* const text : {"", "no master\nleads", "[]", "{}", R"({"error": 5})",
                                 R"({"id": 5, "state": "Completed"})"})
    EXPECT_THAT(ReadBackupOutcome(text), StatusIs(Code::kUnavailable)) << text;
}

// A program that writes down its words and prints `output`.
class BackupCallerTest : public ::testing::Test {
 protected:
  std::string Program(const std::string& output) {
    const std::string path = directory_ / "headpond";
    std::ofstream(path) << "#!/bin/sh\necho \"$@\" >> " << (directory_ / "words") << "\necho '"
                        << output << "'\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  std::string Words() {
    std::ifstream file(directory_ / "words");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDirectory directory_;
};

TEST_F(BackupCallerTest, AnswersLaterAndOnce) {
  std::atomic<int> answered = 0;
  AdminBackupCaller caller(
      {.path = Program(R"({"id":"u","host":"m","uri":"/b","entries":0,"state":"Running"})")},
      [&] { ++answered; });
  const controller::BackupCall call{
      .id = "u",
      .begins = true,
      .directory = "/backups",
      .local = true,
      .access = {.masters = {"h:1", "h:2"},
                 .properties = {{"alluxio.security.login.username", "admin"}}}};
  EXPECT_FALSE(caller.Ask(call));
  ASSERT_TRUE(Eventually([&] { return answered == 1; }));
  const auto outcome = caller.Ask(call);
  ASSERT_TRUE(outcome);
  ASSERT_OK(*outcome);
  EXPECT_EQ((*outcome)->state, BackupAnswer::State::kRunning);
  EXPECT_EQ(Words(),
            "fsadmin backup /backups --local --allow-leader --id u --no-wait -o json "
            "-Dalluxio.security.login.username=admin -Dalluxio.master.rpc.addresses=h:1,h:2 "
            "-Dalluxio.user.rpc.retry.max.duration=500ms "
            "-Dalluxio.user.conf.cluster.default.enabled=false\n");
}

TEST_F(BackupCallerTest, LookingIsAnotherCallThanBeginning) {
  std::atomic<int> answered = 0;
  AdminBackupCaller caller({.path = Program(R"({"code":"ABORTED","error":"disk full"})")},
                           [&] { ++answered; });
  EXPECT_FALSE(caller.Ask({.id = "u", .begins = true}));
  EXPECT_FALSE(caller.Ask({.id = "u"}));
  ASSERT_TRUE(Eventually([&] { return answered == 2; }));
  EXPECT_THAT(Words(), HasSubstr("fsadmin backup --look --id u"));
  const auto outcome = caller.Ask({.id = "u"});
  ASSERT_TRUE(outcome);
  EXPECT_THAT(*outcome, StatusIs(Code::kAborted, "disk full"));
}

TEST_F(BackupCallerTest, OutcomesThatNobodyAsksForAreForgotten) {
  std::atomic<int> answered = 0;
  AdminBackupCaller caller({.path = Program("")}, [&] { ++answered; });
  EXPECT_FALSE(caller.Ask({.id = "u"}));
  ASSERT_TRUE(Eventually([&] { return answered == 1; }));
  caller.KeepOnly({"other"});
  EXPECT_FALSE(caller.Ask({.id = "u"}));  // a new call
  ASSERT_TRUE(Eventually([&] { return answered == 2; }));
}

}  // namespace
}  // namespace headpond::operator_daemon
