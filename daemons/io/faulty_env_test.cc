#include "io/faulty_env.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>
#include <thread>

#include "io/mem_env.h"
#include "testing/status_matchers.h"

namespace headpond::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class FaultyEnvTest : public ::testing::Test {
 protected:
  FaultyEnvTest() { EXPECT_OK(mem_.CreateDirectories("/d")); }
  std::unique_ptr<WritableFile> Create(const std::string& path) {
    auto file = env_.OpenForWrite(path, OpenMode::kCreate);
    EXPECT_OK(file);
    return *std::move(file);
  }
  void CrashAndRestart(Unsynced unsynced = Unsynced::kDropped) {
    env_.Crash();
    ASSERT_OK(env_.Restart(unsynced));
  }
  std::string Read(const std::string& path) {
    auto content = ReadWholeFile(env_, path, 1 << 20);
    return content.ok() ? *content : content.status().ToString();
  }
  std::vector<std::string> List() { return env_.List("/d").value_or({}); }

  MemEnv mem_;
  FaultyEnv env_{mem_, /*seed=*/1};
};

TEST_F(FaultyEnvTest, ACrashKeepsSyncedBytesAndDropsTheRest) {
  auto file = Create("/d/f");
  ASSERT_OK(file->Append("kept"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(env_.SyncDirectory("/d"));
  ASSERT_OK(file->Append(" lost"));
  EXPECT_EQ(Read("/d/f"), "kept lost");
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), "kept");
  EXPECT_THAT(file->Append("x"), StatusIs(Code::kUnavailable)) << "handles die with the machine";
}

TEST_F(FaultyEnvTest, ACrashDropsAFileWhoseDirectoryWasNotSynced) {
  auto file = Create("/d/f");
  ASSERT_OK(file->Append("data"));
  ASSERT_OK(file->Sync());
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(FaultyEnvTest, ACrashUndoesRenamesAndRemovalsThatWereNotSynced) {
  for (const char* name : {"/d/a", "/d/b"}) {
    auto file = Create(name);
    ASSERT_OK(file->Append(name));
    ASSERT_OK(file->Sync());
  }
  ASSERT_OK(env_.SyncDirectory("/d"));
  ASSERT_OK(env_.Rename("/d/a", "/d/c"));
  ASSERT_OK(env_.Remove("/d/b"));
  EXPECT_THAT(List(), ElementsAre("c"));
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("a", "b"));
  EXPECT_EQ(Read("/d/b"), "/d/b");
  ASSERT_OK(env_.Rename("/d/a", "/d/c"));
  ASSERT_OK(env_.SyncDirectory("/d"));
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("b", "c"));
}

TEST_F(FaultyEnvTest, ACrashDropsADirectoryWhoseParentWasNotSynced) {
  ASSERT_OK(env_.CreateDirectories("/d/x/y"));
  Create("/d/x/y/f");
  ASSERT_OK(env_.SyncDirectory("/d/x/y"));
  ASSERT_OK(env_.SyncDirectory("/d/x"));
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
  ASSERT_OK(env_.CreateDirectories("/d/x"));
  ASSERT_OK(env_.SyncDirectory("/d"));
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("x"));
}

TEST_F(FaultyEnvTest, ReplacingAFileIsAtomicAcrossCrashesOnceItsContentIsSynced) {
  ASSERT_OK(WriteFileAtomically(env_, "/d/f", "old"));
  for (int64_t step = 1; step <= 5; ++step) {  // open, append, sync, rename, directory sync
    env_.CrashAt(env_.operations() + step);
    EXPECT_FALSE(WriteFileAtomically(env_, "/d/f", "new").ok());
    EXPECT_TRUE(env_.crashed());
    ASSERT_OK(env_.Restart(Unsynced::kRandom));
    EXPECT_THAT(Read("/d/f"), ::testing::AnyOf("old", "new")) << "crash in step " << step;
  }
}

TEST_F(FaultyEnvTest, FilesOfTheBaseCountAsDurable) {
  ASSERT_OK(WriteFileAtomically(mem_, "/d/f", "base"));
  auto file = env_.OpenForWrite("/d/f", OpenMode::kAppend);
  ASSERT_OK(file);
  ASSERT_OK((*file)->Append(" more"));
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), "base");
}

TEST_F(FaultyEnvTest, WhatWasNotSyncedMaySurviveInPieces) {
  std::set<std::string> seen;
  for (int round = 0; round < 200; ++round) {
    const std::string path = "/d/f" + std::to_string(round);
    auto file = Create(path);
    ASSERT_OK(file->Append("1234"));
    ASSERT_OK(file->Sync());
    ASSERT_OK(env_.SyncDirectory("/d"));
    ASSERT_OK(file->Append("abcd"));
    CrashAndRestart(Unsynced::kRandom);
    const std::string content = Read(path);
    EXPECT_THAT(content, StartsWith("1234"));
    seen.insert(content);
  }
  EXPECT_TRUE(seen.contains("1234"));
  EXPECT_TRUE(seen.contains("1234ab"));
  EXPECT_TRUE(seen.contains("1234abcd"));
  EXPECT_TRUE(seen.contains(std::string("1234\0\0\0\0", 8)));
}

TEST_F(FaultyEnvTest, FailsTheChosenOperation) {
  auto file = Create("/d/f");
  env_.FailAt(env_.operations() + 2, ENOSPC);
  EXPECT_OK(file->Append("a"));
  EXPECT_EQ(file->Append("b").ToString(),
            "RESOURCE_EXHAUSTED: write /d/f: No space left on device");
  EXPECT_OK(file->Append("c"));
  env_.FailAt(env_.operations() + 1, EIO, /*and_later=*/true);
  EXPECT_THAT(file->Sync(), StatusIs(Code::kInternal));
  EXPECT_THAT(env_.Remove("/d/f"), StatusIs(Code::kInternal));
}

TEST_F(FaultyEnvTest, AFailedSyncLosesItsBytesEvenIfTheNextOneSucceeds) {
  auto file = Create("/d/f");
  ASSERT_OK(env_.SyncDirectory("/d"));
  ASSERT_OK(file->Append("aa"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(file->Append("bb"));
  env_.FailAt(env_.operations() + 1, EIO);
  EXPECT_FALSE(file->Sync().ok());
  ASSERT_OK(file->Append("cc"));
  EXPECT_OK(file->Sync());
  EXPECT_EQ(env_.file_syncs(), 2);
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), std::string("aa\0\0cc", 6));
}

TEST_F(FaultyEnvTest, RewritingATailSavesWhatAFailedSyncLost) {
  auto file = Create("/d/f");
  ASSERT_OK(env_.SyncDirectory("/d"));
  ASSERT_OK(file->Append("aabb"));
  env_.FailAt(env_.operations() + 1, EIO);
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_OK(env_.RewriteTail("/d/f", 2));
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), std::string("\0\0bb", 4));
}

TEST_F(FaultyEnvTest, WhenOnlyTheProcessDiesNothingIsLostYet) {
  auto file = Create("/d/f");
  ASSERT_OK(file->Append("data"));
  CrashAndRestart(Unsynced::kKept);
  EXPECT_EQ(Read("/d/f"), "data");
  EXPECT_FALSE(file->Append("x").ok());
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(FaultyEnvTest, HoldsASyncUntilItIsReleased) {
  auto file = Create("/d/f");
  env_.HoldSyncs();
  std::thread syncer([&] { EXPECT_OK(file->Sync()); });
  EXPECT_TRUE(env_.AwaitHeldSync(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  EXPECT_EQ(env_.file_syncs(), 0);
  env_.ReleaseSyncs();
  syncer.join();
  EXPECT_EQ(env_.file_syncs(), 1);
}

}  // namespace
}  // namespace headpond::io
