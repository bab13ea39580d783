#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "base/random.h"
#include "client/file_system.h"
#include "testing/daemon_process.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

// HEADPOND_BINARY is the executable under test, from the build.

namespace headpond::testing {
namespace {

constexpr int kWriters = 4;
constexpr int kRounds = 50;

// Directories that one writer created, renamed and removed; every change was acknowledged.
class Writer {
 public:
  Writer(client::FileSystem& files, int number, uint64_t seed)
      : files_(files), root_(fmt::format("/w{}", number)), random_(seed) {}

  // Changes until told to stop. The client repeats a call whose reply was lost under the same
  // operation id, so each must succeed exactly: an AlreadyExists would be its own change seen
  // twice, a NotFound a lost one.
  Status Run(const std::atomic<bool>& stop) {
    RETURN_IF_ERROR(files_.CreateDirectory(root_));
    while (!stop) RETURN_IF_ERROR(Step());
    return Status::Ok();
  }

  Status Check() const {
    std::set<std::string> found;
    RETURN_IF_ERROR(files_.ListStatus(root_, {}, [&](client::FileInfo&& info) {
      found.insert(info.path);
      return Status::Ok();
    }));
    if (found == paths_) return Status::Ok();
    for (const std::string& path : paths_)
      if (!found.contains(path)) return DataLoss("{} was acknowledged and is gone", path);
    return DataLoss("{} paths are there, {} were acknowledged", found.size(), paths_.size());
  }

  int64_t changes() const { return changes_; }

 private:
  Status Step() {
    ++changes_;
    const uint64_t choice = random_.Below(10);
    if (choice < 6 || paths_.empty()) {
      const std::string path = NewPath();
      RETURN_IF_ERROR(files_.CreateDirectory(path));
      paths_.insert(path);
      return Status::Ok();
    }
    const auto it = std::next(paths_.begin(), static_cast<ptrdiff_t>(random_.Below(paths_.size())));
    const std::string path = std::move(paths_.extract(it).value());
    if (choice < 8) return files_.Delete(path);
    const std::string renamed = NewPath();
    RETURN_IF_ERROR(files_.Rename(path, renamed));
    paths_.insert(renamed);
    return Status::Ok();
  }

  std::string NewPath() { return fmt::format("{}/d{}", root_, next_++); }

  client::FileSystem& files_;
  const std::string root_;
  Random random_;
  std::set<std::string> paths_;
  int next_ = 0;
  std::atomic<int64_t> changes_ = 0;
};

void Pause(std::chrono::microseconds duration) {
  Mutex mutex;
  CondVar never;
  const auto until = std::chrono::steady_clock::now() + duration;
  MutexLock lock(mutex);
  while (never.WaitUntil(mutex, until)) {
  }
}

TEST(MasterKillTest, EveryAcknowledgedChangeSurvivesKillsAtRandomInstants) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Random random(seed);
  TempDirectory directory;
  const int port = FreePort();
  ASSERT_GT(port, 0);
  const std::vector<std::pair<std::string, std::string>> properties{
      {"alluxio.master.hostname", "127.0.0.1"},
      {"alluxio.master.rpc.port", std::to_string(port)},
      {"alluxio.master.bind.host", "127.0.0.1"},
      {"alluxio.master.web.bind.host", "127.0.0.1"},
      {"alluxio.master.web.port", "0"},
      {"alluxio.master.journal.folder", directory / "journal"},
      {"alluxio.master.mount.table.root.ufs", directory / "ufs"},
      {"alluxio.logs.dir", directory / "logs"}};
  std::vector<std::string> arguments{HEADPOND_BINARY, "master"};
  Config config;
  for (const auto& [key, value] : properties) {
    arguments.push_back(fmt::format("-D{}={}", key, value));
    ASSERT_OK(config.Set(key, value));
  }
  DaemonProcess master;
  ASSERT_OK(master.Start(arguments, directory / "master.out"));
  auto files = client::FileSystem::Connect(std::move(config));
  ASSERT_OK(files.status());

  std::atomic<bool> stop = false;
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::thread> threads;
  std::vector<Status> outcomes(kWriters);
  for (int i = 0; i < kWriters; ++i)
    writers.push_back(std::make_unique<Writer>(**files, i, random.Next()));
  for (int i = 0; i < kWriters; ++i)
    threads.emplace_back(
        [&, i] { outcomes[static_cast<size_t>(i)] = writers[static_cast<size_t>(i)]->Run(stop); });

  const auto total = [&] {
    int64_t sum = 0;
    for (const auto& writer : writers) sum += writer->changes();
    return sum;
  };
  for (int round = 0; round < kRounds; ++round) {
    // In the middle of the load: once some more changes were made, and an instant later.
    const int64_t until_changes = total() + 1 + static_cast<int64_t>(random.Below(100));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (total() < until_changes) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline)
          << "the writers are stuck in round " << round;
      Pause(std::chrono::microseconds(200));
    }
    Pause(std::chrono::microseconds(random.Below(3000)));
    master.Kill();
    ASSERT_OK(master.Start(arguments, directory / "master.out"));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kWriters; ++i) {
    EXPECT_OK(outcomes[static_cast<size_t>(i)]);
    EXPECT_OK(writers[static_cast<size_t>(i)]->Check());
  }
  fmt::print("{} changes over {} kills\n", total(), kRounds);
  const auto code = master.Terminate(std::chrono::seconds(5));
  ASSERT_OK(code.status());
  EXPECT_EQ(*code, 0);
}

}  // namespace
}  // namespace headpond::testing
