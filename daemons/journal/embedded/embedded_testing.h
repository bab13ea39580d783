#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "consensus/memory_transport.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/embedded/embedded_journal.h"
#include "journal/journal_testing.h"
#include "testing/status_matchers.h"

namespace headpond::journal {

inline constexpr char kMemberFolder[] = "/journal";

// Keeps a state that is the list of all entries; its snapshots hold one record per entry.
class ListReplayer final : public Replayer {
 public:
  Status OnSnapshotRecord(std::string_view record) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    list_.emplace_back(record);
    return Status::Ok();
  }
  Status OnEntry(uint64_t sequence, std::string_view entry) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    // A snapshot may show entries that are replayed over it.
    list_.resize(sequence - 1);
    list_.emplace_back(entry);
    last_sequence_ = sequence;
    return Status::Ok();
  }
  Status OnSettled() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_FALSE(settled_after_) << "settled twice";
    settled_after_ = last_sequence_;
    return Status::Ok();
  }
  void Clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    list_.clear();
    last_sequence_ = 0;
    settled_after_ = std::nullopt;
  }
  // The entry that was replayed last when the state settled; 0: before the first.
  std::optional<uint64_t> settled_after() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return settled_after_;
  }
  std::vector<std::string> list() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return list_;
  }
  uint64_t Append(Journal& journal, const std::string& entry) {
    const std::lock_guard<std::mutex> lock(mutex_);
    list_.push_back(entry);
    return journal.Append(entry);
  }
  // Of everything that is in the list now.
  Status Snapshot(Journal& journal) {
    bool done = false;
    FunctionSource source([&]() -> Result<std::vector<std::string>> {
      if (std::exchange(done, true)) return std::vector<std::string>();
      return list();
    });
    return journal.Snapshot(source);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> list_;
  uint64_t last_sequence_ = 0;
  std::optional<uint64_t> settled_after_;
};

inline consensus::NodeIdentity MemberIdentity(uint64_t id) {
  return {.cluster_id = "c", .node_id = id, .address = fmt::format("host{}:19200", id)};
}

inline consensus::Addresses AddressesOf(const std::vector<uint64_t>& members) {
  consensus::Addresses addresses;
  for (const uint64_t id : members) addresses[id] = MemberIdentity(id).address;
  return addresses;
}

inline EmbeddedJournalOptions MemberOptions(uint64_t id) {
  return {.node = {.log = {.folder = kMemberFolder,
                           .identity = MemberIdentity(id),
                           .segment_bytes = 20'000,
                           .fill_bytes = 0,
                           .cache_bytes = 10'000,
                           .random = Random(id)},
                   .keep_entries = 10,
                   .snapshot_retry = std::chrono::milliseconds(300),
                   .random = Random(id)},
          .max_batch_bytes = 2'000,
          .random = Random(id)};
}

// A journal of several masters that leads once it was recovered, as the suite of all journals
// expects of its journal.
class LeadingJournal final : public Journal {
 public:
  // `around` is what the journal needs as long as it is there; `help` is called now and then until
  // it leads.
  LeadingJournal(
      std::shared_ptr<void> around, std::unique_ptr<ReplicatedJournal> journal,
      std::function<void()> help = [] {})
      : around_(std::move(around)), journal_(std::move(journal)), help_(std::move(help)) {}

  Status Recover(Replayer& replayer) override {
    while (true) {
      RETURN_IF_ERROR(journal_->Recover(replayer));
      const PeriodicTask helper("help", std::chrono::milliseconds(20), help_);
      ASSIGN_OR_RETURN(const auto followed, journal_->Follow(replayer));
      if (followed == ReplicatedJournal::Followed::kPromoted) return Status::Ok();
      if (followed != ReplicatedJournal::Followed::kRebuild) return Internal("stopped");
    }
  }
  Status CheckWritable() const override { return journal_->CheckWritable(); }
  uint64_t Append(std::string entry) override { return journal_->Append(std::move(entry)); }
  void WhenDurable(uint64_t sequence, std::function<void(Status)> done) override {
    journal_->WhenDurable(sequence, std::move(done));
  }
  uint64_t last_sequence() const override { return journal_->last_sequence(); }
  uint64_t durable_sequence() const override { return journal_->durable_sequence(); }
  uint64_t snapshot_sequence() const override { return journal_->snapshot_sequence(); }
  Status Snapshot(SnapshotSource& source) override { return journal_->Snapshot(source); }
  void Stop() override { journal_->Stop(); }

 private:
  const std::shared_ptr<void> around_;
  const std::unique_ptr<ReplicatedJournal> journal_;
  const std::function<void()> help_;
};

// One master: its disk, its journal, and the thread that owns it and keeps its state.
class Member {
 public:
  Member(consensus::MemoryNetwork& network, uint64_t id) : network_(network), id_(id) {}
  ~Member() { Stop(); }

  Status Format(const std::vector<uint64_t>& founders) {
    return FormatEmbeddedJournal(env_, kMemberFolder, MemberIdentity(id_), AddressesOf(founders),
                                 Random(id_));
  }

  void Start() {
    transport_ = network_.Join(id_);
    journal_ = OpenEmbeddedJournal(env_, *transport_, MemberOptions(id_));
    stopping_ = false;
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() {
    stopping_ = true;
    if (journal_) journal_->Stop();
    if (thread_.joinable()) thread_.join();
    journal_ = nullptr;
    transport_ = nullptr;
  }
  // The process dies, and the machine with it.
  void Kill() {
    network_.Isolate(id_);
    env_.Crash();
    Stop();
    network_.Heal();
    ASSERT_OK(env_.Restart(io::Unsynced::kDropped));
  }

  bool leads() const { return leads_; }
  int rebuilds() const { return rebuilds_; }
  ReplicatedJournal& journal() { return *journal_; }
  ListReplayer& state() { return state_; }
  io::FaultyEnv& env() { return env_; }
  Status error() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return error_;
  }

 private:
  void Run() {
    while (!stopping_) {
      state_.Clear();
      if (const Status status = journal_->Recover(state_); !status.ok()) return Fail(status);
      const auto followed = journal_->Follow(state_);
      if (!followed.ok()) return Fail(followed.status());
      if (*followed == ReplicatedJournal::Followed::kStopped) return;
      if (*followed == ReplicatedJournal::Followed::kRebuild) {
        ++rebuilds_;
        continue;
      }
      leads_ = true;
      while (!journal_->AwaitDemotion(std::chrono::steady_clock::now() + std::chrono::hours(1)))
        continue;
      leads_ = false;
    }
  }
  void Fail(const Status& status) {
    if (stopping_) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = status;
  }

  consensus::MemoryNetwork& network_;
  const uint64_t id_;
  io::MemEnv mem_;
  io::FaultyEnv env_{mem_, 1};
  std::unique_ptr<consensus::Transport> transport_;
  std::unique_ptr<ReplicatedJournal> journal_;
  ListReplayer state_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> leads_ = false;
  std::atomic<int> rebuilds_ = 0;
  mutable std::mutex mutex_;
  Status error_;
  std::thread thread_;
};

}  // namespace headpond::journal
