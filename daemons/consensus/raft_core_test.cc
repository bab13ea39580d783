#include "consensus/raft_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>

#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

using ::testing::HasSubstr;

// A log in memory, all of it durable at once.
class MemoryLog : public LogReader {
 public:
  explicit MemoryLog(SnapshotMeta snapshot = {}) : snapshot_(std::move(snapshot)) {}

  uint64_t first_index() const override { return cut_.index + 1; }
  uint64_t last_index() const override { return cut_.index + entries_.size(); }

  Result<uint64_t> Term(uint64_t index) const override {
    if (broken) return DataLoss("sector 7 is gone");
    if (index == cut_.index) return cut_.term;
    if (index < cut_.index) return OutOfRange("{} was cut", index);
    if (index > last_index()) return Unavailable("{} is not there yet", index);
    return entries_[index - first_index()].term;
  }

  Result<std::vector<Entry>> Entries(uint64_t low, uint64_t high,
                                     uint64_t max_bytes) const override {
    if (low < first_index()) return OutOfRange("{} was cut", low);
    if (high > last_index() + 1) return Unavailable("{} is not there yet", high - 1);
    std::vector<Entry> result;
    uint64_t bytes = 0;
    for (uint64_t index = low; index < high; ++index) {
      const Entry& entry = entries_[index - first_index()];
      bytes += entry.data.size();
      if (!result.empty() && bytes > max_bytes) break;
      result.push_back(entry);
    }
    return result;
  }

  Result<SnapshotMeta> NewestSnapshot(uint64_t request_index) const override {
    if (snapshot_.index < request_index || snapshot_.index < cut_.index) {
      return Unavailable("no snapshot");
    }
    return snapshot_;
  }

  void Save(const Ready& ready) {
    if (ready.snapshot) {
      snapshot_ = *ready.snapshot;
      cut_ = snapshot_;
      entries_.clear();
    }
    for (const Entry& entry : ready.entries) {
      entries_.resize(entry.index - first_index());
      entries_.push_back(entry);
    }
    if (ready.hard_state) hard_state = *ready.hard_state;
  }

  // Replaces what is up to `index` by a snapshot.
  void Compact(uint64_t index, const ConfState& conf_state) {
    snapshot_ = {index, *Term(index), conf_state};
    entries_.erase(entries_.begin(), entries_.begin() + (index - cut_.index));
    cut_ = snapshot_;
  }

  void StartFromSnapshot() { cut_ = snapshot_; }

  HardState hard_state;
  bool broken = false;

 private:
  SnapshotMeta snapshot_;
  SnapshotMeta cut_;
  std::deque<Entry> entries_;
};

// A node whose writes are durable at once and whose entries are applied at once.
struct TestNode {
  TestNode(uint64_t id, const ConfState& first, uint64_t seed) : conf_state(first) {
    if (!first.voters.empty()) {
      log = MemoryLog({1, 1, first});
      log.StartFromSnapshot();
    }
    options.id = id;
    options.seed = seed;
    auto made = RaftCore::Create(options, {}, first, log);
    EXPECT_OK(made);
    core = *std::move(made);
  }

  CoreOptions options;
  MemoryLog log;
  ConfState conf_state;
  std::unique_ptr<RaftCore> core;
  std::vector<std::string> applied;
  std::vector<ReadState> reads;
  std::vector<uint64_t> restored;
};

// Some nodes on a network that delivers everything in order, but to and from those who are `down`.
class Cluster {
 public:
  explicit Cluster(const std::vector<uint64_t>& voters, uint64_t seed = 1) : seed_(seed) {
    for (const uint64_t id : voters) Add(id, {.voters = voters});
  }

  void Add(uint64_t id, const ConfState& first = {}) {
    nodes_[id] = std::make_unique<TestNode>(id, first, seed_);
  }

  TestNode& operator[](uint64_t id) { return *nodes_.at(id); }
  RaftCore& core(uint64_t id) { return *nodes_.at(id)->core; }

  // Until nobody has work.
  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, node] : nodes_) {
        while (node->core->HasReady()) {
          busy = true;
          Handle(*node);
        }
      }
      for (; !wire_.empty(); wire_.pop_front()) {
        busy = true;
        Deliver(wire_.front());
      }
    }
  }

  void Tick(int times = 1) {
    for (int i = 0; i < times; ++i) {
      for (auto& [id, node] : nodes_) EXPECT_OK(node->core->Tick());
      Settle();
    }
  }

  void Elect(uint64_t id) {
    EXPECT_OK(core(id).Campaign());
    Settle();
    EXPECT_EQ(core(id).status()->role, Role::kLeader);
  }

  std::set<uint64_t> down;
  std::string trace;

 private:
  void Handle(TestNode& node) {
    auto ready = node.core->TakeReady();
    ASSERT_OK(ready);
    Send(node.options.id, ready->messages);
    node.log.Save(*ready);
    if (ready->snapshot) {
      node.restored.push_back(ready->snapshot->index);
      node.conf_state = ready->snapshot->conf_state;
    }
    Send(node.options.id, ready->persisted_messages);
    auto light = node.core->Advance();
    ASSERT_OK(light);
    Send(node.options.id, light->messages);
    for (const auto* committed : {&ready->committed, &light->committed}) {
      for (const Entry& entry : *committed) Apply(node, entry);
    }
    if (ready->snapshot && ready->committed.empty() && light->committed.empty()) {
      ASSERT_OK(node.core->AdvanceApply(ready->snapshot->index));
    }
    for (ReadState& read : ready->read_states) node.reads.push_back(std::move(read));
  }

  void Apply(TestNode& node, const Entry& entry) {
    if (entry.kind == EntryKind::kConfChange) {
      auto state = node.core->ApplyConfChange(entry);
      ASSERT_OK(state);
      node.conf_state = *state;
    } else if (!entry.data.empty()) {
      node.applied.push_back(entry.data);
    }
    ASSERT_OK(node.core->AdvanceApply(entry.index));
  }

  void Send(uint64_t from, const std::vector<Message>& messages) {
    for (const Message& message : messages) {
      trace += fmt::format("{}>{}:{} ", from, message.to, static_cast<int>(message.type));
      if (down.contains(from) || down.contains(message.to)) continue;
      wire_.push_back(message);
    }
  }

  void Deliver(const Message& message) {
    const auto header = RaftCore::ParseHeader(message.bytes);
    ASSERT_OK(header);
    EXPECT_EQ(header->to, message.to);
    EXPECT_EQ(header->snapshot_index, message.snapshot_index);
    EXPECT_OK(core(message.to).Step(message.bytes));
    if (message.type == MessageType::kSnapshot) {
      EXPECT_OK(core(header->from).ReportSnapshot(message.to, true));
    }
  }

  uint64_t seed_;
  std::map<uint64_t, std::unique_ptr<TestNode>> nodes_;
  std::deque<Message> wire_;
};

TEST(RaftCoreTest, ANodeAloneElectsItselfAndCommits) {
  Cluster cluster({1});
  cluster.Tick(20);
  EXPECT_EQ(cluster.core(1).status()->role, Role::kLeader);
  const auto position = cluster.core(1).Propose("a");
  ASSERT_OK(position);
  EXPECT_EQ(*position, (LogPosition{3, 1}));  // after the snapshot and the leader's first entry
  cluster.Settle();
  EXPECT_THAT(cluster[1].applied, testing::ElementsAre("a"));
  EXPECT_EQ(cluster.core(1).status()->commit, 3u);
}

TEST(RaftCoreTest, ThreeNodesAgree) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(2);
  for (const char* data : {"a", "b", "c"}) ASSERT_OK(cluster.core(2).Propose(data));
  cluster.Settle();
  for (const uint64_t id : {1, 2, 3}) {
    EXPECT_THAT(cluster[id].applied, testing::ElementsAre("a", "b", "c")) << id;
    EXPECT_EQ(cluster.core(id).status()->leader, 2u);
  }
  const auto status = cluster.core(2).status();
  ASSERT_EQ(status->progress.size(), 3u);
  EXPECT_EQ(status->progress[0].match, status->last_index);
  EXPECT_TRUE(status->commit_in_term);
}

TEST(RaftCoreTest, OnlyTheLeaderTakesProposals) {
  Cluster cluster({1, 2, 3});
  EXPECT_THAT(cluster.core(1).Propose("a"), StatusIs(Code::kFailedPrecondition));
  cluster.Elect(2);
  EXPECT_THAT(cluster.core(1).Propose("a"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("that is node 2")));
}

TEST(RaftCoreTest, NothingIsCalledBetweenReadyAndAdvance) {
  Cluster cluster({1});
  ASSERT_OK(cluster.core(1).Campaign());
  ASSERT_OK(cluster.core(1).TakeReady());
  EXPECT_THAT(cluster.core(1).Tick(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("not advanced")));
  EXPECT_THAT(cluster.core(1).TakeReady(), StatusIs(Code::kFailedPrecondition));
}

TEST(RaftCoreTest, AFailingLogEndsTheCoreWithItsReason) {
  Cluster cluster({1, 2, 3});
  cluster[1].log.broken = true;
  EXPECT_THAT(cluster.core(1).Campaign(), StatusIs(Code::kInternal, HasSubstr("sector 7 is gone")));
  EXPECT_THAT(cluster.core(1).Tick(), StatusIs(Code::kFailedPrecondition, HasSubstr("stopped")));
  EXPECT_FALSE(cluster.core(1).HasReady());
}

}  // namespace
}  // namespace headpond::consensus
