#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "journal/embedded/replicated_journal.h"
#include "journal/journal.h"
#include "meta/mutation.h"
#include "meta/namespace.h"

namespace headpond::master {

class ChangeTap;

// Takes what a backup is made of, as it comes. Blocks on I/O.
class BackupSink {
 public:
  virtual ~BackupSink() = default;
  virtual Status AddRecords(const std::vector<std::string>& records) = 0;
  virtual Status AddEntries(const std::vector<std::string>& entries) = 0;
};

// The one door to the namespace: keeps it, its lock and its journal in step.
//
//   Commit:  lock exclusively { plan -> append to the journal -> apply }, then wait for the disk
//   without a lock Read:    lock shared { read }, then wait for the disk only if something it may
//   have seen is not durable yet
//
// So the order of the journal is the order of the changes, and no reply, not even a refusal, tells
// of a state that a crash could undo, or that another master has changed meanwhile. Thread safe;
// neither call blocks on I/O.
class MetadataStore {
 public:
  // The journal may outlive this store, and serve another one after it.
  MetadataStore(meta::NamespaceOptions options, std::shared_ptr<journal::Journal> journal);

  using Plan = std::function<Result<meta::Mutation>(const meta::Namespace&)>;
  using View = std::function<void(const meta::Namespace&)>;
  using Reply = std::function<void(Status)>;
  // A plan that may decline: nullopt = not now and not here; nothing happens and nobody is
  // answered.
  using DecliningPlan =
      std::function<Result<std::optional<meta::Mutation>>(const meta::Namespace&)>;

  // Replays the journal. Blocks; once, before all else. A namespace without a root is for the
  // caller to initialize.
  Status Recover();
  // The same for a journal that several masters keep, the one of the constructor: goes on to apply
  // what the others change until this master leads, has to begin with a new store, or is stopped.
  Result<journal::ReplicatedJournal::Followed> Follow(journal::ReplicatedJournal& journal);

  // Plans and applies one change. `reply` is called once, with the plan's error or when the change
  // is on disk; from this thread or the journal's, so it must be quick and must not commit.
  void Commit(const Plan& plan, Reply reply) EXCLUDES(mutex_);
  // The same; `applied`, when set, sees the namespace right after the change, under the same lock.
  // False when the plan declined.
  bool TryCommit(const DecliningPlan& plan, const View& applied, Reply reply) EXCLUDES(mutex_);
  // The same, waiting: for background work that has its own thread. Unlike the others it says what
  // the plan came to even while no majority has confirmed that this master leads: a client must not
  // be told that.
  Status CommitAndWait(const Plan& plan) EXCLUDES(mutex_);

  // Runs `read(const Namespace&)` under the shared lock and returns what it returns. Whatever
  // leaves the process because of it waits for AfterDurable first.
  template <typename F>
  auto Read(F&& read) const EXCLUDES(mutex_) {
    ReaderLock lock(mutex_);
    return std::forward<F>(read)(std::as_const(namespace_));
  }
  // Calls `reply` when every change applied so far is on disk: at once if that is so already.
  void AfterDurable(Reply reply) const;

  // Whether changes can be made: see Journal::CheckWritable.
  Status CheckWritable() const { return journal_->CheckWritable(); }

  // Writes a snapshot and drops the journal before it. Blocks the caller only.
  Status Snapshot();
  uint64_t entries_since_snapshot() const;
  // Snapshot, when that is `entries` or more and the state is one that was; its failure is logged.
  void SnapshotIfDue(uint64_t entries);
  uint64_t last_sequence() const { return journal_->last_sequence(); }

  // The journal's entry up to which it holds all that anybody was told of before the call. Blocks
  // the caller only. Unavailable on a master that is not sure to lead.
  Result<uint64_t> AgreedSequence() const;
  // Whether the namespace is in a state that once was, with all changes up to this entry. Also on a
  // master that follows.
  bool Shows(uint64_t sequence) const { return settled_ && last_sequence() >= sequence; }

  // Gives `sink` what makes the state that this namespace had at one moment of the call: the
  // records of a snapshot, and the changes made meanwhile, which wait for nothing. When it returned
  // OK, all of that is durable here. Returns the number of inodes. Blocks the caller only. Errors:
  // FailedPrecondition while another one runs, ResourceExhausted when changes come faster than the
  // sink takes them, and those of the sink and of the journal.
  Result<uint64_t> Backup(BackupSink& sink) EXCLUDES(mutex_);

  // Makes everything durable and closes the journal. Idempotent.
  void Stop();

 private:
  class NamespaceReplayer;
  class NamespaceSource;
  enum class Audience { kClients, kSelf };

  bool TryCommitFor(Audience audience, const DecliningPlan& plan, const View& applied, Reply reply)
      EXCLUDES(mutex_);
  // Refers to `plan`.
  static DecliningPlan Undeclining(const Plan& plan);
  size_t InodeCount() const;
  Status GiveAll(ChangeTap& tap, BackupSink& sink);
  Status WaitDurable(uint64_t sequence) const;

  mutable SharedMutex mutex_;
  meta::Namespace namespace_ GUARDED_BY(mutex_);
  std::shared_ptr<ChangeTap> tap_ GUARDED_BY(mutex_);  // of the backup that runs, if one does
  const std::shared_ptr<journal::Journal> journal_;
  std::atomic<uint64_t> snapshot_sequence_{0};
  std::atomic<bool> settled_{false};
};

}  // namespace headpond::master
