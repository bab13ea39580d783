#include "io/faulty_env.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>
#include <thread>

#include "io/mem_env.h"

namespace headpond::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class FaultyEnvTest : public ::testing::Test {
 protected:
  FaultyEnvTest() { EXPECT_TRUE(mem_.CreateDirectories("/d").ok()); }
  std::unique_ptr<WritableFile> Create(const std::string& path) {
    auto file = env_.OpenForWrite(path, OpenMode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return *std::move(file);
  }
  void CrashAndRestart(Unsynced unsynced = Unsynced::kDropped) {
    env_.Crash();
    ASSERT_TRUE(env_.Restart(unsynced).ok());
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
  ASSERT_TRUE(file->Append("kept").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Append(" lost").ok());
  EXPECT_EQ(Read("/d/f"), "kept lost");
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), "kept");
  EXPECT_EQ(file->Append("x").code(), Code::kUnavailable) << "handles die with the machine";
}

TEST_F(FaultyEnvTest, ACrashDropsAFileWhoseDirectoryWasNotSynced) {
  auto file = Create("/d/f");
  ASSERT_TRUE(file->Append("data").ok());
  ASSERT_TRUE(file->Sync().ok());
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(FaultyEnvTest, ACrashUndoesRenamesAndRemovalsThatWereNotSynced) {
  for (const char* name : {"/d/a", "/d/b"}) {
    auto file = Create(name);
    ASSERT_TRUE(file->Append(name).ok());
    ASSERT_TRUE(file->Sync().ok());
  }
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  ASSERT_TRUE(env_.Rename("/d/a", "/d/c").ok());
  ASSERT_TRUE(env_.Remove("/d/b").ok());
  EXPECT_THAT(List(), ElementsAre("c"));
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("a", "b"));
  EXPECT_EQ(Read("/d/b"), "/d/b");
  ASSERT_TRUE(env_.Rename("/d/a", "/d/c").ok());
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("b", "c"));
}

TEST_F(FaultyEnvTest, ACrashDropsADirectoryWhoseParentWasNotSynced) {
  ASSERT_TRUE(env_.CreateDirectories("/d/x/y").ok());
  Create("/d/x/y/f");
  ASSERT_TRUE(env_.SyncDirectory("/d/x/y").ok());
  ASSERT_TRUE(env_.SyncDirectory("/d/x").ok());
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
  ASSERT_TRUE(env_.CreateDirectories("/d/x").ok());
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  CrashAndRestart();
  EXPECT_THAT(List(), ElementsAre("x"));
}

TEST_F(FaultyEnvTest, ReplacingAFileIsAtomicAcrossCrashesOnceItsContentIsSynced) {
  ASSERT_TRUE(WriteFileAtomically(env_, "/d/f", "old").ok());
  for (int64_t step = 1; step <= 5; ++step) {  // open, append, sync, rename, directory sync
    env_.CrashAt(env_.operations() + step);
    EXPECT_FALSE(WriteFileAtomically(env_, "/d/f", "new").ok());
    EXPECT_TRUE(env_.crashed());
    ASSERT_TRUE(env_.Restart(Unsynced::kRandom).ok());
    EXPECT_THAT(Read("/d/f"), ::testing::AnyOf("old", "new")) << "crash in step " << step;
  }
}

TEST_F(FaultyEnvTest, FilesOfTheBaseCountAsDurable) {
  ASSERT_TRUE(WriteFileAtomically(mem_, "/d/f", "base").ok());
  auto file = env_.OpenForWrite("/d/f", OpenMode::kAppend);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Append(" more").ok());
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), "base");
}

TEST_F(FaultyEnvTest, WhatWasNotSyncedMaySurviveInPieces) {
  std::set<std::string> seen;
  for (int round = 0; round < 200; ++round) {
    const std::string path = "/d/f" + std::to_string(round);
    auto file = Create(path);
    ASSERT_TRUE(file->Append("1234").ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(env_.SyncDirectory("/d").ok());
    ASSERT_TRUE(file->Append("abcd").ok());
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
  EXPECT_TRUE(file->Append("a").ok());
  EXPECT_EQ(file->Append("b").ToString(),
            "RESOURCE_EXHAUSTED: write /d/f: No space left on device");
  EXPECT_TRUE(file->Append("c").ok());
  env_.FailAt(env_.operations() + 1, EIO, /*and_later=*/true);
  EXPECT_EQ(file->Sync().code(), Code::kInternal);
  EXPECT_EQ(env_.Remove("/d/f").code(), Code::kInternal);
}

TEST_F(FaultyEnvTest, AFailedSyncLosesItsBytesEvenIfTheNextOneSucceeds) {
  auto file = Create("/d/f");
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Append("aa").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Append("bb").ok());
  env_.FailAt(env_.operations() + 1, EIO);
  EXPECT_FALSE(file->Sync().ok());
  ASSERT_TRUE(file->Append("cc").ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(env_.file_syncs(), 2);
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), std::string("aa\0\0cc", 6));
}

TEST_F(FaultyEnvTest, RewritingATailSavesWhatAFailedSyncLost) {
  auto file = Create("/d/f");
  ASSERT_TRUE(env_.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Append("aabb").ok());
  env_.FailAt(env_.operations() + 1, EIO);
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(env_.RewriteTail("/d/f", 2).ok());
  CrashAndRestart();
  EXPECT_EQ(Read("/d/f"), std::string("\0\0bb", 4));
}

TEST_F(FaultyEnvTest, WhenOnlyTheProcessDiesNothingIsLostYet) {
  auto file = Create("/d/f");
  ASSERT_TRUE(file->Append("data").ok());
  CrashAndRestart(Unsynced::kKept);
  EXPECT_EQ(Read("/d/f"), "data");
  EXPECT_FALSE(file->Append("x").ok());
  CrashAndRestart();
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(FaultyEnvTest, HoldsASyncUntilItIsReleased) {
  auto file = Create("/d/f");
  env_.HoldSyncs();
  std::thread syncer([&] { EXPECT_TRUE(file->Sync().ok()); });
  EXPECT_TRUE(env_.AwaitHeldSync(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  EXPECT_EQ(env_.file_syncs(), 0);
  env_.ReleaseSyncs();
  syncer.join();
  EXPECT_EQ(env_.file_syncs(), 1);
}

}  // namespace
}  // namespace headpond::io
