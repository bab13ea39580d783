// kill -9 of a real process on a real file system. The test runs itself again as the process to
// kill:
//   consensus_raft_log_kill_test --child FOLDER FD
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "base/random.h"
#include "consensus/raft_log.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

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

// Appends some entries at a time, replaces some and compacts, until killed. Writes the last index
// to `fd` each time.
int Child(const std::string& folder, int fd) {
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
    if (::write(fd, &last, sizeof(last)) != sizeof(last)) return 4;
  }
}

class Process {
 public:
  explicit Process(const std::string& folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) ::abort();
    read_ = ends[0];
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 3);  // without O_CLOEXEC
      ::execl("/proc/self/exe", "consensus_raft_log_kill_test", "--child", folder.c_str(), "3",
              nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
  }
  ~Process() { ::close(read_); }

  // After `count` acknowledgements; what was acknowledged until it died, 0 if it ended by itself.
  uint64_t KillAfter(uint64_t count) {
    uint64_t last = 0;
    for (; count > 0; --count) {
      pollfd ready{.fd = read_, .events = POLLIN};
      if (::poll(&ready, 1, 60'000) != 1 || ::read(read_, &last, sizeof(last)) != sizeof(last))
        break;
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    if (count > 0) return 0;
    while (::read(read_, &last, sizeof(last)) == sizeof(last)) continue;
    return last;
  }

 private:
  pid_t pid_ = -1;
  int read_ = -1;
};

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
    Process process(folder);
    const uint64_t acknowledged = process.KillAfter(1 + random.Below(150));
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
  if (argc == 4 && std::string(argv[1]) == "--child")
    return headpond::consensus::Child(argv[2], std::stoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
