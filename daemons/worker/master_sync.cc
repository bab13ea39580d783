#include "worker/master_sync.h"

#include "base/log.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "master-sync";
// An outage is reported at once and then about every half minute.
constexpr int kRoundsPerReport = 30;
// An election, the heartbeat that fails because of it, and the registration at the next one.
constexpr std::chrono::seconds kCommitPatience{10};
constexpr std::chrono::milliseconds kCommitRetry{100};

// A master leads that has not met this worker yet. That a block's file is gone is NotFound too, and
// stays so; the words are 2.9's (compat/messages.md), which all masters use.
bool IsUnknownWorker(const Status& status) {
  return status.code() == Code::kNotFound &&
         status.message().find("No worker found") != std::string::npos;
}

}  // namespace

MasterSync::MasterSync(Options options, MasterLink& master, cache::BlockStore& store,
                       const MetricsRegistry& metrics, Executor& io)
    : options_(options), master_(master), store_(store), io_(io), counters_(metrics) {}

MasterSync::~MasterSync() {
  Stop();
}

void MasterSync::Start(WorkerAddress address) {
  address_ = std::move(address);
  task_ = std::make_unique<PeriodicTask>(
      "master-sync", options_.heartbeat_interval, [this] { Tick(); },
      /*immediately=*/true);
  waker_ = task_.get();
}

void MasterSync::Stop() {
  commit_pause_.Interrupt();
  if (task_ != nullptr) task_->Stop();  // it stays, as commits may still wake it
}

void MasterSync::Tick() {
  if (retired_) return;
  Status status = registered() ? SendHeartbeat() : Status::Ok();
  // Also when the heartbeat's answer was that the master doesn't know this worker.
  if (status.ok() && !registered() && !retired_) status = Register();
  if (status.ok()) {
    failed_rounds_ = 0;
  } else {
    ReportOutage(status);
  }
}

void MasterSync::ReportOutage(const Status& status) {
  if (failed_rounds_++ % kRoundsPerReport != 0) return;
  LogWarn(
      kComponent,
      "no success with the master at {}: {}; trying again every {} ms (alluxio.master.hostname and "
      "alluxio.master.rpc.port say where it is)",
      master_.master(), status.ToString(), options_.heartbeat_interval.count());
}

Status MasterSync::Register() {
  ASSIGN_OR_RETURN(const int64_t id, master_.GetWorkerId(address_));
  if (options_.use_lease) {
    ASSIGN_OR_RETURN(const bool allowed, master_.RequestLease(id, store_.block_count()));
    if (!allowed) return Unavailable("too many workers register at once");
  }
  // What is registered below is everything; changes until then are in it.
  (void)store_.TakeChanges();
  RETURN_IF_ERROR(master_.Register(id, store_));
  worker_id_ = id;
  LogInfo(kComponent, "registered with the master at {} as worker {} with {} blocks",
          master_.master(), id, store_.block_count());
  return Status::Ok();
}

Status MasterSync::SendHeartbeat() {
  if (const auto pinned = master_.PinnedFiles(); pinned.ok()) store_.UpdatePinnedFiles(*pinned);
  cache::BlockChanges changes = store_.TakeChanges();
  const auto command = master_.Heartbeat(worker_id_, store_.Space(), changes, counters_.Growth());
  if (!command.ok()) {
    store_.RestoreChanges(std::move(changes));
    return command.status();
  }
  if (command->kind != MasterCommand::Kind::kRegister) counters_.Delivered();
  Obey(*command);
  return Status::Ok();
}

void MasterSync::Obey(const MasterCommand& command) {
  switch (command.kind) {
    case MasterCommand::Kind::kNothing: return;
    case MasterCommand::Kind::kRegister:
      LogInfo(kComponent, "the master at {} asks this worker to register again", master_.master());
      worker_id_ = kNoWorker;
      return;
    case MasterCommand::Kind::kFree: {
      // The master repeats what was not reported removed, so a full queue or a failed removal mends
      // itself.
      const Status submitted = io_.Submit([this, blocks = command.blocks] {
        for (const BlockId block : blocks) {
          const Status status = store_.Remove(block);
          if (!status.ok() && status.code() != Code::kNotFound)
            LogWarn(kComponent, "block {} could not be freed: {}", block, status.ToString());
        }
      });
      if (!submitted.ok())
        LogWarn(kComponent, "{} blocks are freed later: {}", command.blocks.size(),
                submitted.message());
      return;
    }
    case MasterCommand::Kind::kDecommissioned:
    case MasterCommand::Kind::kDisabled:
      LogWarn(kComponent,
              "the master has {} this worker; it serves what it has but reports no more",
              command.kind == MasterCommand::Kind::kDisabled ? "disabled" : "decommissioned");
      retired_ = true;
      return;
  }
}

Status MasterSync::Commit(BlockId block, const cache::BlockWriter::Committed& committed) {
  const auto deadline = std::chrono::steady_clock::now() + kCommitPatience;
  while (true) {
    Status status = TryCommit(block, committed);
    const bool may_pass = status.code() == Code::kUnavailable || IsUnknownWorker(status);
    if (!may_pass || std::chrono::steady_clock::now() >= deadline) return status;
    // The next heartbeat, or registration, need not wait for its time.
    if (PeriodicTask* const task = waker_) task->Wake();
    if (!commit_pause_.For(kCommitRetry).ok()) return status;
  }
}

Status MasterSync::TryCommit(BlockId block, const cache::BlockWriter::Committed& committed) {
  const int64_t id = worker_id_;
  if (id == kNoWorker)
    return Unavailable("this worker is not registered with the master at {} now; retry",
                       master_.master());
  int64_t used = 0;
  for (const cache::TierSpace& tier : store_.Space())
    if (tier.alias == committed.location.tier_alias) used = tier.used_bytes;
  return master_.CommitBlock(id, block, committed, used);
}

}  // namespace headpond::worker
