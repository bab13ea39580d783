#include "consensus/raft_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "base/random.h"
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
  TestNode(uint64_t id, const ConfState& first, const CoreOptions& base)
      : options(base), conf_state(first) {
    if (!first.voters.empty()) {
      log = MemoryLog({1, 1, first});
      log.StartFromSnapshot();
    }
    options.id = id;
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
  int snapshots_asked = 0;
};

// Some nodes on a network that delivers everything in order, but to and from those who are `down`.
class Cluster {
 public:
  explicit Cluster(const std::vector<uint64_t>& voters, const CoreOptions& options = {})
      : options_(options) {
    for (const uint64_t id : voters) Add(id, {.voters = voters});
  }

  void Add(uint64_t id, const ConfState& first = {}) {
    nodes_[id] = std::make_unique<TestNode>(id, first, options_);
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

  std::set<uint64_t> down;  // neither send nor receive
  std::set<uint64_t> deaf;  // do not receive

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
    if (ready->take_snapshot) {
      ++node.snapshots_asked;
      node.log.Compact(node.core->status()->applied, node.conf_state);
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
      if (down.contains(from) || down.contains(message.to) || deaf.contains(message.to)) continue;
      wire_.push_back(message);
    }
  }

  void Deliver(const Message& message) {
    const auto header = RaftCore::ParseHeader(message.bytes);
    ASSERT_OK(header);
    EXPECT_EQ(header->to, message.to);
    EXPECT_EQ(header->snapshot_index, message.snapshot_index);
    const Status stepped = core(message.to).Step(message.bytes);
    if (stepped.code() != Code::kNotFound) {  // an answer of a node that was removed meanwhile
      EXPECT_OK(stepped);
    }
    if (message.type == MessageType::kSnapshot) {
      EXPECT_OK(core(header->from).ReportSnapshot(message.to, true));
    }
  }

  const CoreOptions options_;
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
  EXPECT_THAT(cluster[2].applied, testing::ElementsAre("a", "b", "c"));
  cluster.Tick();  // a heartbeat tells that they are committed
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

TEST(RaftCoreTest, ProposalsMadeTogetherTravelTogether) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 100; ++i) ASSERT_OK(cluster.core(1).Propose("a"));
  const auto ready = cluster.core(1).TakeReady();
  ASSERT_OK(ready);
  EXPECT_EQ(ready->entries.size(), 100u);
  EXPECT_EQ(ready->messages.size(), 2u);
  EXPECT_TRUE(ready->persisted_messages.empty());
}

TEST(RaftCoreTest, AFollowerAnswersOnlyAfterItsWrite) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_OK(cluster.core(1).Propose("a"));
  const auto leader = cluster.core(1).TakeReady();
  ASSERT_OK(leader);
  for (const Message& message : leader->messages) {
    ASSERT_OK(cluster.core(message.to).Step(message.bytes));
  }
  const auto follower = cluster.core(2).TakeReady();
  ASSERT_OK(follower);
  EXPECT_TRUE(follower->must_sync);
  EXPECT_TRUE(follower->messages.empty());
  EXPECT_EQ(follower->persisted_messages.size(), 1u);
}

TEST(RaftCoreTest, RefusesMoreThanItMayHoldUncommitted) {
  CoreOptions options;
  options.max_size_per_message = 1000;
  options.max_uncommitted_size = 5000;
  Cluster cluster({1, 2, 3}, options);
  cluster.Elect(1);
  ASSERT_OK(cluster.core(1).Propose(std::string(4000, 'x')));
  EXPECT_THAT(cluster.core(1).Propose(std::string(4000, 'x')), StatusIs(Code::kResourceExhausted));
  cluster.Settle();
  EXPECT_OK(cluster.core(1).Propose(std::string(4000, 'x')));
}

TEST(RaftCoreTest, ALeaderThatIsCutOffStepsDownAndItsProposalsAreLost) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.down = {1};
  const auto lost = cluster.core(1).Propose("lost");
  ASSERT_OK(lost);
  cluster.Tick(60);
  EXPECT_NE(cluster.core(1).status()->role, Role::kLeader);
  const uint64_t leader = cluster.core(2).status()->leader;
  ASSERT_THAT(leader, testing::AnyOf(2u, 3u));
  const auto kept = cluster.core(leader).Propose("kept");
  ASSERT_OK(kept);
  cluster.down.clear();
  cluster.Tick(5);
  for (const uint64_t id : {1, 2, 3}) {
    EXPECT_THAT(cluster[id].applied, testing::ElementsAre("kept")) << id;
  }
}

TEST(RaftCoreTest, LeadershipIsHandedOver) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  EXPECT_THAT(cluster.core(2).TransferLeader(3), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(cluster.core(1).TransferLeader(9), StatusIs(Code::kNotFound));
  ASSERT_OK(cluster.core(1).TransferLeader(3));
  EXPECT_THAT(cluster.core(1).Propose("a"), StatusIs(Code::kUnavailable));
  cluster.Settle();
  EXPECT_EQ(cluster.core(3).status()->role, Role::kLeader);
  EXPECT_EQ(cluster.core(1).status()->leader, 3u);
}

TEST(RaftCoreTest, AReadIndexCoversWhatWasCommitted) {
  Cluster cluster({1, 2, 3});
  EXPECT_THAT(cluster.core(1).ReadIndex("early"), StatusIs(Code::kFailedPrecondition));
  cluster.Elect(1);
  const auto position = cluster.core(1).Propose("a");
  ASSERT_OK(position);
  cluster.Settle();
  for (const uint64_t id : {1, 2}) {  // a follower asks its leader
    ASSERT_OK(cluster.core(id).ReadIndex("r"));
    cluster.Settle();
    ASSERT_EQ(cluster[id].reads.size(), 1u);
    EXPECT_EQ(cluster[id].reads[0].context, "r");
    EXPECT_EQ(cluster[id].reads[0].index, position->index);
  }
  cluster.down = {1};
  ASSERT_OK(cluster.core(1).ReadIndex("alone"));
  cluster.Settle();
  EXPECT_EQ(cluster[1].reads.size(), 1u);  // no majority confirmed that it leads
}

TEST(RaftCoreTest, ALaggingFollowerGetsASnapshot) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.down = {3};
  for (int i = 0; i < 10; ++i) ASSERT_OK(cluster.core(1).Propose("a"));
  cluster.Settle();
  const uint64_t applied = cluster.core(1).status()->applied;
  cluster[1].log.Compact(applied, cluster[1].conf_state);
  cluster.down.clear();
  cluster.Tick(5);
  EXPECT_THAT(cluster[3].restored, testing::ElementsAre(applied));
  EXPECT_EQ(cluster.core(3).status()->applied, applied);
  ASSERT_OK(cluster.core(1).Propose("b"));
  cluster.Settle();
  cluster.Tick();  // a heartbeat tells that it is committed
  EXPECT_THAT(cluster[3].applied, testing::ElementsAre("b"));
}

TEST(RaftCoreTest, ALearnerJoinsBySnapshotAndIsPromoted) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Add(4);
  EXPECT_EQ(cluster.core(4).status()->role, Role::kLearner);
  ASSERT_OK(cluster.core(1).ProposeConfChange({{ConfChangeKind::kAddLearner, 4}}));
  cluster.Settle();
  cluster.Tick(5);
  // The newest snapshot is of a time without the learner: a newer one was asked for and made.
  EXPECT_GT(cluster[1].snapshots_asked, 0);
  EXPECT_EQ(cluster[4].restored.size(), 1u);
  EXPECT_THAT(cluster[4].conf_state.learners, testing::ElementsAre(4u));

  ASSERT_OK(cluster.core(1).ProposeConfChange({{ConfChangeKind::kAddVoter, 4}}));
  cluster.Settle();
  EXPECT_THAT(cluster[4].conf_state.voters, testing::ElementsAre(1u, 2u, 3u, 4u));
  EXPECT_EQ(cluster.core(4).status()->role, Role::kFollower);
  EXPECT_EQ(cluster.core(1).status()->progress.size(), 4u);
}

TEST(RaftCoreTest, SeveralMembersChangeAtOnceByJointConsensus) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Add(4);
  ASSERT_OK(cluster.core(1).ProposeConfChange(
      {{ConfChangeKind::kAddVoter, 4}, {ConfChangeKind::kRemove, 2}}));
  cluster.Settle();
  cluster.Tick(5);
  for (const uint64_t id : {1, 3, 4}) {
    EXPECT_EQ(cluster[id].conf_state, (ConfState{.voters = {1, 3, 4}})) << id;
  }
}

TEST(RaftCoreTest, MembershipChangesThatCannotBeMadeAreRefused) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  RaftCore& core = cluster.core(1);
  EXPECT_THAT(core.ProposeConfChange({{ConfChangeKind::kRemove, 1}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("transfer leadership first")));
  EXPECT_THAT(core.ProposeConfChange({}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(core.ProposeConfChange({{ConfChangeKind::kAddVoter, 0}}),
              StatusIs(Code::kInvalidArgument));
  ASSERT_OK(core.ProposeConfChange({{ConfChangeKind::kAddLearner, 4}}));
  EXPECT_THAT(core.ProposeConfChange({{ConfChangeKind::kAddLearner, 5}}), StatusIs(Code::kAborted));
  EXPECT_THAT(cluster.core(2).ProposeConfChange({{ConfChangeKind::kAddLearner, 5}}),
              StatusIs(Code::kFailedPrecondition));
}

TEST(RaftCoreTest, ALeaderThatComesUponItsOwnRemovalStepsDown) {
  CoreOptions options;
  options.pre_vote = options.check_quorum = false;  // Campaign succeeds at once
  Cluster cluster({1, 2, 3}, options);
  cluster.Elect(1);
  cluster.deaf = {1};
  ASSERT_OK(cluster.core(1).ProposeConfChange({{ConfChangeKind::kRemove, 2}}));
  cluster.Settle();
  cluster.down = {1};
  ASSERT_OK(cluster.core(2).Campaign());
  cluster.Settle();
  EXPECT_THAT(cluster[2].conf_state.voters, testing::ElementsAre(1u, 3u));
  EXPECT_NE(cluster.core(2).status()->role, Role::kLeader);
  cluster.down.clear();
  cluster.deaf.clear();
  cluster.Elect(3);
  ASSERT_OK(cluster.core(3).Propose("a"));
  cluster.Settle();
  cluster.Tick();  // a heartbeat tells that it is committed
  EXPECT_THAT(cluster[1].applied, testing::ElementsAre("a"));
}

TEST(RaftCoreTest, StartsAgainFromItsLog) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_OK(cluster.core(1).Propose("a"));
  cluster.Settle();
  TestNode& node = cluster[1];
  CoreOptions options = node.options;
  options.applied = 1;
  const auto again = RaftCore::Create(options, node.log.hard_state, node.conf_state, node.log);
  ASSERT_OK(again);
  const auto status = (*again)->status();
  EXPECT_EQ(status->term, 1u);
  EXPECT_EQ(status->vote, 1u);
  EXPECT_EQ(status->role, Role::kFollower);
  const auto ready = (*again)->TakeReady();
  ASSERT_OK(ready);
  EXPECT_EQ(ready->committed.size(), 2u);  // of the leader's term, and "a"
}

TEST(RaftCoreTest, AStateThatDoesNotFitItsLogIsRefused) {
  MemoryLog log({1, 1, {.voters = {1, 2, 3}}});
  log.StartFromSnapshot();
  CoreOptions options;
  options.id = 1;
  const ConfState voters = {.voters = {1, 2, 3}};
  EXPECT_THAT(RaftCore::Create(options, {.term = 2, .vote = 0, .commit = 7}, voters, log),
              StatusIs(Code::kInvalidArgument, HasSubstr("entries are missing")));
  EXPECT_THAT(RaftCore::Create(options, {}, voters, MemoryLog()),
              StatusIs(Code::kInvalidArgument, HasSubstr("needs a snapshot")));
  options.election_ticks = 1;
  EXPECT_THAT(RaftCore::Create(options, {}, voters, log), StatusIs(Code::kInvalidArgument));
  options.id = 0;
  EXPECT_THAT(RaftCore::Create(options, {}, voters, log), StatusIs(Code::kInvalidArgument));
}

TEST(RaftCoreTest, OnlyMessagesOfPeersAreTaken) {
  Cluster cluster({1, 2, 3});
  ASSERT_OK(cluster.core(2).Campaign());
  const auto ready = cluster.core(2).TakeReady();
  ASSERT_OK(ready);
  const Message& vote = ready->persisted_messages.at(0);
  EXPECT_THAT(cluster.core(vote.to == 1 ? 3 : 1).Step(vote.bytes),
              StatusIs(Code::kInvalidArgument, HasSubstr("reached node")));
  RaftCore& core = cluster.core(vote.to);
  EXPECT_THAT(core.Step(""), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(core.Step("not a message"), StatusIs(Code::kInvalidArgument));
  // A proposal from elsewhere: type 2, to, from.
  const std::string to(1, static_cast<char>(vote.to));
  EXPECT_THAT(core.Step("\x08\x02\x10" + to + "\x18\x02"),
              StatusIs(Code::kInvalidArgument, HasSubstr("does not come from a peer")));
  // Eight million nested groups, which a parser without a limit would follow with its stack.
  EXPECT_THAT(core.Step(std::string(8'000'000, '\xa3')), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(RaftCore::ParseHeader(std::string(1000, '\x0b')), StatusIs(Code::kInvalidArgument));
  EXPECT_OK(core.Step(vote.bytes));  // the core is none the worse
}

TEST(RaftCoreTest, BytesTurnedAtRandomAreRefusedOrHarmless) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  std::vector<std::string> samples;
  for (const char* data : {"a", "bb", "ccc"}) ASSERT_OK(cluster.core(1).Propose(data));
  const auto ready = cluster.core(1).TakeReady();
  ASSERT_OK(ready);
  for (const Message& message : ready->messages) samples.push_back(message.bytes);
  Random random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = samples[random.Below(samples.size())];
    for (uint64_t n = 1 + random.Below(4); n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    bytes.resize(random.Below(bytes.size() + 1));
    const auto header = RaftCore::ParseHeader(bytes);
    if (!header.ok()) {
      EXPECT_THAT(header, StatusIs(Code::kInvalidArgument));
    }
  }
}

TEST(RaftCoreTest, RaftsOwnLinesReachTheLogger) {
  std::vector<std::string> lines;
  CoreOptions options;
  options.log = [&](LogLevel, std::string_view line) { lines.emplace_back(line); };
  Cluster cluster({1}, options);
  cluster.Elect(1);
  EXPECT_THAT(lines, testing::Contains(HasSubstr("became leader at term 1")));
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
