#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "journal/journal_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {

// What every Journal does. A file that instantiates the suite gives a traits type with a default
// constructor and `std::unique_ptr<Journal> Open()`, which opens the same storage each time and is
// called only when the journal that it returned before is gone.
template <typename Traits>
class JournalConformance : public ::testing::Test {
 protected:
  // A journal that was recovered; what it replayed is in replayed_.
  std::unique_ptr<Journal> Recovered() {
    auto journal = traits_.Open();
    replayed_ = RecordingReplayer();
    const Status status = journal->Recover(replayed_);
    EXPECT_OK(status);
    EXPECT_EQ(replayed_.settled, status.ok());
    return journal;
  }

  Traits traits_;
  RecordingReplayer replayed_;
};

TYPED_TEST_SUITE_P(JournalConformance);

TYPED_TEST_P(JournalConformance, StartsEmptyAndCountsFromOne) {
  auto journal = this->Recovered();
  EXPECT_EQ(journal->last_sequence(), 0u);
  EXPECT_EQ(journal->durable_sequence(), 0u);
  EXPECT_EQ(journal->snapshot_sequence(), 1u);
  EXPECT_OK(journal->CheckWritable());
  EXPECT_EQ(journal->Append("a"), 1u);
  EXPECT_EQ(journal->Append("b"), 2u);
  EXPECT_EQ(journal->last_sequence(), 2u);
  EXPECT_OK(AwaitDurable(*journal, 2));
  EXPECT_EQ(journal->durable_sequence(), 2u);
}

TYPED_TEST_P(JournalConformance, GivesEntriesBackInOrderWhateverTheirBytes) {
  const std::vector<std::string> entries = {"first", "", std::string("\0\xff\n", 3),
                                            std::string(3 << 20, 'x'), "last"};
  {
    auto journal = this->Recovered();
    for (const auto& entry : entries) journal->Append(entry);
    EXPECT_OK(AwaitDurable(*journal, entries.size()));
    journal->Stop();
  }
  auto journal = this->Recovered();
  EXPECT_EQ(this->replayed_.first_sequence, 1u);
  EXPECT_TRUE(this->replayed_.entries == entries);
  EXPECT_EQ(journal->last_sequence(), entries.size());
  EXPECT_EQ(journal->durable_sequence(), entries.size());
  EXPECT_EQ(journal->Append("next"), entries.size() + 1);
}

TYPED_TEST_P(JournalConformance, SurvivesManyRestarts) {
  for (uint64_t round = 0; round < 10; ++round) {
    auto journal = this->Recovered();
    ASSERT_EQ(this->replayed_.entries.size(), round / 2);
    if (round % 2 == 0) continue;  // a start that adds nothing
    EXPECT_OK(AppendDurably(*journal, std::to_string(round)));
  }
}

TYPED_TEST_P(JournalConformance, TakesEntriesOnlyBetweenRecoverAndStop) {
  auto journal = this->traits_.Open();
  EXPECT_THAT(journal->CheckWritable(), StatusIs(Code::kUnavailable));
  RecordingReplayer replayer;
  ASSERT_OK(journal->Recover(replayer));
  EXPECT_OK(journal->CheckWritable());
  EXPECT_THAT(journal->Recover(replayer), StatusIs(Code::kFailedPrecondition));
  EXPECT_OK(AppendDurably(*journal, "in time"));
  journal->Stop();
  journal->Stop();
  EXPECT_THAT(journal->CheckWritable(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(AppendDurably(*journal, "too late"), StatusIs(Code::kUnavailable));
  EXPECT_OK(AwaitDurable(*journal, 1)) << "what was durable stays so";
  ListSource source({});
  EXPECT_THAT(journal->Snapshot(source), StatusIs(Code::kUnavailable));
  journal = nullptr;
  this->Recovered();
  EXPECT_THAT(this->replayed_.entries, ::testing::ElementsAre("in time"));
}

TYPED_TEST_P(JournalConformance, StopMakesEverythingDurableAndAnswersAllWhoWait) {
  constexpr uint64_t kEntries = 1000;
  std::vector<Outcome> outcomes(kEntries);
  {
    auto journal = this->Recovered();
    for (uint64_t i = 0; i < kEntries; ++i)
      journal->WhenDurable(journal->Append(std::to_string(i)), outcomes[i].Callback());
    journal->Stop();
    for (auto& outcome : outcomes) {
      ASSERT_TRUE(outcome.arrived());
      EXPECT_OK(outcome.Await());
    }
  }
  this->Recovered();
  EXPECT_EQ(this->replayed_.entries.size(), kEntries);
}

TYPED_TEST_P(JournalConformance, CallsBackOnceInOrderAndAtOnceWhenAlreadyDurable) {
  auto journal = this->Recovered();
  std::mutex mutex;
  std::vector<uint64_t> called;
  for (int i = 0; i < 100; ++i) journal->Append("entry");
  for (const uint64_t sequence : {100, 3, 50, 1, 99}) {
    journal->WhenDurable(sequence, [&, sequence](Status status) {
      EXPECT_OK(status);
      const std::lock_guard<std::mutex> lock(mutex);
      called.push_back(sequence);
    });
  }
  ASSERT_OK(AwaitDurable(*journal, 100));
  journal->Stop();
  EXPECT_EQ(called.size(), 5u);
  Outcome outcome;
  journal->WhenDurable(3, outcome.Callback());
  EXPECT_TRUE(outcome.arrived());
}

TYPED_TEST_P(JournalConformance, KeepsTheOrderOfAppendersThatShareALock) {
  constexpr int kThreads = 8;
  constexpr int kEntries = 200;
  std::vector<std::string> expected;
  {
    auto journal = this->Recovered();
    std::mutex order;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEntries; ++i) {
          const std::string entry = std::to_string(t) + ":" + std::to_string(i);
          uint64_t sequence = 0;
          {
            const std::lock_guard<std::mutex> lock(order);
            sequence = journal->Append(entry);
            expected.push_back(entry);
            ASSERT_EQ(expected.size(), sequence);
          }
          ASSERT_OK(AwaitDurable(*journal, sequence));
          ASSERT_GE(journal->durable_sequence(), sequence);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  this->Recovered();
  EXPECT_EQ(this->replayed_.entries, expected);
}

TYPED_TEST_P(JournalConformance, ASnapshotReplacesTheEntriesBeforeIt) {
  {
    auto journal = this->Recovered();
    for (int i = 1; i <= 10; ++i) journal->Append(std::to_string(i));
    ListSource source({{"one", "two"}, {"three"}});
    ASSERT_OK(journal->Snapshot(source));
    EXPECT_EQ(journal->snapshot_sequence(), 11u);
    EXPECT_EQ(journal->durable_sequence(), 10u);
    ASSERT_OK(AppendDurably(*journal, "11"));
  }
  auto journal = this->Recovered();
  EXPECT_THAT(this->replayed_.records, ::testing::ElementsAre("one", "two", "three"));
  EXPECT_THAT(this->replayed_.entries, ::testing::ElementsAre("11"));
  EXPECT_EQ(this->replayed_.first_sequence, 11u);
  EXPECT_EQ(journal->snapshot_sequence(), 11u);
}

TYPED_TEST_P(JournalConformance, SnapshotsMayBeEmptyAndFollowEachOther) {
  {
    auto journal = this->Recovered();
    for (const std::string& state : std::vector<std::string>{"", "a", "b", "b", "c"}) {
      ListSource source(state.empty() ? std::vector<std::vector<std::string>>()
                                      : std::vector<std::vector<std::string>>{{state}});
      ASSERT_OK(journal->Snapshot(source));
    }
    EXPECT_EQ(journal->snapshot_sequence(), 1u);
  }
  {
    auto journal = this->Recovered();
    EXPECT_THAT(this->replayed_.records, ::testing::ElementsAre("c"));
    ASSERT_OK(AppendDurably(*journal, "d"));
    ListSource source({});
    ASSERT_OK(journal->Snapshot(source));
  }
  auto journal = this->Recovered();
  EXPECT_THAT(this->replayed_.records, ::testing::IsEmpty());
  EXPECT_THAT(this->replayed_.entries, ::testing::IsEmpty());
  EXPECT_EQ(journal->last_sequence(), 1u);
}

TYPED_TEST_P(JournalConformance, EntriesAppendedDuringASnapshotAreReplayedOverIt) {
  {
    auto journal = this->Recovered();
    journal->Append("before");
    int calls = 0;
    FunctionSource source([&]() -> Result<std::vector<std::string>> {
      if (++calls > 3) return std::vector<std::string>();
      const uint64_t sequence = journal->Append("during " + std::to_string(calls));
      EXPECT_EQ(sequence, 1u + static_cast<uint64_t>(calls));
      return std::vector<std::string>{"record " + std::to_string(calls)};
    });
    ASSERT_OK(journal->Snapshot(source));
    EXPECT_EQ(journal->snapshot_sequence(), 2u);
    EXPECT_EQ(journal->durable_sequence(), 4u) << "published only when all it may show is durable";
  }
  this->Recovered();
  EXPECT_THAT(this->replayed_.records, ::testing::ElementsAre("record 1", "record 2", "record 3"));
  EXPECT_THAT(this->replayed_.entries, ::testing::ElementsAre("during 1", "during 2", "during 3"));
  EXPECT_EQ(this->replayed_.first_sequence, 2u);
}

TYPED_TEST_P(JournalConformance, AFailedSnapshotChangesNothing) {
  {
    auto journal = this->Recovered();
    ASSERT_OK(AppendDurably(*journal, "1"));
    ListSource good({{"good"}});
    ASSERT_OK(journal->Snapshot(good));
    ASSERT_OK(AppendDurably(*journal, "2"));
    int calls = 0;
    FunctionSource bad([&]() -> Result<std::vector<std::string>> {
      if (++calls == 1) return std::vector<std::string>{"half"};
      return Aborted("the state went away");
    });
    EXPECT_THAT(journal->Snapshot(bad), StatusIs(Code::kAborted));
    EXPECT_EQ(journal->snapshot_sequence(), 2u);
    ASSERT_OK(AppendDurably(*journal, "3"));
  }
  this->Recovered();
  EXPECT_THAT(this->replayed_.records, ::testing::ElementsAre("good"));
  EXPECT_THAT(this->replayed_.entries, ::testing::ElementsAre("2", "3"));
}

TYPED_TEST_P(JournalConformance, WritesOneSnapshotAtATime) {
  auto journal = this->Recovered();
  Status second;
  int calls = 0;
  FunctionSource source([&]() -> Result<std::vector<std::string>> {
    if (++calls > 1) return std::vector<std::string>();
    ListSource other({});
    second = journal->Snapshot(other);
    return std::vector<std::string>{"record"};
  });
  EXPECT_OK(journal->Snapshot(source));
  EXPECT_THAT(second, StatusIs(Code::kFailedPrecondition));
}

TYPED_TEST_P(JournalConformance, StopEndsARunningSnapshot) {
  auto journal = this->Recovered();
  std::atomic<bool> started = false;
  FunctionSource endless([&]() -> Result<std::vector<std::string>> {
    started = true;
    started.notify_all();
    return std::vector<std::string>{"more"};
  });
  Status outcome;
  std::thread snapshotter([&] { outcome = journal->Snapshot(endless); });
  started.wait(false);
  journal->Stop();
  snapshotter.join();
  EXPECT_THAT(outcome, StatusIs(Code::kUnavailable));
}

TYPED_TEST_P(JournalConformance, ReportsWhatTheReplayerRefuses) {
  class Refusing final : public Replayer {
    Status OnSnapshotRecord(std::string_view) override { return Status::Ok(); }
    Status OnEntry(uint64_t sequence, std::string_view) override {
      return sequence == 2 ? InvalidArgument("cannot read this") : Status::Ok();
    }
  };
  {
    auto journal = this->Recovered();
    for (int i = 0; i < 3; ++i) journal->Append("entry");
  }
  {
    auto journal = this->traits_.Open();
    Refusing refusing;
    const Status status = journal->Recover(refusing);
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument));
    EXPECT_THAT(status.message(), ::testing::HasSubstr("entry 2"));
    EXPECT_THAT(status.message(), ::testing::HasSubstr("cannot read this"));
  }
  this->Recovered();
  EXPECT_EQ(this->replayed_.entries.size(), 3u);
}

// A counter per key; entries set a key to a value. Snapshots are taken key by key while others
// change, and whatever they show, replaying the rest over them gives the final state.
TYPED_TEST_P(JournalConformance, FuzzySnapshotsAndReplayGiveTheFinalState) {
  std::map<std::string, std::string> state;
  {
    auto journal = this->Recovered();
    std::mutex mutex;
    std::atomic<bool> finish = false;
    const auto set = [&](const std::string& key, const std::string& value) {
      const std::lock_guard<std::mutex> lock(mutex);
      state[key] = value;
      return journal->Append(key + "=" + value);
    };
    std::vector<std::thread> writers;
    for (int t = 0; t < 2; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; !finish; ++i) {
          const uint64_t sequence =
              set("key" + std::to_string((i * 7 + t) % 50), std::to_string(i));
          if (i % 20 != 0) continue;
          ASSERT_OK(AwaitDurable(*journal, sequence));
        }
      });
    }
    for (int round = 0; round < 20; ++round) {
      std::string after;
      FunctionSource source([&]() -> Result<std::vector<std::string>> {
        const std::lock_guard<std::mutex> lock(mutex);
        const auto it = state.upper_bound(after);
        if (it == state.end()) return std::vector<std::string>();
        after = it->first;
        return std::vector<std::string>{it->first + "=" + it->second};
      });
      ASSERT_OK(journal->Snapshot(source));
    }
    finish = true;
    for (auto& writer : writers) writer.join();
  }
  this->Recovered();
  std::map<std::string, std::string> replayed;
  const auto apply = [&](const std::string& text) {
    replayed[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  };
  for (const auto& record : this->replayed_.records) apply(record);
  for (const auto& entry : this->replayed_.entries) apply(entry);
  EXPECT_EQ(replayed, state);
}

REGISTER_TYPED_TEST_SUITE_P(
    JournalConformance, StartsEmptyAndCountsFromOne, GivesEntriesBackInOrderWhateverTheirBytes,
    SurvivesManyRestarts, TakesEntriesOnlyBetweenRecoverAndStop,
    StopMakesEverythingDurableAndAnswersAllWhoWait, CallsBackOnceInOrderAndAtOnceWhenAlreadyDurable,
    KeepsTheOrderOfAppendersThatShareALock, ASnapshotReplacesTheEntriesBeforeIt,
    SnapshotsMayBeEmptyAndFollowEachOther, EntriesAppendedDuringASnapshotAreReplayedOverIt,
    AFailedSnapshotChangesNothing, WritesOneSnapshotAtATime, StopEndsARunningSnapshot,
    ReportsWhatTheReplayerRefuses, FuzzySnapshotsAndReplayGiveTheFinalState);

}  // namespace headpond::journal
