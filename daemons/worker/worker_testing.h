#pragma once

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "net/auth.h"
#include "net/stall_watch.h"
#include "testing/eventually.h"
#include "testing/fake_call.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "ufs/faulty_ufs.h"
#include "worker/block_service.h"

namespace headpond::worker {

// Helpers for tests of the worker's data paths: streams are driven through gRPC's own mocking
// interface, so no server, no socket and none of gRPC's threads take part.

// Keeps tasks until it is told to run them. Thread safe.
class HeldExecutor final : public Executor {
 public:
  Status Submit(std::function<void()> task) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    return Status::Ok();
  }
  // Runs what is there and what that brings, on this thread.
  void RunAll() EXCLUDES(mutex_) {
    while (const auto task = Next()) task();
  }

 private:
  std::function<void()> Next() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (tasks_.empty()) return nullptr;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  Mutex mutex_;
  std::deque<std::function<void()>> tasks_ GUARDED_BY(mutex_);
};

// Bytes that tell where in which block they belong.
inline std::string Content(BlockId block, size_t length) {
  std::string content;
  while (content.size() < length) content += fmt::format("<{}:{}>", block, content.size());
  content.resize(length);
  return content;
}

// A worker's block store, one mounted under-store that can be made to fail, and all that block
// streams stand on.
class WorkerDataTest : public ::testing::Test {
 protected:
  static constexpr int64_t kCapacity = 1 << 20;
  static constexpr size_t kBudget = 1 << 20;
  static constexpr MountId kMount = 7;
  static constexpr std::chrono::seconds kReaderLimit{60};
  static constexpr std::chrono::hours kReaderIdleLimit{1};
  static constexpr std::chrono::minutes kWriterLimit{10};
  static constexpr std::chrono::hours kWriterIdleLimit{24};

  // All folders are below one in `parent`, or where temporary files are.
  explicit WorkerDataTest(const std::string& parent = "") : root_(parent) {
    std::filesystem::create_directory(ufs_root_);
  }
  ~WorkerDataTest() override { Quiesce(); }

  // Waits for work that outlives its call. Nothing can be started afterwards.
  void Quiesce() {
    caching().Stop();
    io_.Shutdown();
  }

  CacheManager& caching() {
    if (!caching_)
      caching_ = std::make_unique<CacheManager>(
          caching_options_, *store_, inputs_, commit_,
          [this](const std::string& host, int port, BlockId block, int64_t length,
                 const std::function<Status(std::string_view)>& sink) {
            return fetch_(host, port, block, length, sink);
          });
    return *caching_;
  }
  const BlockServiceDeps& deps() {
    if (!deps_)
      deps_.emplace(BlockServiceDeps{.store = *store_,
                                     .inputs = inputs_,
                                     .mounts = mounts_,
                                     .caching = caching(),
                                     .commit = commit_,
                                     .authenticator = authenticator_,
                                     .metrics = metrics_,
                                     .io = *executor_,
                                     .budget = budget_,
                                     .readers = readers_,
                                     .writers = writers_,
                                     .active = active_,
                                     .is_superuser = [](const std::string&) { return true; }});
    return *deps_;
  }

  void PutBlock(BlockId block, const std::string& content) {
    auto writer = store_->Create(NewSessionId(), block, {}, 0);
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Append(content));
    ASSERT_OK((*writer)->Commit(/*pin=*/false));
  }
  // Room for nothing else, and none can be made.
  void FillStore() {
    auto writer = store_->Create(NewSessionId(), kFiller, {}, 0);
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Append(std::string(kCapacity, 'x')));
    ASSERT_OK((*writer)->Commit(/*pin=*/true));
  }
  std::string BlockContent(BlockId block) {
    const auto reader = store_->Open(block);
    EXPECT_OK(reader);
    if (!reader.ok()) return "";
    std::string content(static_cast<size_t>((*reader)->length()), '\0');
    EXPECT_THAT((*reader)->ReadAt(0, content.size(), content.data()), IsOkAndHolds(content.size()));
    return content;
  }
  // Files of blocks that are being written, or were given up without being cleaned away.
  std::vector<std::string> TemporaryFiles() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ / "mem"))
      if (entry.is_regular_file() &&
          entry.path().string().find(".tmp_blocks/") != std::string::npos)
        files.push_back(entry.path());
    return files;
  }
  int64_t UsedBytes() const { return store_->Space().front().used_bytes; }

  std::string UfsPath(std::string_view name) const { return fmt::format("{}/{}", ufs_root_, name); }
  void PutUfsFile(std::string_view name, const std::string& content) {
    std::ofstream(UfsPath(name), std::ios::binary) << content;
  }
  std::string UfsContent(std::string_view name) const {
    std::ostringstream content;
    content << std::ifstream(UfsPath(name), std::ios::binary).rdbuf();
    return content.str();
  }
  // All regular files of the under-store, by name.
  std::vector<std::string> UfsFiles() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(ufs_root_))
      if (entry.is_regular_file()) files.push_back(entry.path().filename());
    return files;
  }

  std::vector<BlockId> committed() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return committed_;
  }
  void RefuseCommits(Status status) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    commit_status_ = std::move(status);
  }

  static constexpr BlockId kFiller = BlockId{999} << 24;

  TempDirectory root_;
  const std::string ufs_root_ = root_ / "ufs";
  const std::shared_ptr<ufs::UfsFaults> faults_ = std::make_shared<ufs::UfsFaults>();
  ThreadPool io_{"io", 4, 10'000};
  Executor* executor_ = &io_;  // what streams work on; set before deps()
  ByteBudget budget_{kBudget};
  MetricsRegistry metrics_;
  ActiveCalls active_;
  ManualClock clock_;  // of stalled streams
  net::StallWatch readers_{{.contended_limit = kReaderLimit,
                            .idle_limit = kReaderIdleLimit,
                            .what = "took no message",
                            .metric = "Worker.StalledReadersEnded"},
                           clock_,
                           metrics_,
                           [this] { return budget_.contended(); }};
  net::StallWatch writers_{{.contended_limit = kWriterLimit,
                            .idle_limit = kWriterIdleLimit,
                            .what = "sent nothing",
                            .metric = "Worker.StalledWritersEnded"},
                           clock_,
                           metrics_,
                           nullptr};
  net::UnixUserGroups groups_;
  net::Authenticator authenticator_{
      {.type = net::AuthType::kNoSasl, .process_user = "worker"}, groups_, Clock::System()};
  mutable Mutex mutex_;
  std::vector<BlockId> committed_ GUARDED_BY(mutex_);
  Status commit_status_ GUARDED_BY(mutex_);
  const CommitToMaster commit_ = [this](BlockId block, const cache::BlockWriter::Committed&) {
    MutexLock lock(mutex_);
    committed_.push_back(block);
    return commit_status_;
  };
  const std::unique_ptr<cache::BlockStore> store_ = OpenStore(root_ / "mem");
  UfsMounts mounts_{
      [this](MountId id) -> Result<MountSpec> {
        if (id == kMount) return MountSpec{ufs_root_, {}};
        return NotFound("no mount has id {}", id);
      },
      [this](const std::string& uri, const std::map<std::string, std::string>& properties)
          -> Result<std::unique_ptr<ufs::Ufs>> {
        ASSIGN_OR_RETURN(auto opened, ufs::OpenUfs(uri, properties));
        return ufs::MakeFaultyUfs(std::move(opened), faults_);
      }};
  BlockInputs inputs_{*store_, mounts_, commit_};
  CacheManager::Options caching_options_{
      .is_self = [](const std::string& host, int) { return host == "self"; }};
  CacheManager::RemoteFetch fetch_ = [](const std::string& host, int, BlockId, int64_t,
                                        const std::function<Status(std::string_view)>&) -> Status {
    return Unavailable("{} does not answer", host);
  };

 private:
  static std::unique_ptr<cache::BlockStore> OpenStore(const std::string& folder) {
    auto opened = cache::OpenTieredBlockStore({.tiers = {{"MEM", {{folder, kCapacity, ""}}}}});
    EXPECT_OK(opened);
    return *std::move(opened);
  }

  std::unique_ptr<CacheManager> caching_;
  std::optional<BlockServiceDeps> deps_;
};

}  // namespace headpond::worker
