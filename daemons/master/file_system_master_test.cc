#include "master/file_system_master.h"

#include <fstream>

#include "master/master_testing.h"
#include "ufs/faulty_ufs.h"

namespace headpond::master {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ufs::UfsOperation;

class FileSystemMasterTest : public ::testing::Test {
 protected:
  TempDirectory root_;
  ManualClock clock_;
  const std::shared_ptr<ufs::UfsFaults> faults_ = std::make_shared<ufs::UfsFaults>();
  TestMaster master_{root_, clock_, {}, faults_};
  const WorkerId worker_ = master_.Register("worker");

  FileSystemMaster& files() { return master_.files(); }
  meta::FileInfo Info(const std::string& path) {
    const auto info = master_.GetStatus(path);
    EXPECT_OK(info);
    return info.value_or({});
  }
  Status MakeDirectory(const std::string& path, bool persisted) {
    return Await<Status>([&](auto done) {
      files().CreateDirectory({.context = master_.Context(), .path = path, .persisted = persisted},
                              {}, done);
    });
  }
  Status Rename(const std::string& source, const std::string& destination) {
    return Await<Status>([&](auto done) {
      files().Rename({.context = master_.Context(), .source = source, .destination = destination},
                     {}, done);
    });
  }
  Status Remove(const std::string& path) {
    return Await<Status>([&](auto done) {
      files().Remove({.context = master_.Context(), .path = path, .recursive = true}, {}, done);
    });
  }
  bool InUfs(const std::string& name) const {
    return std::filesystem::exists(master_.ufs_root() + name);
  }
  // What a worker does with a task, but the report.
  void WriteCopy(meta::InodeId file, const std::string& content) {
    const auto temp = files().PersistTempPathOf(file);
    ASSERT_OK(temp);
    std::filesystem::create_directories(std::filesystem::path(*temp).parent_path());
    std::ofstream(*temp) << content;
  }
  // The end of an operation that was started on the side.
  struct Started {
    Mutex mutex;
    CondVar ended;
    std::optional<Status> status GUARDED_BY(mutex);

    FileSystemMaster::Done Callback() {
      return [this](Status outcome) {
        MutexLock lock(mutex);
        status = std::move(outcome);
        ended.NotifyAll();
      };
    }
    bool over() {
      MutexLock lock(mutex);
      return status.has_value();
    }
    Status Outcome() {
      const auto deadline = std::chrono::steady_clock::now() + minutes(1);
      MutexLock lock(mutex);
      while (!status)
        if (!ended.WaitUntil(mutex, deadline)) return DeadlineExceeded("it never ended");
      return *status;
    }
  };
};

// ----------------------------------------------------------------------------------- lost workers

TEST_F(FileSystemMasterTest, AFileIsLostWithTheOnlyWorkerThatHasItUnlessItIsPersisted) {
  ASSERT_OK(master_.CreateFile(worker_, "/cached", 10));
  ASSERT_OK(master_.CreateFile(worker_, "/empty", 0));
  std::ofstream(master_.ufs_root() + "/persisted") << "0123456789";
  ASSERT_OK(
      master_.blocks().AddCopy(worker_, Info("/persisted").blocks.at(0).id, {"MEM", "MEM"}, 0));
  clock_.Advance(minutes(6));
  master_.housekeeping().DetectLostWorkers();
  EXPECT_EQ(Info("/cached").persistence, meta::PersistenceState::kLost);
  EXPECT_EQ(Info("/empty").persistence, meta::PersistenceState::kNotPersisted);
  EXPECT_EQ(Info("/persisted").persistence, meta::PersistenceState::kPersisted);
}

TEST_F(FileSystemMasterTest, AFileIsNotLostWhileAnotherWorkerHasIt) {
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10));
  clock_.Advance(minutes(4));
  master_.Register("other", {Info("/file").blocks.at(0).id});
  clock_.Advance(minutes(4));
  master_.housekeeping().DetectLostWorkers();
  EXPECT_THAT(master_.blocks().Workers(WorkerState::kLost), SizeIs(1));
  EXPECT_EQ(Info("/file").persistence, meta::PersistenceState::kNotPersisted);
}

TEST_F(FileSystemMasterTest, ALostFileIsBackWhenAWorkerRegistersWithAllItsBlocks) {
  ASSERT_OK(master_.CreateFile(worker_, "/cached", 10));
  ASSERT_OK(master_.CreateFile(worker_, "/gone", 10));
  const BlockId block = Info("/cached").blocks.at(0).id;
  clock_.Advance(minutes(6));
  master_.housekeeping().DetectLostWorkers();
  master_.housekeeping().FindLostFiles();
  EXPECT_EQ(Info("/cached").persistence, meta::PersistenceState::kLost);
  master_.Register("other", {block});
  master_.housekeeping().FindLostFiles();
  EXPECT_EQ(Info("/cached").persistence, meta::PersistenceState::kNotPersisted);
  EXPECT_EQ(Info("/gone").persistence, meta::PersistenceState::kLost);
}

// ------------------------------------------------------------------------------- blocks of files

TEST_F(FileSystemMasterTest, TheBlocksOfARemovedFileAreFreedOnItsWorker) {
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10));
  const BlockId block = Info("/file").blocks.at(0).id;
  EXPECT_EQ(master_.blocks().Heartbeat({.worker_id = worker_}).kind, WorkerCommand::Kind::kNothing);
  ASSERT_OK(Remove("/file"));
  EXPECT_THAT(master_.blocks().Heartbeat({.worker_id = worker_}).blocks, ElementsAre(block));
}

TEST_F(FileSystemMasterTest, AWorkerIsToldToFreeBlocksThatNoFileHasWhenItRegisters) {
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10));
  const BlockId block = Info("/file").blocks.at(0).id;
  ASSERT_OK(Remove("/file"));
  const WorkerId other = master_.Register("other", {block});
  EXPECT_THAT(master_.blocks().CopiesOf(block), SizeIs(1));  // the first worker's, until reported
  EXPECT_THAT(master_.blocks().Heartbeat({.worker_id = other}).blocks, ElementsAre(block));
}

// ------------------------------------------------------------------------------------- persisting

TEST_F(FileSystemMasterTest, AFileToPersistIsGivenToTheWorkerThatHasItOnceUntilItsLeaseEnds) {
  const WorkerId other = master_.Register("other");
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10, /*async_persist=*/true));
  EXPECT_THAT(master_.persist().Take(other), IsEmpty());
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_THAT(tasks[0].blocks, ElementsAre(Info("/file").blocks.at(0).id));
  EXPECT_THAT(master_.persist().Take(worker_), IsEmpty());
  clock_.Advance(seconds(31));
  EXPECT_THAT(master_.persist().Take(worker_), SizeIs(1));
}

TEST_F(FileSystemMasterTest, AReportedCopyIsPutIntoPlace) {
  ASSERT_OK(MakeDirectory("/dir", /*persisted=*/false));
  ASSERT_OK(master_.CreateFile(worker_, "/dir/file", 10, /*async_persist=*/true));
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  WriteCopy(tasks[0].file, "0123456789");
  EXPECT_OK(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }));
  EXPECT_EQ(Info("/dir/file").persistence, meta::PersistenceState::kPersisted);
  EXPECT_TRUE(Info("/dir").persisted);
  EXPECT_TRUE(InUfs("/dir/file"));
  // A report that is repeated changes nothing.
  EXPECT_OK(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }));
  EXPECT_THAT(master_.persist().Take(worker_), IsEmpty());
}

TEST_F(FileSystemMasterTest, ACopyReplacesWhatAnOverwrittenFileLeftInTheUnderStore) {
  std::ofstream(master_.ufs_root() + "/file") << "old content";
  ASSERT_OK(master_.GetStatus("/file"));
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10, /*async_persist=*/true));
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  WriteCopy(tasks[0].file, "0123456789");
  EXPECT_OK(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }));
  EXPECT_EQ(Info("/file").persistence, meta::PersistenceState::kPersisted);
  EXPECT_EQ(std::filesystem::file_size(master_.ufs_root() + "/file"), 10u);
}

TEST_F(FileSystemMasterTest, AFileRenamedWhileItsCopyWaitsToBePutIntoPlaceIsTriedAgain) {
  ASSERT_OK(MakeDirectory("/a", /*persisted=*/true));
  ASSERT_OK(master_.CreateFile(worker_, "/a/file", 10, /*async_persist=*/true));
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  WriteCopy(tasks[0].file, "0123456789");
  faults_->Hold(UfsOperation::kRename);
  Started rename;
  files().Rename({.context = master_.Context(), .source = "/a", .destination = "/b"}, {},
                 rename.Callback());
  ASSERT_TRUE(faults_->AwaitHeld(UfsOperation::kRename));
  Started finish;  // waits for the path
  files().FinishPersist(tasks[0].file, finish.Callback());
  faults_->Release(UfsOperation::kRename);
  EXPECT_OK(rename.Outcome());
  EXPECT_THAT(finish.Outcome(), StatusIs(Code::kAborted, HasSubstr("renamed to /b/file")));
  EXPECT_EQ(Info("/b/file").persistence, meta::PersistenceState::kToBePersisted);
  EXPECT_FALSE(InUfs("/a/file"));
  EXPECT_OK(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }));
  EXPECT_TRUE(InUfs("/b/file"));
}

TEST_F(FileSystemMasterTest, ACopyOfAnotherLengthIsNotTakenForTheFile) {
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10, /*async_persist=*/true));
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  WriteCopy(tasks[0].file, "012345678");
  EXPECT_THAT(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }),
              StatusIs(Code::kAborted));
  EXPECT_EQ(Info("/file").persistence, meta::PersistenceState::kToBePersisted);
}

TEST_F(FileSystemMasterTest, AFileRemovedWhileItIsCopiedTakesTheCopyAlong) {
  ASSERT_OK(master_.CreateFile(worker_, "/file", 10, /*async_persist=*/true));
  const auto tasks = master_.persist().Take(worker_);
  ASSERT_THAT(tasks, SizeIs(1));
  WriteCopy(tasks[0].file, "0123456789");
  const std::string copy = *files().PersistTempPathOf(tasks[0].file);
  ASSERT_OK(Remove("/file"));
  EXPECT_FALSE(std::filesystem::exists(copy));
  EXPECT_THAT(Await<Status>([&](auto done) { files().FinishPersist(tasks[0].file, done); }),
              StatusIs(Code::kNotFound));
}

// -------------------------------------------------------------------------- under-store, in order

TEST_F(FileSystemMasterTest, WhatIsBelowAPathThatIsBeingRenamedWaitsAndTheRestDoesNot) {
  ASSERT_OK(MakeDirectory("/a", /*persisted=*/true));
  faults_->Hold(UfsOperation::kRename);
  Started rename;
  files().Rename({.context = master_.Context(), .source = "/a", .destination = "/b"}, {},
                 rename.Callback());
  ASSERT_TRUE(faults_->AwaitHeld(UfsOperation::kRename));
  Started below;
  files().CreateDirectory({.context = master_.Context(), .path = "/a/child"}, {}, below.Callback());
  EXPECT_OK(MakeDirectory("/c", /*persisted=*/true));
  EXPECT_OK(master_.GetStatus("/a"));  // a look does not wait
  EXPECT_FALSE(rename.over());
  EXPECT_FALSE(below.over());
  faults_->Release(UfsOperation::kRename);
  EXPECT_OK(rename.Outcome());
  EXPECT_THAT(below.Outcome(), StatusIs(Code::kNotFound));
  EXPECT_TRUE(InUfs("/b"));
  EXPECT_FALSE(InUfs("/a"));
}

TEST_F(FileSystemMasterTest, WhatTheUnderStoreRefusesIsNotDone) {
  ASSERT_OK(MakeDirectory("/a", /*persisted=*/true));
  const auto before = master_.Describe();
  faults_->Fail(UfsOperation::kRename, Unavailable("the store is away"));
  faults_->Fail(UfsOperation::kDeleteDirectory, Unavailable("the store is away"));
  faults_->Fail(UfsOperation::kCreateDirectory, Unavailable("the store is away"));
  EXPECT_THAT(Rename("/a", "/b"), StatusIs(Code::kUnavailable, HasSubstr("away")));
  EXPECT_THAT(Remove("/a"), StatusIs(Code::kFailedPrecondition, HasSubstr("away")));
  EXPECT_THAT(MakeDirectory("/c", /*persisted=*/true), StatusIs(Code::kUnavailable));
  EXPECT_EQ(master_.Describe(), before);
  faults_->Clear();
  EXPECT_OK(Rename("/a", "/b"));
}

TEST_F(FileSystemMasterTest, AManyTimesAskedForFileIsLoadedOnce) {
  std::ofstream(master_.ufs_root() + "/file") << "content";
  faults_->Hold(UfsOperation::kGetStatus);
  constexpr int kReaders = 8;
  std::vector<std::unique_ptr<Started>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<Started>());
    files().GetStatus(
        {.caller = master_.Context().caller, .path = "/file"}, LoadMetadata::kOnce, {},
        [done = readers.back()->Callback()](const Result<meta::FileInfo>& info) {
          done(info.ok() && info->length != 7 ? Internal("wrong length") : info.status());
        });
  }
  ASSERT_TRUE(faults_->AwaitHeld(UfsOperation::kGetStatus, 2));
  faults_->Release(UfsOperation::kGetStatus);
  for (const auto& reader : readers) EXPECT_OK(reader->Outcome());
  EXPECT_EQ(master_.Describe().size(), 2u);
}

// -------------------------------------------------------------------------------------- restarting

TEST(MasterRestartTest, WhatWasAnsweredIsThereAfterARestartWithOrWithoutASnapshot) {
  TempDirectory root;
  std::map<std::string, std::string> before;
  for (const bool snapshot : {false, true, false}) {
    TestMaster master(root);
    if (!before.empty()) {
      EXPECT_EQ(master.Describe(), before);
    }
    const WorkerId worker = master.Register("worker");
    ASSERT_OK(master.CreateFile(worker, fmt::format("/dir/{}", before.size()), 10));
    if (snapshot) master.store().SnapshotIfDue(1);
    before = master.Describe();
  }
  TestMaster master(root);
  EXPECT_EQ(master.Describe(), before);
}

}  // namespace
}  // namespace headpond::master
