#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/crash_testing.h"
#include "journal/folder.h"
#include "journal/journal_testing.h"
#include "journal/local_journal.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

constexpr char kFolder[] = "/journal";
constexpr uint64_t kSeeds = 1000;

class CrashRun : private JournalCrashRun {
 public:
  explicit CrashRun(uint64_t seed) : JournalCrashRun(seed) {}

  void Run() {
    const uint64_t lives = 3 + random_.Below(5);
    for (life_ = 0; life_ < lives && !::testing::Test::HasFailure(); ++life_) Live();
    // Whatever happened, the last start finds a healthy disk.
    faults_planned_ = false;
    auto journal = Start();
    ASSERT_NE(journal, nullptr);
  }

 private:
  void Live() {
    PlanFaults(/*operations=*/80);
    if (auto journal = Start(); journal != nullptr) {
      const uint64_t steps = random_.Below(30);
      for (uint64_t i = 0; i < steps && journal->CheckWritable().ok(); ++i) Step(*journal);
      if (random_.OneIn(3)) env_.Crash();
      if (random_.OneIn(3)) journal->Stop();
    }
    env_.Crash();
    Restart();
  }

  // Formats if need be, recovers and checks; null when a planned fault came in between.
  std::unique_ptr<Journal> Start() {
    const auto blank = IsBlankJournalFolder(env_, kFolder);
    if (!blank.ok()) return ExpectFault(blank.status());
    if (*blank) {
      EXPECT_EQ(acknowledged_, 0u) << "the folder was lost";
      if (const Status status = FormatLocalJournal(env_, kFolder, "c", false); !status.ok())
        return ExpectFault(status);
    }
    auto journal =
        OpenLocalJournal(env_, {.folder = kFolder,
                                .segment_bytes = static_cast<int64_t>(200 + random_.Below(5000)),
                                .max_batch_bytes = static_cast<int64_t>(1 + random_.Below(2000)),
                                .fill_bytes = static_cast<int64_t>(random_.Below(3) * 700),
                                .random = Random(random_.Next())});
    if (!journal.ok()) return ExpectFault(journal.status());
    RecordingReplayer replayed;
    if (const Status status = (*journal)->Recover(replayed); !status.ok())
      return ExpectFault(status);
    const uint64_t last = (*journal)->last_sequence();
    EXPECT_EQ((*journal)->durable_sequence(), last);
    CheckReplayed(replayed, last, (*journal)->snapshot_sequence() - 1);
    return *std::move(journal);
  }

  void Step(Journal& journal) {
    switch (random_.Below(8)) {
      case 0: Snapshot(journal); break;
      case 1: HoldAndAppend(journal); break;
      case 2:
      case 3: Append(journal, 1 + random_.Below(20)); break;
      default: AppendAndWait(journal);
    }
  }

  // Decides what goes to disk together: one entry, then all others.
  void HoldAndAppend(Journal& journal) {
    env_.HoldSyncs();
    Append(journal, 1 + random_.Below(30));
    env_.ReleaseSyncs();
  }
};

TEST(LocalJournalCrashTest, NothingAcknowledgedIsLostAndNothingIsInvented) {
  SetLogLevel(LogLevel::kError);
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun(seed).Run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// The process dies at every step of a snapshot, and the machine at every step of the recovery after
// it.
TEST(LocalJournalCrashTest, ARecoveryMayBeInterruptedAnywhere) {
  SetLogLevel(LogLevel::kError);
  const auto append = [](Journal& journal, const char* entry) {
    return AwaitDurable(journal, journal.Append(entry));
  };
  const auto state_after = [](io::Env& env) -> Result<std::string> {
    ASSIGN_OR_RETURN(const auto journal,
                     OpenLocalJournal(env, {.folder = kFolder, .fill_bytes = 600}));
    RecordingReplayer replayed;
    RETURN_IF_ERROR(journal->Recover(replayed));
    std::string state;
    for (const auto& record : replayed.records) state += record;
    for (const auto& entry : replayed.entries) state += entry;
    return state;
  };
  for (int64_t died = 1; died <= 16; ++died) {
    for (int64_t crashed = 1; crashed <= 16; ++crashed) {
      for (uint64_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE(fmt::format("died {} crashed {} seed {}", died, crashed, seed));
        io::MemEnv mem;
        io::FaultyEnv env(mem, seed);
        ASSERT_OK(FormatLocalJournal(env, kFolder, "c", false));
        {
          ASSERT_OK_AND_ASSIGN(const auto journal,
                               OpenLocalJournal(env, {.folder = kFolder, .fill_bytes = 600}));
          RecordingReplayer ignored;
          ASSERT_OK(journal->Recover(ignored));
          ASSERT_OK(append(*journal, "a"));
          ListSource first({{"a"}});
          ASSERT_OK(journal->Snapshot(first));
          ASSERT_OK(append(*journal, "b"));
          env.CrashAt(env.operations() + died);
          ListSource second({{"a"}, {"b"}});
          if (journal->Snapshot(second).ok()) env.Crash();
        }
        ASSERT_OK(env.Restart(io::Unsynced::kKept));
        env.CrashAt(env.operations() + crashed);
        if (const auto state = state_after(env); state.ok()) {
          EXPECT_EQ(*state, "ab");
        }
        env.Crash();
        ASSERT_OK(env.Restart(io::Unsynced::kRandom));
        EXPECT_THAT(state_after(env), IsOkAndHolds("ab"));
      }
    }
  }
}

// One byte of one file changes while the journal is closed. Either that is noticed, or it changed
// nothing that was ever acknowledged.
TEST(LocalJournalCrashTest, AChangedByteIsNoticedOrHarmless) {
  SetLogLevel(LogLevel::kError);
  uint64_t noticed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    io::MemEnv env;
    ASSERT_OK(FormatLocalJournal(env, kFolder, "c", false));
    std::vector<std::string> history;
    const uint64_t lives = 1 + random.Below(3);
    for (uint64_t life = 0; life < lives; ++life) {
      auto journal = OpenLocalJournal(env, {.folder = kFolder, .segment_bytes = 1000});
      ASSERT_OK(journal);
      RecordingReplayer ignored;
      ASSERT_OK((*journal)->Recover(ignored));
      for (uint64_t i = random.Below(20); i > 0; --i) {
        history.push_back(fmt::format("entry {} {}", history.size() + 1, random.Next()));
        ASSERT_OK(AppendDurably(**journal, history.back()));
      }
      if (random.OneIn(2)) {
        ListSource source({history});
        ASSERT_OK((*journal)->Snapshot(source));
      }
    }
    ASSERT_OK_AND_ASSIGN(const auto names, env.List(kFolder));
    const std::string path = fmt::format("{}/{}", kFolder, names[random.Below(names.size())]);
    ASSERT_OK_AND_ASSIGN(const std::string content, io::ReadWholeFile(env, path, 1 << 20));
    if (content.empty()) continue;
    const size_t at = random.Below(content.size());
    const char changed = static_cast<char>(content[at] ^ (1 << random.Below(8)));
    ASSERT_OK(env.Overwrite(path, static_cast<int64_t>(at), {&changed, 1}));

    auto journal = OpenLocalJournal(env, {.folder = kFolder, .fill_bytes = 600});
    RecordingReplayer replayed;
    const Status status = journal.ok() ? (*journal)->Recover(replayed) : journal.status();
    if (!status.ok()) {
      EXPECT_THAT(status.code(), ::testing::AnyOf(Code::kDataLoss, Code::kFailedPrecondition))
          << status.ToString();
      EXPECT_THAT(status.message(), ::testing::HasSubstr(kFolder));
      ++noticed;
      continue;
    }
    std::vector<std::string> state = replayed.records;
    state.insert(state.end(), replayed.entries.begin(), replayed.entries.end());
    EXPECT_EQ(state, history) << path << " offset " << at;
  }
  EXPECT_GT(noticed, kSeeds / 2);
}

}  // namespace
}  // namespace headpond::journal
