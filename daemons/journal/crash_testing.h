#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/journal_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {

// Lives of one journal, each ended by a crash, a failing disk or an orderly stop at a random
// moment, for tests that derive from it.
//
// The state of this "master" is its history: the list of all entries ever appended and not lost.
// Its snapshots hold one record per entry, so what a snapshot shows can be checked like the log.
// Checked after each start:
//   - every acknowledged entry is there, in its place, as it was appended;
//   - what else is there was appended in that order in the life before: no gaps, no inventions,
//     nothing from further back that a start had found lost;
//   - recovery never mistakes the marks of a crash for damage.
class JournalCrashRun {
 protected:
  explicit JournalCrashRun(uint64_t seed) : random_(seed), env_(mem_, seed) {}

  // At one of the next `operations` of the disk, if at all.
  void PlanFaults(uint64_t operations) {
    const auto at = env_.operations() + 1 + static_cast<int64_t>(random_.Below(operations));
    const uint64_t kind = random_.Below(4);
    if (kind == 0) env_.FailAt(at, random_.OneIn(2) ? EIO : ENOSPC, random_.OneIn(2));
    if (kind == 1 || kind == 2) env_.CrashAt(at);
    faults_planned_ = kind != 3;
  }

  // The machine, after env_.Crash().
  void Restart() {
    const io::Unsynced unsynced[] = {io::Unsynced::kKept, io::Unsynced::kDropped,
                                     io::Unsynced::kRandom};
    ASSERT_OK(env_.Restart(unsynced[random_.Below(3)]));
  }

  std::nullptr_t ExpectFault(const Status& status) {
    EXPECT_TRUE(faults_planned_) << status.ToString();
    EXPECT_THAT(status.code(),
                ::testing::AnyOf(Code::kUnavailable, Code::kInternal, Code::kResourceExhausted))
        << status.ToString();
    return nullptr;
  }

  // `last`: the journal's last entry; `before`: how many of them the snapshot alone has to show.
  void CheckReplayed(const RecordingReplayer& replayed, uint64_t last, uint64_t before) {
    EXPECT_GE(last, acknowledged_) << "an acknowledged entry is lost";
    ASSERT_LE(last, history_.size()) << "an entry was invented";
    const size_t shown = replayed.records.size();
    EXPECT_GE(shown, before) << "the snapshot misses an entry that is not replayed";
    EXPECT_LE(shown, last) << "the snapshot shows an entry that was lost";
    for (size_t i = 0; i < std::min<size_t>(shown, last); ++i)
      ASSERT_EQ(replayed.records[i], history_[i]) << "snapshot, entry " << i + 1;
    ASSERT_EQ(before + replayed.entries.size(), last);
    for (size_t i = 0; i < replayed.entries.size(); ++i)
      ASSERT_EQ(replayed.entries[i], history_[before + i]) << "entry " << before + i + 1;
    // Others may have seen it by now: it must never be lost again.
    acknowledged_ = last;
    history_.resize(last);
  }

  void Append(Journal& journal, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const size_t padding = random_.OneIn(10) ? random_.Below(4000) : random_.Below(100);
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

  void AppendAndWait(Journal& journal) {
    Append(journal, 1 + random_.Below(3));
    // The outcome may be either; what counts is that it comes.
    EXPECT_NE(AwaitDurable(journal, journal.last_sequence()).code(), Code::kDeadlineExceeded);
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

  Random random_;
  io::MemEnv mem_;
  io::FaultyEnv env_;
  bool faults_planned_ = false;
  uint64_t life_ = 0;
  std::vector<std::string> history_;
  std::atomic<uint64_t> acknowledged_{0};  // written by the journal's thread
};

}  // namespace headpond::journal
