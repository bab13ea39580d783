#include "journal/shared/shared_journal.h"

#include <atomic>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "io/log_writer.h"
#include "journal/folder.h"
#include "journal/local_journal.h"
#include "journal/shared/chain_reader.h"
#include "journal/shared/epochs.h"
#include "journal/snapshot_file.h"

namespace headpond::journal {
namespace {

using Time = std::chrono::steady_clock::time_point;

// Those who read along are given until the next snapshot to leave the one before.
constexpr size_t kKeptSnapshots = 1;

// The proof that this is right is at the top of epochs.h.
class EpochGuard final : public WriteGuard {
 public:
  EpochGuard(const Epochs& epochs, uint64_t epoch, const Leadership& leadership)
      : epochs_(epochs), epoch_(epoch), leadership_(leadership) {}

  Status MayWrite() override {
    if (leadership_.Leads()) return Status::Ok();
    lost_ = true;
    return Aborted("this master may not lead any more");
  }
  Status MayAcknowledge() override {
    const Status newest = epochs_.CheckNewest(epoch_);
    if (newest.code() == Code::kAborted) lost_ = true;
    return newest;
  }
  // Whether leadership, not the disk, is the reason why no more is written.
  bool lost() const { return lost_; }

 private:
  const Epochs& epochs_;
  const uint64_t epoch_;
  const Leadership& leadership_;
  std::atomic<bool> lost_{false};
};

class SharedJournalImpl final : public SharedJournal {
 public:
  SharedJournalImpl(io::Env& env, const Leadership& leadership, SharedJournalOptions options)
      : env_(env),
        leadership_(leadership),
        options_(std::move(options)),
        epochs_(env, options_.folder),
        random_(options_.random) {}
  ~SharedJournalImpl() override { SharedJournalImpl::Stop(); }

  // Journal.
  Status Recover(Replayer& replayer) override EXCLUDES(mutex_);
  Status CheckWritable() const override EXCLUDES(mutex_);
  Status CheckReadable() const override EXCLUDES(mutex_);
  uint64_t Append(std::string entry) override EXCLUDES(mutex_);
  void WhenDurable(uint64_t sequence, std::function<void(Status)> done) override EXCLUDES(mutex_);
  uint64_t last_sequence() const override EXCLUDES(mutex_);
  uint64_t durable_sequence() const override EXCLUDES(mutex_);
  uint64_t snapshot_sequence() const override EXCLUDES(mutex_);
  Status Snapshot(SnapshotSource& source) override EXCLUDES(mutex_);
  void Stop() override EXCLUDES(mutex_);

  // ReplicatedJournal.
  Result<Followed> Follow(Replayer& replayer) override EXCLUDES(mutex_);
  bool AwaitDemotion(Time deadline) override EXCLUDES(mutex_);
  consensus::Consensus* node() override { return nullptr; }

  // SharedJournal.
  void OnLeadershipChange() override EXCLUDES(mutex_);
  uint64_t epoch() const override { return epoch_; }

 private:
  enum class State { kIdle, kFollowing, kLeading, kStopped };
  // What this master writes in one epoch. Kept until the next Recover, so that whoever still asks
  // it is told that it has ended.
  struct Writer {
    std::unique_ptr<EpochGuard> guard;
    std::unique_ptr<Journal> journal;
  };

  // The owner's thread.
  Status ReadOn(Replayer& replayer) EXCLUDES(mutex_);
  Result<std::optional<Followed>> TakeOver(Replayer& replayer) EXCLUDES(mutex_);
  Status Found(uint64_t epoch);
  Result<std::unique_ptr<Writer>> StartWriter(uint64_t epoch);
  // Null while this master follows.
  std::shared_ptr<Writer> Current() const EXCLUDES(mutex_);
  // False when the journal was stopped.
  bool WaitForNews() EXCLUDES(mutex_);
  bool Demoted() const EXCLUDES(mutex_);
  Status NotLeading() const;
  FileHeader NewHeader(FileKind kind, uint64_t first);

  io::Env& env_;
  const Leadership& leadership_;
  const SharedJournalOptions options_;
  Epochs epochs_;

  // Of the owner's thread.
  Random random_;
  std::optional<ChainReader> reader_;
  bool begin_again_ = false;
  bool settled_ = false;

  std::atomic<uint64_t> epoch_{0};
  std::atomic<uint64_t> applied_{0};
  std::atomic<uint64_t> snapshot_first_{1};

  mutable Mutex mutex_;
  CondVar changed_;
  State state_ GUARDED_BY(mutex_) = State::kIdle;
  bool recovered_ GUARDED_BY(mutex_) = false;
  bool news_ GUARDED_BY(mutex_) = false;
  Status failure_ GUARDED_BY(mutex_);
  std::shared_ptr<Writer> current_ GUARDED_BY(mutex_);
};

// ---- Following.

Status SharedJournalImpl::Recover(Replayer& replayer) {
  std::shared_ptr<Writer> ended;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(failure_);
    if (state_ == State::kStopped)
      return Unavailable("the journal in {} is stopped", options_.folder);
    if (state_ == State::kLeading)
      return FailedPrecondition("the journal in {} was recovered already, and leads",
                                options_.folder);
    ended = std::move(current_);
    state_ = State::kFollowing;
    recovered_ = true;
  }
  ended = nullptr;
  reader_.emplace(env_, epochs_, options_.cluster_id);
  settled_ = false;
  const Status status = reader_->ReadSnapshot(replayer);
  begin_again_ = status.code() == Code::kAborted;
  if (!begin_again_) RETURN_IF_ERROR(status);
  applied_ = reader_->applied();
  snapshot_first_ = reader_->snapshot_first();
  LogInfo("journal", "recovered {} from the snapshot before entry {}", options_.folder,
          reader_->snapshot_first());
  return Status::Ok();
}

// Until there is nothing more now.
Status SharedJournalImpl::ReadOn(Replayer& replayer) {
  for (;;) {
    const auto read = reader_->ReadMore(replayer);
    applied_ = reader_->applied();
    RETURN_IF_ERROR(read.status());
    if (!settled_ && reader_->begun() && reader_->applied() >= reader_->shown()) {
      settled_ = true;
      RETURN_IF_ERROR(replayer.OnSettled());
    }
    if (*read == 0) return Status::Ok();
  }
}

Result<ReplicatedJournal::Followed> SharedJournalImpl::Follow(Replayer& replayer) {
  if (begin_again_) return Followed::kRebuild;
  do {
    const Status read = ReadOn(replayer);
    if (read.code() == Code::kAborted) {
      LogInfo("journal", "{}", read.message());
      return Followed::kRebuild;
    }
    RETURN_IF_ERROR(read);
    if (!leadership_.Leads()) continue;
    auto outcome = TakeOver(replayer);
    if (outcome.status().code() == Code::kAborted) {
      LogInfo("journal", "{}", outcome.status().message());
      return Followed::kRebuild;
    }
    RETURN_IF_ERROR(outcome.status());
    if (*outcome) return **outcome;
  } while (WaitForNews());
  return Followed::kStopped;
}

bool SharedJournalImpl::WaitForNews() {
  const auto deadline = std::chrono::steady_clock::now() + options_.poll;
  MutexLock lock(mutex_);
  while (!news_ && state_ != State::kStopped)
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  news_ = false;
  return state_ != State::kStopped;
}

void SharedJournalImpl::OnLeadershipChange() {
  MutexLock lock(mutex_);
  news_ = true;
  changed_.NotifyAll();
}

// ---- Taking over.

// The order of its steps is what the proof at the top of epochs.h is about. Aborted: another master
// claimed a newer epoch meanwhile, or what was read here is no part of the journal.
Result<std::optional<ReplicatedJournal::Followed>> SharedJournalImpl::TakeOver(Replayer& replayer) {
  ASSIGN_OR_RETURN(const uint64_t epoch, epochs_.Claim(options_.owner));
  // A process that was stopped between the look and the claim gives way again.
  if (!leadership_.Leads()) return std::optional<Followed>();
  RETURN_IF_ERROR(ReadOn(replayer));
  if (!reader_->begun()) {
    RETURN_IF_ERROR(Found(epoch));
    return std::optional(Followed::kRebuild);
  }
  if (!settled_)
    return DataLoss("{}: the snapshot before entry {} shows entry {}, and the log ends at {}",
                    options_.folder, reader_->snapshot_first(), reader_->shown(),
                    reader_->applied());
  RETURN_IF_ERROR(reader_->Settle());
  ASSIGN_OR_RETURN(auto writer, StartWriter(epoch));
  RETURN_IF_ERROR(epochs_.Begin(epoch, reader_->ContinuedBy(epoch)));
  RETURN_IF_ERROR(epochs_.CheckNewest(epoch));
  LogInfo("journal", "{} leads in epoch {} of {} from entry {} on", options_.owner, epoch,
          options_.folder, reader_->applied() + 1);
  MutexLock lock(mutex_);
  if (state_ == State::kStopped) return std::optional(Followed::kStopped);
  state_ = State::kLeading;
  epoch_ = epoch;
  current_ = std::move(writer);
  return std::optional(Followed::kPromoted);
}

Result<std::unique_ptr<SharedJournalImpl::Writer>> SharedJournalImpl::StartWriter(uint64_t epoch) {
  const std::string folder = epochs_.LogFolder(epoch);
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env_, folder));
  auto writer = std::make_unique<Writer>();
  writer->guard = std::make_unique<EpochGuard>(epochs_, epoch, leadership_);
  ASSIGN_OR_RETURN(
      writer->journal,
      StartLocalJournal(env_,
                        {.folder = folder,
                         .segment_bytes = options_.segment_bytes,
                         .max_pending_bytes = options_.max_pending_bytes,
                         .max_batch_bytes = options_.max_batch_bytes,
                         // Readers tell by its size that a log has grown.
                         .fill_bytes = 0,
                         .gather_window = options_.gather_window,
                         .kept_snapshots = kKeptSnapshots,
                         .guard = writer->guard.get(),
                         .snapshot_timeout = options_.snapshot_timeout,
                         .random = Random(random_.Next()),
                         .clock = options_.clock,
                         .metrics = options_.metrics},
                        options_.cluster_id, reader_->applied() + 1, reader_->snapshot_first()));
  return writer;
}

FileHeader SharedJournalImpl::NewHeader(FileKind kind, uint64_t first) {
  return {.kind = kind,
          .first_sequence = first,
          .salt = random_.Next(),
          .cluster_id = options_.cluster_id};
}

// The journal's first epoch: a snapshot with what it begins with, and an empty log.
Status SharedJournalImpl::Found(uint64_t epoch) {
  const std::string folder = epochs_.LogFolder(epoch);
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env_, folder));
  std::unique_ptr<SnapshotSource> state;
  if (options_.initial_state) {
    ASSIGN_OR_RETURN(state, options_.initial_state());
  }
  if (state != nullptr) {
    ASSIGN_OR_RETURN(const auto snapshot,
                     SnapshotWriter::Create(env_, folder, NewHeader(FileKind::kSnapshot, 1)));
    RETURN_IF_ERROR(AddAll(*state, *snapshot));
    RETURN_IF_ERROR(snapshot->Publish(0));
  }
  RETURN_IF_ERROR(
      io::LogWriter::Create(env_, LogPath(folder, 1), NewHeader(FileKind::kLog, 1), 0).status());
  LogInfo("journal", "began the journal of cluster {} in {}", options_.cluster_id, options_.folder);
  return epochs_.Begin(epoch, {{.epoch = epoch, .first = 1}});
}

// ---- Leading.

Status SharedJournalImpl::NotLeading() const {
  const std::string leader = leadership_.leader();
  if (!leader.empty() && leader != options_.owner)
    return Unavailable("this master is a standby: {} leads", leader);
  return Unavailable("this master is a standby, and no leader is known yet");
}

Status SharedJournalImpl::CheckWritable() const {
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(failure_);
    if (state_ == State::kStopped)
      return Unavailable("the journal in {} is stopped", options_.folder);
    if (!recovered_)
      return Unavailable("the journal in {} has not been recovered yet", options_.folder);
    if (state_ != State::kLeading) return NotLeading();
  }
  const auto writer = Current();
  if (writer == nullptr || !leadership_.Leads()) return NotLeading();
  return writer->journal->CheckWritable();
}

Status SharedJournalImpl::CheckReadable() const {
  {
    MutexLock lock(mutex_);
    if (state_ != State::kLeading) return NotLeading();
  }
  if (leadership_.Leads()) return Status::Ok();
  return Unavailable("ZooKeeper has not confirmed lately that this master leads");
}

std::shared_ptr<SharedJournalImpl::Writer> SharedJournalImpl::Current() const {
  MutexLock lock(mutex_);
  return current_;
}

uint64_t SharedJournalImpl::Append(std::string entry) {
  const auto writer = Current();
  return writer == nullptr ? applied_ + 1 : writer->journal->Append(std::move(entry));
}

void SharedJournalImpl::WhenDurable(uint64_t sequence, std::function<void(Status)> done) {
  if (const auto writer = Current(); writer != nullptr)
    return writer->journal->WhenDurable(sequence, std::move(done));
  // A number of an earlier life may stand for another entry by now.
  done(NotLeading());
}

uint64_t SharedJournalImpl::last_sequence() const {
  const auto writer = Current();
  return writer == nullptr ? applied_.load() : writer->journal->last_sequence();
}

uint64_t SharedJournalImpl::durable_sequence() const {
  const auto writer = Current();
  return writer == nullptr ? applied_.load() : writer->journal->durable_sequence();
}

uint64_t SharedJournalImpl::snapshot_sequence() const {
  const auto writer = Current();
  return writer == nullptr ? snapshot_first_.load() : writer->journal->snapshot_sequence();
}

bool SharedJournalImpl::Demoted() const {
  MutexLock lock(mutex_);
  if (state_ != State::kLeading) return true;
  if (!leadership_.Leads()) return true;
  const Status writable = current_->journal->CheckWritable();
  return !writable.ok() && writable.code() != Code::kResourceExhausted;
}

bool SharedJournalImpl::AwaitDemotion(Time deadline) {
  while (!Demoted()) {
    const Time now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    MutexLock lock(mutex_);
    while (!news_ && state_ == State::kLeading)
      if (!changed_.WaitUntil(mutex_, std::min(deadline, now + options_.poll))) break;
    news_ = false;
  }
  std::shared_ptr<Writer> writer;
  {
    MutexLock lock(mutex_);
    writer = current_;
    if (state_ == State::kLeading) state_ = State::kIdle;
  }
  if (writer == nullptr) return true;
  // Whoever waits is answered: what is on the disk, and no newer epoch is claimed, is durable.
  const Status writable = writer->journal->CheckWritable();
  writer->journal->Stop();
  MutexLock lock(mutex_);
  if (!writable.ok() && !writer->guard->lost() && state_ != State::kStopped) failure_ = writable;
  return true;
}

Status SharedJournalImpl::Snapshot(SnapshotSource& source) {
  std::shared_ptr<Writer> writer;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(failure_);
    if (state_ != State::kLeading) return NotLeading();
    writer = current_;
  }
  RETURN_IF_ERROR(writer->journal->Snapshot(source));
  // An epoch with a snapshot to spare needs nothing of those before it.
  const uint64_t epoch = epoch_;
  const auto files = ListFolder(env_, epochs_.LogFolder(epoch));
  Status removed = files.status();
  if (files.ok() && files->snapshots.size() > kKeptSnapshots) removed = epochs_.RemoveBefore(epoch);
  if (!removed.ok()) LogWarn("journal", "old files stay behind: {}", removed.message());
  return Status::Ok();
}

void SharedJournalImpl::Stop() {
  std::shared_ptr<Writer> writer;
  {
    MutexLock lock(mutex_);
    state_ = State::kStopped;
    writer = current_;
    changed_.NotifyAll();
  }
  if (writer != nullptr) writer->journal->Stop();
}

}  // namespace

std::unique_ptr<SharedJournal> OpenSharedJournal(io::Env& env, const Leadership& leadership,
                                                 SharedJournalOptions options) {
  return std::make_unique<SharedJournalImpl>(env, leadership, std::move(options));
}

}  // namespace headpond::journal
