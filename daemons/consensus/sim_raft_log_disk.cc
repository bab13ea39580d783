#include "consensus/sim_raft_log_disk.h"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "consensus/raft_log.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"

namespace headpond::consensus {

namespace {

constexpr char kFolder[] = "/node";
constexpr char kStates[] = "/states";
constexpr int64_t kMaxStateBytes = 1 << 20;

std::string StatePath(uint64_t index) {
  return fmt::format("{}/{}", kStates, index);
}

// Writes of a Ready wait for Sync, which the real log does in the same call: a crash before or
// within it tears them.
class RealLog final : public SimLog {
 public:
  RealLog(io::Env& env, std::unique_ptr<RaftLog> log, SimSnapshot snapshot)
      : env_(env),
        log_(std::move(log)),
        start_(log_->hard_state()),
        snapshot_(std::move(snapshot)) {}

  uint64_t first_index() const override { return log_->first_index(); }
  uint64_t last_index() const override { return log_->last_index(); }
  Result<uint64_t> Term(uint64_t index) const override { return log_->Term(index); }
  Result<std::vector<Entry>> Entries(uint64_t low, uint64_t high,
                                     uint64_t max_bytes) const override {
    return log_->Entries(low, high, max_bytes);
  }
  Result<SnapshotMeta> NewestSnapshot(uint64_t request_index) const override {
    return log_->NewestSnapshot(request_index);
  }

  HardState hard_state() const override { return start_; }
  const SimSnapshot& snapshot() const override { return snapshot_; }

  Status Write(const Ready& ready, const SimSnapshot* received) override {
    if (!ready.must_sync) return log_->Append({}, ready.hard_state);
    waiting_ = Waiting{ready.entries, ready.hard_state, {}};
    if (ready.snapshot) waiting_->received = *received;
    return Status::Ok();
  }

  Status LearnCommit(uint64_t commit) override {
    log_->LearnCommit(commit);
    return Status::Ok();
  }

  Status WriteCommit(uint64_t commit) override { return log_->WriteCommit(commit); }

  Status Sync() override {
    const Waiting waiting = *std::exchange(waiting_, std::nullopt);
    if (waiting.received) {
      RETURN_IF_ERROR(WriteState(*waiting.received));
      RETURN_IF_ERROR(log_->Replace(waiting.received->meta));
      RETURN_IF_ERROR(Adopt(*waiting.received));
    }
    return log_->Append(waiting.entries, waiting.hard_state);
  }

  Status Compact(SimSnapshot snapshot, uint64_t cut) override {
    RETURN_IF_ERROR(WriteState(snapshot));
    RETURN_IF_ERROR(log_->Compact(snapshot.meta, cut));
    return Adopt(std::move(snapshot));
  }

  bool waiting() const { return waiting_.has_value(); }

 private:
  struct Waiting {
    std::vector<Entry> entries;
    std::optional<HardState> hard_state;
    std::optional<SimSnapshot> received;
  };

  Status WriteState(const SimSnapshot& snapshot) {
    return io::WriteFileAtomically(env_, StatePath(snapshot.meta.index), snapshot.state);
  }

  Status Adopt(SimSnapshot snapshot) {
    const uint64_t previous = std::exchange(snapshot_, std::move(snapshot)).meta.index;
    return previous == snapshot_.meta.index ? Status::Ok() : env_.Remove(StatePath(previous));
  }

  io::Env& env_;
  const std::unique_ptr<RaftLog> log_;
  const HardState start_;
  SimSnapshot snapshot_;
  std::optional<Waiting> waiting_;
};

class RaftLogDisk final : public SimDisk {
 public:
  RaftLogDisk(uint64_t node, const SimSnapshot& first, uint64_t seed)
      : random_(seed), env_(mem_, seed), identity_{"simulated", node, fmt::format("n{}:1", node)} {
    made_ = Format(first);
  }

  Result<std::unique_ptr<SimLog>> Open() override {
    RETURN_IF_ERROR(made_);
    if (env_.crashed()) RETURN_IF_ERROR(env_.Restart(unsynced_));
    RaftLogOptions options;
    options.folder = kFolder;
    options.identity = identity_;
    options.segment_bytes = 1000 + static_cast<int64_t>(random_.Below(30000));
    options.fill_bytes = static_cast<int64_t>(random_.Below(3)) * 5000;
    options.max_frame_bytes = 500 + static_cast<int64_t>(random_.Below(20000));
    options.cache_bytes = static_cast<int64_t>(random_.Below(10000));
    options.random = Random(random_.Next());
    ASSIGN_OR_RETURN(std::unique_ptr<RaftLog> log, RaftLog::Open(env_, std::move(options)));
    SimSnapshot snapshot{log->snapshot(), {}};
    ASSIGN_OR_RETURN(snapshot.state,
                     io::ReadWholeFile(env_, StatePath(snapshot.meta.index), kMaxStateBytes));
    auto opened = std::make_unique<RealLog>(env_, std::move(log), std::move(snapshot));
    opened_ = opened.get();
    return std::unique_ptr<SimLog>(std::move(opened));
  }

  void Crash(Random& random) override {
    if (opened_->waiting() && random.OneIn(2)) {
      env_.CrashAt(env_.operations() + 1 + static_cast<int64_t>(random.Below(6)));
      (void)opened_->Sync();  // fails half way, or is done and was not answered
    }
    env_.Crash();
    opened_ = nullptr;
    constexpr io::Unsynced kOutcomes[] = {io::Unsynced::kKept, io::Unsynced::kDropped,
                                          io::Unsynced::kRandom};
    unsynced_ = kOutcomes[random.Below(3)];
  }

 private:
  Status Format(const SimSnapshot& first) {
    return FormatRaftFolder(env_, kFolder, identity_, first.meta, random_.Next(), [&]() -> Status {
      RETURN_IF_ERROR(env_.CreateDirectories(kStates));
      RETURN_IF_ERROR(env_.SyncDirectory("/"));
      return io::WriteFileAtomically(env_, StatePath(first.meta.index), first.state);
    });
  }

  Random random_;
  io::MemEnv mem_;
  io::FaultyEnv env_;
  const NodeIdentity identity_;
  Status made_;
  io::Unsynced unsynced_ = io::Unsynced::kKept;
  RealLog* opened_ = nullptr;
};

}  // namespace

std::unique_ptr<SimDisk> MakeRaftLogDisk(uint64_t node, const SimSnapshot& first, uint64_t seed) {
  return std::make_unique<RaftLogDisk>(node, first, seed);
}

}  // namespace headpond::consensus
