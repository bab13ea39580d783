#include "journal/local_journal.h"

#include <pthread.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "io/log_writer.h"
#include "journal/folder.h"
#include "journal/folder_reader.h"
#include "journal/gathering.h"
#include "journal/snapshot_file.h"
#include "journal/write_queue.h"

namespace headpond::journal {
namespace {

class NoGuard final : public WriteGuard {
 public:
  Status MayWrite() override { return Status::Ok(); }
  Status MayAcknowledge() override { return Status::Ok(); }
};

class LocalJournal final : public Journal {
 public:
  LocalJournal(io::Env& env, LocalJournalOptions options, std::string cluster_id,
               std::unique_ptr<io::FileLock> folder_lock)
      : env_(env),
        options_(std::move(options)),
        cluster_id_(std::move(cluster_id)),
        flush_timer_(options_.metrics == nullptr
                         ? nullptr
                         : &options_.metrics->timer("Master.JournalFlushTimer")),
        folder_lock_(std::move(folder_lock)),
        random_(options_.random),
        queue_(static_cast<size_t>(options_.max_batch_bytes)),
        gathering_(options_.gather_window) {}

  ~LocalJournal() override {
    LocalJournal::Stop();
    if (thread_.joinable()) thread_.join();
  }

  // Takes entries from `next` on, in a new log file.
  Status Begin(uint64_t next, uint64_t snapshot_sequence) EXCLUDES(mutex_);

  Status Recover(Replayer& replayer) override EXCLUDES(mutex_);
  Status CheckWritable() const override EXCLUDES(mutex_);
  uint64_t Append(std::string entry) override EXCLUDES(mutex_);
  void WhenDurable(uint64_t sequence, std::function<void(Status)> done) override EXCLUDES(mutex_);
  uint64_t last_sequence() const override { return last_; }
  uint64_t durable_sequence() const override { return durable_; }
  uint64_t snapshot_sequence() const override EXCLUDES(mutex_);
  Status Snapshot(SnapshotSource& source) override EXCLUDES(mutex_);
  void Stop() override EXCLUDES(mutex_);

 private:
  enum class State { kNew, kRunning, kStopping, kStopped };

  // Recovery.
  Status SettleFiles(const FolderReport& report);
  Status RemoveObsolete(uint64_t snapshot_sequence);

  // The writer's thread.
  void Run() EXCLUDES(mutex_);
  std::optional<Batch> NextBatch() EXCLUDES(mutex_);
  Status Write(Batch& batch) EXCLUDES(mutex_);
  void Finish(Batch batch, Gathering::Time start, const Status& status) EXCLUDES(mutex_);
  void End() EXCLUDES(mutex_);

  // Latches the first failure; what waits is never acknowledged.
  void FailLocked(const Status& cause) REQUIRES(mutex_);
  Status CheckRunning() const REQUIRES(mutex_);
  FileHeader NewHeader(FileKind kind, uint64_t first_sequence) EXCLUDES(mutex_);

  // Snapshots.
  Result<uint64_t> BeginSnapshot() EXCLUDES(mutex_);
  Status WriteSnapshot(uint64_t first, SnapshotSource& source) EXCLUDES(mutex_);
  Status AwaitDurable(uint64_t sequence, uint64_t log_first) EXCLUDES(mutex_);

  io::Env& env_;
  const LocalJournalOptions options_;
  const std::string cluster_id_;
  Timer* const flush_timer_;
  std::unique_ptr<io::FileLock> folder_lock_;  // Recover's caller, then the writer's thread
  std::unique_ptr<io::LogWriter> log_;         // likewise
  std::thread thread_;

  mutable Mutex mutex_;
  CondVar work_;      // for the writer
  CondVar progress_;  // for Snapshot and Stop
  Random random_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_) = State::kNew;
  Status failure_ GUARDED_BY(mutex_);
  WriteQueue queue_ GUARDED_BY(mutex_);
  Waiters waiters_ GUARDED_BY(mutex_);
  Gathering gathering_ GUARDED_BY(mutex_);
  bool gathering_now_ GUARDED_BY(mutex_) = false;
  // Written under mutex_, read without it too: every read of the namespace asks whether it must
  // wait.
  std::atomic<uint64_t> last_{0};  // returned by Append
  std::atomic<uint64_t> durable_{0};
  uint64_t accepted_ GUARDED_BY(mutex_) = 0;   // of the last entry that is going to be written
  uint64_t log_first_ GUARDED_BY(mutex_) = 0;  // of the log file being written
  uint64_t snapshot_first_ GUARDED_BY(mutex_) = 1;
  bool snapshotting_ GUARDED_BY(mutex_) = false;
  bool writer_ended_ GUARDED_BY(mutex_) = false;
};

FileHeader LocalJournal::NewHeader(FileKind kind, uint64_t first_sequence) {
  MutexLock lock(mutex_);
  return {.kind = kind,
          .first_sequence = first_sequence,
          .salt = random_.Next(),
          .cluster_id = cluster_id_};
}

Status LocalJournal::Recover(Replayer& replayer) {
  {
    MutexLock lock(mutex_);
    if (state_ != State::kNew || thread_.joinable())
      return FailedPrecondition("the journal in {} was recovered or stopped already",
                                options_.folder);
  }
  // A process that died may have left names that only the page cache knows.
  RETURN_IF_ERROR(env_.SyncDirectory(options_.folder));
  ASSIGN_OR_RETURN(const FolderReport report,
                   ReadFolder(env_, options_.folder, cluster_id_, &replayer));
  RETURN_IF_ERROR(report.problem);
  RETURN_IF_ERROR(replayer.OnSettled());
  RETURN_IF_ERROR(SettleFiles(report));
  RETURN_IF_ERROR(Begin(report.last_sequence + 1, report.snapshot_sequence));
  LogInfo("journal", "recovered {} up to entry {} (snapshot before entry {})", options_.folder,
          report.last_sequence, report.snapshot_sequence);
  return Status::Ok();
}

Status LocalJournal::Begin(uint64_t next, uint64_t snapshot_sequence) {
  ASSIGN_OR_RETURN(log_,
                   io::LogWriter::Create(env_, LogPath(options_.folder, next),
                                         NewHeader(FileKind::kLog, next), options_.fill_bytes));
  {
    MutexLock lock(mutex_);
    last_ = next - 1;
    accepted_ = next - 1;
    durable_ = next - 1;
    log_first_ = next;
    snapshot_first_ = snapshot_sequence;
    state_ = State::kRunning;
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "journal");
  return Status::Ok();
}

// Makes what was read durable before anything builds on it, and removes what is no longer needed.
Status LocalJournal::SettleFiles(const FolderReport& report) {
  const FileReport* newest = nullptr;
  for (const FileReport& file : report.files)
    if (file.kind == FileKind::kLog) newest = &file;
  if (newest != nullptr && newest->torn_tail)
    LogWarn("journal",
            "{}: cutting a torn tail at offset {}: {} bytes that were never acknowledged",
            newest->path, newest->good_bytes, newest->bytes - newest->good_bytes);
  if (newest != nullptr && (newest->torn_tail || newest->unused_tail))
    RETURN_IF_ERROR(env_.Truncate(newest->path, newest->good_bytes));
  // All but the last frame were synced before the next was written. The last may only be in the
  // page cache, or its sync may even have failed.
  if (newest != nullptr && newest->last_frame_offset > 0)
    RETURN_IF_ERROR(env_.RewriteTail(newest->path, newest->last_frame_offset));
  ASSIGN_OR_RETURN(const FolderFiles files, ListFolder(env_, options_.folder));
  for (const std::string& name : files.temporaries)
    RETURN_IF_ERROR(env_.Remove(options_.folder + "/" + name));
  return RemoveObsolete(report.snapshot_sequence);
}

// Removes what the snapshot before entry `snapshot_sequence` replaces: older snapshots, and logs
// whose entries it holds (those before the last log that starts no later than it).
Status LocalJournal::RemoveObsolete(uint64_t snapshot_sequence) {
  ASSIGN_OR_RETURN(const FolderFiles files, ListFolder(env_, options_.folder));
  // Where there are too few snapshots, nothing is too old yet.
  if (options_.kept_snapshots > 0) {
    if (files.snapshots.size() <= options_.kept_snapshots) return Status::Ok();
    snapshot_sequence = files.snapshots[files.snapshots.size() - 1 - options_.kept_snapshots];
  }
  for (size_t i = 0; i + 1 < files.logs.size() && files.logs[i + 1] <= snapshot_sequence; ++i)
    RETURN_IF_ERROR(env_.Remove(LogPath(options_.folder, files.logs[i])));
  for (const uint64_t older : files.snapshots)
    if (older < snapshot_sequence)
      RETURN_IF_ERROR(env_.Remove(SnapshotPath(options_.folder, older)));
  return Status::Ok();
}

Status LocalJournal::CheckRunning() const {
  RETURN_IF_ERROR(failure_);
  if (state_ == State::kRunning) return Status::Ok();
  return Unavailable("the journal in {} {}", options_.folder,
                     state_ == State::kNew ? "has not been recovered yet" : "is stopped");
}

Status LocalJournal::CheckWritable() const {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRunning());
  if (static_cast<int64_t>(queue_.pending_bytes()) > options_.max_pending_bytes)
    return ResourceExhausted("{} bytes of journal entries wait for the disk of {}, the limit is {}",
                             queue_.pending_bytes(), options_.folder, options_.max_pending_bytes);
  return Status::Ok();
}

uint64_t LocalJournal::Append(std::string entry) {
  MutexLock lock(mutex_);
  const uint64_t sequence = ++last_;
  // An entry that can't become durable is dropped: whoever waits for it gets the error.
  if (!CheckRunning().ok()) return sequence;
  if (entry.size() > kMaxRecordBytes) {
    FailLocked(InvalidArgument("entry {} has {} bytes, more than the {} a journal can hold",
                               sequence, entry.size(), kMaxRecordBytes));
    return sequence;
  }
  queue_.Add(sequence, entry);
  accepted_ = sequence;
  if (!gathering_now_ || gathering_.Enough(accepted_ - durable_)) work_.NotifyOne();
  return sequence;
}

void LocalJournal::WhenDurable(uint64_t sequence, std::function<void(Status)> done) {
  if (sequence <= durable_) return done(Status::Ok());
  Status outcome;
  {
    MutexLock lock(mutex_);
    if (failure_.ok() && sequence <= accepted_ && sequence > durable_) {
      waiters_.Add(sequence, std::move(done));
      return;
    }
    if (sequence > durable_) outcome = CheckRunning();
    if (sequence > accepted_ && outcome.ok())
      outcome = InvalidArgument("no entry {} was appended", sequence);
  }
  done(outcome);
}

uint64_t LocalJournal::snapshot_sequence() const {
  MutexLock lock(mutex_);
  return snapshot_first_;
}

void LocalJournal::Run() {
  while (auto batch = NextBatch()) {
    const auto start = std::chrono::steady_clock::now();
    const Status status = Write(*batch);
    Finish(*std::move(batch), start, status);
  }
  End();
}

std::optional<Batch> LocalJournal::NextBatch() {
  MutexLock lock(mutex_);
  while (queue_.empty() && state_ == State::kRunning && failure_.ok()) work_.Wait(mutex_);
  gathering_now_ = true;
  while (!gathering_.Enough(accepted_ - durable_) && state_ == State::kRunning && failure_.ok() &&
         work_.WaitUntil(mutex_, gathering_.Deadline())) {
  }
  gathering_now_ = false;
  if (queue_.empty() || !failure_.ok()) return std::nullopt;
  return queue_.Take();
}

Status LocalJournal::Write(Batch& batch) {
  RETURN_IF_ERROR(options_.guard->MayWrite());
  const bool full =
      log_->size() + static_cast<int64_t>(batch.frame.bytes()) > options_.segment_bytes;
  if ((batch.new_log || full) && log_->first_sequence() != batch.first) {
    RETURN_IF_ERROR(log_->Close());
    ASSIGN_OR_RETURN(
        log_, io::LogWriter::Create(env_, LogPath(options_.folder, batch.first),
                                    NewHeader(FileKind::kLog, batch.first), options_.fill_bytes));
  }
  if (batch.frame.count() == 0) return Status::Ok();
  const auto start = options_.clock->Now();
  RETURN_IF_ERROR(
      log_->WriteDurably(batch.frame.Seal(FrameType::kEntries, batch.first, log_->salt())));
  if (flush_timer_ != nullptr)
    flush_timer_->Record(std::chrono::nanoseconds(options_.clock->Now() - start).count());
  return options_.guard->MayAcknowledge();
}

void LocalJournal::Finish(Batch batch, Gathering::Time start, const Status& status) {
  std::vector<Waiters::Callback> ready;
  Status outcome;
  {
    MutexLock lock(mutex_);
    if (status.ok()) {
      durable_ = batch.first + batch.frame.count() - 1;
      log_first_ = log_->first_sequence();
      ready = waiters_.TakeUpTo(durable_);
      gathering_.OnFlushed(start, batch.frame.count(), accepted_ - durable_);
    } else {
      FailLocked(status);
    }
    queue_.Recycle(std::move(batch));
    progress_.NotifyAll();
  }
  for (const auto& done : ready) done(Status::Ok());
}

void LocalJournal::FailLocked(const Status& cause) {
  if (!failure_.ok()) return;
  const char* remedy =
      cause.code() == Code::kResourceExhausted ? "free space on its disk" : "check its disk";
  if (cause.code() == Code::kAborted) {
    failure_ = Unavailable("{}", cause.message());
    LogWarn("journal", "{} takes no more changes: {}", options_.folder, cause.message());
  } else {
    failure_ = Unavailable("the journal in {} takes no more changes: {}; {} and restart the master",
                           options_.folder, cause.message(), remedy);
    LogError("journal", "{}", failure_.message());
  }
  queue_.Drop();
  work_.NotifyAll();
  progress_.NotifyAll();
}

// The writer's last act: after Stop with everything on disk, or after a failure.
void LocalJournal::End() {
  Status outcome;
  uint64_t next = 0;
  std::vector<Waiters::Callback> left;
  {
    MutexLock lock(mutex_);
    outcome = failure_;
    next = durable_ + 1;
    left = waiters_.TakeAll();
  }
  for (const auto& done : left) done(outcome);
  if (outcome.ok() && options_.guard->MayWrite().ok()) {
    FrameBuilder end;
    if (const Status status =
            log_->WriteDurably(end.Seal(FrameType::kCleanEnd, next, log_->salt()));
        !status.ok())
      LogWarn("journal", "the log has no proper end: {}", status.message());
    if (const Status status = log_->Close(); !status.ok())
      LogWarn("journal", "the log was not closed: {}", status.message());
  }
  MutexLock lock(mutex_);
  writer_ended_ = true;
  progress_.NotifyAll();
}

// Waits without a deadline of its own: for the disk, on which an orderly end depends.
void LocalJournal::Stop() {
  std::unique_ptr<io::LogWriter> log;  // closed after the mutex is released
  std::unique_ptr<io::FileLock> folder_lock;
  MutexLock lock(mutex_);
  if (state_ == State::kRunning) {
    state_ = State::kStopping;
    work_.NotifyAll();
    progress_.NotifyAll();
  }
  while (state_ == State::kStopping && !writer_ended_) progress_.Wait(mutex_);
  state_ = State::kStopped;
  log = std::move(log_);
  folder_lock = std::move(folder_lock_);
}

Status LocalJournal::Snapshot(SnapshotSource& source) {
  ASSIGN_OR_RETURN(const uint64_t first, BeginSnapshot());
  Status status = WriteSnapshot(first, source);
  MutexLock lock(mutex_);
  snapshotting_ = false;
  if (status.ok()) snapshot_first_ = first;
  return status;
}

// From here on entries go to a new log file, so that the files before it can be removed whole.
Result<uint64_t> LocalJournal::BeginSnapshot() {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRunning());
  if (snapshotting_)
    return FailedPrecondition("a snapshot of the journal in {} is being written", options_.folder);
  snapshotting_ = true;
  queue_.StartNewLog(last_ + 1);
  work_.NotifyOne();
  return last_ + 1;
}

Status LocalJournal::WriteSnapshot(uint64_t first, SnapshotSource& source) {
  ASSIGN_OR_RETURN(
      const auto writer,
      SnapshotWriter::Create(env_, options_.folder, NewHeader(FileKind::kSnapshot, first)));
  RETURN_IF_ERROR(AddAll(source, *writer, [this] {
    MutexLock lock(mutex_);
    return CheckRunning();
  }));
  // Whatever the records show was appended before now.
  const uint64_t shown = last_sequence();
  RETURN_IF_ERROR(AwaitDurable(shown, first));
  RETURN_IF_ERROR(writer->Publish(shown));
  LogInfo("journal", "{}: a snapshot with {} records replaces the entries before {}",
          options_.folder, writer->records(), first);
  // The snapshot counts from here on; what is left behind is removed at the next one or the next
  // start.
  if (const Status status = RemoveObsolete(first); !status.ok())
    LogWarn("journal", "old files stay behind: {}", status.message());
  return Status::Ok();
}

// Until all entries up to `sequence` are on disk and the log file being written starts at
// `log_first` or later.
Status LocalJournal::AwaitDurable(uint64_t sequence, uint64_t log_first) {
  const auto deadline = std::chrono::steady_clock::now() + options_.snapshot_timeout;
  MutexLock lock(mutex_);
  while (durable_ < sequence || log_first_ < log_first) {
    RETURN_IF_ERROR(CheckRunning());
    if (!progress_.WaitUntil(mutex_, deadline) && std::chrono::steady_clock::now() >= deadline)
      return DeadlineExceeded("the disk of {} did not take entry {} within {} ms", options_.folder,
                              sequence, options_.snapshot_timeout.count());
  }
  return CheckRunning();
}

}  // namespace

WriteGuard& WriteGuard::None() {
  static NoGuard none;
  return none;
}

Result<std::unique_ptr<Journal>> StartLocalJournal(io::Env& env, LocalJournalOptions options,
                                                   const std::string& cluster_id,
                                                   uint64_t first_sequence,
                                                   uint64_t snapshot_sequence) {
  auto journal = std::make_unique<LocalJournal>(env, std::move(options), cluster_id, nullptr);
  RETURN_IF_ERROR(journal->Begin(first_sequence, snapshot_sequence));
  return std::unique_ptr<Journal>(std::move(journal));
}

Result<std::unique_ptr<Journal>> OpenLocalJournal(io::Env& env, LocalJournalOptions options) {
  // Without the stamp not even the lock's file is made in what may be somebody else's folder.
  RETURN_IF_ERROR(ReadStamp(env, options.folder).status());
  ASSIGN_OR_RETURN(auto lock, env.Lock(options.folder + "/" + kLockName));
  ASSIGN_OR_RETURN(std::string cluster_id, ReadStamp(env, options.folder));
  return std::unique_ptr<Journal>(
      new LocalJournal(env, std::move(options), std::move(cluster_id), std::move(lock)));
}

}  // namespace headpond::journal
