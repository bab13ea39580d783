// kill -9 of a real process on a real file system. The test runs itself again as the process to
// kill:
//   journal_kill_test --child FOLDER FD
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "journal/journal_testing.h"
#include "journal/local_journal.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

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

// Appends from several threads and takes snapshots, until killed. Writes each acknowledged sequence
// to `fd`.
int Child(const std::string& folder, int fd) {
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
        // At most PIPE_BUF bytes: whole or not at all.
        if (::write(fd, &sequence, sizeof(sequence)) != sizeof(sequence)) ::_exit(3);
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

class Process {
 public:
  explicit Process(const std::string& folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) ::abort();
    read_ = ends[0];
    const std::string fd = "3";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 3);  // without O_CLOEXEC
      ::execl("/proc/self/exe", "journal_kill_test", "--child", folder.c_str(), fd.c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
  }
  ~Process() { ::close(read_); }

  // The greatest sequence among the next `count` acknowledgements; 0 if the process ended.
  uint64_t ReadAcks(uint64_t count) {
    uint64_t greatest = 0;
    for (; count > 0; --count) {
      pollfd ready{.fd = read_, .events = POLLIN};
      uint64_t sequence = 0;
      if (::poll(&ready, 1, 60'000) != 1 ||
          ::read(read_, &sequence, sizeof(sequence)) != sizeof(sequence))
        return 0;
      greatest = std::max(greatest, sequence);
    }
    return greatest;
  }
  // Everything that was acknowledged before it died.
  uint64_t KillAndReadRest() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    uint64_t greatest = 0, sequence = 0;
    while (::read(read_, &sequence, sizeof(sequence)) == sizeof(sequence))
      greatest = std::max(greatest, sequence);
    return greatest;
  }

 private:
  pid_t pid_ = -1;
  int read_ = -1;
};

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
    Process process(folder);
    const uint64_t acks = process.ReadAcks(1 + random.Below(120));
    ASSERT_GT(acks, 0u) << "the process ended by itself";
    acknowledged = std::max({acknowledged, acks, process.KillAndReadRest()});

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
  if (argc == 4 && std::string(argv[1]) == "--child")
    return headpond::journal::Child(argv[2], std::stoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
