#include "journal/journal_tool.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "io/dry_run_env.h"
#include "journal/folder.h"
#include "journal/journal_testing.h"
#include "journal/local_journal.h"
#include "journal/tool_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

using ::testing::HasSubstr;

constexpr char kFolder[] = "/journal";

class JournalToolTest : public ToolTest {
 protected:
  JournalToolTest() : ToolTest(kFolder, VerifyJournal, DumpJournal) {}

  // A snapshot before entry 4, then the entries 4 and 5.
  void SetUp() override {
    ASSERT_OK(FormatLocalJournal(env_, kFolder, "c-1", false));
    ASSERT_OK_AND_ASSIGN(const auto journal, OpenLocalJournal(env_, {.folder = kFolder}));
    RecordingReplayer ignored;
    ASSERT_OK(journal->Recover(ignored));
    for (const char* entry : {"a", "b", "c"}) ASSERT_OK(AppendDurably(*journal, entry));
    ListSource source({{std::string("root"), std::string("a\n\xff")}});
    ASSERT_OK(journal->Snapshot(source));
    for (const char* entry : {"d", "e"}) ASSERT_OK(AppendDurably(*journal, entry));
  }

  void Damage(const std::string& path, int64_t offset) {
    ASSERT_OK(env_.Overwrite(path, offset, "?"));
  }
};

TEST_F(JournalToolTest, VerifyListsEveryFile) {
  EXPECT_EQ(VerifyText(),
            "Journal /journal of cluster c-1\n"
            "00000000000000000004.snapshot  state before entry 4, may show up to 3"
            "          2 records           219 bytes  GOOD\n"
            "00000000000000000004.log       entries 4 to 5                        "
            "          2 records           234 bytes  GOOD\n"
            "OK: every entry up to 5 can be recovered\n");
  EXPECT_EQ(ExitCode(Verify()), 0);
}

TEST_F(JournalToolTest, VerifyNamesFileAndOffsetOfDamage) {
  Damage(LogPath(kFolder, 4), kFileHeaderBytes + 36);
  EXPECT_THAT(VerifyText(),
              HasSubstr("234 bytes  DAMAGED\n    /journal/00000000000000000004.log: damaged at "
                        "offset 128 (after entry 3)"));
  EXPECT_THAT(VerifyText(), HasSubstr("\nDAMAGED: /journal/00000000000000000004.log: damaged at"));
  EXPECT_EQ(ExitCode(Verify()), 1);
}

TEST_F(JournalToolTest, VerifyReadsOnPastDamage) {
  Damage(SnapshotPath(kFolder, 4), kFileHeaderBytes);
  const VerifyReport report = Verify();
  ASSERT_EQ(report.contents.files.size(), 2u);
  EXPECT_THAT(report.contents.files[0].problem, StatusIs(Code::kDataLoss));
  EXPECT_OK(report.contents.files[1].problem);
  EXPECT_EQ(report.contents.files[1].last_sequence, 5u);
  EXPECT_EQ(ExitCode(report), 1);
}

TEST_F(JournalToolTest, ATornTailIsHealthyAndExplained) {
  ASSERT_OK(env_.Truncate(LogPath(kFolder, 4), kFileHeaderBytes + 37 + 10));
  EXPECT_THAT(VerifyText(), HasSubstr("TORN\n    10 bytes at offset 165 were never acknowledged"));
  EXPECT_THAT(VerifyText(), HasSubstr("OK: every entry up to 4 can be recovered"));
  EXPECT_EQ(ExitCode(Verify()), 0);
}

TEST_F(JournalToolTest, RoomThatWasNotUsedYetIsNothingToMention) {
  {
    ASSERT_OK_AND_ASSIGN(const auto file,
                         env_.OpenForWrite(LogPath(kFolder, 4), io::OpenMode::kAppend));
    ASSERT_OK(file->Append(std::string(3'000'000, '\0')));
  }
  EXPECT_THAT(VerifyText(), Not(HasSubstr("TORN")));
  EXPECT_EQ(ExitCode(Verify()), 0);
}

// Shows the first frame of a log cut short at first and the next one whole, as a reader sees it
// that is overtaken by the writer.
class GrowingEnv final : public io::DryRunEnv {
 public:
  GrowingEnv(io::Env& base, int64_t missing) : DryRunEnv(base), missing_(missing) {}
  Result<std::unique_ptr<io::RandomAccessFile>> OpenForRead(const std::string& path) override {
    ASSIGN_OR_RETURN(auto file, DryRunEnv::OpenForRead(path));
    if (!path.ends_with(".log")) return file;
    return std::unique_ptr<io::RandomAccessFile>(
        std::make_unique<File>(std::move(file), missing_, reads_));
  }
  int reads() const { return reads_; }

 private:
  class File final : public io::RandomAccessFile {
   public:
    File(std::unique_ptr<io::RandomAccessFile> file, int64_t missing, int& reads)
        : file_(std::move(file)), missing_(missing), reads_(reads) {}
    Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const override {
      ASSIGN_OR_RETURN(const size_t read, file_->ReadAt(offset, length, buffer));
      // The header, and all frames.
      const bool before = ++reads_ <= 2;
      for (size_t i = 0; before && i < read; ++i)
        if (offset + static_cast<int64_t>(i) == missing_) buffer[i] ^= 1;
      return read;
    }
    int64_t size() const override { return file_->size(); }

   private:
    const std::unique_ptr<io::RandomAccessFile> file_;
    const int64_t missing_;
    int& reads_;
  };

  const int64_t missing_;
  int reads_ = 0;
};

TEST_F(JournalToolTest, WhatIsWrittenWhileItIsReadIsNoDamage) {
  GrowingEnv growing(env_, kFileHeaderBytes + 10);
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyJournal(growing, kFolder));
  EXPECT_EQ(ExitCode(report), 0) << report.problem.ToString();
  EXPECT_EQ(report.contents.last_sequence, 5u);
  EXPECT_GT(growing.reads(), 4);
}

TEST_F(JournalToolTest, AMissingLogOrStampIsDamage) {
  ASSERT_OK(env_.Remove(std::string(kFolder) + "/" + kStampName));
  EXPECT_THAT(VerifyText(),
              HasSubstr("DAMAGED: the journal folder /journal has not been formatted"));
  ASSERT_OK(env_.Remove(LogPath(kFolder, 4)));
  EXPECT_EQ(ExitCode(Verify()), 1);
  EXPECT_THAT(VerifyJournal(env_, "/nowhere"), StatusIs(Code::kNotFound));
}

TEST_F(JournalToolTest, VerifyAsJson) {
  std::ostringstream out;
  PrintVerifyReport(Verify(), OutputFormat::kJson, out);
  const auto json = nlohmann::json::parse(out.str());
  EXPECT_EQ(json["clusterId"], "c-1");
  EXPECT_EQ(json["healthy"], true);
  EXPECT_EQ(json["lastSequence"], 5);
  EXPECT_EQ(json["snapshotSequence"], 4);
  EXPECT_EQ(json["files"][1]["name"], "00000000000000000004.log");
  EXPECT_EQ(json["files"][1]["records"], 2);
  EXPECT_EQ(json["files"][1]["cleanEnd"], true);
}

TEST_F(JournalToolTest, DumpsWhatWouldBeReplayed) {
  EXPECT_EQ(Dump(), "snapshot root\nsnapshot a\\x0a\\xff\n4 d\n5 e\n");
  EXPECT_OK(status_);
  EXPECT_EQ(Dump({.from = 5}), "5 e\n");
  EXPECT_EQ(
      Dump({.from = 5,
            .decode_entry = [](std::string_view entry) { return fmt::format("<{}>", entry); }}),
      "5 <e>\n");
  EXPECT_EQ(Dump({.from = 4, .format = OutputFormat::kJson}),
            "{\"sequence\":4,\"entry\":\"d\"}\n{\"sequence\":5,\"entry\":\"e\"}\n");
}

TEST_F(JournalToolTest, DumpsUpToTheDamage) {
  Damage(LogPath(kFolder, 4), kFileHeaderBytes + 37 + 36);
  EXPECT_EQ(Dump({.from = 1}), "4 d\n");
  EXPECT_THAT(status_, StatusIs(Code::kDataLoss));
}

}  // namespace
}  // namespace headpond::journal
