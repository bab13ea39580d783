#include "journal/embedded/embedded_journal.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "consensus/raft_log_records.h"
#include "io/frame_format.h"
#include "journal/embedded/batch.h"
#include "journal/embedded/snapshots.h"
#include "journal/folder.h"
#include "journal/write_queue.h"

namespace headpond::journal {
namespace {

using consensus::Consensus;
using consensus::Entry;
using consensus::EntryKind;
using consensus::Role;
using consensus::RoleChange;
using consensus::SnapshotMeta;
using Time = std::chrono::steady_clock::time_point;

class EmbeddedJournal final : public ReplicatedJournal, public consensus::StateMachine {
 public:
  EmbeddedJournal(io::Env& env, consensus::Transport& transport, EmbeddedJournalOptions options)
      : env_(env),
        transport_(transport),
        options_(std::move(options)),
        folder_(options_.node.log.folder),
        snapshots_(env, folder_, options_.node.log.identity.cluster_id, options_.random),
        queue_(static_cast<size_t>(options_.max_batch_bytes)) {}
  ~EmbeddedJournal() override { EmbeddedJournal::Stop(); }

  // Journal.
  Status Recover(Replayer& replayer) override EXCLUDES(mutex_);
  Status CheckWritable() const override EXCLUDES(mutex_);
  uint64_t Append(std::string entry) override EXCLUDES(mutex_);
  void WhenDurable(uint64_t sequence, std::function<void(Status)> done) override EXCLUDES(mutex_);
  uint64_t last_sequence() const override { return last_; }
  uint64_t durable_sequence() const override { return durable_; }
  uint64_t snapshot_sequence() const override EXCLUDES(mutex_);
  Status Snapshot(SnapshotSource& source) override EXCLUDES(mutex_);
  void Stop() override EXCLUDES(mutex_);

  // ReplicatedJournal.
  Result<Followed> Follow(Replayer& replayer) override EXCLUDES(mutex_);
  bool AwaitDemotion(Time deadline) override EXCLUDES(mutex_);
  Status CheckReadable() const override EXCLUDES(mutex_);
  Consensus* node() override EXCLUDES(mutex_);

  // StateMachine: the node's apply thread.
  void OnDelivery(uint64_t index, uint64_t term, uint64_t log_end) override EXCLUDES(mutex_);
  void OnCommitted(std::vector<Entry> entries) override EXCLUDES(mutex_);
  void OnRole(const RoleChange& change) override EXCLUDES(mutex_);
  void OnReplaced(const SnapshotMeta& snapshot) override EXCLUDES(mutex_);
  void OnEnd(const Status& reason) override EXCLUDES(mutex_);

 private:
  enum class State {
    kIdle,       // before Recover, and after leadership was lost
    kFollowing,  // what is agreed on goes to Follow
    kLeading,
    kStopping,  // of one that led: what was appended may still be agreed on
    kStopped,
  };
  // What the apply thread has for Follow.
  struct Event {
    std::vector<Entry> entries;
    size_t bytes = 0;
    std::optional<RoleChange> role;
    bool replaced = false;
  };
  using Callbacks = std::vector<Waiters::Callback>;

  Status StartNode(const SnapshotMeta& applied) EXCLUDES(mutex_);
  Status CheckRunning() const REQUIRES(mutex_);
  Status NotLeading() const REQUIRES(mutex_);

  // Following.
  bool MayLead() const REQUIRES(mutex_);
  Status Settle(Replayer& replayer);
  Status Apply(const Entry& entry, Replayer& replayer) EXCLUDES(mutex_);
  void Applied(const Entry& entry, uint64_t sequence) REQUIRES(mutex_);

  // Leading.
  std::string TakeBatch(uint64_t life) EXCLUDES(mutex_);
  bool ProposeNow() REQUIRES(mutex_);
  void Propose(uint64_t term, uint64_t life) EXCLUDES(mutex_);
  Callbacks Agreed(const std::vector<Entry>& entries) REQUIRES(mutex_);
  Callbacks Lose(const Status& reason) REQUIRES(mutex_);
  void Answer(const Callbacks& callbacks, const Status& status) EXCLUDES(mutex_);

  // Snapshots.
  struct Begun {
    uint64_t first = 0;  // sequence
    uint64_t life = 0;
  };
  Result<Begun> BeginSnapshot() EXCLUDES(mutex_);
  Status WriteSnapshot(const Begun& begun, SnapshotSource& source) EXCLUDES(mutex_);
  Result<SnapshotMeta> AwaitAgreed(const Begun& begun, uint64_t sequence) EXCLUDES(mutex_);
  Status CheckLife(uint64_t life) const REQUIRES(mutex_);

  io::Env& env_;
  consensus::Transport& transport_;
  const EmbeddedJournalOptions options_;
  const std::string& folder_;
  Snapshots snapshots_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<Consensus> node_ GUARDED_BY(mutex_);  // set once
  State state_ GUARDED_BY(mutex_) = State::kIdle;
  bool recovering_ GUARDED_BY(mutex_) = false;
  Status failure_ GUARDED_BY(mutex_);
  RoleChange role_ GUARDED_BY(mutex_);
  // Counts Recovers: what was begun in another life is void.
  uint64_t life_ GUARDED_BY(mutex_) = 0;

  // Of the owner's thread: whether the replayer has all that the snapshot shows.
  uint64_t shown_sequence_ = 0;
  bool settled_ = false;

  // Following.
  int deliveries_asked_ GUARDED_BY(mutex_) = 0;  // not begun yet: what comes is of an earlier one
  uint64_t asked_term_ GUARDED_BY(mutex_) = 0;
  uint64_t asked_log_end_ GUARDED_BY(mutex_) = 0;
  std::deque<Event> events_ GUARDED_BY(mutex_);
  size_t event_bytes_ GUARDED_BY(mutex_) = 0;

  // The state's place.
  std::atomic<uint64_t> last_{0};      // appended or applied
  std::atomic<uint64_t> durable_{0};   // agreed on
  std::atomic<uint64_t> applying_{0};  // of a batch that a standby applies, the last entry
  uint64_t applied_index_ GUARDED_BY(mutex_) = 0;
  uint64_t applied_term_ GUARDED_BY(mutex_) = 0;

  // Leading.
  uint64_t term_ GUARDED_BY(mutex_) = 0;
  uint64_t accepted_ GUARDED_BY(mutex_) = 0;  // of the last entry that is going to be proposed
  bool proposing_ GUARDED_BY(mutex_) = false;
  WriteQueue queue_ GUARDED_BY(mutex_);
  std::deque<Batch> in_flight_ GUARDED_BY(mutex_);
  Time taken_at_ GUARDED_BY(mutex_){};  // when the newest of them was
  Waiters waiters_ GUARDED_BY(mutex_);

  // Snapshots.
  bool snapshotting_ GUARDED_BY(mutex_) = false;
  uint64_t boundary_ GUARDED_BY(mutex_) = 0;  // the last entry that one replaces
  std::optional<SnapshotMeta> boundary_place_ GUARDED_BY(mutex_);
  uint64_t snapshot_first_ GUARDED_BY(mutex_) = 1;
};

Status EmbeddedJournal::Recover(Replayer& replayer) {
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(failure_);
    if (state_ == State::kStopping || state_ == State::kStopped) return CheckRunning();
    if (state_ == State::kLeading || recovering_)
      return FailedPrecondition("the journal in {} was recovered already, and leads", folder_);
    recovering_ = true;
    state_ = State::kIdle;
    ++life_;
    events_.clear();
    event_bytes_ = 0;
    changed_.NotifyAll();
  }
  const auto recover = [&]() -> Status {
    if (node() == nullptr) {
      RETURN_IF_ERROR(consensus::CheckNodeStamp(env_, folder_, options_.node.log.identity));
      RETURN_IF_ERROR(snapshots_.RemoveUnfinished());
    }
    ASSIGN_OR_RETURN(const auto newest, snapshots_.Read([&replayer](std::string_view record) {
      return replayer.OnSnapshotRecord(record);
    }));
    shown_sequence_ = newest.shown_sequence;
    settled_ = false;
    if (node() == nullptr) RETURN_IF_ERROR(StartNode(newest.meta));
    MutexLock lock(mutex_);
    if (state_ == State::kStopped) return CheckRunning();
    last_ = durable_ = accepted_ = applying_ = newest.first_sequence - 1;
    snapshot_first_ = newest.first_sequence;
    applied_index_ = newest.meta.index;
    applied_term_ = newest.meta.term;
    state_ = State::kFollowing;
    ++deliveries_asked_;
    LogInfo("journal", "recovered {} from the snapshot before entry {}", folder_,
            newest.first_sequence);
    node_->Deliver(newest.meta.index);
    return Status::Ok();
  };
  const Status status = recover();
  MutexLock lock(mutex_);
  recovering_ = false;
  changed_.NotifyAll();
  return status;
}

Status EmbeddedJournal::StartNode(const SnapshotMeta& applied) {
  ASSIGN_OR_RETURN(
      auto node, consensus::StartNode(env_, options_.node, applied, transport_, *this, snapshots_));
  MutexLock lock(mutex_);
  node_ = std::move(node);
  return Status::Ok();
}

Consensus* EmbeddedJournal::node() {
  MutexLock lock(mutex_);
  return node_.get();
}

Status EmbeddedJournal::NotLeading() const {
  if (role_.leader != 0 && role_.leader != options_.node.log.identity.node_id)
    return Unavailable("this master is a standby: {} leads", role_.leader_address);
  return Unavailable("this master is a standby, and no leader is known yet");
}

Status EmbeddedJournal::CheckRunning() const {
  RETURN_IF_ERROR(failure_);
  switch (state_) {
    case State::kIdle:
      if (life_ == 0) return Unavailable("the journal in {} has not been recovered yet", folder_);
      return NotLeading();
    case State::kFollowing: return NotLeading();
    case State::kLeading: return Status::Ok();
    case State::kStopping:
    case State::kStopped: break;
  }
  return Unavailable("the journal in {} is stopped", folder_);
}

Status EmbeddedJournal::CheckWritable() const {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRunning());
  if (static_cast<int64_t>(queue_.pending_bytes()) > options_.max_pending_bytes)
    return ResourceExhausted("{} bytes of journal entries wait for the quorum, the limit is {}",
                             queue_.pending_bytes(), options_.max_pending_bytes);
  return Status::Ok();
}

Status EmbeddedJournal::CheckReadable() const {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRunning());
  if (node_->HoldsLease()) return Status::Ok();
  return Unavailable("no majority has confirmed lately that this master leads");
}

uint64_t EmbeddedJournal::snapshot_sequence() const {
  MutexLock lock(mutex_);
  return snapshot_first_;
}

// ---- Following.

void EmbeddedJournal::OnDelivery(uint64_t, uint64_t term, uint64_t log_end) {
  MutexLock lock(mutex_);
  --deliveries_asked_;
  asked_term_ = term;
  asked_log_end_ = log_end;
}

void EmbeddedJournal::OnCommitted(std::vector<Entry> entries) {
  Callbacks ready;
  bool propose = false;
  uint64_t term = 0;
  uint64_t life = 0;
  {
    MutexLock lock(mutex_);
    if (state_ == State::kLeading || state_ == State::kStopping) {
      ready = Agreed(entries);
      propose = failure_.ok() && ProposeNow();
      term = term_;
      life = life_;
    } else {
      // The log keeps what does not fit here.
      life = life_;
      while (state_ == State::kFollowing && life == life_ && !events_.empty() &&
             event_bytes_ > options_.max_following_bytes)
        changed_.Wait(mutex_);
      if (state_ != State::kFollowing || life != life_ || deliveries_asked_ != 0) return;
      size_t bytes = 0;
      for (const Entry& entry : entries) bytes += sizeof(Entry) + entry.data.size();
      event_bytes_ += bytes;
      events_.push_back({.entries = std::move(entries), .bytes = bytes});
      changed_.NotifyAll();
    }
  }
  if (propose) Propose(term, life);
  Answer(ready, Status::Ok());
}

void EmbeddedJournal::OnRole(const RoleChange& change) {
  Callbacks lost;
  Status reason;
  {
    MutexLock lock(mutex_);
    role_ = change;
    if (state_ == State::kFollowing && deliveries_asked_ == 0) events_.push_back({.role = change});
    if ((state_ == State::kLeading || state_ == State::kStopping) &&
        (change.role != Role::kLeader || change.term != term_)) {
      reason = NotLeading();
      lost = Lose(reason);
    }
    changed_.NotifyAll();
  }
  Answer(lost, reason);
}

void EmbeddedJournal::OnReplaced(const SnapshotMeta&) {
  MutexLock lock(mutex_);
  if (state_ != State::kFollowing || deliveries_asked_ != 0) return;
  events_.push_back({.replaced = true});
  changed_.NotifyAll();
}

void EmbeddedJournal::OnEnd(const Status& reason) {
  Callbacks lost;
  {
    MutexLock lock(mutex_);
    const bool stopped = state_ == State::kStopping || state_ == State::kStopped;
    lost = Lose(reason);
    if (!reason.ok()) failure_ = reason;
    state_ = State::kStopped;
    if (stopped) failure_ = Status::Ok();
    changed_.NotifyAll();
  }
  Answer(lost, reason.ok() ? Unavailable("the journal in {} is stopped", folder_) : reason);
}

// What was agreed on in the term that this node leads in, or by itself in an earlier life of that
// term, is applied.
bool EmbeddedJournal::MayLead() const {
  return events_.empty() && deliveries_asked_ == 0 && role_.role == Role::kLeader &&
         applied_term_ == role_.term &&
         (asked_term_ != role_.term || applied_index_ >= asked_log_end_);
}

Result<ReplicatedJournal::Followed> EmbeddedJournal::Follow(Replayer& replayer) {
  for (;;) {
    RETURN_IF_ERROR(Settle(replayer));
    Event event;
    {
      MutexLock lock(mutex_);
      while (state_ == State::kFollowing && events_.empty() && !MayLead()) changed_.Wait(mutex_);
      RETURN_IF_ERROR(failure_);
      if (state_ == State::kStopped || state_ == State::kStopping) return Followed::kStopped;
      if (state_ != State::kFollowing)
        return FailedPrecondition("the journal in {} has to be recovered first", folder_);
      if (events_.empty()) {
        state_ = State::kLeading;
        term_ = role_.term;
        proposing_ = false;
        accepted_ = last_;
        LogInfo("journal", "{} leads in term {} from entry {} on", folder_, term_, last_ + 1);
        return Followed::kPromoted;
      }
      event = std::move(events_.front());
      events_.pop_front();
      event_bytes_ -= event.bytes;
      changed_.NotifyAll();
    }
    if (event.replaced) return Followed::kRebuild;
    for (const Entry& entry : event.entries) RETURN_IF_ERROR(Apply(entry, replayer));
  }
}

// A snapshot counts only once all that it shows is agreed on, so whoever leads has passed that.
Status EmbeddedJournal::Settle(Replayer& replayer) {
  if (settled_ || last_ < shown_sequence_) return Status::Ok();
  settled_ = true;
  return replayer.OnSettled();
}

Status EmbeddedJournal::Apply(const Entry& entry, Replayer& replayer) {
  uint64_t sequence = last_;
  if (IsBatch(entry)) {
    ASSIGN_OR_RETURN(const io::Frame batch, ParseBatch(entry));
    if (batch.first != sequence + 1)
      return DataLoss("entry {} of the quorum's log begins with change {} where {} is expected",
                      entry.index, batch.first, sequence + 1);
    const auto records = batch.Records();
    applying_ = sequence + records.size();
    for (const std::string_view record : records)
      if (const Status status = replayer.OnEntry(++sequence, record); !status.ok())
        return status.WithContext(fmt::format("{}: entry {}", folder_, sequence));
  }
  MutexLock lock(mutex_);
  last_ = durable_ = accepted_ = sequence;
  Applied(entry, sequence);
  return Status::Ok();
}

void EmbeddedJournal::Applied(const Entry& entry, uint64_t sequence) {
  applied_index_ = entry.index;
  applied_term_ = entry.term;
  if (snapshotting_ && !boundary_place_ && sequence == boundary_)
    boundary_place_ = SnapshotMeta{.index = entry.index, .term = entry.term};
  changed_.NotifyAll();
}

// ---- Leading.

uint64_t EmbeddedJournal::Append(std::string entry) {
  uint64_t sequence = 0;
  uint64_t term = 0;
  uint64_t life = 0;
  {
    MutexLock lock(mutex_);
    sequence = ++last_;
    // An entry that can't become durable is dropped: whoever waits for it gets the error.
    if (!CheckRunning().ok()) return sequence;
    queue_.Add(sequence, entry);
    accepted_ = sequence;
    if (!ProposeNow()) return sequence;
    term = term_;
    life = life_;
  }
  Propose(term, life);
  return sequence;
}

// Whether the caller has to propose what waits: see gather_window. What gathers goes on its way
// when the batch before it arrives, or with an entry that comes after the window.
bool EmbeddedJournal::ProposeNow() {
  if (proposing_ || !queue_.HasEntries()) return false;
  const bool gather = !in_flight_.empty() && !queue_.HasFullBatch() &&
                      std::chrono::steady_clock::now() - taken_at_ < options_.gather_window;
  if (!gather) proposing_ = true;
  return !gather;
}

// One proposal waits for the node's thread at a time, and takes all that was appended until then.
void EmbeddedJournal::Propose(uint64_t term, uint64_t life) {
  Consensus* const node = this->node();
  node->Propose(
      term, [this, life] { return TakeBatch(life); },
      [this, life](const Status& status) {
        if (status.ok()) return;
        Callbacks lost;
        {
          MutexLock lock(mutex_);
          if (life != life_ || (state_ != State::kLeading && state_ != State::kStopping)) return;
          lost = Lose(status);
        }
        Answer(lost, status);
      });
}

std::string EmbeddedJournal::TakeBatch(uint64_t life) {
  std::string bytes;
  uint64_t term = 0;
  {
    MutexLock lock(mutex_);
    if (life != life_ || !queue_.HasEntries()) return bytes;
    Batch batch = queue_.Take();
    bytes = batch.frame.Seal(FrameType::kEntries, batch.first, term_);
    in_flight_.push_back(std::move(batch));
    taken_at_ = std::chrono::steady_clock::now();
    proposing_ = false;
    if (!ProposeNow()) return bytes;
    term = term_;
  }
  Propose(term, life);
  return bytes;
}

EmbeddedJournal::Callbacks EmbeddedJournal::Agreed(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    uint64_t sequence = durable_;
    if (IsBatch(entry)) {
      const auto batch = ParseBatch(entry);
      if (!batch.ok() || batch->first != sequence + 1 || in_flight_.empty() ||
          in_flight_.front().first != batch->first) {
        // Nothing more may be acknowledged: this is not the order that callers were told.
        const Status status =
            Internal("entry {} of the quorum's log is not what this master proposed", entry.index);
        LogError("journal", "{}", status.message());
        failure_ = status;
        return {};
      }
      sequence += batch->count;
      queue_.Recycle(std::move(in_flight_.front()));
      in_flight_.pop_front();
    }
    durable_ = sequence;
    Applied(entry, sequence);
  }
  return waiters_.TakeUpTo(durable_);
}

// The caller answers what it returns with `reason`.
EmbeddedJournal::Callbacks EmbeddedJournal::Lose(const Status& reason) {
  if (state_ == State::kLeading)
    LogWarn("journal", "{} does not lead any more: {}", folder_, reason.message());
  queue_.Drop();
  in_flight_.clear();
  accepted_ = durable_;
  state_ = state_ == State::kStopping || state_ == State::kStopped ? State::kStopped : State::kIdle;
  changed_.NotifyAll();
  return waiters_.TakeAll();
}

void EmbeddedJournal::Answer(const Callbacks& callbacks, const Status& status) {
  for (const auto& done : callbacks) done(status);
}

void EmbeddedJournal::WhenDurable(uint64_t sequence, std::function<void(Status)> done) {
  if (sequence <= durable_) return done(Status::Ok());
  Status outcome;
  {
    MutexLock lock(mutex_);
    const bool waits = state_ == State::kLeading || state_ == State::kStopping;
    if (failure_.ok() && waits && sequence <= accepted_ && sequence > durable_) {
      waiters_.Add(sequence, std::move(done));
      return;
    }
    if (sequence > durable_) outcome = CheckRunning();
    if (sequence > accepted_ && outcome.ok())
      outcome = InvalidArgument("no entry {} was appended", sequence);
  }
  done(outcome);
}

bool EmbeddedJournal::AwaitDemotion(Time deadline) {
  MutexLock lock(mutex_);
  while (state_ == State::kLeading && failure_.ok())
    if (!changed_.WaitUntil(mutex_, deadline)) return state_ != State::kLeading;
  return true;
}

void EmbeddedJournal::Stop() {
  Consensus* node = nullptr;
  {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + options_.stop_timeout;
    if (state_ == State::kLeading) {
      state_ = State::kStopping;
      changed_.NotifyAll();
      while (state_ == State::kStopping && failure_.ok() && durable_ < accepted_)
        if (!changed_.WaitUntil(mutex_, deadline)) break;
    } else if (state_ != State::kStopping) {
      state_ = State::kStopped;
    }
    changed_.NotifyAll();
    node = node_.get();
  }
  if (node != nullptr) node->Stop();
  MutexLock lock(mutex_);
  state_ = State::kStopped;
  changed_.NotifyAll();
}

// ---- Snapshots.

Status EmbeddedJournal::CheckLife(uint64_t life) const {
  RETURN_IF_ERROR(failure_);
  if (state_ == State::kStopping || state_ == State::kStopped) return CheckRunning();
  if (life != life_ || state_ == State::kIdle)
    return Unavailable("the state of {} is being replaced", folder_);
  return Status::Ok();
}

Result<EmbeddedJournal::Begun> EmbeddedJournal::BeginSnapshot() {
  MutexLock lock(mutex_);
  if (state_ != State::kFollowing) RETURN_IF_ERROR(CheckRunning());
  RETURN_IF_ERROR(failure_);
  if (snapshotting_)
    return FailedPrecondition("a snapshot of the journal in {} is being written", folder_);
  snapshotting_ = true;
  boundary_ = last_;
  boundary_place_.reset();
  if (durable_ == last_)
    boundary_place_ = SnapshotMeta{.index = applied_index_, .term = applied_term_};
  else
    queue_.StartNewLog(last_ + 1);  // no batch reaches over the boundary
  return Begun{.first = last_ + 1, .life = life_};
}

Status EmbeddedJournal::Snapshot(SnapshotSource& source) {
  ASSIGN_OR_RETURN(const Begun begun, BeginSnapshot());
  const Status status = WriteSnapshot(begun, source);
  MutexLock lock(mutex_);
  snapshotting_ = false;
  return status;
}

Status EmbeddedJournal::WriteSnapshot(const Begun& begun, SnapshotSource& source) {
  ASSIGN_OR_RETURN(const auto writer, snapshots_.Create(begun.first));
  RETURN_IF_ERROR(AddAll(source, *writer, [&] {
    MutexLock lock(mutex_);
    return CheckLife(begun.life);
  }));
  // Whatever the records show was appended, or began to be applied, before now.
  const uint64_t shown = std::max<uint64_t>(last_sequence(), applying_);
  ASSIGN_OR_RETURN(SnapshotMeta place, AwaitAgreed(begun, shown));
  Consensus* const node = this->node();
  consensus::Membership members = node->MembershipAt(place.index);
  place.conf_state = std::move(members.conf_state);
  place.addresses = std::move(members.addresses);
  RETURN_IF_ERROR(snapshots_.Publish(*writer, begun.first, shown, place));
  LogInfo("journal", "{}: a snapshot with {} records replaces the entries before {}", folder_,
          writer->records(), begun.first);
  {
    MutexLock lock(mutex_);
    if (begun.life == life_) snapshot_first_ = begun.first;
  }
  RETURN_IF_ERROR(node->Compact(place));
  if (const Status status = snapshots_.RemoveOld(); !status.ok())
    LogWarn("journal", "old snapshots stay behind: {}", status.message());
  return Status::Ok();
}

Result<SnapshotMeta> EmbeddedJournal::AwaitAgreed(const Begun& begun, uint64_t sequence) {
  const auto deadline = std::chrono::steady_clock::now() + options_.snapshot_timeout;
  MutexLock lock(mutex_);
  for (;;) {
    RETURN_IF_ERROR(CheckLife(begun.life));
    if (durable_ >= sequence && boundary_place_) return *boundary_place_;
    if (!changed_.WaitUntil(mutex_, deadline) && std::chrono::steady_clock::now() >= deadline)
      return DeadlineExceeded("the quorum did not agree on entry {} within {} ms", sequence,
                              options_.snapshot_timeout.count());
  }
}

}  // namespace

std::unique_ptr<ReplicatedJournal> OpenEmbeddedJournal(io::Env& env,
                                                       consensus::Transport& transport,
                                                       EmbeddedJournalOptions options) {
  return std::make_unique<EmbeddedJournal>(env, transport, std::move(options));
}

Status FormatEmbeddedJournal(io::Env& env, const std::string& folder,
                             const consensus::NodeIdentity& identity,
                             const consensus::Addresses& founders, Random random,
                             SnapshotSource* state) {
  SnapshotMeta initial;
  if (!founders.empty()) initial = {.index = 1, .term = 1, .addresses = founders};
  for (const auto& [id, address] : founders) initial.conf_state.voters.push_back(id);
  const uint64_t salt = random.Next();
  // The state that it begins with is a snapshot, even if it is empty, so that there always is one.
  return consensus::FormatRaftFolder(env, folder, identity, initial, salt, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto writer,
                     SnapshotWriter::Create(env, folder,
                                            {.kind = FileKind::kSnapshot,
                                             .first_sequence = 1,
                                             .salt = random.Next(),
                                             .cluster_id = identity.cluster_id}));
    if (state != nullptr) RETURN_IF_ERROR(AddAll(*state, *writer));
    return writer->Publish(0, consensus::EncodeSnapshotMeta(initial));
  });
}

}  // namespace headpond::journal
