#include "journal/shared/shared_journal.h"

#include <gmock/gmock.h>

#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/journal_conformance.h"
#include "journal/shared/chain_reader.h"
#include "journal/shared/shared_testing.h"

namespace headpond::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct SharedFolderTraits {
  SharedFolderTraits() { EXPECT_OK(WriteSharedStamp(env, kSharedFolder, kSharedCluster)); }
  std::unique_ptr<Journal> Open() {
    auto leadership = std::make_shared<FakeLeadership>();
    leadership->Set(true);
    auto journal = OpenSharedJournal(env, *leadership, SharedOptions(1));
    return std::make_unique<LeadingJournal>(std::move(leadership), std::move(journal));
  }
  io::MemEnv env;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Shared, JournalConformance, SharedFolderTraits);

class SharedJournalTest : public ::testing::Test {
 protected:
  SharedJournalTest() {
    SetLogLevel(LogLevel::kError);
    EXPECT_OK(WriteSharedStamp(env_, kSharedFolder, kSharedCluster));
  }

  void Append(SharedMember& member, const std::string& entry) {
    ASSERT_OK(member.Append(entry));
    acknowledged_.push_back(entry);
  }
  static void Promote(SharedMember& member) {
    member.Lead(true);
    ASSERT_TRUE(Eventually([&] { return member.leads(); })) << member.error().ToString();
  }
  static void Demote(SharedMember& member) {
    member.Lead(false);
    ASSERT_TRUE(Eventually([&] { return !member.leads(); }));
  }
  void ExpectAcknowledged(SharedMember& member) {
    EXPECT_TRUE(Eventually([&] { return member.state().list() == acknowledged_; }))
        << ::testing::PrintToString(member.state().list()) << " " << member.error().ToString();
  }

  io::MemEnv env_;
  std::vector<std::string> acknowledged_;
};

TEST_F(SharedJournalTest, StandbysApplyWhatTheLeaderAppends) {
  SharedMember leader(env_, 1);
  SharedMember standby(env_, 2);
  Promote(leader);
  for (int i = 0; i < 200; ++i) Append(leader, std::to_string(i));
  ExpectAcknowledged(standby);
  EXPECT_THAT(standby.journal().CheckWritable(),
              StatusIs(Code::kUnavailable, HasSubstr("another:1 leads")));
  EXPECT_THAT(standby.journal().CheckReadable(), StatusIs(Code::kUnavailable));
  EXPECT_OK(leader.journal().CheckReadable());
}

TEST_F(SharedJournalTest, LeadershipGoesRoundAndNothingIsLost) {
  SharedMember one(env_, 1);
  SharedMember other(env_, 2);
  for (int round = 0; round < 10; ++round) {
    SharedMember& leader = round % 2 == 0 ? one : other;
    Promote(leader);
    for (int i = 0; i < 20; ++i) Append(leader, fmt::format("{}:{}", round, i));
    if (round % 3 == 2) {
      ASSERT_OK(leader.Snapshot());
    }
    Demote(leader);
  }
  ExpectAcknowledged(one);
  ExpectAcknowledged(other);
  EXPECT_GE(one.journal().epoch(), 9u);
}

TEST_F(SharedJournalTest, ASnapshotDoesNotDisturbAStandbyThatReadsAlong) {
  SharedMember leader(env_, 1);
  SharedMember standby(env_, 2);
  Promote(leader);
  Append(leader, "first");
  ExpectAcknowledged(standby);
  const int before = standby.rebuilds();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 30; ++i) Append(leader, fmt::format("{}:{}", round, i));
    ExpectAcknowledged(standby);
    ASSERT_OK(leader.Snapshot());
  }
  ExpectAcknowledged(standby);
  EXPECT_EQ(standby.rebuilds(), before);
}

// One call of the disk fails while a snapshot is written; another master takes over, and then the
// power fails.
TEST_F(SharedJournalTest, NothingRestsOnASnapshotThatOnlyThePageCacheKnows) {
  for (int64_t call = 1;; ++call) {
    SCOPED_TRACE(call);
    io::MemEnv disk;
    io::FaultyEnv env(disk, 1);
    ASSERT_OK(WriteSharedStamp(env, kSharedFolder, kSharedCluster));
    acknowledged_.clear();
    int64_t calls = 0;
    {
      SharedMember leader(env, 1);
      Promote(leader);
      Append(leader, "first");
      Demote(leader);
      Promote(leader);
      Append(leader, "second");
      const int64_t before = env.operations();
      env.FailAt(before + call, EIO, /*and_later=*/false);
      (void)leader.Snapshot();
      calls = env.operations() - before;
      leader.Stop();
    }
    {
      SharedMember next(env, 2);
      Promote(next);
      Append(next, "third");
      env.Crash();
    }
    ASSERT_OK(env.Restart(io::Unsynced::kDropped));
    SharedMember last(env, 3);
    Promote(last);
    ExpectAcknowledged(last);
    if (HasFailure() || calls < call) break;
  }
}

TEST_F(SharedJournalTest, AStandbyThatWasAwayForTwoSnapshotsIsRebuilt) {
  PausingEnv slow(env_);
  SharedMember leader(env_, 1);
  SharedMember standby(slow, 2);
  Promote(leader);
  Append(leader, "first");
  ExpectAcknowledged(standby);
  slow.PauseAt(1);
  ASSERT_TRUE(Eventually([&] { return slow.paused(); }));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) Append(leader, fmt::format("{}:{}", round, i));
    ASSERT_OK(leader.Snapshot());
  }
  slow.Resume();
  ExpectAcknowledged(standby);
  Demote(leader);
  Promote(standby);
  Append(standby, "more");
  ExpectAcknowledged(leader);
}

TEST_F(SharedJournalTest, OldEpochsAreRemovedOnceASnapshotToSpareIsThere) {
  SharedMember one(env_, 1);
  SharedMember other(env_, 2);
  Promote(one);
  Append(one, "a");
  Demote(one);
  Promote(other);
  for (int i = 0; i < 3; ++i) {
    Append(other, std::to_string(i));
    ASSERT_OK(other.Snapshot());
  }
  const Epochs epochs(env_, kSharedFolder);
  EXPECT_THAT(env_.List(epochs.LogFolder(other.journal().epoch() - 1)).status(),
              StatusIs(Code::kNotFound));
  ExpectAcknowledged(one);
  SharedMember third(env_, 3);
  ExpectAcknowledged(third);
}

TEST_F(SharedJournalTest, AClaimOfANewerEpochEndsTheOldOne) {
  SharedMember leader(env_, 1);
  Promote(leader);
  Append(leader, "before");
  Epochs epochs(env_, kSharedFolder);
  ASSERT_OK(epochs.Claim("a rival"));
  EXPECT_THAT(leader.Append("after"),
              StatusIs(Code::kUnavailable, HasSubstr("another master has taken over")));
}

TEST_F(SharedJournalTest, AMissingLogIsDamageAndNotANewBeginning) {
  {
    SharedMember leader(env_, 1);
    Promote(leader);
    for (int i = 0; i < 100; ++i) Append(leader, std::to_string(i));
  }
  const Epochs epochs(env_, kSharedFolder);
  ASSERT_OK_AND_ASSIGN(const auto names, epochs.List());
  ASSERT_OK_AND_ASSIGN(const auto logs, env_.List(epochs.LogFolder(names.begun)));
  ASSERT_GE(logs.size(), 2u);
  ASSERT_OK(env_.Remove(epochs.LogFolder(names.begun) + "/" + logs[0]));
  SharedMember again(env_, 2);
  again.Lead(true);
  EXPECT_TRUE(Eventually([&] { return again.error().code() == Code::kDataLoss; }));
  EXPECT_THAT(again.error().message(), HasSubstr("entry 1 is missing"));
}

TEST_F(SharedJournalTest, DamageBeforeWhatWasDurableIsNotTakenForTheEnd) {
  {
    SharedMember leader(env_, 1);
    Promote(leader);
    Append(leader, "first");
    Append(leader, "second");
  }
  const Epochs epochs(env_, kSharedFolder);
  ASSERT_OK_AND_ASSIGN(const auto names, epochs.List());
  const std::string log = LogPath(epochs.LogFolder(names.begun), 1);
  ASSERT_OK(env_.Overwrite(log, kFileHeaderBytes + kFrameHeaderBytes + kRecordOverheadBytes, "?"));
  SharedMember again(env_, 2);
  again.Lead(true);
  ASSERT_TRUE(Eventually([&] { return again.error().code() == Code::kDataLoss || again.leads(); }));
  EXPECT_THAT(again.error(), StatusIs(Code::kDataLoss, HasSubstr(log + ": damaged at offset 128")));
  ASSERT_OK_AND_ASSIGN(const auto after, epochs.List());
  EXPECT_EQ(after.begun, names.begun);
}

TEST_F(SharedJournalTest, BeginsWithAStateThatItIsGiven) {
  auto options = SharedOptions(1);
  options.initial_state = []() -> Result<std::unique_ptr<SnapshotSource>> {
    return std::unique_ptr<SnapshotSource>(
        std::make_unique<ListSource>(std::vector<std::vector<std::string>>{{"restored"}}));
  };
  FakeLeadership leadership;
  leadership.Set(true);
  const auto journal = OpenSharedJournal(env_, leadership, options);
  RecordingReplayer blank;
  ASSERT_OK(journal->Recover(blank));
  ASSERT_OK_AND_ASSIGN(const auto founded, journal->Follow(blank));
  EXPECT_EQ(founded, ReplicatedJournal::Followed::kRebuild);
  RecordingReplayer replayed;
  ASSERT_OK(journal->Recover(replayed));
  ASSERT_OK_AND_ASSIGN(const auto followed, journal->Follow(replayed));
  EXPECT_EQ(followed, ReplicatedJournal::Followed::kPromoted);
  EXPECT_THAT(replayed.records, ElementsAre("restored"));
}

// The heart of it. A master is stopped before each single one of its calls of the file system,
// while it takes over, writes, syncs, checks or takes a snapshot; another one takes over, and
// acknowledges; then the first goes on. `convinced`: it goes on to believe that it leads, as if its
// clock stood still, so that only the folder keeps it from writing.
void StopAtEveryCall(bool convinced) {
  SetLogLevel(LogLevel::kError);
  int64_t stops = 0;
  for (int64_t call = 1;; ++call) {
    SCOPED_TRACE("stopped at call " + std::to_string(call));
    io::MemEnv env;
    ASSERT_OK(WriteSharedStamp(env, kSharedFolder, kSharedCluster));
    PausingEnv pausing(env);
    SharedMember old(pausing, 1);
    SharedMember next(env, 2);
    pausing.PauseAt(call);
    old.Lead(true);

    std::mutex mutex;
    std::vector<std::string> acknowledged;
    std::atomic<bool> finished = false;
    std::atomic<bool> taken_over = false;
    std::atomic<int> late = 0;  // acknowledged after the next one served
    std::thread writer([&] {
      for (int i = 0; i < 12 && !(taken_over && old.demotions() > 0); ++i) {
        while (!old.leads() && !taken_over) std::this_thread::yield();
        const std::string entry = "old " + std::to_string(i);
        if (old.Append(entry).ok()) {
          if (taken_over) ++late;
          const std::lock_guard<std::mutex> lock(mutex);
          acknowledged.push_back(entry);
        }
        // Its outcome may be either, like that of what waits while it is taken.
        if (i == 6) (void)old.Snapshot();
      }
      finished = true;
    });
    ASSERT_TRUE(Eventually([&] { return pausing.paused() || finished; }));
    const bool stopped = pausing.paused();
    if (!convinced) old.Lead(false);
    next.Lead(true);
    ASSERT_TRUE(Eventually([&] { return next.leads(); })) << next.error().ToString();
    ASSERT_OK(next.Append("next"));
    {
      const std::lock_guard<std::mutex> lock(mutex);
      acknowledged.push_back("next");
    }
    taken_over = true;
    pausing.Resume();
    writer.join();
    // One that is convinced may have taken over once more, which is as good as any other takeover.
    old.Lead(false);
    std::string last;
    ASSERT_TRUE(Eventually([&] {
      last = "last " + last;
      return next.Append(last).ok();
    }));
    acknowledged.push_back(last);

    // Everything acknowledged is there, once, in both of them and in the folder.
    ASSERT_TRUE(Eventually([&] {
      return old.state().list() == next.state().list() && !old.leads() && next.leads();
    })) << old.error().ToString()
        << next.error().ToString();
    const Epochs epochs(env, kSharedFolder);
    ChainReader reader(env, epochs, kSharedCluster);
    ListReplayer replayed;
    ASSERT_OK(reader.ReadSnapshot(replayed));
    ASSERT_OK(reader.ReadMore(replayed).status());
    const std::vector<std::string> there = replayed.list();
    EXPECT_EQ(there, next.state().list());
    for (const std::string& entry : acknowledged)
      EXPECT_EQ(std::ranges::count(there, entry), 1) << entry;
    if (!convinced) {
      EXPECT_EQ(late, 0) << "acknowledged by a master that leads no more";
    }
    if (::testing::Test::HasFailure()) return;
    if (!stopped) break;
    ++stops;
  }
  EXPECT_GT(stops, 50);
}

TEST(SharedJournalFencingTest, AMasterThatWasStoppedAnywhereAcknowledgesNothingAfterwards) {
  StopAtEveryCall(/*convinced=*/false);
}

TEST(SharedJournalFencingTest, TheFolderAloneKeepsAConvincedMasterFromHarm) {
  StopAtEveryCall(/*convinced=*/true);
}

}  // namespace
}  // namespace headpond::journal
