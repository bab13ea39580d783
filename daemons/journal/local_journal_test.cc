#include "journal/local_journal.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/journal_conformance.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<Journal> OpenOrDie(io::Env& env, LocalJournalOptions options) {
  auto blank = IsBlankJournalFolder(env, options.folder);
  EXPECT_OK(blank);
  if (*blank) {
    EXPECT_OK(FormatLocalJournal(env, options.folder, "cluster-1", false));
  }
  auto journal = OpenLocalJournal(env, std::move(options));
  EXPECT_OK(journal);
  return *std::move(journal);
}

struct PosixTraits {
  std::unique_ptr<Journal> Open() {
    return OpenOrDie(io::Env::Posix(), {.folder = directory / "journal"});
  }
  TempDirectory directory;
};

// Files and batches so small that every test goes through many of both.
struct SmallFilesTraits {
  std::unique_ptr<Journal> Open() {
    return OpenOrDie(env, {.folder = "/journal", .segment_bytes = 1000, .max_batch_bytes = 200});
  }
  io::MemEnv env;
};

using LocalJournals = ::testing::Types<PosixTraits, SmallFilesTraits>;
INSTANTIATE_TYPED_TEST_SUITE_P(Local, JournalConformance, LocalJournals);

class LocalJournalTest : public ::testing::Test {
 protected:
  static constexpr char kFolder[] = "/journal";

  std::unique_ptr<Journal> Open(LocalJournalOptions options = {}) {
    options.folder = kFolder;
    options.metrics = &metrics_;
    return OpenOrDie(env_, std::move(options));
  }
  std::unique_ptr<Journal> Recovered(LocalJournalOptions options = {}) {
    auto journal = Open(std::move(options));
    replayed_ = RecordingReplayer();
    const Status status = journal->Recover(replayed_);
    EXPECT_OK(status);
    return journal;
  }
  Status RecoverStatus() {
    auto journal = Open();
    replayed_ = RecordingReplayer();
    return journal->Recover(replayed_);
  }
  // Entries "1" to "count", each in a frame of its own.
  void WriteEntries(int count) {
    auto journal = Recovered();
    const auto start = journal->last_sequence();
    for (int i = 1; i <= count; ++i) ASSERT_OK(AppendDurably(*journal, std::to_string(start + i)));
  }
  int64_t SizeOf(const std::string& path) {
    auto file = mem_.OpenForRead(path);
    return file.ok() ? (*file)->size() : -1;
  }
  void Flip(const std::string& path, int64_t offset) {
    auto file = mem_.OpenForRead(path);
    ASSERT_OK(file);
    char byte = 0;
    ASSERT_EQ((*file)->ReadAt(offset, 1, &byte).value_or(0), 1u);
    byte = static_cast<char>(byte ^ 0x40);
    ASSERT_OK(mem_.Overwrite(path, offset, {&byte, 1}));
  }
  std::vector<std::string> Names() { return mem_.List(kFolder).value_or({}); }
  int64_t flushes() { return metrics_.timer("Master.JournalFlushTimer").count(); }

  // A frame of one entry of one digit.
  static constexpr int64_t kFrame = kFrameHeaderBytes + kRecordOverheadBytes + 1;
  static constexpr int64_t kHead = kFileHeaderBytes;

  MetricsRegistry metrics_;
  io::MemEnv mem_;
  io::FaultyEnv env_{mem_, /*seed=*/1};
  RecordingReplayer replayed_;
};

// --- Group commit -------------------------------------------------------------------------------

TEST_F(LocalJournalTest, EverythingThatWaitsBecomesDurableWithOneSync) {
  auto journal = Recovered();
  env_.HoldSyncs();
  journal->Append("alone");
  ASSERT_TRUE(env_.AwaitHeldSync(std::chrono::steady_clock::now() + kTestDeadline));
  const int64_t syncs = env_.file_syncs();
  for (int i = 0; i < 1000; ++i) journal->Append("together");
  Outcome outcome;
  journal->WhenDurable(1001, outcome.Callback());
  EXPECT_FALSE(outcome.arrived());
  EXPECT_EQ(journal->durable_sequence(), 0u);
  env_.ReleaseSyncs();
  EXPECT_OK(outcome.Await());
  EXPECT_EQ(env_.file_syncs() - syncs, 2);
  EXPECT_EQ(flushes(), 2);
}

TEST_F(LocalJournalTest, RefusesChangesWhileTooMuchWaitsForTheDisk) {
  auto journal = Recovered({.max_pending_bytes = 1000});
  env_.HoldSyncs();
  journal->Append("being written");
  ASSERT_TRUE(env_.AwaitHeldSync(std::chrono::steady_clock::now() + kTestDeadline));
  EXPECT_OK(journal->CheckWritable());
  const uint64_t last = journal->Append(std::string(1000, 'x'));
  const Status status = journal->CheckWritable();
  EXPECT_THAT(status, StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(status.message(), HasSubstr("wait for the disk of /journal, the limit is 1000"));
  env_.ReleaseSyncs();
  EXPECT_OK(AwaitDurable(*journal, last));
  EXPECT_OK(journal->CheckWritable());
}

TEST_F(LocalJournalTest, StartsANewFileWhenOneIsFull) {
  {
    auto journal = Recovered({.segment_bytes = 300});
    for (int i = 1; i <= 9; ++i) ASSERT_OK(AppendDurably(*journal, std::to_string(i)));
    ASSERT_OK(AppendDurably(*journal, std::string(1000, 'x')));
    ASSERT_OK(AppendDurably(*journal, "after"));
  }
  EXPECT_THAT(Names(), ElementsAre("00000000000000000001.log", "00000000000000000005.log",
                                   "00000000000000000009.log", "00000000000000000010.log",
                                   "00000000000000000011.log", "LOCK", "VERSION"));
  Recovered();
  EXPECT_EQ(replayed_.entries.size(), 11u);
}

// --- A disk that fails ---------------------------------------------------------------------------

TEST_F(LocalJournalTest, AFailedSyncEndsTheJournalForAllWhoWaitNowOrLater) {
  auto journal = Recovered();
  ASSERT_OK(AppendDurably(*journal, "1"));
  env_.FailAt(env_.operations() + 2, EIO);  // the append, then the sync
  Outcome first, second;
  journal->WhenDurable(journal->Append("2"), first.Callback());
  const Status status = first.Await();
  EXPECT_THAT(status, StatusIs(Code::kUnavailable));
  EXPECT_THAT(status.message(),
              HasSubstr("fdatasync /journal/00000000000000000001.log: "
                        "Input/output error; check its disk and restart the master"));
  EXPECT_EQ(journal->CheckWritable(), status);
  EXPECT_EQ(AppendDurably(*journal, "3"), status);
  EXPECT_EQ(journal->durable_sequence(), 1u);
  EXPECT_OK(AwaitDurable(*journal, 1));
  ListSource source({});
  EXPECT_EQ(journal->Snapshot(source), status);
  journal->Stop();
}

TEST_F(LocalJournalTest, SaysThatTheDiskIsFull) {
  auto journal = Recovered();
  env_.FailAt(env_.operations() + 1, ENOSPC, /*and_later=*/true);
  const Status status = AppendDurably(*journal, "1");
  EXPECT_THAT(status.message(), HasSubstr("No space left on device; free space on its disk"));
  journal = nullptr;
  ASSERT_OK(env_.Restart(io::Unsynced::kKept));
  EXPECT_OK(RecoverStatus());
  EXPECT_THAT(replayed_.entries, IsEmpty());
}

TEST_F(LocalJournalTest, EntriesWhoseSyncFailedAreDurableOnceRecovered) {
  {
    auto journal = Recovered();
    ASSERT_OK(AppendDurably(*journal, "1"));
    env_.FailAt(env_.operations() + 2, EIO);
    EXPECT_FALSE(AppendDurably(*journal, "2").ok());
  }
  // The process restarts and finds the entry in the page cache, where it looks like any other.
  WriteEntries(1);
  EXPECT_THAT(replayed_.entries, ElementsAre("1", "2"));
  env_.Crash();
  ASSERT_OK(env_.Restart(io::Unsynced::kDropped));
  EXPECT_OK(RecoverStatus());
  EXPECT_THAT(replayed_.entries, ElementsAre("1", "2", "3"));
}

TEST_F(LocalJournalTest, AnOrderlyEndWhoseSyncFailedIsDurableOnceRecovered) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    io::MemEnv mem;
    io::FaultyEnv env(mem, seed);
    for (const char* entry : {"1", "2"}) {
      auto journal = OpenOrDie(env, {.folder = kFolder});
      RecordingReplayer ignored;
      ASSERT_OK(journal->Recover(ignored));
      ASSERT_OK(AppendDurably(*journal, entry));
      env.FailAt(env.operations() + 2, EIO);  // the sync of what Stop writes
    }
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kRandom));
    RecordingReplayer replayed;
    EXPECT_OK(OpenOrDie(env, {.folder = kFolder})->Recover(replayed)) << "seed " << seed;
    EXPECT_THAT(replayed.entries, ElementsAre("1", "2"));
  }
}

TEST_F(LocalJournalTest, AnEntryTooLargeForTheFormatEndsTheJournal) {
  auto journal = Recovered();
  const Status status = AppendDurably(*journal, std::string(kMaxRecordBytes + 1, 'x'));
  EXPECT_THAT(status, StatusIs(Code::kUnavailable));
  EXPECT_THAT(status.message(), HasSubstr("entry 1 has "));
}

TEST_F(LocalJournalTest, ASnapshotThatCannotBeWrittenLeavesTheJournalWorking) {
  {
    auto journal = Recovered();
    ASSERT_OK(AppendDurably(*journal, "1"));
    bool first = true;
    FunctionSource source([&]() -> Result<std::vector<std::string>> {
      if (!std::exchange(first, false)) return std::vector<std::string>();
      EXPECT_OK(AppendDurably(*journal, "2"));  // the new log file is there
      env_.FailAt(env_.operations() + 1, ENOSPC);
      return std::vector<std::string>{std::string(2 << 20, 'x'), "y"};
    });
    EXPECT_THAT(journal->Snapshot(source), StatusIs(Code::kResourceExhausted));
    ASSERT_OK(AppendDurably(*journal, "3"));
    ListSource good({{"good"}});
    EXPECT_OK(journal->Snapshot(good));
  }
  EXPECT_THAT(Names(), ElementsAre("00000000000000000004.log", "00000000000000000004.snapshot",
                                   "LOCK", "VERSION"));
}

// --- Torn tails and damage -----------------------------------------------------------------------

TEST_F(LocalJournalTest, CutsATailThatACrashLeftTorn) {
  const std::string log = LogPath(kFolder, 1);
  for (int64_t left = 1; left < kFrame; ++left) {
    ASSERT_OK(FormatLocalJournal(mem_, kFolder, "c", /*force=*/true));
    WriteEntries(3);
    ASSERT_OK(mem_.Truncate(log, kHead + 2 * kFrame + left));  // no clean end any more
    EXPECT_OK(RecoverStatus()) << left << " bytes of the last frame";
    EXPECT_THAT(replayed_.entries, ElementsAre("1", "2"));
    EXPECT_EQ(SizeOf(log), kHead + 2 * kFrame);
    WriteEntries(1);
    EXPECT_OK(RecoverStatus());
    EXPECT_THAT(replayed_.entries, ElementsAre("1", "2", "3"));
  }
}

TEST_F(LocalJournalTest, CutsATailOfZerosOrGarbage) {
  for (const std::string& tail : {std::string(5000, '\0'), std::string(5000, '\xf5')}) {
    ASSERT_OK(FormatLocalJournal(mem_, kFolder, "c", /*force=*/true));
    WriteEntries(2);
    auto file = mem_.OpenForWrite(LogPath(kFolder, 1), io::OpenMode::kAppend);
    ASSERT_OK((*file)->Append(tail));
    EXPECT_OK(RecoverStatus());
    EXPECT_THAT(replayed_.entries, ElementsAre("1", "2"));
  }
}

TEST_F(LocalJournalTest, DamageBeforeGoodEntriesIsDataLossAndNamesThePlace) {
  WriteEntries(3);
  const std::string log = LogPath(kFolder, 1);
  for (int64_t offset = kHead; offset < kHead + 3 * kFrame; ++offset) {
    // Not the two bytes that no reader looks at before the header's checksum covers them.
    Flip(log, offset);
    const Status status = RecoverStatus();
    EXPECT_THAT(status, StatusIs(Code::kDataLoss))
        << "offset " << offset << ": " << status.ToString();
    const int64_t frame = kHead + (offset - kHead) / kFrame * kFrame;
    EXPECT_THAT(status.message(), HasSubstr(log + ": damaged at offset " + std::to_string(frame)));
    EXPECT_THAT(status.message(), HasSubstr("headpond journal verify"));
    Flip(log, offset);
  }
  EXPECT_OK(RecoverStatus());
}

TEST_F(LocalJournalTest, DamageAtTheEndOfAnOlderFileIsDataLoss) {
  WriteEntries(2);
  WriteEntries(1);  // a second file: each start makes one
  ASSERT_OK(mem_.Truncate(LogPath(kFolder, 1), kHead + 2 * kFrame - 1));
  const Status status = RecoverStatus();
  EXPECT_THAT(status, StatusIs(Code::kDataLoss));
  EXPECT_THAT(status.message(), HasSubstr("follow in the next file"));
}

TEST_F(LocalJournalTest, ADamagedFileHeaderIsDataLossAndAnotherVersionIsNot) {
  WriteEntries(2);
  const std::string log = LogPath(kFolder, 1);
  for (const int64_t offset : {0, 16, 24, 40, 127}) {
    Flip(log, offset);
    EXPECT_THAT(RecoverStatus(), StatusIs(Code::kDataLoss)) << offset;
    Flip(log, offset);
  }
  Flip(log, 8);
  EXPECT_THAT(RecoverStatus(), StatusIs(Code::kFailedPrecondition));
}

TEST_F(LocalJournalTest, AMissingFileIsDataLossAndNamesItsEntries) {
  for (int round = 0; round < 3; ++round) WriteEntries(2);
  ASSERT_OK(mem_.Remove(LogPath(kFolder, 3)));
  EXPECT_THAT(RecoverStatus().ToString(),
              HasSubstr("DATA_LOSS: /journal: the log with the entries 3 to 4 is missing"));
}

TEST_F(LocalJournalTest, AGapWithinAFileIsDataLoss) {
  ASSERT_OK(FormatLocalJournal(mem_, kFolder, "c", false));
  std::string log =
      EncodeFileHeader({.kind = FileKind::kLog, .first_sequence = 1, .salt = 7, .cluster_id = "c"});
  for (const uint64_t sequence : {1, 3}) {
    FrameBuilder frame;
    frame.Add("entry");
    log += frame.Seal(FrameType::kEntries, sequence, /*salt=*/7);
  }
  ASSERT_OK(io::WriteFileAtomically(mem_, LogPath(kFolder, 1), log));
  EXPECT_THAT(RecoverStatus(), StatusIs(Code::kDataLoss, HasSubstr("entry 3 where 2 is expected")));
}

TEST_F(LocalJournalTest, TheFirstFileMissingIsDataLoss) {
  for (int round = 0; round < 2; ++round) WriteEntries(2);
  ASSERT_OK(mem_.Remove(LogPath(kFolder, 1)));
  EXPECT_THAT(RecoverStatus().ToString(), HasSubstr("the log with the entries 1 to 2 is missing"));
}

TEST_F(LocalJournalTest, ALogThatEndsBeforeWhatTheSnapshotShowsIsDataLoss) {
  {
    auto journal = Recovered();
    int calls = 0;
    FunctionSource source([&]() -> Result<std::vector<std::string>> {
      if (++calls > 1) return std::vector<std::string>();
      journal->Append("1");
      return std::vector<std::string>{"shows the effect of 1"};
    });
    ASSERT_OK(journal->Snapshot(source));
  }
  ASSERT_OK(mem_.Truncate(LogPath(kFolder, 1), kHead));
  EXPECT_THAT(RecoverStatus().ToString(), HasSubstr("the log with the entries 1 to 1 is missing"));
}

TEST_F(LocalJournalTest, ADamagedSnapshotIsDataLossUnlessTheOlderFilesAreStillThere) {
  WriteEntries(3);
  std::vector<std::pair<std::string, std::string>> old_files;
  for (const std::string& name : Names())
    if (name.ends_with(".log"))
      old_files.emplace_back(std::string(kFolder) + "/" + name,
                             *io::ReadWholeFile(mem_, std::string(kFolder) + "/" + name, 1 << 20));
  {
    auto journal = Recovered();
    ListSource source({{"state of 3"}});
    ASSERT_OK(journal->Snapshot(source));
    ASSERT_OK(AppendDurably(*journal, "4"));
  }
  Flip(SnapshotPath(kFolder, 4), kHead + 40);
  const Status status = RecoverStatus();
  EXPECT_THAT(status, StatusIs(Code::kDataLoss));
  EXPECT_THAT(status.message(), HasSubstr("00000000000000000004.snapshot: damaged or incomplete"));

  for (const auto& [path, content] : old_files)
    ASSERT_OK(io::WriteFileAtomically(mem_, path, content));
  EXPECT_OK(RecoverStatus());
  EXPECT_THAT(replayed_.records, IsEmpty());
  EXPECT_THAT(replayed_.entries, ElementsAre("1", "2", "3", "4"));
}

TEST_F(LocalJournalTest, AFileOfAnotherClusterIsRefused) {
  WriteEntries(1);
  const auto foreign = io::ReadWholeFile(mem_, LogPath(kFolder, 1), 1 << 20);
  ASSERT_OK(FormatLocalJournal(mem_, kFolder, "other", /*force=*/true));
  ASSERT_OK(io::WriteFileAtomically(mem_, LogPath(kFolder, 1), *foreign));
  const Status status = RecoverStatus();
  EXPECT_THAT(status, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(status.message(), HasSubstr("belongs to cluster cluster-1, not to other"));
}

TEST_F(LocalJournalTest, AFrameInsideAnEntryIsNotMistakenForOneThatFollowsDamage) {
  // An entry that holds the bytes of this very file, as a client could send them if it read it,
  // except for the salt, which differs per file.
  FrameBuilder forged;
  forged.Add("forged");
  const std::string frame(forged.Seal(FrameType::kEntries, 3, /*salt=*/0));
  {
    auto journal = Recovered();
    ASSERT_OK(AppendDurably(*journal, "1"));
    ASSERT_OK(AppendDurably(*journal, "before " + frame + " after"));
  }
  const std::string log = LogPath(kFolder, 1);
  ASSERT_OK(mem_.Truncate(log, SizeOf(log) - static_cast<int64_t>(kFrameHeaderBytes) - 1));
  EXPECT_OK(RecoverStatus());
  EXPECT_THAT(replayed_.entries, ElementsAre("1"));
}

// --- The folder ----------------------------------------------------------------------------------

TEST_F(LocalJournalTest, AFolderIsFormattedBeforeItIsUsed) {
  EXPECT_TRUE(IsBlankJournalFolder(env_, "/new/journal").value_or(false));
  const auto refused = OpenLocalJournal(env_, {.folder = "/new/journal"});
  EXPECT_THAT(refused, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(refused.status().message(), HasSubstr("/new/journal has not been formatted"));
  EXPECT_THAT(refused.status().message(), HasSubstr("headpond formatJournal"));
  EXPECT_FALSE(mem_.Exists("/new").value_or(true));

  EXPECT_OK(FormatLocalJournal(env_, "/new/journal", "id-1", /*force=*/false));
  EXPECT_FALSE(IsBlankJournalFolder(env_, "/new/journal").value_or(true));
  EXPECT_EQ(ReadJournalClusterId(env_, "/new/journal").value_or(""), "id-1");
  env_.Crash();
  ASSERT_OK(env_.Restart(io::Unsynced::kDropped));
  EXPECT_EQ(ReadJournalClusterId(env_, "/new/journal").value_or(""), "id-1") << "durable at once";
}

TEST_F(LocalJournalTest, FormattingSparesWhatIsThereUnlessForced) {
  WriteEntries(2);
  const Status refused = FormatLocalJournal(env_, kFolder, "new", /*force=*/false);
  EXPECT_THAT(refused, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(refused.message(), HasSubstr("/journal is not empty (/journal/VERSION)"));
  ASSERT_OK(io::WriteFileAtomically(mem_, "/journal/notes.txt", "mine"));
  EXPECT_OK(FormatLocalJournal(env_, kFolder, "new", /*force=*/true));
  EXPECT_THAT(Names(), ElementsAre("LOCK", "VERSION", "notes.txt"));
  Recovered();
  EXPECT_THAT(replayed_.entries, IsEmpty());
}

TEST_F(LocalJournalTest, AFreshDiskAndAnInterruptedFormatCountAsBlank) {
  ASSERT_OK(mem_.CreateDirectories("/journal/lost+found"));
  ASSERT_OK(io::WriteFileAtomically(mem_, "/journal/VERSION.tmp", ""));
  ASSERT_OK(io::WriteFileAtomically(mem_, "/journal/LOCK", ""));
  EXPECT_TRUE(IsBlankJournalFolder(env_, kFolder).value_or(false));
  ASSERT_OK(io::WriteFileAtomically(mem_, "/journal/data.txt", ""));
  EXPECT_FALSE(IsBlankJournalFolder(env_, kFolder).value_or(true));
}

TEST_F(LocalJournalTest, AnInterruptedForcedFormatNeverLeavesAFolderThatOpensWithHalfItsFiles) {
  for (int64_t step = 1; step < 30; ++step) {
    ASSERT_OK(FormatLocalJournal(mem_, kFolder, "old", /*force=*/true));
    io::FaultyEnv env(mem_, static_cast<uint64_t>(step));
    {
      auto journal = OpenOrDie(env, {.folder = kFolder});
      RecordingReplayer replayer;
      ASSERT_OK(journal->Recover(replayer));
      ASSERT_OK(AppendDurably(*journal, "1"));
    }
    env.CrashAt(env.operations() + step);
    const bool formatted = FormatLocalJournal(env, kFolder, "new", /*force=*/true).ok();
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kRandom));
    auto journal = OpenLocalJournal(env, {.folder = kFolder});
    if (!journal.ok()) {
      EXPECT_FALSE(formatted);
      EXPECT_THAT(journal, StatusIs(Code::kFailedPrecondition));
      continue;
    }
    RecordingReplayer replayer;
    ASSERT_OK((*journal)->Recover(replayer));
    *journal = nullptr;
    const bool old = ReadJournalClusterId(env, kFolder).value_or("") == "old";
    EXPECT_EQ(replayer.entries.size(), old ? 1u : 0u);
    EXPECT_FALSE(old && formatted);
  }
}

TEST_F(LocalJournalTest, WhatFollowsAnInterruptedFormatIsDurable) {
  constexpr char kDeep[] = "/a/b/journal";
  for (int64_t step = 1; step < 16; ++step) {
    io::MemEnv mem;
    io::FaultyEnv env(mem, static_cast<uint64_t>(step));
    env.CrashAt(env.operations() + step);
    (void)FormatLocalJournal(env, kDeep, "c", /*force=*/false);
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kKept));  // only the process died
    {
      auto journal = OpenOrDie(env, {.folder = kDeep});
      RecordingReplayer replayer;
      ASSERT_OK(journal->Recover(replayer));
      ASSERT_OK(AppendDurably(*journal, "1"));
    }
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kDropped));
    RecordingReplayer replayer;
    EXPECT_OK(OpenOrDie(env, {.folder = kDeep})->Recover(replayer));
    EXPECT_THAT(replayer.entries, ElementsAre("1")) << "died in step " << step;
  }
}

TEST_F(LocalJournalTest, AJournalMayBeginWithAState) {
  ListSource state({{"one", "two"}, {"three"}});
  ASSERT_OK(FormatLocalJournal(env_, "/begun", "c", /*force=*/false, &state));
  for (int start = 0; start < 2; ++start) {
    auto journal = OpenOrDie(env_, {.folder = "/begun"});
    RecordingReplayer replayer;
    ASSERT_OK(journal->Recover(replayer));
    EXPECT_THAT(replayer.records, ElementsAre("one", "two", "three"));
    EXPECT_EQ(replayer.entries.size(), static_cast<size_t>(start));
    ASSERT_OK(AppendDurably(*journal, "entry"));
  }
}

TEST_F(LocalJournalTest, AStateThatCantBeReadLeavesABlankFolder) {
  FunctionSource state([] { return Result<std::vector<std::string>>(DataLoss("half of it")); });
  EXPECT_THAT(FormatLocalJournal(env_, "/begun", "c", /*force=*/false, &state),
              StatusIs(Code::kDataLoss, HasSubstr("half of it")));
  EXPECT_TRUE(IsBlankJournalFolder(env_, "/begun").value_or(false));
}

TEST_F(LocalJournalTest, AnInterruptedFormatWithAStateIsBlankOrWhole) {
  int whole = 0;
  for (int64_t step = 1; step < 40; ++step) {
    io::MemEnv mem;
    io::FaultyEnv env(mem, static_cast<uint64_t>(step));
    env.CrashAt(env.operations() + step);
    ListSource state({{"one"}, {"two"}});
    const bool formatted = FormatLocalJournal(env, "/begun", "c", /*force=*/false, &state).ok();
    env.Crash();
    ASSERT_OK(env.Restart(io::Unsynced::kRandom));
    if (IsBlankJournalFolder(env, "/begun").value_or(false)) {
      EXPECT_FALSE(formatted) << "step " << step;
      ListSource again({{"one"}, {"two"}});
      ASSERT_OK(FormatLocalJournal(env, "/begun", "c", /*force=*/false, &again));
    } else {
      ++whole;
    }
    RecordingReplayer replayer;
    ASSERT_OK(OpenOrDie(env, {.folder = "/begun"})->Recover(replayer));
    EXPECT_THAT(replayer.records, ElementsAre("one", "two")) << "step " << step;
  }
  EXPECT_GT(whole, 0);
}

TEST_F(LocalJournalTest, TwoMastersCannotShareAFolder) {
  auto journal = Recovered();
  const auto second = OpenLocalJournal(env_, {.folder = kFolder});
  EXPECT_THAT(second, StatusIs(Code::kUnavailable));
  EXPECT_THAT(second.status().message(), HasSubstr("/journal/LOCK is held by"));
  EXPECT_THAT(FormatLocalJournal(env_, kFolder, "x", /*force=*/true), StatusIs(Code::kUnavailable));
  journal->Stop();
  EXPECT_OK(OpenLocalJournal(env_, {.folder = kFolder}));
}

TEST_F(LocalJournalTest, RefusesAStampOfAnotherVersionOrNone) {
  ASSERT_OK(mem_.CreateDirectories(kFolder));
  for (const auto& [text, code] :
       {std::pair{"format.version=99\ncluster.id=x\n", Code::kFailedPrecondition},
        std::pair{"gibberish", Code::kDataLoss}, std::pair{"", Code::kDataLoss}}) {
    ASSERT_OK(io::WriteFileAtomically(mem_, "/journal/VERSION", text));
    EXPECT_EQ(OpenLocalJournal(env_, {.folder = kFolder}).status().code(), code) << text;
  }
  for (const char* bad : {"", "a\nb"})
    EXPECT_THAT(FormatLocalJournal(mem_, "/other", bad, false), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace headpond::journal
