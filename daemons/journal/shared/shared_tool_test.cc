#include "journal/shared/shared_tool.h"

#include <gmock/gmock.h>

#include "base/log.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/shared/shared_testing.h"
#include "journal/tool_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

using ::testing::HasSubstr;

class SharedToolTest : public ToolTest {
 protected:
  SharedToolTest() : ToolTest(kSharedFolder, VerifySharedJournal, DumpSharedJournal) {}

  // Two masters' epochs: entries 1 and 2, then 3 and 4.
  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    ASSERT_OK(WriteSharedStamp(env_, kSharedFolder, kSharedCluster));
    for (const char* entries : {"ab", "cd"}) {
      SharedMember leader(env_, 1);
      leader.Lead(true);
      ASSERT_TRUE(Eventually([&] { return leader.leads(); }));
      for (int i = 0; i < 2; ++i) ASSERT_OK(leader.Append(std::string(1, entries[i])));
    }
    ASSERT_OK_AND_ASSIGN(const auto names, epochs_.List());
    ASSERT_OK_AND_ASSIGN(chain_, epochs_.ReadChain(names.begun));
    ASSERT_EQ(chain_.back().first, 3u);
    first_ = chain_[chain_.size() - 2].epoch;
  }

  // Where the first record of an epoch's log is.
  void Damage(uint64_t epoch, uint64_t first) {
    ASSERT_OK(env_.Overwrite(LogPath(epochs_.LogFolder(epoch), first),
                             kFileHeaderBytes + kFrameHeaderBytes + kRecordOverheadBytes, "?"));
  }

  const Epochs epochs_{env_, kSharedFolder};
  Chain chain_;
  uint64_t first_ = 0;  // the epoch of the first two entries
};

TEST_F(SharedToolTest, VerifyReadsAllEpochsThatCount) {
  const std::string text = VerifyText();
  EXPECT_THAT(text, HasSubstr("Journal /shared of cluster c\n"));
  EXPECT_THAT(text, HasSubstr(".epoch/00000000000000000003.log"));
  EXPECT_THAT(text, HasSubstr("entries 3 to 4"));
  EXPECT_THAT(text, HasSubstr("OK: every entry up to 4 can be recovered\n"));
  EXPECT_EQ(ExitCode(Verify()), 0);
}

TEST_F(SharedToolTest, DumpsWhatWouldBeReplayed) {
  EXPECT_EQ(Dump(), "1 a\n2 b\n3 c\n4 d\n");
  EXPECT_OK(status_);
  EXPECT_EQ(Dump({.from = 4}), "4 d\n");
}

TEST_F(SharedToolTest, DamageIsNamedWithItsOffset) {
  Damage(chain_.back().epoch, 3);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.problem,
              StatusIs(Code::kDataLoss, HasSubstr("03.log: damaged at offset 128")));
  EXPECT_EQ(report.contents.last_sequence, 2u);
  EXPECT_EQ(ExitCode(report), 1);
  EXPECT_EQ(Dump(), "1 a\n2 b\n");
  EXPECT_THAT(status_, StatusIs(Code::kDataLoss));
}

TEST_F(SharedToolTest, DamageOfAnEarlierEpochIsDamageToo) {
  Damage(first_, 1);
  EXPECT_THAT(Verify().problem, StatusIs(Code::kDataLoss));
  EXPECT_THAT(VerifyText(), HasSubstr("01.log: damaged at offset 128"));
}

// It was written when the next master had taken over.
TEST_F(SharedToolTest, WhatLiesBehindTheEndOfAnEpochDoesNotCount) {
  ASSERT_OK_AND_ASSIGN(const auto file, env_.OpenForWrite(LogPath(epochs_.LogFolder(first_), 1),
                                                          io::OpenMode::kAppend));
  ASSERT_OK(file->Append("too late"));
  ASSERT_OK(file->Close());
  EXPECT_EQ(ExitCode(Verify()), 0);
}

TEST_F(SharedToolTest, AMissingStampOrBeginIsDamage) {
  ASSERT_OK(env_.Remove(std::string(kSharedFolder) + "/" + kSharedStampName));
  EXPECT_THAT(Verify().problem, StatusIs(Code::kFailedPrecondition));
  Dump();
  EXPECT_THAT(status_, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(VerifySharedJournal(env_, "/nowhere"), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace headpond::journal
