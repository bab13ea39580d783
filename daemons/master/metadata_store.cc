#include "master/metadata_store.h"

#include <future>

#include "base/log.h"
#include "master/change_tap.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "metadata-store";
constexpr size_t kSnapshotBatchInodes = 1000;  // about 100 us under the shared lock
// Some seconds' changes of a busy master.
constexpr size_t kTappedBytes = 64 << 20;

// Waits for the answer to what `ask` asks: the journal answers every request, with an error if its
// disk fails.
Status Answer(const std::function<void(MetadataStore::Reply)>& ask) {
  std::promise<Status> done;
  ask([&](Status status) { done.set_value(std::move(status)); });
  return done.get_future().get();
}

}  // namespace

class MetadataStore::NamespaceReplayer final : public journal::Replayer {
 public:
  explicit NamespaceReplayer(MetadataStore& store) : store_(store) {
    WriterLock lock(store_.mutex_);
    store_.namespace_.BeginRecovery();
  }

  Status OnSnapshotRecord(std::string_view record) override {
    return Replay(record, [] { return std::string("snapshot record"); });
  }
  Status OnEntry(uint64_t sequence, std::string_view entry) override {
    ++entries_;
    return Replay(entry, [&] { return fmt::format("journal entry {}", sequence); });
  }
  Status OnSettled() override {
    WriterLock lock(store_.mutex_);
    RETURN_IF_ERROR(store_.namespace_.FinishRecovery());
    store_.settled_ = true;
    return Status::Ok();
  }
  int64_t entries() const { return entries_; }

 private:
  template <typename Describe>
  Status Replay(std::string_view bytes, Describe&& describe) {
    const auto mutation = meta::DecodeMutation(bytes);
    if (!mutation.ok()) return mutation.status().WithContext(describe());
    WriterLock lock(store_.mutex_);
    if (store_.settled_) {
      if (store_.tap_ != nullptr) store_.tap_->Add(bytes);
      store_.namespace_.Apply(*mutation);
    } else {
      store_.namespace_.ApplyDuringRecovery(*mutation);
    }
    return Status::Ok();
  }

  MetadataStore& store_;
  int64_t entries_ = 0;
};

class MetadataStore::NamespaceSource final : public journal::SnapshotSource {
 public:
  explicit NamespaceSource(const MetadataStore& store) : store_(store) {}

  Result<std::vector<std::string>> NextBatch() override {
    std::vector<std::string> records;
    while (records.empty() && !cursor_.done) {
      records = store_.Read([&](const meta::Namespace& ns) {
        return ns.NextSnapshotBatch(cursor_, kSnapshotBatchInodes);
      });
    }
    return records;
  }

 private:
  const MetadataStore& store_;
  meta::Namespace::SnapshotCursor cursor_;
};

MetadataStore::MetadataStore(meta::NamespaceOptions options,
                             std::shared_ptr<journal::Journal> journal)
    : namespace_(std::move(options)), journal_(std::move(journal)) {}

Status MetadataStore::Recover() {
  NamespaceReplayer replayer(*this);
  RETURN_IF_ERROR(journal_->Recover(replayer));
  snapshot_sequence_ = journal_->last_sequence() - static_cast<uint64_t>(replayer.entries());
  LogInfo(kComponent, "replayed {} journal entries; {} inodes", replayer.entries(), InodeCount());
  return Status::Ok();
}

Result<journal::ReplicatedJournal::Followed> MetadataStore::Follow(
    journal::ReplicatedJournal& journal) {
  NamespaceReplayer replayer(*this);
  RETURN_IF_ERROR(journal.Recover(replayer));
  snapshot_sequence_ = journal.snapshot_sequence() - 1;
  ASSIGN_OR_RETURN(const auto followed, journal.Follow(replayer));
  LogInfo(kComponent, "followed {} journal entries; {} inodes", replayer.entries(), InodeCount());
  return followed;
}

size_t MetadataStore::InodeCount() const {
  return Read([](const meta::Namespace& ns) { return ns.inodes().size(); });
}

MetadataStore::DecliningPlan MetadataStore::Undeclining(const Plan& plan) {
  return [&plan](const meta::Namespace& ns) -> Result<std::optional<meta::Mutation>> {
    ASSIGN_OR_RETURN(meta::Mutation mutation, plan(ns));
    return std::optional(std::move(mutation));
  };
}

void MetadataStore::Commit(const Plan& plan, Reply reply) {
  TryCommit(Undeclining(plan), nullptr, std::move(reply));
}

bool MetadataStore::TryCommit(const DecliningPlan& plan, const View& applied, Reply reply) {
  return TryCommitFor(Audience::kClients, plan, applied, std::move(reply));
}

bool MetadataStore::TryCommitFor(Audience audience, const DecliningPlan& plan, const View& applied,
                                 Reply reply) {
  Status outcome;
  uint64_t before = 0;
  uint64_t sequence = 0;
  {
    WriterLock lock(mutex_);
    before = journal_->last_sequence();
    outcome = journal_->CheckWritable();
    if (outcome.ok()) {
      const auto mutation = plan(namespace_);
      if (!mutation.ok()) {
        outcome = mutation.status();
      } else if (!mutation->has_value()) {
        return false;
      } else {
        if (!(*mutation)->empty()) {
          std::string entry = meta::EncodeMutation(**mutation);
          if (tap_ != nullptr) tap_->Add(entry);
          journal_->Append(std::move(entry));
          namespace_.Apply(**mutation);
        }
        if (applied) applied(namespace_);
      }
    }
    sequence = journal_->last_sequence();
  }
  // What is refused, or was done before, is told from what was read: only who leads knows the
  // newest.
  if (audience == Audience::kClients && sequence == before) {
    if (const Status readable = journal_->CheckReadable(); !readable.ok()) {
      reply(readable);
      return true;
    }
  }
  journal_->WhenDurable(sequence, [outcome = std::move(outcome), reply = std::move(reply)](
                                      Status durable) { reply(durable.ok() ? outcome : durable); });
  return true;
}

Status MetadataStore::CommitAndWait(const Plan& plan) {
  return Answer([&](Reply reply) {
    TryCommitFor(Audience::kSelf, Undeclining(plan), nullptr, std::move(reply));
  });
}

void MetadataStore::AfterDurable(Reply reply) const {
  // Who leads now has seen all that was agreed on before now, so what was read was the newest.
  if (const Status readable = journal_->CheckReadable(); !readable.ok()) return reply(readable);
  journal_->WhenDurable(journal_->last_sequence(), std::move(reply));
}

Result<uint64_t> MetadataStore::AgreedSequence() const {
  const uint64_t sequence = journal_->last_sequence();
  RETURN_IF_ERROR(Answer([&](Reply reply) { AfterDurable(std::move(reply)); }));
  return sequence;
}

Status MetadataStore::Snapshot() {
  const uint64_t begin = journal_->last_sequence();
  NamespaceSource source(*this);
  RETURN_IF_ERROR(journal_->Snapshot(source));
  snapshot_sequence_ = begin;
  return Status::Ok();
}

void MetadataStore::SnapshotIfDue(uint64_t entries) {
  if (!settled_ || entries_since_snapshot() < entries) return;
  const Status status = Snapshot();
  if (status.ok()) return;
  // The journal ends, or what it had for this state was taken back.
  if (status.code() == Code::kUnavailable || status.code() == Code::kAborted)
    LogInfo(kComponent, "no snapshot: {}", status.message());
  else
    LogError(kComponent, "snapshot failed; the journal keeps growing until one succeeds: {}",
             status.ToString());
}

Status MetadataStore::GiveAll(ChangeTap& tap, BackupSink& sink) {
  NamespaceSource source(*this);
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<std::string> records, source.NextBatch());
    if (records.empty()) return Status::Ok();
    RETURN_IF_ERROR(sink.AddRecords(records));
    // Changes are passed on as they come, so that they need little room.
    ASSIGN_OR_RETURN(const std::vector<std::string> entries, tap.Take());
    RETURN_IF_ERROR(sink.AddEntries(entries));
  }
}

Result<uint64_t> MetadataStore::Backup(BackupSink& sink) {
  const auto tap = std::make_shared<ChangeTap>(kTappedBytes);
  {
    WriterLock lock(mutex_);
    if (tap_ != nullptr) return FailedPrecondition("another backup is running; wait for its end");
    tap_ = tap;
  }
  const Status given = GiveAll(*tap, sink);
  uint64_t sequence = 0;
  uint64_t inodes = 0;
  {
    WriterLock lock(mutex_);
    tap_ = nullptr;
    sequence = journal_->last_sequence();
    inodes = namespace_.inodes().size();
  }
  RETURN_IF_ERROR(given);
  ASSIGN_OR_RETURN(const std::vector<std::string> entries, tap->Take());
  RETURN_IF_ERROR(sink.AddEntries(entries));
  // A crash may undo what is not durable, and a backup of it would tell of what never was.
  RETURN_IF_ERROR(WaitDurable(sequence));
  return inodes;
}

Status MetadataStore::WaitDurable(uint64_t sequence) const {
  return Answer([&](Reply reply) { journal_->WhenDurable(sequence, std::move(reply)); });
}

uint64_t MetadataStore::entries_since_snapshot() const {
  return journal_->last_sequence() - snapshot_sequence_;
}

void MetadataStore::Stop() {
  journal_->Stop();
}

}  // namespace headpond::master
