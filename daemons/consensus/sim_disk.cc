#include "consensus/sim_disk.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

namespace headpond::consensus {

namespace {

struct Restore {
  SimSnapshot snapshot;
};
struct Compaction {
  SimSnapshot snapshot;
  uint64_t cut;
};
using Record = std::variant<Restore, Compaction, Entry, HardState>;

// What a sequence of records amounts to.
struct Image {
  SimSnapshot snapshot;
  uint64_t cut_index = 0;
  uint64_t cut_term = 0;
  std::deque<Entry> entries;
  HardState hard_state;

  uint64_t first_index() const { return cut_index + 1; }
  uint64_t last_index() const { return cut_index + entries.size(); }

  uint64_t TermAt(uint64_t index) const {
    return index == cut_index ? cut_term : entries[index - first_index()].term;
  }

  void Apply(const Restore& record) {
    snapshot = record.snapshot;
    cut_index = snapshot.meta.index;
    cut_term = snapshot.meta.term;
    entries.clear();
  }

  void Apply(const Compaction& record) {
    snapshot = record.snapshot;
    const uint64_t term = TermAt(record.cut);
    entries.erase(entries.begin(), entries.begin() + (record.cut - cut_index));
    cut_index = record.cut;
    cut_term = term;
  }

  void Apply(const Entry& entry) {
    entries.resize(entry.index - first_index());
    entries.push_back(entry);
  }

  void Apply(const HardState& state) { hard_state = state; }
};

enum class Forgets { kNothing, kCommits, kEverything };

class MemoryDisk final : public SimDisk {
 public:
  MemoryDisk(const SimSnapshot& first, Forgets forgets) : forgets_(forgets) {
    durable_.Apply(Restore{first});
    visible_ = durable_;
  }

  Result<std::unique_ptr<SimLog>> Open() override;

  void Crash(Random& random) override {
    const uint64_t kept = random.OneIn(3) ? 0 : random.Below(unsynced_.size() + 1);
    Settle(kept);
    unsynced_.clear();
    visible_ = durable_;
  }

  void Add(Record record) {
    std::visit([&](const auto& r) { visible_.Apply(r); }, record);
    unsynced_.push_back(std::move(record));
  }

  void Sync() {
    if (forgets_ != Forgets::kEverything) Settle(unsynced_.size());
  }
  bool forgets_commits() const { return forgets_ == Forgets::kCommits; }

  const Image& visible() const { return visible_; }

 private:
  void Settle(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      std::visit([&](const auto& r) { durable_.Apply(r); }, unsynced_.front());
      unsynced_.pop_front();
    }
  }

  const Forgets forgets_;
  Image durable_;
  Image visible_;
  std::deque<Record> unsynced_;  // what visible_ has and durable_ has not
};

class MemoryLog final : public SimLog {
 public:
  explicit MemoryLog(MemoryDisk& disk) : disk_(disk) {}

  uint64_t first_index() const override { return image().first_index(); }
  uint64_t last_index() const override { return image().last_index(); }

  Result<uint64_t> Term(uint64_t index) const override {
    if (index < image().cut_index) return OutOfRange("entry {} was cut", index);
    if (index > last_index()) return Unavailable("entry {} is not there yet", index);
    return image().TermAt(index);
  }

  Result<std::vector<Entry>> Entries(uint64_t low, uint64_t high,
                                     uint64_t max_bytes) const override {
    if (low < first_index()) return OutOfRange("entry {} was cut", low);
    if (high > last_index() + 1) return Unavailable("entry {} is not there yet", high - 1);
    std::vector<Entry> result;
    uint64_t bytes = 0;
    for (uint64_t index = low; index < high; ++index) {
      const Entry& entry = image().entries[index - first_index()];
      bytes += entry.data.size();
      if (!result.empty() && bytes > max_bytes) break;
      result.push_back(entry);
    }
    return result;
  }

  Result<SnapshotMeta> NewestSnapshot(uint64_t request_index) const override {
    if (image().snapshot.meta.index < request_index) return Unavailable("no such snapshot yet");
    return image().snapshot.meta;
  }

  HardState hard_state() const override { return image().hard_state; }
  const SimSnapshot& snapshot() const override { return image().snapshot; }

  Status Write(const Ready& ready, const SimSnapshot* received) override {
    if (ready.snapshot) {
      if (received == nullptr) return Internal("a snapshot without its state");
      disk_.Add(Restore{*received});
    }
    for (const Entry& entry : ready.entries) disk_.Add(entry);
    if (ready.hard_state) disk_.Add(*ready.hard_state);
    return Status::Ok();
  }

  Status LearnCommit(uint64_t commit) override {
    if (disk_.forgets_commits()) return Status::Ok();
    HardState state = image().hard_state;
    state.commit = std::max(state.commit, commit);
    disk_.Add(state);
    return Status::Ok();
  }

  Status Sync() override {
    disk_.Sync();
    return Status::Ok();
  }

  Status WriteCommit(uint64_t commit) override {
    RETURN_IF_ERROR(LearnCommit(commit));
    return Sync();
  }

  Status Compact(SimSnapshot snapshot, uint64_t cut) override {
    disk_.Add(Compaction{std::move(snapshot), cut});
    return Status::Ok();
  }

 private:
  const Image& image() const { return disk_.visible(); }

  MemoryDisk& disk_;
};

Result<std::unique_ptr<SimLog>> MemoryDisk::Open() {
  return std::unique_ptr<SimLog>(std::make_unique<MemoryLog>(*this));
}

}  // namespace

std::unique_ptr<SimDisk> MakeMemoryDisk(uint64_t, const SimSnapshot& first, uint64_t) {
  return std::make_unique<MemoryDisk>(first, Forgets::kNothing);
}

std::unique_ptr<SimDisk> MakeLyingDisk(uint64_t, const SimSnapshot& first, uint64_t) {
  return std::make_unique<MemoryDisk>(first, Forgets::kEverything);
}

std::unique_ptr<SimDisk> MakeForgetfulDisk(uint64_t, const SimSnapshot& first, uint64_t) {
  return std::make_unique<MemoryDisk>(first, Forgets::kCommits);
}

}  // namespace headpond::consensus
