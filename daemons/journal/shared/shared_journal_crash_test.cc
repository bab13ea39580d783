#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "journal/crash_testing.h"
#include "journal/shared/chain_reader.h"
#include "journal/shared/shared_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

constexpr uint64_t kSeeds = 500;

// Lives of one folder, each with a leader and a reader beside it. Several leaders may follow each
// other in one life, without a word of the one before. Checked besides: the reader never sees
// anything that was not appended, as long as its life lasts.
class CrashRun : private JournalCrashRun {
 public:
  explicit CrashRun(uint64_t seed) : JournalCrashRun(seed) {}

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
    PlanFaults(/*operations=*/150);
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
    Restart();
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
      const uint64_t last = journal->last_sequence();
      CheckReplayed(replayed, last, replayed.entries.empty() ? last : replayed.first_sequence - 1);
      return journal;
    }
    ADD_FAILURE() << "never led";
    return nullptr;
  }

  void Step(SharedJournal& journal) {
    switch (random_.Below(8)) {
      case 0: Snapshot(journal); break;
      case 1: ReadAlong(); break;
      case 2:
      case 3: Append(journal, 1 + random_.Below(20)); break;
      default: AppendAndWait(journal);
    }
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

  const Epochs epochs_{env_, kSharedFolder};
  FakeLeadership leadership_;
  std::optional<ChainReader> reader_;
  ListReplayer read_;
  std::vector<std::unique_ptr<SharedJournal>> abandoned_;
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
