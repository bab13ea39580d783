#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/shared/chain_reader.h"
#include "journal/shared/shared_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

constexpr uint64_t kSeeds = 500;

// Lives of one folder, each with a leader and a reader beside it, ended by a power loss, a failing
// disk or an orderly stop at a random moment. Several leaders may follow each other in one life,
// without a word of the one before. Checked:
//   - every acknowledged entry is there, in its place, as it was appended;
//   - what else is there was appended in that order: no gaps, no inventions;
//   - the reader never sees anything else either, as long as its life lasts;
//   - reading never mistakes the marks of a crash for damage.
class CrashRun {
 public:
  explicit CrashRun(uint64_t seed) : random_(seed), env_(mem_, seed) {}

  void Run() {
    EXPECT_OK(WriteSharedStamp(env_, kSharedFolder, kSharedCluster));
    leadership_.Set(true);
    const uint64_t lives = 3 + random_.Below(5);
    for (life_ = 0; life_ < lives && !::testing::Test::HasFailure(); ++life_) Live();
    faults_planned_ = false;
    const auto journal = Start();
    ASSERT_NE(journal, nullptr);
  }

 private:
  void Live() {
    PlanFaults();
    reader_.reset();
    const uint64_t leaders = 1 + random_.Below(3);
    for (uint64_t i = 0; i < leaders; ++i) {
      auto journal = Start();
      if (journal == nullptr) break;
      const uint64_t steps = random_.Below(20);
      for (uint64_t step = 0; step < steps && journal->CheckWritable().ok(); ++step) Step(*journal);
      if (random_.OneIn(2)) journal->Stop();
      // Otherwise it is still there when the next one claims.
      abandoned_.push_back(std::move(journal));
    }
    env_.Crash();
    abandoned_.clear();
    const io::Unsynced unsynced[] = {io::Unsynced::kKept, io::Unsynced::kDropped,
                                     io::Unsynced::kRandom};
    ASSERT_OK(env_.Restart(unsynced[random_.Below(3)]));
  }

  void PlanFaults() {
    const auto at = env_.operations() + 1 + static_cast<int64_t>(random_.Below(150));
    const uint64_t kind = random_.Below(4);
    if (kind == 0) env_.FailAt(at, random_.OneIn(2) ? EIO : ENOSPC, random_.OneIn(2));
    if (kind == 1 || kind == 2) env_.CrashAt(at);
    faults_planned_ = kind != 3;
  }

  // Takes over and checks; null when a planned fault came in between.
  std::unique_ptr<SharedJournal> Start() {
    auto options = SharedOptions(random_.Next());
    options.segment_bytes = static_cast<int64_t>(200 + random_.Below(5000));
    options.max_batch_bytes = static_cast<int64_t>(1 + random_.Below(2000));
    auto journal = OpenSharedJournal(env_, leadership_, options);
    for (int round = 0; round < 5; ++round) {
      RecordingReplayer replayed;
      const Status recovered = journal->Recover(replayed);
      if (!recovered.ok()) return ExpectFault(recovered);
      const auto followed = journal->Follow(replayed);
      if (!followed.ok()) return ExpectFault(followed.status());
      if (*followed != ReplicatedJournal::Followed::kPromoted) continue;
      CheckReplayed(*journal, replayed);
      return journal;
    }
    ADD_FAILURE() << "never led";
    return nullptr;
  }

  std::unique_ptr<SharedJournal> ExpectFault(const Status& status) {
    EXPECT_TRUE(faults_planned_) << status.ToString();
    EXPECT_THAT(status.code(),
                ::testing::AnyOf(Code::kUnavailable, Code::kInternal, Code::kResourceExhausted))
        << status.ToString();
    return nullptr;
  }

  void CheckReplayed(const Journal& journal, const RecordingReplayer& replayed) {
    const uint64_t last = journal.last_sequence();
    EXPECT_GE(last, acknowledged_) << "an acknowledged entry is lost";
    ASSERT_LE(last, history_.size()) << "an entry was invented";
    const size_t shown = replayed.records.size();
    EXPECT_LE(shown, last) << "the snapshot shows an entry that was lost";
    for (size_t i = 0; i < std::min<size_t>(shown, last); ++i)
      ASSERT_EQ(replayed.records[i], history_[i]) << "snapshot, entry " << i + 1;
    const uint64_t before = replayed.entries.empty() ? last : replayed.first_sequence - 1;
    EXPECT_GE(shown, before) << "the snapshot misses an entry that is not replayed";
    ASSERT_EQ(before + replayed.entries.size(), last);
    for (size_t i = 0; i < replayed.entries.size(); ++i)
      ASSERT_EQ(replayed.entries[i], history_[before + i]) << "entry " << before + i + 1;
    // Others may have seen it by now: it must never be lost again.
    acknowledged_ = last;
    history_.resize(last);
  }

  void Step(SharedJournal& journal) {
    switch (random_.Below(8)) {
      case 0: Snapshot(journal); break;
      case 1: ReadAlong(); break;
      case 2:
      case 3: Append(journal, 1 + random_.Below(20)); break;
      default:
        Append(journal, 1 + random_.Below(3));
        EXPECT_NE(AwaitDurable(journal, journal.last_sequence()).code(), Code::kDeadlineExceeded);
    }
  }

  void Append(Journal& journal, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const size_t padding = random_.OneIn(10) ? random_.Below(2000) : random_.Below(100);
      std::string entry = fmt::format("life {} entry {} {}", life_, history_.size() + 1,
                                      std::string(padding, static_cast<char>(random_.Next())));
      history_.push_back(entry);
      const uint64_t sequence = journal.Append(std::move(entry));
      ASSERT_EQ(sequence, history_.size());
      journal.WhenDurable(sequence, [this, sequence](const Status& status) {
        if (status.ok()) acknowledged_ = std::max(acknowledged_.load(), sequence);
      });
    }
  }

  void Snapshot(Journal& journal) {
    size_t next = 0;
    FunctionSource source([&]() -> Result<std::vector<std::string>> {
      if (random_.OneIn(3)) Append(journal, random_.Below(4));
      if (random_.OneIn(40)) return Aborted("the source gave up");
      std::vector<std::string> records;
      const size_t end = std::min(history_.size(), next + 1 + random_.Below(20));
      for (; next < end; ++next) records.push_back(history_[next]);
      return records;
    });
    const Status status = journal.Snapshot(source);
    EXPECT_NE(status.code(), Code::kDeadlineExceeded);
    EXPECT_NE(status.code(), Code::kDataLoss);
  }

  void ReadAlong() {
    if (!reader_) {
      reader_.emplace(env_, epochs_, kSharedCluster);
      read_.Clear();
      if (!Read(reader_->ReadSnapshot(read_))) return;
    }
    if (!Read(reader_->ReadMore(read_).status())) return;
    const auto list = read_.list();
    ASSERT_LE(list.size(), history_.size());
    for (size_t i = 0; i < list.size(); ++i) ASSERT_EQ(list[i], history_[i]) << "read along";
  }
  bool Read(const Status& status) {
    if (status.ok()) return true;
    if (status.code() != Code::kAborted) (void)ExpectFault(status);
    reader_.reset();
    return false;
  }

  Random random_;
  io::MemEnv mem_;
  io::FaultyEnv env_;
  const Epochs epochs_{env_, kSharedFolder};
  FakeLeadership leadership_;
  std::optional<ChainReader> reader_;
  ListReplayer read_;
  std::vector<std::unique_ptr<SharedJournal>> abandoned_;
  bool faults_planned_ = false;
  uint64_t life_ = 0;
  std::vector<std::string> history_;
  std::atomic<uint64_t> acknowledged_{0};  // written by the journal's thread
};

TEST(SharedJournalCrashTest, NothingAcknowledgedIsLostAndNothingIsInvented) {
  SetLogLevel(LogLevel::kError);
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun(seed).Run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace headpond::journal
