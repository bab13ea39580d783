// Real masters' journals over gRPC on loopback, from blank folders on.
#include "journal/embedded/formation.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "base/random.h"
#include "consensus/raft_log_folder.h"
#include "io/mem_env.h"
#include "journal/embedded/embedded_testing.h"
#include "journal/embedded/grpc_transport.h"
#include "journal/embedded/membership_watch.h"
#include "net/listen.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"

namespace headpond::journal {
namespace {

using ::testing::HasSubstr;

// A port that nobody has now. Another process may take it before it is used: rare, and loud.
int FreePort() {
  const net::ListenOptions options{.name = "test", .bind_host = "127.0.0.1"};
  const auto address = net::ResolveBindHost(options);
  EXPECT_OK(address);
  const auto listening = net::Listen(options, *address);
  EXPECT_OK(listening);
  sockaddr_in bound{};
  socklen_t length = sizeof(bound);
  EXPECT_EQ(getsockname(listening->get(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
  return ntohs(bound.sin_port);
}

// One master's disk and process: finds its cluster, then follows and leads.
class Master {
 public:
  Master(int port, std::vector<std::string> masters)
      : address_("127.0.0.1:" + std::to_string(port)), port_(port), masters_(std::move(masters)) {}
  ~Master() { Stop(); }

  void Start() {
    stopping_ = false;
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() {
    stopping_ = true;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (formation_) formation_->Stop();
      if (journal_) journal_->Stop();
    }
    if (thread_.joinable()) thread_.join();
    watch_ = nullptr;
    journal_ = nullptr;
    transport_ = nullptr;
    formation_ = nullptr;
    leads_ = false;
  }
  void LoseDisk() { env_ = std::make_unique<io::MemEnv>(); }

  const std::string& address() const { return address_; }
  bool leads() const { return leads_; }
  ReplicatedJournal& journal() { return *journal_; }
  ListReplayer& state() { return state_; }
  consensus::NodeStatus status() {
    const std::lock_guard<std::mutex> lock(mutex_);
    consensus::Consensus* const node = journal_ ? journal_->node() : nullptr;
    return node == nullptr ? consensus::NodeStatus() : node->status();
  }
  Status removed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return removed_;
  }
  std::string cluster_id() const {
    const auto stamp = consensus::ReadNodeStamp(*env_, kMemberFolder);
    return stamp.ok() ? stamp->cluster_id : "";
  }

 private:
  Status FindCluster() {
    Random random = Random::FromSystem();
    ASSIGN_OR_RETURN(const uint64_t id,
                     consensus::ReserveNodeId(*env_, kMemberFolder, address_, random));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      formation_ =
          std::make_unique<Formation>(FormationOptions{.bind_host = "127.0.0.1",
                                                       .port = port_,
                                                       .node_id = id,
                                                       .address = address_,
                                                       .masters = masters_,
                                                       .security = {.secret = "s3cret"},
                                                       .interval = std::chrono::milliseconds(10)});
      if (stopping_) return Cancelled("stopping");
    }
    ASSIGN_OR_RETURN(const auto outcome, formation_->Run());
    return FormatEmbeddedJournal(
        *env_, kMemberFolder,
        {.cluster_id = outcome.cluster_id, .node_id = id, .address = address_}, outcome.founders,
        random);
  }
  Status Open() {
    ASSIGN_OR_RETURN(const bool blank, consensus::IsBlankRaftFolder(*env_, kMemberFolder));
    if (blank) RETURN_IF_ERROR(FindCluster());
    ASSIGN_OR_RETURN(const auto identity, consensus::ReadNodeStamp(*env_, kMemberFolder));
    ASSIGN_OR_RETURN(const auto founders, consensus::ReadFounders(*env_, kMemberFolder));
    transport_ = MakeGrpcTransport({.bind_host = "127.0.0.1",
                                    .port = port_,
                                    .cluster_id = identity.cluster_id,
                                    .security = {.secret = "s3cret"}});
    auto journal = OpenEmbeddedJournal(
        *env_, *transport_, {.node = {.log = {.folder = kMemberFolder, .identity = identity}}});
    const auto node = [journal = journal.get()] { return journal->node(); };
    transport_->Present(
        {.address = address_, .masters = masters_, .founders = founders, .node = node});
    watch_ = std::make_unique<MembershipWatch>(
        MembershipWatchOptions{.cluster_id = identity.cluster_id,
                               .security = {.secret = "s3cret"},
                               .address = address_,
                               .masters = masters_,
                               .interval = std::chrono::milliseconds(20),
                               .leaderless = std::chrono::milliseconds(100)},
        node, *transport_, [this](const Status& status) {
          const std::lock_guard<std::mutex> lock(mutex_);
          removed_ = status;
        });
    const std::lock_guard<std::mutex> lock(mutex_);
    journal_ = std::move(journal);
    return Status::Ok();
  }
  void Run() {
    Status status = Open();
    while (status.ok() && !stopping_) status = FollowAndLead();
    if (!stopping_) {
      EXPECT_OK(status);
    }
  }
  Status FollowAndLead() {
    state_.Clear();
    RETURN_IF_ERROR(journal_->Recover(state_));
    ASSIGN_OR_RETURN(const auto followed, journal_->Follow(state_));
    if (followed != ReplicatedJournal::Followed::kPromoted) return Status::Ok();
    leads_ = true;
    while (!stopping_ && !journal_->AwaitDemotion(std::chrono::steady_clock::now() +
                                                  std::chrono::milliseconds(20))) {
      if (journal_->node()->status().snapshot_wanted) {
        EXPECT_OK(state_.Snapshot(*journal_));
      }
    }
    leads_ = false;
    return Status::Ok();
  }

  const std::string address_;
  const int port_;
  const std::vector<std::string> masters_;
  std::unique_ptr<io::Env> env_ = std::make_unique<io::MemEnv>();
  ListReplayer state_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> leads_ = false;
  mutable std::mutex mutex_;
  Status removed_;
  std::unique_ptr<Formation> formation_;
  std::unique_ptr<GrpcTransport> transport_;
  std::unique_ptr<ReplicatedJournal> journal_;
  std::unique_ptr<MembershipWatch> watch_;
  std::thread thread_;
};

class FormationTest : public ::testing::Test {
 protected:
  // Masters 0 to `count` - 1 that were all given the same list.
  void Make(int count) {
    for (int i = 0; i < count; ++i) ports_.push_back(FreePort());
    for (const int port : ports_) list_.push_back("127.0.0.1:" + std::to_string(port));
    std::sort(list_.begin(), list_.end());
    for (const int port : ports_) masters_.push_back(std::make_unique<Master>(port, list_));
  }
  void StartAll() {
    for (const auto& master : masters_) master->Start();
  }
  Master& AwaitLeader() {
    Master* leader = nullptr;
    EXPECT_TRUE(Eventually([&] {
      for (const auto& master : masters_)
        if (master->leads()) leader = master.get();
      return leader != nullptr;
    }));
    return leader == nullptr ? *masters_.front() : *leader;
  }
  Master& Follower() {
    Master* const leader = &AwaitLeader();
    for (const auto& master : masters_)
      if (master.get() != leader) return *master;
    return *leader;
  }
  // Until it is agreed on: who leads may have to go again, before that or after.
  void Append(const std::string& entry) {
    EXPECT_TRUE(Eventually([&] {
      Master& leader = AwaitLeader();
      const std::vector<std::string> list = leader.state().list();
      if (std::find(list.begin(), list.end(), entry) != list.end()) return true;
      std::promise<Status> durable;
      leader.journal().WhenDurable(leader.state().Append(leader.journal(), entry),
                                   [&](const Status& status) { durable.set_value(status); });
      if (durable.get_future().get().ok()) return true;
      EXPECT_TRUE(Eventually([&] { return !leader.leads(); }));
      return false;
    }));
  }
  static bool Votes(Master& master, size_t voters) {
    const consensus::NodeStatus status = master.status();
    size_t count = 0;
    bool votes = false;
    for (const consensus::MemberStatus& member : status.members) {
      count += member.voter ? 1 : 0;
      votes = votes || (member.id == status.id && member.voter);
    }
    return votes && count == voters && status.members.size() == voters;
  }

  std::vector<int> ports_;
  std::vector<std::string> list_;
  std::vector<std::unique_ptr<Master>> masters_;
};

TEST_F(FormationTest, BlankMastersFoundOneCluster) {
  Make(3);
  StartAll();
  Append("a");
  for (const auto& master : masters_) {
    EXPECT_TRUE(Eventually([&] { return master->state().list().size() == 1; }));
    EXPECT_EQ(master->cluster_id(), masters_[0]->cluster_id());
    EXPECT_TRUE(Eventually([&] { return Votes(*master, 3); }));
  }
}

TEST_F(FormationTest, ANewMasterJoinsAndHasEverything) {
  Make(3);
  StartAll();
  Append("a");
  const int port = FreePort();
  std::vector<std::string> list = list_;
  list.push_back("127.0.0.1:" + std::to_string(port));
  std::sort(list.begin(), list.end());
  Master fourth(port, list);
  fourth.Start();
  EXPECT_TRUE(Eventually([&] { return Votes(fourth, 4); }));
  Append("b");
  EXPECT_TRUE(Eventually([&] {
    return fourth.state().list() == std::vector<std::string>{"a", "b"};
  }));
  EXPECT_EQ(fourth.cluster_id(), masters_[0]->cluster_id());
  // It finds the others again by itself.
  fourth.Stop();
  fourth.Start();
  EXPECT_TRUE(Eventually([&] { return fourth.state().list().size() == 2; }));
}

TEST_F(FormationTest, AMasterThatLostItsDiskTakesItsPlaceAgain) {
  Make(3);
  StartAll();
  Append("a");
  Master& lost = Follower();
  const uint64_t old_id = lost.status().id;
  lost.Stop();
  lost.LoseDisk();
  lost.Start();
  EXPECT_TRUE(Eventually([&] { return lost.status().id != 0 && Votes(lost, 3); }));
  EXPECT_NE(lost.status().id, old_id);
  Append("b");
  EXPECT_TRUE(Eventually([&] {
    return lost.state().list() == std::vector<std::string>{"a", "b"};
  }));
}

TEST_F(FormationTest, AMasterThatWasRemovedIsToldSo) {
  Make(3);
  StartAll();
  Append("a");
  Master& leader = AwaitLeader();
  Master& removed = Follower();
  const uint64_t id = removed.status().id;
  removed.Stop();
  std::promise<Status> done;
  leader.journal().node()->ChangeMember({consensus::ConfChangeKind::kRemove, id}, "",
                                        [&](const Status& status) { done.set_value(status); });
  ASSERT_OK(done.get_future().get());
  const consensus::NodeIdentity own{
      .cluster_id = removed.cluster_id(), .node_id = id, .address = removed.address()};
  const auto timeout = std::chrono::milliseconds(2000);
  EXPECT_TRUE(Eventually([&] { return WasRemoved(own, list_, {.secret = "s3cret"}, timeout); }));
  consensus::NodeIdentity other = own;
  other.node_id = leader.status().id;
  EXPECT_FALSE(WasRemoved(other, list_, {.secret = "s3cret"}, timeout)) << "one that is a member";
  EXPECT_FALSE(WasRemoved(own, {own.address}, {.secret = "s3cret"}, timeout)) << "nobody says so";
  removed.Start();
  EXPECT_TRUE(Eventually([&] { return !removed.removed().ok(); }));
  EXPECT_THAT(removed.removed(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("was removed from the quorum")));
}

}  // namespace
}  // namespace headpond::journal
