#include "journal/embedded/embedded_journal.h"

#include <gmock/gmock.h>

#include <atomic>
#include <set>

#include "base/executor.h"
#include "journal/embedded/embedded_testing.h"
#include "journal/journal_conformance.h"
#include "testing/eventually.h"

namespace headpond::journal {
namespace {

using ::testing::HasSubstr;

struct OneMemberTraits {
  OneMemberTraits() {
    EXPECT_OK(
        FormatEmbeddedJournal(env, kMemberFolder, MemberIdentity(1), AddressesOf({1}), Random(1)));
  }
  std::unique_ptr<Journal> Open() {
    auto transport = network.Join(1);
    auto journal = OpenEmbeddedJournal(env, *transport, MemberOptions(1));
    return std::make_unique<LeadingJournal>(std::move(transport), std::move(journal));
  }
  consensus::MemoryNetwork network;
  io::MemEnv env;
};

// Its two peers go on meanwhile, and hand leadership to it.
struct ThreeMembersTraits {
  ThreeMembersTraits() {
    EXPECT_OK(FormatEmbeddedJournal(env, kMemberFolder, MemberIdentity(1), AddressesOf({1, 2, 3}),
                                    Random(1)));
    for (const uint64_t id : {2, 3}) {
      peers.push_back(std::make_unique<Member>(network, id));
      EXPECT_OK(peers.back()->Format({1, 2, 3}));
      peers.back()->Start();
    }
  }
  std::unique_ptr<Journal> Open() {
    auto transport = network.Join(1);
    auto journal = OpenEmbeddedJournal(env, *transport, MemberOptions(1));
    return std::make_unique<LeadingJournal>(std::move(transport), std::move(journal), [this] {
      for (const auto& peer : peers)
        if (peer->leads()) peer->journal().node()->TransferLeader(1, [](const Status&) {});
    });
  }
  consensus::MemoryNetwork network;
  io::MemEnv env;
  std::vector<std::unique_ptr<Member>> peers;
};

using EmbeddedJournals = ::testing::Types<OneMemberTraits, ThreeMembersTraits>;
INSTANTIATE_TYPED_TEST_SUITE_P(Embedded, JournalConformance, EmbeddedJournals);

class EmbeddedJournalTest : public ::testing::Test {
 protected:
  void StartCluster(uint64_t count) {
    for (uint64_t id = 1; id <= count; ++id) first_.push_back(id);
    for (const uint64_t id : first_) {
      members_[id] = std::make_unique<Member>(network_, id);
      ASSERT_OK(members_[id]->Format(first_));
    }
    for (const uint64_t id : first_) members_[id]->Start();
  }
  Member& member(uint64_t id) { return *members_[id]; }
  uint64_t AwaitLeader(uint64_t other_than = 0) {
    uint64_t leader = 0;
    EXPECT_TRUE(Eventually([&] {
      for (const auto& [id, member] : members_)
        if (id != other_than && member->leads() && member->journal().CheckReadable().ok())
          leader = id;
      return leader != 0;
    }));
    return leader;
  }
  Status Append(uint64_t id, const std::string& entry) {
    Journal& journal = member(id).journal();
    RETURN_IF_ERROR(journal.CheckWritable());
    RETURN_IF_ERROR(AwaitDurable(journal, member(id).state().Append(journal, entry)));
    agreed_.push_back(entry);
    return Status::Ok();
  }
  void ExpectAgreed() {
    for (const auto& [id, member] : members_) {
      EXPECT_TRUE(Eventually([&, &one = *member] { return one.state().list() == agreed_; }))
          << "member " << id << " has " << ::testing::PrintToString(member->state().list()) << " "
          << member->error().ToString();
    }
  }

  consensus::MemoryNetwork network_;
  std::vector<uint64_t> first_;
  std::map<uint64_t, std::unique_ptr<Member>> members_;
  std::vector<std::string> agreed_;
};

TEST_F(EmbeddedJournalTest, StandbysApplyWhatTheLeaderAppends) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  for (int i = 0; i < 100; ++i) ASSERT_OK(Append(leader, std::to_string(i)));
  ExpectAgreed();
  const uint64_t standby = leader % 3 + 1;
  EXPECT_TRUE(Eventually([&] {
    return member(standby).journal().CheckWritable().message().find(
               MemberIdentity(leader).address) != std::string::npos;
  }));
  EXPECT_THAT(member(standby).journal().CheckReadable(), StatusIs(Code::kUnavailable));
}

TEST_F(EmbeddedJournalTest, TheNextLeaderHasEverythingThatWasAcknowledged) {
  StartCluster(3);
  for (int round = 0; round < 4; ++round) {
    const uint64_t leader = AwaitLeader();
    for (int i = 0; i < 20; ++i) ASSERT_OK(Append(leader, fmt::format("{}:{}", round, i)));
    member(leader).Kill();
    const uint64_t next = AwaitLeader(leader);
    EXPECT_EQ(member(next).state().list(), agreed_);
    member(leader).Start();
    ASSERT_OK(Append(next, fmt::format("after {}", round)));
  }
  ExpectAgreed();
}

TEST_F(EmbeddedJournalTest, ALeaderThatIsCutOffDropsWhatWasNeverAgreedOn) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  ASSERT_OK(Append(leader, "agreed"));
  network_.Isolate(leader);
  Journal& journal = member(leader).journal();
  const uint64_t sequence = member(leader).state().Append(journal, "alone");
  EXPECT_THAT(AwaitDurable(journal, sequence), StatusIs(Code::kUnavailable));
  EXPECT_THAT(member(leader).journal().CheckReadable(), StatusIs(Code::kUnavailable));
  const uint64_t next = AwaitLeader(leader);
  ASSERT_OK(Append(next, "without it"));
  network_.Heal();
  ExpectAgreed();
}

TEST_F(EmbeddedJournalTest, AMemberThatWasAwayForLongIsRebuiltFromASnapshot) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  const uint64_t away = leader % 3 + 1;
  network_.Isolate(away);
  for (int i = 0; i < 200; ++i) ASSERT_OK(Append(leader, std::to_string(i)));
  ASSERT_OK(member(leader).state().Snapshot(member(leader).journal()));
  EXPECT_EQ(member(leader).journal().snapshot_sequence(), 201u);
  network_.Heal();
  ExpectAgreed();
  EXPECT_GE(member(away).rebuilds(), 1);
  EXPECT_GE(network_.snapshots_fetched(), 1u);
  ASSERT_OK(Append(AwaitLeader(), "more"));
  ExpectAgreed();
  // All of it is on its disk.
  member(away).Kill();
  member(away).Start();
  ExpectAgreed();
}

TEST_F(EmbeddedJournalTest, StandbysTakeSnapshotsToo) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  for (int i = 0; i < 50; ++i) ASSERT_OK(Append(leader, std::to_string(i)));
  ExpectAgreed();
  const uint64_t standby = leader % 3 + 1;
  ASSERT_OK(member(standby).state().Snapshot(member(standby).journal()));
  EXPECT_EQ(member(standby).journal().snapshot_sequence(), 51u);
  member(standby).Kill();
  member(standby).Start();
  ASSERT_OK(Append(AwaitLeader(), "more"));
  ExpectAgreed();
}

TEST_F(EmbeddedJournalTest, AStateSettlesWhenAllThatItsSnapshotShowsIsApplied) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  for (int i = 0; i < 10; ++i) ASSERT_OK(Append(leader, std::to_string(i)));
  EXPECT_EQ(member(leader).state().settled_after(), 0u);
  // Begins before entry 11, and shows it.
  bool done = false;
  FunctionSource source([&]() -> Result<std::vector<std::string>> {
    if (std::exchange(done, true)) return std::vector<std::string>();
    member(leader).state().Append(member(leader).journal(), "late");
    agreed_.emplace_back("late");
    return member(leader).state().list();
  });
  ASSERT_OK(member(leader).journal().Snapshot(source));
  EXPECT_EQ(member(leader).journal().snapshot_sequence(), 11u);
  member(leader).Kill();
  ASSERT_OK(Append(AwaitLeader(leader), "more"));
  member(leader).Start();
  ExpectAgreed();
  EXPECT_EQ(member(leader).state().settled_after(), 11u);
}

TEST_F(EmbeddedJournalTest, AMasterJoinsAsALearner) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  ASSERT_OK(Append(leader, "old"));
  members_[4] = std::make_unique<Member>(network_, 4);
  ASSERT_OK(member(4).Format({}));
  member(4).Start();
  for (const auto kind :
       {consensus::ConfChangeKind::kAddLearner, consensus::ConfChangeKind::kAddVoter}) {
    Outcome outcome;
    member(leader).journal().node()->ChangeMember({kind, 4}, MemberIdentity(4).address,
                                                  outcome.Callback());
    ASSERT_OK(outcome.Await());
    // A new member needs a snapshot that names it.
    ASSERT_OK(Append(leader, "more"));
    ASSERT_OK(member(leader).state().Snapshot(member(leader).journal()));
    ExpectAgreed();
  }
}

TEST_F(EmbeddedJournalTest, StopHandsLeadershipOver) {
  StartCluster(3);
  const uint64_t leader = AwaitLeader();
  ASSERT_OK(Append(leader, "a"));
  ASSERT_TRUE(
      Eventually([&] { return member(leader).journal().node()->status().members.size() == 3; }));
  const auto start = std::chrono::steady_clock::now();
  member(leader).Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  auto stopped = std::move(members_[leader]);
  members_.erase(leader);
  ASSERT_OK(Append(AwaitLeader(), "b"));
  ExpectAgreed();
}

TEST(EmbeddedJournalFolderTest, AFolderOfALocalJournalIsRefused) {
  io::MemEnv env;
  ASSERT_OK(env.CreateDirectories(kMemberFolder));
  ASSERT_OK(io::WriteFileAtomically(env, "/journal/VERSION", "format.version=1\ncluster.id=c\n"));
  EXPECT_THAT(
      FormatEmbeddedJournal(env, kMemberFolder, MemberIdentity(1), AddressesOf({1}), Random(1)),
      StatusIs(Code::kFailedPrecondition, HasSubstr("VERSION")));
  consensus::MemoryNetwork network;
  const auto transport = network.Join(1);
  const auto journal = OpenEmbeddedJournal(env, *transport, MemberOptions(1));
  RecordingReplayer replayer;
  EXPECT_THAT(journal->Recover(replayer), StatusIs(Code::kFailedPrecondition));
}

}  // namespace
}  // namespace headpond::journal
