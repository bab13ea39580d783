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

#include "base/executor.h"
#include "base/mutex.h"
#include "net/auth.h"
#include "testing/eventually.h"
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

// Both ends of one streamed call but the reactor: what gRPC does for a server, and a client. A
// message of the server counts as sent when the client takes it, as if the connection's window held
// one. Reactions run on two threads, as gRPC runs those of reads and writes side by side. Thread
// safe.
template <typename Request, typename Response>
class FakeCall final : public ::grpc::ServerCallbackReaderWriter<Request, Response> {
 public:
  using Reactor = ::grpc::ServerBidiReactor<Request, Response>;

  ~FakeCall() override { threads_.Shutdown(); }

  void Start(Reactor* reactor) {
    reactor_ = reactor;
    this->BindReactor(reactor);
  }

  // The client's side.
  void Send(Request message) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    sent_.push_back(std::move(message));
    GiveRead();
  }
  void HalfClose() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    half_closed_ = true;
    GiveRead();
  }
  void Cancel() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (cancelled_ || ended_) return;
    cancelled_ = true;
    React([this] { reactor_->OnCancel(); });
    GiveRead();
    if (writing_) EndWrite(false);
  }
  // The next message; nullopt when the call ended without one.
  std::optional<Response> Receive() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    while (!writing_ && !ended_)
      if (!changed_.WaitUntil(mutex_, deadline)) {
        ADD_FAILURE() << "the server neither sent anything nor ended the call";
        return std::nullopt;
      }
    if (!writing_) return std::nullopt;
    std::optional<Response> message(*writing_);
    EndWrite(true);
    return message;
  }
  // Whether Receive would not have to wait.
  bool ready() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return writing_ != nullptr || ended_;
  }
  // Waits for the end; messages not received yet are dropped.
  ::grpc::Status AwaitEnd() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    while (!done_) {
      if (writing_) EndWrite(true);
      if (!changed_.WaitUntil(mutex_, deadline)) {
        ADD_FAILURE() << "the server did not end the call";
        return {::grpc::StatusCode::DEADLINE_EXCEEDED, "the server did not end the call"};
      }
    }
    return status_;
  }

  bool cancelled() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return cancelled_;
  }
  // Messages that the server has taken.
  size_t taken() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return taken_;
  }

  // gRPC's side.
  void SendInitialMetadata() override {}
  void Read(Request* message) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    EXPECT_EQ(reading_, nullptr) << "two reads at once";
    reading_ = message;
    GiveRead();
  }
  void Write(const Response* message, ::grpc::WriteOptions) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    BeginWrite(message);
  }
  void WriteAndFinish(const Response* message, ::grpc::WriteOptions, ::grpc::Status status) override
      EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    status_after_write_ = std::move(status);
    BeginWrite(message);
  }
  void Finish(::grpc::Status status) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    End(std::move(status));
  }

 private:
  ::grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}

  void GiveRead() REQUIRES(mutex_) {
    if (reading_ == nullptr) return;
    const bool over = cancelled_ || ended_;
    const bool ok = !over && !sent_.empty();
    if (!ok && !over && !half_closed_) return;
    if (ok) {
      *reading_ = std::move(sent_.front());
      sent_.pop_front();
      ++taken_;
    }
    reading_ = nullptr;
    React([this, ok] { reactor_->OnReadDone(ok); });
  }

  void BeginWrite(const Response* message) REQUIRES(mutex_) {
    EXPECT_EQ(writing_, nullptr) << "two writes at once";
    writing_ = message;
    changed_.NotifyAll();
    if (cancelled_) EndWrite(false);
  }
  void EndWrite(bool ok) REQUIRES(mutex_) {
    writing_ = nullptr;
    if (status_after_write_)
      End(*status_after_write_);
    else
      React([this, ok] { reactor_->OnWriteDone(ok); });
  }

  void End(::grpc::Status status) REQUIRES(mutex_) {
    EXPECT_FALSE(ended_) << "finished twice";
    ended_ = true;
    status_ = std::move(status);
    GiveRead();
    React([] {});  // the last reaction to return ends the call
    changed_.NotifyAll();
  }

  void React(std::function<void()> reaction) REQUIRES(mutex_) {
    ++reactions_;
    EXPECT_OK(threads_.Submit([this, reaction = std::move(reaction)] {
      reaction();
      if (!IsLastReaction()) return;
      reactor_->OnDone();
      MutexLock lock(mutex_);
      done_ = true;
      changed_.NotifyAll();
    }));
  }
  bool IsLastReaction() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return --reactions_ == 0 && ended_ && writing_ == nullptr;
  }

  Reactor* reactor_ = nullptr;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Request> sent_ GUARDED_BY(mutex_);
  size_t taken_ GUARDED_BY(mutex_) = 0;
  bool half_closed_ GUARDED_BY(mutex_) = false;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  Request* reading_ GUARDED_BY(mutex_) = nullptr;
  const Response* writing_ GUARDED_BY(mutex_) = nullptr;
  std::optional<::grpc::Status> status_after_write_ GUARDED_BY(mutex_);
  ::grpc::Status status_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  bool done_ GUARDED_BY(mutex_) = false;
  int reactions_ GUARDED_BY(mutex_) = 0;
  ThreadPool threads_{"reactions", 2, 1000};
};

// A gRPC status as ours, for StatusIs.
inline Status FromGrpc(const ::grpc::Status& status) {
  return Status(static_cast<Code>(status.error_code()), status.error_message());
}

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

  WorkerDataTest() { std::filesystem::create_directory(ufs_root_); }
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
  net::UnixUserGroups groups_;
  net::Authenticator authenticator_{{}, groups_, Clock::System()};
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
