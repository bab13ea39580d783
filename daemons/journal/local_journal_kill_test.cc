// kill -9 of a real process on a real file system. The test runs itself again as the process to
// kill:
//   journal_kill_test --child FOLDER
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "journal/journal_testing.h"
#include "journal/local_journal.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "testing/writing_child.h"

namespace headpond::journal {
namespace {

constexpr int kRounds = 80;
constexpr int kThreads = 3;

// What entry `sequence` holds, so that any process can check it.
std::string EntryAt(uint64_t sequence) {
  return fmt::format("entry {} {}", sequence, std::string(sequence * 7919 % 500, 'x'));
}

Result<std::unique_ptr<Journal>> Open(const std::string& folder) {
  return OpenLocalJournal(io::Env::Posix(), {.folder = folder, .segment_bytes = 64 << 10});
}

// Appends from several threads and takes snapshots, until killed.
int Child(const std::string& folder) {
  auto journal = Open(folder);
  RecordingReplayer replayed;
  if (!journal.ok() || !(*journal)->Recover(replayed).ok()) return 1;
  std::mutex order;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (;;) {
        uint64_t sequence = 0;
        {
          const std::lock_guard<std::mutex> lock(order);
          sequence = (*journal)->Append(EntryAt((*journal)->last_sequence() + 1));
        }
        if (!AwaitDurable(**journal, sequence).ok()) ::_exit(2);
        if (!WritingChild::Acknowledge(sequence)) ::_exit(3);
        if (t != 0 || sequence % 50 != 0) continue;
        uint64_t next = 1;
        FunctionSource source([&]() -> Result<std::vector<std::string>> {
          std::vector<std::string> records;
          const uint64_t last = (*journal)->last_sequence();
          for (int i = 0; i < 100 && next <= last; ++i) records.push_back(EntryAt(next++));
          return records;
        });
        if (!(*journal)->Snapshot(source).ok()) ::_exit(4);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return 0;
}

TEST(LocalJournalKillTest, AcknowledgedEntriesSurviveKillsAtRandomMoments) {
  const uint64_t seed = Random::FromSystem().Next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  TempDirectory directory;
  const std::string folder = directory / "journal";
  ASSERT_OK(FormatLocalJournal(io::Env::Posix(), folder, "c", false));
  uint64_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const uint64_t acks = WritingChild(folder).KillAfter(1 + random.Below(120));
    ASSERT_GT(acks, 0u) << "the process ended by itself";
    acknowledged = std::max(acknowledged, acks);

    auto journal = Open(folder);
    ASSERT_OK(journal);
    RecordingReplayer replayed;
    ASSERT_OK((*journal)->Recover(replayed));
    const uint64_t last = (*journal)->last_sequence();
    const uint64_t first = (*journal)->snapshot_sequence();
    ASSERT_GE(last, acknowledged);
    ASSERT_GE(replayed.records.size(), first - 1);
    ASSERT_LE(replayed.records.size(), last);
    ASSERT_EQ(replayed.entries.size(), last - (first - 1));
    for (size_t i = 0; i < replayed.records.size(); ++i)
      ASSERT_EQ(replayed.records[i], EntryAt(i + 1));
    for (size_t i = 0; i < replayed.entries.size(); ++i)
      ASSERT_EQ(replayed.entries[i], EntryAt(first + i));
    acknowledged = last;
  }
  RecordProperty("acknowledged", std::to_string(acknowledged));
}

}  // namespace
}  // namespace headpond::journal

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--child") return headpond::journal::Child(argv[2]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
