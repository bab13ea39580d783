// kill -9 of a real process on a real file system. The test runs itself again as the process to
// kill:
//   consensus_raft_log_kill_test --child FOLDER
#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "consensus/raft_log.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "testing/writing_child.h"

namespace headpond::consensus {
namespace {

constexpr int kRounds = 60;

// What entry `index` holds, so that any process can check it.
Entry EntryAt(uint64_t index) {
  return {.index = index,
          .term = 1 + index / 1000,
          .data = fmt::format("entry {} {}", index, std::string(index * 7919 % 500, 'x'))};
}

Result<std::unique_ptr<RaftLog>> Open(const std::string& folder) {
  return RaftLog::Open(io::Env::Posix(),
                       {.folder = folder,
                        .identity = {.cluster_id = "c", .node_id = 1, .address = "a:1"},
                        .segment_bytes = 64 << 10,
                        .cache_bytes = 1 << 10});
}

// Appends some entries at a time, replaces some and compacts, until killed.
int Child(const std::string& folder) {
  auto log = Open(folder);
  if (!log.ok()) return 1;
  for (uint64_t round = 1;; ++round) {
    std::vector<Entry> entries;
    uint64_t next = (*log)->last_index() + 1;
    if (round % 7 == 0) next = std::max((*log)->first_index(), next - 3);
    for (uint64_t i = 0; i < 3 + round % 5; ++i) entries.push_back(EntryAt(next + i));
    const uint64_t last = entries.back().index;
    if (!(*log)->Append(entries, HardState{last, 1, last}).ok()) return 2;
    if (round % 50 == 0 &&
        !(*log)->Compact({.index = last, .term = EntryAt(last).term}, last - 2).ok())
      return 3;
    if (!WritingChild::Acknowledge(last)) return 4;
  }
}

TEST(RaftLogKillTest, PromisesSurviveKillsAtRandomMoments) {
  const uint64_t seed = Random::FromSystem().Next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  TempDirectory directory;
  const std::string folder = directory / "node";
  ASSERT_OK(FormatRaftFolder(io::Env::Posix(), folder,
                             {.cluster_id = "c", .node_id = 1, .address = "a:1"},
                             {.index = 1, .term = 1}, random.Next(), nullptr));
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const uint64_t acknowledged = WritingChild(folder).KillAfter(1 + random.Below(150));
    ASSERT_GT(acknowledged, 0u) << "the process ended by itself";
    ASSERT_OK_AND_ASSIGN(const auto log, Open(folder));
    ASSERT_GE(log->last_index(), acknowledged);
    ASSERT_GE(log->hard_state().term, acknowledged);
    for (uint64_t next = log->first_index(); next <= log->last_index();) {
      ASSERT_OK_AND_ASSIGN(const auto entries, log->Entries(next, log->last_index() + 1, 1 << 20));
      for (const Entry& entry : entries) ASSERT_EQ(entry, EntryAt(next++));
    }
  }
}

}  // namespace
}  // namespace headpond::consensus

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--child") return headpond::consensus::Child(argv[2]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
