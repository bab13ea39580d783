#include "consensus/node.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>
#include <set>

#include "consensus/memory_transport.h"
#include "io/faulty_env.h"
#include "io/frame_format.h"
#include "io/mem_env.h"
#include "testing/await.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

using ::testing::HasSubstr;

constexpr char kFolder[] = "/node";

NodeIdentity Identity(uint64_t id) {
  return {.cluster_id = "c", .node_id = id, .address = fmt::format("host{}:19200", id)};
}

// A list of texts: what was committed, in order. Its snapshots are all of them, one a line.
class ListMachine final : public StateMachine, public SnapshotStore {
 public:
  ListMachine(io::Env& env, uint64_t first_voters) : env_(env) {
    for (uint64_t id = 1; id <= first_voters; ++id) {
      newest_.conf_state.voters.push_back(id);
      newest_.addresses[id] = Identity(id).address;
    }
    if (first_voters > 0) newest_.index = newest_.term = 1;
  }

  // Becomes what the newest snapshot holds, and asks for what comes behind it. A newer snapshot may
  // be received before delivery begins.
  void Follow(Consensus& node) {
    uint64_t index = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      node_ = &node;
      texts_ = snapshot_texts_;
      index = applied_ = newest_.index;
    }
    node.Deliver(index);
  }

  void OnDelivery(uint64_t index, uint64_t, uint64_t) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(index, applied_);
  }
  void OnCommitted(std::vector<Entry> entries) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Entry& entry : entries) {
      EXPECT_EQ(entry.index, applied_ + 1);
      applied_ = entry.index;
      applied_term_ = entry.term;
      if (entry.kind == EntryKind::kNormal && !entry.data.empty())
        texts_.push_back(std::move(entry.data));
    }
  }
  void OnRole(const RoleChange& change) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    role_ = change;
  }
  void OnReplaced(const SnapshotMeta& snapshot) override {
    EXPECT_GE(newest().index, snapshot.index);
    Follow(*node_);
  }
  void OnEnd(const Status& reason) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_ = reason;
  }

  Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) override {
    return env_.OpenForRead(Path(index));
  }
  Result<std::unique_ptr<SnapshotSink>> ReceiveSnapshot(uint64_t index, uint64_t) override {
    return std::unique_ptr<SnapshotSink>(new Sink(*this, index));
  }

  // Takes a snapshot of everything that was delivered.
  SnapshotMeta Snapshot() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Membership members = node_->MembershipAt(applied_);
    newest_ = {.index = applied_,
               .term = applied_term_,
               .conf_state = members.conf_state,
               .addresses = members.addresses};
    snapshot_texts_ = texts_;
    const std::string meta = EncodeSnapshotMeta(newest_);
    std::string bytes = io::EncodeUint64(meta.size()) + meta;
    for (const std::string& text : texts_) bytes += text + "\n";
    EXPECT_OK(io::WriteFileAtomically(env_, Path(applied_), bytes));
    return newest_;
  }
  SnapshotMeta newest() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return newest_;
  }
  std::vector<std::string> texts() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return texts_;
  }
  RoleChange role() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return role_;
  }
  uint64_t applied() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return applied_;
  }
  std::optional<Status> end() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return end_;
  }

 private:
  class Sink final : public SnapshotSink {
   public:
    Sink(ListMachine& machine, uint64_t index) : machine_(machine), index_(index) {}
    Status Append(std::string_view bytes) override {
      bytes_ += bytes;
      return Status::Ok();
    }
    Result<SnapshotMeta> Finish() override {
      RETURN_IF_ERROR(machine_.Install(index_, bytes_));
      return machine_.newest();
    }

   private:
    ListMachine& machine_;
    const uint64_t index_;
    std::string bytes_;
  };

  Status Install(uint64_t index, const std::string& bytes) {
    const size_t length = io::DecodeUint64(std::string_view(bytes).substr(0, sizeof(uint64_t)));
    const auto meta = DecodeSnapshotMeta(std::string_view(bytes).substr(sizeof(uint64_t), length));
    if (!meta || meta->index != index) return DataLoss("not the snapshot at {}", index);
    RETURN_IF_ERROR(io::WriteFileAtomically(env_, Path(index), bytes));
    const std::lock_guard<std::mutex> lock(mutex_);
    newest_ = *meta;
    snapshot_texts_.clear();
    for (size_t at = sizeof(uint64_t) + length; at < bytes.size();) {
      const size_t next = bytes.find('\n', at);
      snapshot_texts_.push_back(bytes.substr(at, next - at));
      at = next + 1;
    }
    return Status::Ok();
  }
  static std::string Path(uint64_t index) { return fmt::format("{}/{}.list", kFolder, index); }

  io::Env& env_;
  Consensus* node_ = nullptr;
  mutable std::mutex mutex_;
  SnapshotMeta newest_;
  std::vector<std::string> snapshot_texts_;
  std::vector<std::string> texts_;
  uint64_t applied_ = 0;
  uint64_t applied_term_ = 0;
  RoleChange role_;
  std::optional<Status> end_;
};

// One machine of the cluster: its disk outlives its process.
struct Machine {
  io::MemEnv mem;
  io::FaultyEnv env{mem, 1};
  std::unique_ptr<Transport> transport;
  std::unique_ptr<ListMachine> list;
  std::unique_ptr<Consensus> node;
};

class NodeTest : public ::testing::Test {
 protected:
  // Nodes 1 to `count`, with nothing in the log yet.
  void StartCluster(uint64_t count) {
    for (uint64_t id = 1; id <= count; ++id) Format(id, count);
    for (uint64_t id = 1; id <= count; ++id) Start(id);
  }
  void Format(uint64_t id, uint64_t voters) {
    Machine& machine = machines_[id];
    machine.list = std::make_unique<ListMachine>(machine.env, voters);
    ASSERT_OK(
        FormatRaftFolder(machine.env, kFolder, Identity(id), machine.list->newest(), id, nullptr));
  }
  void Start(uint64_t id) {
    StartUndelivered(id);
    list(id).Follow(node(id));
  }
  // The state machine has not asked for anything yet.
  void StartUndelivered(uint64_t id) {
    Machine& machine = machines_[id];
    machine.transport = network_.Join(id);
    NodeOptions options{.log = {.folder = kFolder,
                                .identity = Identity(id),
                                .segment_bytes = 4000,
                                .fill_bytes = 0,
                                .cache_bytes = 2000,
                                .random = Random(id)},
                        .election = election_,
                        .max_waiting_committed_bytes = 10'000,
                        .keep_entries = 10,
                        .snapshot_retry = std::chrono::milliseconds(300),
                        .random = Random(id)};
    auto node = StartNode(machine.env, std::move(options), machine.list->newest(),
                          *machine.transport, *machine.list, *machine.list);
    ASSERT_OK(node);
    machine.node = *std::move(node);
  }
  // The process dies; what was synced stays.
  void Kill(uint64_t id) {
    Machine& machine = machines_[id];
    network_.Isolate(id);
    machine.env.Crash();
    machine.node = nullptr;
    machine.transport = nullptr;
    network_.Heal();
    ASSERT_OK(machine.env.Restart(io::Unsynced::kDropped));
  }
  Consensus& node(uint64_t id) { return *machines_[id].node; }
  ListMachine& list(uint64_t id) { return *machines_[id].list; }

  // The one that leads, and has applied all that was committed before; 0 when there is none in
  // time.
  uint64_t AwaitLeader(const std::set<uint64_t>& among) {
    uint64_t leader = 0;
    EXPECT_TRUE(Eventually([&] {
      for (const uint64_t id : among)
        if (machines_[id].node && list(id).role().role == Role::kLeader && node(id).HoldsLease())
          leader = id;
      return leader != 0;
    }));
    return leader;
  }
  Status Propose(uint64_t id, const std::string& text) {
    return Propose(id, list(id).role().term, text);
  }
  Status Propose(uint64_t id, uint64_t term, const std::string& text) {
    return Await<Status>([&](auto done) {
      node(id).Propose(
          term, [text] { return text; }, done);
    });
  }
  void ExpectTexts(const std::set<uint64_t>& ids, const std::vector<std::string>& texts) {
    for (const uint64_t id : ids) {
      EXPECT_TRUE(Eventually([&] { return list(id).texts() == texts; }))
          << "node " << id << " has " << ::testing::PrintToString(list(id).texts());
    }
  }

  std::chrono::milliseconds election_{200};
  MemoryNetwork network_;
  std::map<uint64_t, Machine> machines_;
};

TEST_F(NodeTest, OneNodeAloneLeadsAtOnce) {
  StartCluster(1);
  ASSERT_EQ(AwaitLeader({1}), 1u);
  EXPECT_OK(Propose(1, "a"));
  EXPECT_OK(Propose(1, "b"));
  ExpectTexts({1}, {"a", "b"});
  EXPECT_OK(Await<Status>([&](auto done) { node(1).ReadBarrier(done); }));
  Kill(1);
  Start(1);
  ASSERT_EQ(AwaitLeader({1}), 1u);
  ExpectTexts({1}, {"a", "b"});
}

TEST_F(NodeTest, ThreeNodesAgree) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) {
    texts.push_back(std::to_string(i));
    ASSERT_OK(Propose(leader, texts.back()));
  }
  ExpectTexts({1, 2, 3}, texts);
  const NodeStatus status = node(leader).status();
  EXPECT_EQ(status.members.size(), 3u);
  EXPECT_EQ(status.role.leader_address, Identity(leader).address);
}

TEST_F(NodeTest, ALeaderKnowsWhoIsThereAllTheTime) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const auto active = [&] {
    const NodeStatus status = node(leader).status();
    return std::count_if(status.members.begin(), status.members.end(),
                         [](const MemberStatus& member) { return member.active; });
  };
  ASSERT_TRUE(Eventually([&] { return active() == 3; }));
  // Over several of the times at which the core counts anew.
  const auto end = std::chrono::steady_clock::now() + 5 * election_;
  EXPECT_TRUE(Eventually([&] { return active() < 3 || std::chrono::steady_clock::now() > end; }));
  EXPECT_EQ(active(), 3);
  Kill(leader % 3 + 1);
  EXPECT_TRUE(Eventually([&] { return active() == 2; }));
}

TEST_F(NodeTest, OthersRefuseNamingTheLeader) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const uint64_t other = leader % 3 + 1;
  EXPECT_TRUE(Eventually([&] { return list(other).role().leader == leader; }));
  EXPECT_THAT(Propose(other, "x"),
              StatusIs(Code::kUnavailable, HasSubstr(Identity(leader).address)));
  EXPECT_THAT(Await<Status>([&](auto done) { node(other).ReadBarrier(done); }),
              StatusIs(Code::kUnavailable));
  EXPECT_FALSE(node(other).HoldsLease());
  EXPECT_THAT(Propose(leader, list(leader).role().term + 1, "x"), StatusIs(Code::kUnavailable));
}

TEST_F(NodeTest, TheOthersGoOnWhenTheLeaderDies) {
  StartCluster(3);
  const uint64_t first = AwaitLeader({1, 2, 3});
  ASSERT_OK(Propose(first, "before"));
  Kill(first);
  std::set<uint64_t> others = {1, 2, 3};
  others.erase(first);
  const uint64_t second = AwaitLeader(others);
  ASSERT_OK(Propose(second, "after"));
  ExpectTexts(others, {"before", "after"});
  Start(first);
  ExpectTexts({first}, {"before", "after"});
}

TEST_F(NodeTest, ALeaderThatIsCutOffLosesItsLeaseAndAcknowledgesNothing) {
  StartCluster(3);
  const uint64_t first = AwaitLeader({1, 2, 3});
  ASSERT_OK(Propose(first, "agreed"));
  network_.Isolate(first);
  const Status alone = Propose(first, "alone");
  EXPECT_THAT(alone, StatusIs(Code::kUnavailable));
  EXPECT_FALSE(node(first).HoldsLease());
  std::set<uint64_t> others = {1, 2, 3};
  others.erase(first);
  const uint64_t second = AwaitLeader(others);
  EXPECT_FALSE(node(first).HoldsLease()) << "never two";
  ASSERT_OK(Propose(second, "without it"));
  network_.Heal();
  ExpectTexts({1, 2, 3}, {"agreed", "without it"});
}

TEST_F(NodeTest, LeadershipCanBeHandedOverAndIsOnStop) {
  StartCluster(3);
  const uint64_t first = AwaitLeader({1, 2, 3});
  const uint64_t second = first % 3 + 1;
  ASSERT_TRUE(Eventually([&] { return node(first).status().members.size() == 3; }));
  EXPECT_OK(Await<Status>([&](auto done) { node(first).TransferLeader(second, done); }));
  EXPECT_EQ(AwaitLeader({1, 2, 3}), second);
  EXPECT_FALSE(node(first).HoldsLease());
  const auto start = std::chrono::steady_clock::now();
  node(second).Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_THAT(Propose(second, "x"), StatusIs(Code::kUnavailable));
  std::set<uint64_t> others = {1, 2, 3};
  others.erase(second);
  ASSERT_OK(Propose(AwaitLeader(others), "y"));
}

TEST_F(NodeTest, AHandOverThatIsRefusedCostsNothing) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const uint64_t term = list(leader).role().term;
  for (const uint64_t nobody : {leader, uint64_t{9}})
    EXPECT_FALSE(Await<Status>([&](auto done) { node(leader).TransferLeader(nobody, done); }).ok());
  EXPECT_TRUE(node(leader).HoldsLease());
  EXPECT_EQ(list(leader).role().term, term);
}

TEST_F(NodeTest, AHandOverToOneThatIsSilentEndsWithALeaderThatHoldsTheLease) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const uint64_t silent = leader % 3 + 1;
  const uint64_t other = silent % 3 + 1;
  network_.Isolate(silent);
  EXPECT_FALSE(Await<Status>([&](auto done) { node(leader).TransferLeader(silent, done); }).ok());
  ASSERT_OK(Propose(AwaitLeader({leader, other}), "a"));
  network_.Heal();
  ExpectTexts({1, 2, 3}, {"a"});
}

TEST_F(NodeTest, ASnapshotBringsAPeerBackThatWasAwayForLong) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const uint64_t away = leader % 3 + 1;
  Kill(away);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    texts.push_back(fmt::format("{} {}", i, std::string(100, 'x')));
    ASSERT_OK(Propose(leader, texts.back()));
  }
  ASSERT_TRUE(Eventually([&] { return list(leader).texts() == texts; }));
  ASSERT_OK(node(leader).Compact(list(leader).Snapshot()));
  EXPECT_TRUE(Eventually([&] { return node(leader).status().first_index > 50; }));
  Start(away);
  ExpectTexts({away}, texts);
  EXPECT_GE(network_.snapshots_fetched(), 1u);
  ASSERT_OK(Propose(leader, "more"));
  texts.push_back("more");
  ExpectTexts({1, 2, 3}, texts);
  // And from its own disk again.
  Kill(away);
  Start(away);
  ExpectTexts({away}, texts);
}

TEST_F(NodeTest, ASnapshotThatComesBeforeDeliveryIsToldWhenItBegins) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  const uint64_t away = leader % 3 + 1;
  Kill(away);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    texts.push_back(fmt::format("{} {}", i, std::string(100, 'x')));
    ASSERT_OK(Propose(leader, texts.back()));
  }
  ASSERT_TRUE(Eventually([&] { return list(leader).texts() == texts; }));
  const SnapshotMeta snapshot = list(leader).Snapshot();
  ASSERT_OK(node(leader).Compact(snapshot));
  const uint64_t before = list(away).applied();
  StartUndelivered(away);
  ASSERT_TRUE(Eventually([&] { return node(away).status().first_index > snapshot.index; }));
  EXPECT_EQ(list(away).applied(), before);
  list(away).Follow(node(away));
  ExpectTexts({away}, texts);
}

TEST_F(NodeTest, MembersJoinAsLearnersAndLeave) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  ASSERT_OK(Propose(leader, "old"));
  ASSERT_OK(node(leader).Compact(list(leader).Snapshot()));
  const auto change = [&](ConfChangeKind kind, uint64_t id) {
    return Await<Status>([&](auto done) {
      node(leader).ChangeMember({kind, id}, Identity(id).address, done);
    });
  };
  Format(4, 0);
  Start(4);
  ASSERT_OK(change(ConfChangeKind::kAddLearner, 4));
  ASSERT_TRUE(Eventually([&] { return node(leader).status().snapshot_wanted; }));
  ASSERT_OK(node(leader).Compact(list(leader).Snapshot()));
  ExpectTexts({4}, {"old"});
  ASSERT_OK(change(ConfChangeKind::kAddVoter, 4));
  const uint64_t leaves = leader % 3 + 1;
  ASSERT_OK(change(ConfChangeKind::kRemove, leaves));
  std::set<uint64_t> members = {1, 2, 3, 4};
  members.erase(leaves);
  ASSERT_OK(Propose(leader, "new"));
  ExpectTexts(members, {"old", "new"});
  EXPECT_TRUE(Eventually([&] { return node(leader).status().members.size() == 3; }));
  // The one that joined was told where the others are, and remembers.
  Kill(4);
  Start(4);
  EXPECT_TRUE(Eventually([&] {
    std::set<std::string> addresses;
    for (const MemberStatus& member : node(4).status().members) addresses.insert(member.address);
    return addresses.size() == 3 && !addresses.contains("");
  }));
}

TEST_F(NodeTest, WhoFoundedAloneHoldsNoElectionAloneOnceThereAreOthers) {
  StartCluster(1);
  ASSERT_EQ(AwaitLeader({1}), 1u);
  ASSERT_OK(Propose(1, "alone"));
  const auto change = [&](ConfChangeKind kind, uint64_t id) {
    return Await<Status>([&](auto done) {
      node(1).ChangeMember({kind, id}, Identity(id).address, done);
    });
  };
  for (const uint64_t id : {2, 3}) {
    Format(id, 0);
    Start(id);
    ASSERT_OK(change(ConfChangeKind::kAddLearner, id));
  }
  ASSERT_TRUE(Eventually([&] { return node(1).status().snapshot_wanted; }));
  ASSERT_OK(node(1).Compact(list(1).Snapshot()));
  ExpectTexts({2, 3}, {"alone"});
  for (const uint64_t id : {2, 3}) ASSERT_OK(change(ConfChangeKind::kAddVoter, id));
  const auto voters = [&](uint64_t id) {
    return std::ranges::count_if(node(id).status().members, &MemberStatus::voter);
  };
  EXPECT_TRUE(Eventually([&] { return voters(2) == 3 && voters(3) == 3; }));
  // Its newest snapshot is of a time when it was the only voter, and nothing was proposed since.
  Kill(1);
  ASSERT_EQ(list(1).newest().conf_state.voters, std::vector<uint64_t>{1});
  const uint64_t leader = AwaitLeader({2, 3});
  ASSERT_OK(Propose(leader, "without it"));
  Kill(2);
  Kill(3);
  Start(1);
  const auto role = [&] { return node(1).status().role.role; };
  EXPECT_TRUE(Eventually([&] { return role() == Role::kPreCandidate || role() == Role::kLeader; }));
  EXPECT_NE(role(), Role::kLeader);
  Start(2);
  Start(3);
  ASSERT_NE(AwaitLeader({2, 3}), 0u);
  ExpectTexts({1, 2, 3}, {"alone", "without it"});
}

TEST_F(NodeTest, ADiskThatFailsEndsTheNodeAndTheOthersGoOn) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader({1, 2, 3});
  ASSERT_OK(Propose(leader, "a"));
  Machine& machine = machines_[leader];
  machine.env.FailAt(machine.env.operations() + 1, EIO, /*and_later=*/true);
  const Status status = Propose(leader, "b");
  EXPECT_THAT(status, StatusIs(Code::kUnavailable, HasSubstr("check its disk")));
  EXPECT_TRUE(Eventually([&] { return list(leader).end().has_value(); }));
  EXPECT_FALSE(node(leader).HoldsLease());
  EXPECT_THAT(node(leader).status().failure, StatusIs(Code::kUnavailable));
  std::set<uint64_t> others = {1, 2, 3};
  others.erase(leader);
  ASSERT_OK(Propose(AwaitLeader(others), "c"));
}

TEST_F(NodeTest, ProposalsKeepTheirOrderAndAreWrittenTogether) {
  StartCluster(1);
  ASSERT_EQ(AwaitLeader({1}), 1u);
  Machine& machine = machines_[1];
  const uint64_t term = list(1).role().term;
  const int64_t before = machine.env.file_syncs();
  machine.env.HoldSyncs();
  std::vector<std::string> texts;
  std::mutex mutex;
  int done = 0;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(std::to_string(i));
    node(1).Propose(
        term, [text = texts.back()] { return text; },
        [&](const Status& status) {
          EXPECT_OK(status);
          const std::lock_guard<std::mutex> lock(mutex);
          ++done;
        });
    if (i == 0) {
      EXPECT_TRUE(machine.env.AwaitHeldSync(std::chrono::steady_clock::now() + kTestDeadline));
    }
  }
  machine.env.ReleaseSyncs();
  ExpectTexts({1}, texts);
  EXPECT_TRUE(Eventually([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    return done == 200;
  }));
  EXPECT_LT(machine.env.file_syncs() - before, 60) << "some files of 4000 bytes, and two flushes";
}

}  // namespace
}  // namespace headpond::consensus
