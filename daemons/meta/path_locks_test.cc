#include "meta/path_locks.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "base/path.h"
#include "base/random.h"
#include "testing/status_matchers.h"

namespace headpond::meta {
namespace {

using ::testing::HasSubstr;
using Mode = PathLocks::Mode;

std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
}
std::chrono::steady_clock::time_point Later() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

TEST(PathLocksTest, ConflictsFollowTheTree) {
  struct Case {
    std::string held, wanted;
    Mode held_mode, wanted_mode;
    bool waits;
  };
  const std::vector<Case> cases = {
      {"/a", "/a", Mode::kExclusive, Mode::kExclusive, true},
      {"/a", "/a/b", Mode::kExclusive, Mode::kShared, true},
      {"/a/b", "/a", Mode::kShared, Mode::kExclusive, true},
      {"/", "/a/b", Mode::kExclusive, Mode::kShared, true},
      {"/a", "/a/b", Mode::kShared, Mode::kShared, false},
      {"/a", "/ab", Mode::kExclusive, Mode::kExclusive, false},
      {"/a/b", "/a/c", Mode::kExclusive, Mode::kExclusive, false},
  };
  for (const Case& c : cases) {
    PathLocks locks;
    ASSERT_OK_AND_ASSIGN(const auto guard, locks.Acquire({{c.held, c.held_mode}}, Later()));
    EXPECT_EQ(locks.WouldWait(c.wanted, c.wanted_mode), c.waits) << c.held << " " << c.wanted;
    const auto second = locks.Acquire({{c.wanted, c.wanted_mode}}, Soon());
    EXPECT_EQ(second.ok(), !c.waits) << c.held << " " << c.wanted;
  }
}

TEST(PathLocksTest, TheDeadlineNamesThePathInTheWay) {
  PathLocks locks;
  ASSERT_OK_AND_ASSIGN(const auto guard, locks.Acquire({{"/a/b", Mode::kExclusive}}, Later()));
  EXPECT_THAT(locks.Acquire({{"/x", Mode::kShared}, {"/a", Mode::kShared}}, Soon()),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("another operation on /a/b")));
  // The one that gave up is in nobody's way.
  EXPECT_OK(locks.Acquire({{"/x", Mode::kExclusive}}, Soon()));
}

TEST(PathLocksTest, AReleasedClaimIsFree) {
  PathLocks locks;
  EXPECT_TRUE(locks.idle());
  {
    ASSERT_OK_AND_ASSIGN(auto guard, locks.Acquire({{"/a", Mode::kExclusive}}, Later()));
    const PathLocks::Guard moved = std::move(guard);
    EXPECT_FALSE(locks.idle());
  }
  EXPECT_TRUE(locks.idle());
  EXPECT_FALSE(locks.WouldWait("/a", Mode::kExclusive));
}

TEST(PathLocksTest, OneCallersClaimsDoNotConflictWithEachOther) {
  PathLocks locks;
  EXPECT_OK(locks.Acquire({{"/a", Mode::kExclusive}, {"/a/b", Mode::kExclusive}}, Soon()));
}

TEST(PathLocksTest, AWaiterIsNotOvertakenForEver) {
  PathLocks locks;
  ASSERT_OK_AND_ASSIGN(auto reader, locks.Acquire({{"/a", Mode::kShared}}, Later()));
  std::thread writer([&] { EXPECT_OK(locks.Acquire({{"/a", Mode::kExclusive}}, Later())); });
  // A new reader has to queue up behind the writer as soon as that one waits.
  while (!locks.WouldWait("/a", Mode::kShared)) std::this_thread::yield();
  EXPECT_THAT(locks.Acquire({{"/a", Mode::kShared}}, Soon()), StatusIs(Code::kDeadlineExceeded));
  reader.Release();
  writer.join();
  EXPECT_OK(locks.Acquire({{"/a", Mode::kShared}}, Soon()));
}

// Threads claim random pairs of paths; a counter per path shows that exclusive means exclusive, and
// the end of the test that nobody waits for ever.
TEST(PathLocksTest, ManyThreadsNeverMeetAndNeverHang) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  const std::vector<std::string> paths = {"/", "/a", "/a/b", "/a/c", "/d", "/d/e"};
  PathLocks locks;
  std::vector<std::atomic<int>> writers(paths.size());
  const auto work = [&](uint64_t seed) {
    Random random(seed);
    for (int round = 0; round < kRounds; ++round) {
      const size_t first = random.Below(paths.size());
      const size_t second = random.Below(paths.size());
      auto guard = locks.Acquire({{paths[first], Mode::kExclusive}, {paths[second], Mode::kShared}},
                                 Later());
      ASSERT_OK(guard);
      EXPECT_EQ(writers[first].fetch_add(1), 0);
      for (size_t other = 0; other < paths.size(); ++other) {
        if (other == first ||
            !(IsWithin(paths[other], paths[first]) || IsWithin(paths[first], paths[other]))) {
          continue;
        }
        EXPECT_EQ(writers[other].load(), 0);
      }
      writers[first].fetch_sub(1);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, static_cast<uint64_t>(i) + 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(locks.idle());
}

}  // namespace
}  // namespace headpond::meta
