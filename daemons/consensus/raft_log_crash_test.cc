#include <gmock/gmock.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "consensus/raft_log.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "testing/status_matchers.h"

namespace headpond::consensus {
namespace {

constexpr char kFolder[] = "/node";
constexpr uint64_t kSeeds = 1000;

// Lives of one log, each ended by a crash, a failing disk or an orderly close at a random moment,
// beside a model of what a node relied on.
//
// Checked after each start: everything that was acknowledged is there, as it was written; what else
// is there is what the interrupted call was about to write, whole up to some entry; recovery never
// mistakes the marks of a crash for damage.
class CrashRun {
 public:
  explicit CrashRun(uint64_t seed) : random_(seed), env_(mem_, seed) {}

  void Run() {
    ASSERT_OK(FormatRaftFolder(env_, kFolder, kIdentity, {.index = 1, .term = 1}, 7, nullptr));
    sure_ = maybe_ = Model{.state = {.term = 1, .vote = 0, .commit = 1}, .compacted = 1, .term = 1};
    const uint64_t lives = 3 + random_.Below(6);
    for (uint64_t life = 0; life < lives && !::testing::Test::HasFailure(); ++life) Live();
    faults_planned_ = false;
    ASSERT_NE(Start(), nullptr);
  }

 private:
  static inline const NodeIdentity kIdentity{.cluster_id = "c", .node_id = 1, .address = "a:1"};

  // What the log holds: entries behind `compacted`, which had `term`.
  struct Model {
    HardState state;
    uint64_t compacted = 0;
    uint64_t term = 0;
    std::map<uint64_t, Entry> entries;

    uint64_t last() const { return entries.empty() ? compacted : entries.rbegin()->first; }
  };

  void Live() {
    PlanFaults();
    if (auto log = Start(); log != nullptr) {
      for (uint64_t i = random_.Below(40); i > 0; --i)
        if (!Step(*log)) break;
      if (random_.OneIn(3)) env_.Crash();
    }
    env_.Crash();
    const io::Unsynced unsynced[] = {io::Unsynced::kKept, io::Unsynced::kDropped,
                                     io::Unsynced::kRandom};
    ASSERT_OK(env_.Restart(unsynced[random_.Below(3)]));
  }

  void PlanFaults() {
    const auto at = env_.operations() + 1 + static_cast<int64_t>(random_.Below(80));
    const uint64_t kind = random_.Below(4);
    if (kind == 0) env_.FailAt(at, random_.OneIn(2) ? EIO : ENOSPC, random_.OneIn(2));
    if (kind == 1 || kind == 2) env_.CrashAt(at);
    faults_planned_ = kind != 3;
  }

  std::unique_ptr<RaftLog> Start() {
    auto log =
        RaftLog::Open(env_, {.folder = kFolder,
                             .identity = kIdentity,
                             .segment_bytes = static_cast<int64_t>(200 + random_.Below(4000)),
                             .fill_bytes = static_cast<int64_t>(random_.Below(3) * 700),
                             .max_frame_bytes = static_cast<int64_t>(100 + random_.Below(4000)),
                             .cache_bytes = static_cast<int64_t>(random_.Below(5000)),
                             .random = Random(random_.Next())});
    if (!log.ok()) {
      EXPECT_TRUE(faults_planned_) << log.status().ToString();
      EXPECT_THAT(log.status().code(),
                  ::testing::AnyOf(Code::kUnavailable, Code::kInternal, Code::kResourceExhausted))
          << log.status().ToString();
      return nullptr;
    }
    Check(**log);
    return *std::move(log);
  }

  void Check(const RaftLog& log) {
    // A call that failed left either world, or of its entries some of the first.
    const Model& world = log.compacted_index() == maybe_.compacted ? maybe_ : sure_;
    ASSERT_EQ(log.compacted_index(), world.compacted);
    ASSERT_THAT(log.Term(world.compacted), IsOkAndHolds(world.term));
    Model found{.state = log.hard_state(), .compacted = world.compacted, .term = world.term};
    if (log.last_index() > world.compacted) {
      ASSERT_OK_AND_ASSIGN(const auto entries,
                           log.Entries(log.first_index(), log.last_index() + 1, UINT64_MAX));
      ASSERT_EQ(entries.size(), log.last_index() - log.compacted_index());
      for (const Entry& entry : entries) found.entries[entry.index] = entry;
    }
    for (const auto& [index, entry] : found.entries) {
      const bool sure = sure_.entries.contains(index) && sure_.entries[index] == entry;
      const bool maybe = maybe_.entries.contains(index) && maybe_.entries[index] == entry;
      ASSERT_TRUE(sure || maybe) << "entry " << index << " was invented";
    }
    // What both worlds have was durable before.
    for (const auto& [index, entry] : sure_.entries)
      if (maybe_.entries.contains(index) && maybe_.entries[index] == entry) {
        ASSERT_TRUE(found.entries.contains(index)) << "entry " << index << " is lost";
      }
    ASSERT_TRUE((found.state.term == sure_.state.term && found.state.vote == sure_.state.vote) ||
                (found.state.term == maybe_.state.term && found.state.vote == maybe_.state.vote))
        << "a promise is lost";
    sure_ = maybe_ = found;
  }

  bool Step(RaftLog& log) {
    maybe_ = sure_;
    Status status;
    switch (random_.Below(8)) {
      case 0: status = Compact(log); break;
      case 1:
        if (random_.OneIn(4)) {
          status = Replace(log);
          break;
        }
        [[fallthrough]];
      default: status = Append(log);
    }
    if (!status.ok()) {
      EXPECT_TRUE(faults_planned_) << status.ToString();
      return false;
    }
    sure_ = maybe_;
    // A file that could not be removed is no error, but the machine is gone.
    if (env_.crashed()) return false;
    Check(log);
    return !::testing::Test::HasFailure();
  }

  Status Append(RaftLog& log) {
    if (random_.OneIn(3)) {
      maybe_.state.term += random_.Below(2);
      maybe_.state.vote = random_.Below(4);
    }
    uint64_t at = maybe_.last() + 1;
    if (random_.OneIn(4)) at -= random_.Below(maybe_.last() - maybe_.compacted + 1);
    std::vector<Entry> entries;
    for (uint64_t i = random_.Below(12); i > 0; --i, ++at)
      entries.push_back({.index = at,
                         .term = maybe_.state.term,
                         .data = std::string(random_.Below(400), 'd') + std::to_string(++made_)});
    if (!entries.empty()) {
      maybe_.entries.erase(maybe_.entries.lower_bound(entries[0].index), maybe_.entries.end());
      for (const Entry& entry : entries) maybe_.entries[entry.index] = entry;
    }
    return log.Append(entries, maybe_.state);
  }

  Status Compact(RaftLog& log) {
    const uint64_t at = maybe_.compacted + random_.Below(maybe_.last() - maybe_.compacted + 1);
    const uint64_t keep_after = maybe_.compacted + random_.Below(at - maybe_.compacted + 1);
    const auto term = log.Term(at);
    if (keep_after > maybe_.compacted) {
      maybe_.term = maybe_.entries[keep_after].term;
      maybe_.compacted = keep_after;
      maybe_.entries.erase(maybe_.entries.begin(), maybe_.entries.upper_bound(keep_after));
    }
    return log.Compact({.index = at, .term = *term}, keep_after);
  }

  Status Replace(RaftLog& log) {
    maybe_.compacted = maybe_.last() + random_.Below(20);
    maybe_.term = maybe_.state.term;
    maybe_.entries.clear();
    return log.Replace({.index = maybe_.compacted, .term = maybe_.term});
  }

  Random random_;
  io::MemEnv mem_;
  io::FaultyEnv env_;
  bool faults_planned_ = false;
  uint64_t made_ = 0;
  Model sure_;   // before the call that failed
  Model maybe_;  // after it
};

TEST(RaftLogCrashTest, NothingThatWasPromisedIsLostAndNothingIsInvented) {
  SetLogLevel(LogLevel::kError);
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun(seed).Run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// One byte of one file changes while the log is closed: it is noticed, or it changed nothing.
TEST(RaftLogCrashTest, AChangedByteIsNoticedOrHarmless) {
  SetLogLevel(LogLevel::kError);
  const NodeIdentity identity{.cluster_id = "c", .node_id = 1, .address = "a:1"};
  uint64_t noticed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    io::MemEnv env;
    const RaftLogOptions options{
        .folder = kFolder, .identity = identity, .segment_bytes = 1000, .fill_bytes = 100};
    ASSERT_OK(FormatRaftFolder(env, kFolder, identity, {.index = 1, .term = 1}, 7, nullptr));
    std::vector<Entry> entries;
    for (uint64_t life = 1 + random.Below(3); life > 0; --life) {
      ASSERT_OK_AND_ASSIGN(const auto log, RaftLog::Open(env, options));
      for (uint64_t i = random.Below(20); i > 0; --i) {
        entries.push_back({.index = entries.size() + 2, .term = 1, .data = random.Uuid()});
        ASSERT_OK(log->Append({entries.back()}, HardState{1, 1, 1}));
      }
    }
    ASSERT_OK_AND_ASSIGN(const auto files, ListRaftFolder(env, kFolder));
    const std::string path = RaftLogPath(kFolder, files.logs[random.Below(files.logs.size())]);
    ASSERT_OK_AND_ASSIGN(const std::string content, io::ReadWholeFile(env, path, 1 << 20));
    const size_t at = random.Below(content.size());
    const char changed = static_cast<char>(content[at] ^ (1 << random.Below(8)));
    ASSERT_OK(env.Overwrite(path, static_cast<int64_t>(at), {&changed, 1}));
    const auto log = RaftLog::Open(env, options);
    if (!log.ok()) {
      EXPECT_THAT(log.status().code(), ::testing::AnyOf(Code::kDataLoss, Code::kFailedPrecondition))
          << log.status().ToString();
      ++noticed;
      continue;
    }
    // The very last frame can't be told from a torn write (docs/adr/0004-journal-format.md).
    const uint64_t last = (*log)->last_index();
    ASSERT_GE(last + 1, entries.size() + 1);
    for (uint64_t index = 2; index <= last; ++index) {
      ASSERT_OK_AND_ASSIGN(const auto found, (*log)->Entries(index, index + 1, 0));
      ASSERT_EQ(found.at(0), entries[index - 2]);
    }
  }
  EXPECT_GT(noticed, kSeeds / 2);
}

}  // namespace
}  // namespace headpond::consensus
