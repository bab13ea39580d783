#include "consensus/raft_log.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFolder[] = "/node";
const NodeIdentity kIdentity{.cluster_id = "cluster", .node_id = 1, .address = "a:19200"};
const SnapshotMeta kInitial{.index = 1, .term = 1, .conf_state = {.voters = {1, 2, 3}}};

Entry MakeEntry(uint64_t index, uint64_t term, std::string data) {
  return {.index = index, .term = term, .data = std::move(data)};
}

class RaftLogTest : public ::testing::Test {
 protected:
  RaftLogTest() {
    EXPECT_OK(FormatRaftFolder(env_, kFolder, kIdentity, kInitial, /*salt=*/7, nullptr));
  }
  RaftLogOptions Options() const {
    return {.folder = kFolder,
            .identity = kIdentity,
            .segment_bytes = segment_bytes_,
            .fill_bytes = 500,
            .cache_bytes = cache_bytes_,
            .random = Random(1)};
  }
  std::unique_ptr<RaftLog> Open() {
    auto log = RaftLog::Open(env_, Options());
    EXPECT_OK(log);
    return log.ok() ? *std::move(log) : nullptr;
  }
  Status OpenStatus() { return RaftLog::Open(env_, Options()).status(); }
  // Entries of `term`, one per Append, that say their index.
  void AppendOnes(RaftLog& log, uint64_t from, uint64_t to, uint64_t term) {
    for (uint64_t i = from; i <= to; ++i)
      ASSERT_OK(log.Append({MakeEntry(i, term, Text(i, term))}, std::nullopt));
  }
  static std::string Text(uint64_t index, uint64_t term) {
    return fmt::format("{}@{} {}", index, term, std::string(index * 37 % 200, 'x'));
  }
  static void ExpectEntries(const RaftLog& log, uint64_t from, uint64_t to, uint64_t term) {
    ASSERT_OK_AND_ASSIGN(const auto entries, log.Entries(from, to + 1, UINT64_MAX));
    ASSERT_EQ(entries.size(), to + 1 - from);
    for (const Entry& entry : entries) {
      EXPECT_EQ(entry, MakeEntry(entry.index, term, Text(entry.index, term)));
      EXPECT_THAT(log.Term(entry.index), IsOkAndHolds(term));
    }
  }
  std::vector<uint64_t> Files() {
    auto files = ListRaftFolder(env_, kFolder);
    EXPECT_OK(files);
    return files->logs;
  }

  io::MemEnv mem_;
  io::FaultyEnv env_{mem_, 1};
  int64_t segment_bytes_ = 64 << 20;
  int64_t cache_bytes_ = 16 << 20;
};

TEST_F(RaftLogTest, BeginsBehindTheSnapshotItWasFormattedWith) {
  const auto log = Open();
  EXPECT_EQ(log->first_index(), 2u);
  EXPECT_EQ(log->last_index(), 1u);
  EXPECT_THAT(log->Term(1), IsOkAndHolds(1u));
  EXPECT_EQ(log->hard_state(), (HardState{.term = 1, .vote = 0, .commit = 1}));
  EXPECT_THAT(log->NewestSnapshot(0), IsOkAndHolds(kInitial));
  EXPECT_THAT(log->NewestSnapshot(2), StatusIs(Code::kUnavailable));
  EXPECT_THAT(log->Term(0), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(log->Term(2), StatusIs(Code::kUnavailable));
}

TEST_F(RaftLogTest, GivesBackEntriesAndPromisesAfterARestart) {
  Entry change{.index = 3,
               .term = 2,
               .kind = EntryKind::kConfChange,
               .data = std::string("\0\xff", 2),
               .context = "who"};
  {
    const auto log = Open();
    ASSERT_OK(log->Append({MakeEntry(2, 2, ""), change}, HardState{2, 3, 1}));
    ASSERT_OK(log->Append({}, HardState{5, 1, 2}));
  }
  const auto log = Open();
  EXPECT_EQ(log->hard_state(), (HardState{5, 1, 2}));
  EXPECT_THAT(log->Entries(2, 4, UINT64_MAX),
              IsOkAndHolds(ElementsAre(MakeEntry(2, 2, ""), change)));
}

TEST_F(RaftLogTest, OneAppendIsOneSync) {
  const auto log = Open();
  ASSERT_OK(log->Append({MakeEntry(2, 2, "first frame of a file")}, HardState{2, 1, 1}));
  const int64_t before = env_.file_syncs();
  ASSERT_OK(log->Append({MakeEntry(3, 2, "a"), MakeEntry(4, 2, "b")}, HardState{2, 1, 2}));
  EXPECT_EQ(env_.file_syncs(), before + 1);
  ASSERT_OK(log->Append({}, HardState{2, 1, 4}));
  EXPECT_EQ(env_.file_syncs(), before + 1) << "a commit index is no promise";
  ASSERT_OK(log->Append({}, HardState{3, 0, 4}));
  EXPECT_EQ(env_.file_syncs(), before + 2);
}

TEST_F(RaftLogTest, ReplacesAConflictingEndForGood) {
  {
    const auto log = Open();
    AppendOnes(*log, 2, 9, 2);
    ASSERT_OK(log->Append({MakeEntry(5, 3, Text(5, 3)), MakeEntry(6, 3, Text(6, 3))},
                          HardState{3, 2, 4}));
    EXPECT_EQ(log->last_index(), 6u);
    ExpectEntries(*log, 2, 4, 2);
    ExpectEntries(*log, 5, 6, 3);
  }
  const auto log = Open();
  EXPECT_EQ(log->last_index(), 6u);
  ExpectEntries(*log, 2, 4, 2);
  ExpectEntries(*log, 5, 6, 3);
  EXPECT_THAT(log->Entries(5, 8, UINT64_MAX), StatusIs(Code::kUnavailable));
}

TEST_F(RaftLogTest, ReadsWhatIsNotInMemoryFromManyFiles) {
  segment_bytes_ = 1000;
  cache_bytes_ = 100;
  const auto log = Open();
  AppendOnes(*log, 2, 200, 2);
  EXPECT_GT(Files().size(), 10u);
  ExpectEntries(*log, 2, 200, 2);
  ASSERT_OK_AND_ASSIGN(const auto some, log->Entries(20, 100, 1000));
  EXPECT_GT(some.size(), 1u);
  EXPECT_LT(some.size(), 20u);
  ASSERT_OK_AND_ASSIGN(const auto one, log->Entries(20, 100, 0));
  EXPECT_EQ(one.size(), 1u);
}

TEST_F(RaftLogTest, SplitsWhatIsTooMuchForOneFrame) {
  std::vector<Entry> entries;
  for (uint64_t i = 2; i < 12; ++i) entries.push_back(MakeEntry(i, 2, std::string(3 << 20, 'a')));
  {
    const auto log = Open();
    ASSERT_OK(log->Append(entries, HardState{2, 1, 1}));
  }
  const auto log = Open();
  EXPECT_EQ(log->last_index(), 11u);
  EXPECT_THAT(log->Entries(2, 12, UINT64_MAX), IsOkAndHolds(entries));
}

TEST_F(RaftLogTest, CompactionRemovesFilesAndKeepsTheTail) {
  segment_bytes_ = 1000;
  const SnapshotMeta snapshot{
      .index = 150, .term = 2, .conf_state = {.voters = {1}, .learners = {4}}};
  {
    const auto log = Open();
    AppendOnes(*log, 2, 200, 2);
    const size_t files = Files().size();
    ASSERT_OK(log->Compact(snapshot, 100));
    EXPECT_LT(Files().size(), files);
    EXPECT_EQ(log->first_index(), 101u);
    EXPECT_THAT(log->Entries(100, 102, 1), StatusIs(Code::kOutOfRange));
  }
  const auto log = Open();
  EXPECT_EQ(log->first_index(), 101u);
  EXPECT_EQ(log->last_index(), 200u);
  EXPECT_THAT(log->Term(100), IsOkAndHolds(2u));
  EXPECT_THAT(log->NewestSnapshot(150), IsOkAndHolds(snapshot));
  EXPECT_EQ(log->hard_state().commit, 150u) << "what a snapshot holds is committed";
  ExpectEntries(*log, 101, 200, 2);
  EXPECT_THAT(log->Compact({.index = 201, .term = 2}, 100), StatusIs(Code::kInvalidArgument));
}

TEST_F(RaftLogTest, ASnapshotOfAPeerReplacesEverything) {
  segment_bytes_ = 1000;
  const SnapshotMeta snapshot{.index = 1000, .term = 7, .conf_state = {.voters = {2, 3}}};
  {
    const auto log = Open();
    AppendOnes(*log, 2, 100, 2);
    ASSERT_OK(log->Replace(snapshot));
    EXPECT_EQ(Files().size(), 1u);
    EXPECT_EQ(log->last_index(), 1000u);
    AppendOnes(*log, 1001, 1003, 7);
  }
  const auto log = Open();
  EXPECT_EQ(log->snapshot(), snapshot);
  EXPECT_EQ(log->first_index(), 1001u);
  ExpectEntries(*log, 1001, 1003, 7);
}

TEST_F(RaftLogTest, ATornTailIsCutOff) {
  {
    const auto log = Open();
    AppendOnes(*log, 2, 5, 2);
    env_.CrashAt(env_.operations() + 1);
    EXPECT_FALSE(log->Append({MakeEntry(6, 2, std::string(5000, 'x'))}, HardState{2, 1, 5}).ok());
  }
  ASSERT_OK(env_.Restart(io::Unsynced::kKept));
  const auto log = Open();
  EXPECT_EQ(log->last_index(), 5u);
  AppendOnes(*log, 6, 8, 3);
  ExpectEntries(*log, 6, 8, 3);
}

TEST_F(RaftLogTest, DamageBeforeTheEndIsDataLossWithFileAndOffset) {
  {
    const auto log = Open();
    AppendOnes(*log, 2, 5, 2);
  }
  ASSERT_OK(mem_.Overwrite(RaftLogPath(kFolder, 2), 300, "damage"));
  EXPECT_THAT(OpenStatus(),
              StatusIs(Code::kDataLoss, HasSubstr("00000002.raft: damaged at offset")));
}

TEST_F(RaftLogTest, AMissingFileIsDataLoss) {
  segment_bytes_ = 1000;
  {
    const auto log = Open();
    AppendOnes(*log, 2, 100, 2);
  }
  const auto files = Files();
  ASSERT_OK_AND_ASSIGN(const auto content,
                       io::ReadWholeFile(env_, RaftLogPath(kFolder, files[0]), 1 << 20));
  ASSERT_OK(env_.Remove(RaftLogPath(kFolder, files[0])));
  ASSERT_OK(env_.Remove(RaftLogPath(kFolder, files[1])));
  EXPECT_THAT(OpenStatus(), StatusIs(Code::kDataLoss, HasSubstr("entry 2 is missing")));
  ASSERT_OK(io::WriteFileAtomically(env_, RaftLogPath(kFolder, files[0]), content));
  EXPECT_THAT(OpenStatus(), StatusIs(Code::kDataLoss, HasSubstr("entry 2 is missing")));
}

TEST_F(RaftLogTest, AFailedWriteEndsTheLog) {
  const auto log = Open();
  AppendOnes(*log, 2, 3, 2);
  env_.FailAt(env_.operations() + 1, ENOSPC);
  EXPECT_THAT(log->Append({MakeEntry(4, 2, "x")}, std::nullopt),
              StatusIs(Code::kUnavailable, HasSubstr("free space")));
  EXPECT_THAT(log->Append({}, HardState{9, 1, 1}), StatusIs(Code::kUnavailable));
  EXPECT_EQ(log->last_index(), 3u);
}

TEST_F(RaftLogTest, AnEntryThatWouldLeaveAGapIsRefused) {
  const auto log = Open();
  EXPECT_THAT(log->Append({MakeEntry(7, 2, "x")}, std::nullopt), StatusIs(Code::kUnavailable));
}

TEST_F(RaftLogTest, AFolderOfAnotherNodeIsRefusedAndLeftAlone) {
  auto options = Options();
  options.identity.cluster_id = "other";
  EXPECT_THAT(RaftLog::Open(env_, options).status(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("of cluster cluster")));
  options = Options();
  options.identity.node_id = 2;
  EXPECT_THAT(RaftLog::Open(env_, options).status(), StatusIs(Code::kFailedPrecondition));
  options.folder = "/elsewhere";
  EXPECT_THAT(RaftLog::Open(env_, options).status(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("has not been formatted")));
  EXPECT_THAT(FormatRaftFolder(env_, kFolder, kIdentity, kInitial, 1, nullptr),
              StatusIs(Code::kFailedPrecondition, HasSubstr("is not empty")));
  EXPECT_OK(Open() != nullptr ? Status::Ok() : Internal("damaged by the refusals"));
}

TEST_F(RaftLogTest, OneProcessAtATime) {
  const auto log = Open();
  EXPECT_THAT(OpenStatus(), StatusIs(Code::kUnavailable));
}

TEST_F(RaftLogTest, AnInterruptedFormatIsBegunAnew) {
  for (int64_t at = 1; at < 40; ++at) {
    SCOPED_TRACE(at);
    io::MemEnv mem;
    io::FaultyEnv env(mem, static_cast<uint64_t>(at));
    env.CrashAt(at);
    const bool done = FormatRaftFolder(env, kFolder, kIdentity, kInitial, 7, nullptr).ok();
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kRandom));
    ASSERT_OK_AND_ASSIGN(const bool blank, IsBlankRaftFolder(env, kFolder));
    EXPECT_FALSE(done && blank);
    if (blank) {
      EXPECT_OK(FormatRaftFolder(env, kFolder, kIdentity, kInitial, 7, nullptr));
    }
    EXPECT_OK(RaftLog::Open(env, Options()));
  }
}

}  // namespace
}  // namespace headpond::consensus
