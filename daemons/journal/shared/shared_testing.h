#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "io/env.h"
#include "journal/embedded/embedded_testing.h"
#include "journal/journal_testing.h"
#include "journal/shared/epochs.h"
#include "journal/shared/shared_journal.h"
#include "testing/eventually.h"

namespace headpond::journal {

inline constexpr char kSharedFolder[] = "/shared";
inline constexpr char kSharedCluster[] = "c";

// One process's view of a file system that it shares with others: can be stopped before any of its
// calls, as by SIGSTOP. Thread safe.
class PausingEnv final : public io::Env {
 public:
  explicit PausingEnv(io::Env& base) : base_(base) {}
  ~PausingEnv() override { Resume(); }

  // Stops every thread that comes to the `call`-th call from now on, or to a later one.
  void PauseAt(int64_t call) {
    MutexLock lock(mutex_);
    pause_at_ = calls_ + call;
  }
  void Resume() {
    MutexLock lock(mutex_);
    pause_at_ = INT64_MAX;
    paused_ = false;
    changed_.NotifyAll();
  }
  bool paused() const {
    MutexLock lock(mutex_);
    return paused_;
  }

  Result<std::unique_ptr<io::WritableFile>> OpenForWrite(const std::string& path,
                                                         io::OpenMode mode) override {
    Step();
    auto file = base_.OpenForWrite(path, mode);
    if (!file.ok()) return file;
    return std::unique_ptr<io::WritableFile>(std::make_unique<Writer>(*this, *std::move(file)));
  }
  Result<std::unique_ptr<io::RandomAccessFile>> OpenForRead(const std::string& path) override {
    Step();
    return base_.OpenForRead(path);
  }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    Step();
    return base_.List(directory);
  }
  Result<bool> Exists(const std::string& path) override { return base_.Exists(path); }
  Status CreateDirectories(const std::string& path) override {
    Step();
    return base_.CreateDirectories(path);
  }
  Status Remove(const std::string& path) override {
    Step();
    return base_.Remove(path);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    Step();
    return base_.Rename(from, to);
  }
  Status SyncDirectory(const std::string& directory) override {
    return base_.SyncDirectory(directory);
  }
  Status Truncate(const std::string& path, int64_t size) override {
    return base_.Truncate(path, size);
  }
  Status RewriteTail(const std::string& path, int64_t offset) override {
    Step();
    return base_.RewriteTail(path, offset);
  }
  Result<std::unique_ptr<io::FileLock>> Lock(const std::string& path) override {
    return base_.Lock(path);
  }

 private:
  class Writer final : public io::WritableFile {
   public:
    Writer(PausingEnv& env, std::unique_ptr<io::WritableFile> file)
        : env_(env), file_(std::move(file)) {}
    Status Append(std::string_view data) override {
      env_.Step();
      return file_->Append(data);
    }
    Status Preallocate(int64_t bytes) override { return file_->Preallocate(bytes); }
    Status Sync() override {
      env_.Step();
      return file_->Sync();
    }
    Status Close() override { return file_->Close(); }
    int64_t size() const override { return file_->size(); }

   private:
    PausingEnv& env_;
    const std::unique_ptr<io::WritableFile> file_;
  };

  void Step() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++calls_;
    while (calls_ >= pause_at_) {
      paused_ = true;
      changed_.Wait(mutex_);
    }
  }

  io::Env& base_;
  mutable Mutex mutex_;
  CondVar changed_;
  int64_t calls_ GUARDED_BY(mutex_) = 0;
  int64_t pause_at_ GUARDED_BY(mutex_) = INT64_MAX;
  bool paused_ GUARDED_BY(mutex_) = false;
};

class FakeLeadership final : public Leadership {
 public:
  bool Leads() const override { return leads_; }
  std::string leader() const override { return leads_ ? "self" : "another:1"; }
  void Set(bool leads) { leads_ = leads; }

 private:
  std::atomic<bool> leads_{false};
};

inline SharedJournalOptions SharedOptions(uint64_t seed) {
  return {.folder = kSharedFolder,
          .cluster_id = kSharedCluster,
          .owner = "self",
          .poll = std::chrono::milliseconds(1),
          .segment_bytes = 2'000,
          .max_batch_bytes = 1'000,
          .random = Random(seed)};
}

// One master: its journal, and the thread that owns it and keeps its state, a list of all entries.
class SharedMember {
 public:
  SharedMember(io::Env& env, uint64_t seed)
      : journal_(OpenSharedJournal(env, leadership_, SharedOptions(seed))) {
    thread_ = std::thread([this] { Run(); });
  }
  ~SharedMember() { Stop(); }

  void Stop() {
    stopping_ = true;
    journal_->Stop();
    if (thread_.joinable()) thread_.join();
  }
  void Lead(bool leads) {
    leadership_.Set(leads);
    journal_->OnLeadershipChange();
  }

  SharedJournal& journal() { return *journal_; }
  ListReplayer& state() { return state_; }
  bool leads() const { return leads_; }
  int rebuilds() const { return rebuilds_; }
  int demotions() const { return demotions_; }
  Status error() const {
    MutexLock lock(mutex_);
    return error_;
  }

  // Returns the entry's outcome. As in a master, what was asked of one life of the state has ended
  // before the next one begins.
  Status Append(const std::string& entry) {
    const std::shared_lock<std::shared_mutex> lock(life_);
    if (!leads_) return Unavailable("a standby");
    RETURN_IF_ERROR(journal_->CheckWritable());
    return AwaitDurable(*journal_, state_.Append(*journal_, entry));
  }
  Status Snapshot() {
    const std::shared_lock<std::shared_mutex> lock(life_);
    return state_.Snapshot(*journal_);
  }

 private:
  void Run() {
    while (!stopping_) {
      {
        const std::unique_lock<std::shared_mutex> lock(life_);
        state_.Clear();
      }
      const Status status = Live();
      if (status.ok()) continue;
      MutexLock lock(mutex_);
      error_ = status;
      return;
    }
  }
  Status Live() {
    const Status recovered = journal_->Recover(state_);
    if (!recovered.ok()) return stopping_ ? Status::Ok() : recovered;
    ASSIGN_OR_RETURN(const auto followed, journal_->Follow(state_));
    if (followed == ReplicatedJournal::Followed::kRebuild) ++rebuilds_;
    if (followed != ReplicatedJournal::Followed::kPromoted) return Status::Ok();
    leads_ = true;
    while (!journal_->AwaitDemotion(std::chrono::steady_clock::now() + std::chrono::seconds(1))) {
    }
    leads_ = false;
    ++demotions_;
    return Status::Ok();
  }

  FakeLeadership leadership_;
  const std::unique_ptr<SharedJournal> journal_;
  std::shared_mutex life_;
  ListReplayer state_;
  std::atomic<bool> stopping_{false}, leads_{false};
  std::atomic<int> rebuilds_{0}, demotions_{0};
  mutable Mutex mutex_;
  Status error_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace headpond::journal
