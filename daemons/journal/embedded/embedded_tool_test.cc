#include "journal/embedded/embedded_tool.h"

#include <gmock/gmock.h>

#include <map>

#include "base/log.h"
#include "consensus/raft_log_folder.h"
#include "io/frame_format.h"
#include "journal/embedded/embedded_testing.h"
#include "journal/folder.h"
#include "journal/tool_testing.h"

namespace headpond::journal {
namespace {

using ::testing::HasSubstr;

class EmbeddedToolTest : public ToolTest {
 protected:
  EmbeddedToolTest() : ToolTest(kMemberFolder, VerifyEmbeddedJournal, DumpEmbeddedJournal) {}

  // A snapshot before entry 4, then the entries 4 and 5.
  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    ASSERT_OK(
        FormatEmbeddedJournal(env_, kMemberFolder, MemberIdentity(1), AddressesOf({1}), Random(1)));
    consensus::MemoryNetwork network;
    auto transport = network.Join(1);
    auto member = OpenEmbeddedJournal(env_, *transport, MemberOptions(1));
    LeadingJournal journal(std::move(transport), std::move(member));
    RecordingReplayer ignored;
    ASSERT_OK(journal.Recover(ignored));
    for (const char* entry : {"a", "b", "c"}) ASSERT_OK(AppendDurably(journal, entry));
    ListSource source({{"a", "b", "c"}});
    ASSERT_OK(journal.Snapshot(source));
    for (const char* entry : {"d", "e"}) ASSERT_OK(AppendDurably(journal, entry));
    journal.Stop();
  }

  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    const auto names = env_.List(kMemberFolder);
    EXPECT_OK(names);
    for (const std::string& name : *names)
      files[name] =
          io::ReadWholeFile(env_, std::string(kMemberFolder) + "/" + name, 1 << 20).value_or("?");
    return files;
  }
  std::string NewestLog() {
    return consensus::RaftLogPath(kMemberFolder,
                                  consensus::ListRaftFolder(env_, kMemberFolder)->logs.back());
  }
};

TEST_F(EmbeddedToolTest, VerifyReadsAMembersPartAndChangesNothing) {
  const auto before = Files();
  const std::string text = VerifyText();
  EXPECT_THAT(text, HasSubstr("Journal /journal of cluster c\n"));
  EXPECT_THAT(text, HasSubstr("00000000000000000004.snapshot  state before entry 4"));
  EXPECT_THAT(text, HasSubstr("OK: every entry up to 5 can be recovered\n"));
  EXPECT_EQ(ExitCode(Verify()), 0);
  EXPECT_EQ(Files(), before);
}

TEST_F(EmbeddedToolTest, DumpsWhatWouldBeReplayed) {
  const auto before = Files();
  EXPECT_EQ(Dump(), "snapshot a\nsnapshot b\nsnapshot c\n4 d\n5 e\n");
  EXPECT_OK(status_);
  EXPECT_EQ(Dump({.from = 5}), "5 e\n");
  EXPECT_EQ(Files(), before);
}

TEST_F(EmbeddedToolTest, DamageIsNamedWithItsOffset) {
  ASSERT_OK(env_.Overwrite(NewestLog(), io::kFileHeaderBytes + io::kFrameHeaderBytes, "?"));
  const VerifyReport report = Verify();
  EXPECT_THAT(report.problem,
              StatusIs(Code::kDataLoss, HasSubstr(NewestLog() + ": damaged at offset 128")));
  EXPECT_THAT(report.contents.files.back().problem,
              StatusIs(Code::kDataLoss, HasSubstr("damaged at offset 128")));
  EXPECT_EQ(ExitCode(report), 1);
  Dump();
  EXPECT_THAT(status_, StatusIs(Code::kDataLoss));
}

TEST_F(EmbeddedToolTest, ADamagedSnapshotIsDamage) {
  ASSERT_OK(env_.Overwrite(SnapshotPath(kMemberFolder, 4), io::kFileHeaderBytes, "?"));
  EXPECT_THAT(Verify().problem, StatusIs(Code::kDataLoss, HasSubstr("04.snapshot")));
}

TEST_F(EmbeddedToolTest, ATornTailIsHealthyAndStaysAsItIs) {
  const std::string log = NewestLog();
  ASSERT_OK_AND_ASSIGN(const auto file, env_.OpenForWrite(log, io::OpenMode::kAppend));
  ASSERT_OK(file->Append("half a frame"));
  ASSERT_OK(file->Close());
  const auto before = Files();
  EXPECT_THAT(VerifyText(), HasSubstr("TORN\n    12 bytes at offset"));
  EXPECT_EQ(ExitCode(Verify()), 0);
  EXPECT_EQ(Files(), before);
}

TEST_F(EmbeddedToolTest, AMissingLogOrStampIsDamage) {
  ASSERT_OK(env_.Remove(std::string(kMemberFolder) + "/" + consensus::kNodeStampName));
  EXPECT_THAT(Verify().problem, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(VerifyEmbeddedJournal(env_, "/nowhere"), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace headpond::journal
