#include "worker/persister.h"

#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kWorker = 42;
constexpr int64_t kFile = (9 << 24) | 0xffffff;
constexpr BlockId kFirst = 9 << 24;
constexpr BlockId kSecond = kFirst + 1;

// The master's part. Thread safe.
class FakeMaster final : public PersistMaster {
 public:
  Result<PersistSource> GetFile(int64_t file_id) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++lookups_;
    const auto it = files_.find(file_id);
    if (it == files_.end()) return NotFound("inodeId {} does not exist", file_id);
    return it->second;
  }
  Result<std::vector<PersistTask>> ExchangePersistWork(
      int64_t worker_id, const std::vector<int64_t>& persisted) override EXCLUDES(mutex_) {
    EXPECT_EQ(worker_id, kWorker);
    MutexLock lock(mutex_);
    ++exchanges_;
    RETURN_IF_ERROR(answer_);
    reported_.insert(reported_.end(), persisted.begin(), persisted.end());
    return tasks_;
  }

  // Handed out with every exchange from now on.
  void GiveOut(const PersistSource& file, int64_t id = kFile) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    files_[id] = file;
    tasks_.push_back({.file_id = id, .blocks = {}});
  }
  void Stop() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    tasks_.clear();
  }
  void Answer(Status status) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    answer_ = std::move(status);
  }
  std::vector<int64_t> reported() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return reported_;
  }
  int exchanges() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return exchanges_;
  }
  int lookups() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return lookups_;
  }

 private:
  mutable Mutex mutex_;
  std::map<int64_t, PersistSource> files_ GUARDED_BY(mutex_);
  std::vector<PersistTask> tasks_ GUARDED_BY(mutex_);
  std::vector<int64_t> reported_ GUARDED_BY(mutex_);
  Status answer_ GUARDED_BY(mutex_);
  int exchanges_ GUARDED_BY(mutex_) = 0;
  int lookups_ GUARDED_BY(mutex_) = 0;
};

class PersisterTest : public WorkerDataTest {
 protected:
  static PersistSource File() {
    return {
        .path = "/file",
        .mount_id = kMount,
        .length = 3000,
        .completed = true,
        .mode = 0644,
        .blocks = {
            {.id = kFirst, .length = 2000},
            {.id = kSecond, .length = 1000, .holders = {{.host = "other", .data_port = 29999}}}}};
  }
  void ServeSecondBlock(std::string data) {
    fetch_ = [data = std::move(data)](const std::string& host, int port, BlockId block, int64_t,
                                      const std::function<Status(std::string_view)>& sink) {
      EXPECT_EQ(host, "other");
      EXPECT_EQ(port, 29999);
      EXPECT_EQ(block, kSecond);
      return sink(data);
    };
  }
  Persister& persister() {
    if (!persister_)
      persister_ = std::make_unique<Persister>(
          Persister::Options{}, [this] { return worker_id_; }, master_, *store_, mounts_, fetch_);
    return *persister_;
  }
  // Lets one round of copies run to its end, and reports it.
  void CopyAndReport() {
    persister().Tick();
    master_.Stop();
    persister().Stop();
    persister().Tick();
  }
  std::string Copy(int64_t file = kFile) const {
    return UfsContent(fmt::format(".alluxio_ufs_persistence/{}.alluxio.tmp", file));
  }

  int64_t worker_id_ = kWorker;
  FakeMaster master_;
  std::unique_ptr<Persister> persister_;
};

TEST_F(PersisterTest, CopiesAFileFromItsBlocksHereAndElsewhereAndReportsIt) {
  PutBlock(kFirst, Content(kFirst, 2000));
  ServeSecondBlock(Content(kSecond, 1000));
  master_.GiveOut(File());
  CopyAndReport();
  EXPECT_EQ(Copy(), Content(kFirst, 2000) + Content(kSecond, 1000));
  EXPECT_THAT(master_.reported(), ElementsAre(kFile));
}

TEST_F(PersisterTest, CopiesAnEmptyFile) {
  PersistSource empty = File();
  empty.blocks.clear();
  empty.length = 0;
  master_.GiveOut(empty);
  CopyAndReport();
  EXPECT_THAT(UfsFiles(), ElementsAre(fmt::format("{}.alluxio.tmp", kFile)));
  EXPECT_THAT(master_.reported(), ElementsAre(kFile));
}

TEST_F(PersisterTest, ACopyWithABlockMissingOrShortIsNeitherSeenNorReported) {
  PutBlock(kFirst, Content(kFirst, 2000));
  for (const size_t length : {0, 999, 1001}) {
    SCOPED_TRACE(length);
    ServeSecondBlock(Content(kSecond, length));
    master_.GiveOut(File());
    CopyAndReport();
    persister_.reset();
    EXPECT_THAT(UfsFiles(), IsEmpty());
    EXPECT_THAT(master_.reported(), IsEmpty());
  }
  PersistSource nowhere = File();
  nowhere.blocks[1].holders.clear();
  master_.GiveOut(nowhere);
  CopyAndReport();
  EXPECT_THAT(UfsFiles(), IsEmpty());
}

TEST_F(PersisterTest, AFileThatIsStillBeingWrittenIsNotCopied) {
  PersistSource open = File();
  open.completed = false;
  master_.GiveOut(open);
  CopyAndReport();
  EXPECT_THAT(UfsFiles(), IsEmpty());
  EXPECT_THAT(master_.reported(), IsEmpty());
}

TEST_F(PersisterTest, AFileGivenOutAgainWhileItIsCopiedIsCopiedOnce) {
  PutBlock(kFirst, Content(kFirst, 2000));
  ServeSecondBlock(Content(kSecond, 1000));
  master_.GiveOut(File());
  faults_->Hold(ufs::UfsOperation::kCreate);
  persister().Tick();
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kCreate));
  persister().Tick();
  persister().Tick();
  faults_->Release(ufs::UfsOperation::kCreate);
  CopyAndReport();
  EXPECT_THAT(master_.reported(), ElementsAre(kFile));
  EXPECT_LE(master_.lookups(), 2);
}

TEST_F(PersisterTest, AReportThatDidNotArriveIsRepeated) {
  PersistSource empty = File();
  empty.blocks.clear();
  master_.GiveOut(empty);
  persister().Tick();
  persister().Stop();
  master_.Answer(Unavailable("no master"));
  persister().Tick();
  EXPECT_THAT(master_.reported(), IsEmpty());
  master_.Answer(Status::Ok());
  persister().Tick();
  EXPECT_THAT(master_.reported(), ElementsAre(kFile));
  persister().Tick();
  EXPECT_THAT(master_.reported(), ElementsAre(kFile));
}

TEST_F(PersisterTest, AWorkerThatIsNotRegisteredAsksForNothing) {
  worker_id_ = -1;
  persister().Tick();
  EXPECT_EQ(master_.exchanges(), 0);
}

TEST_F(PersisterTest, ManyFilesAreCopiedWhileTheMasterIsAsked) {
  std::vector<int64_t> all;
  for (int64_t i = 1; i <= 50; ++i) {
    const BlockId block = i << 24;
    PutBlock(block, Content(block, 3000));
    PersistSource file = File();
    file.blocks = {{.id = block, .length = 3000}};
    master_.GiveOut(file, block);
    all.push_back(block);
  }
  persister().Start();
  persister().Tick();
  EXPECT_TRUE(Eventually([&] {
    persister().Tick();
    const auto reported = master_.reported();
    return std::set<int64_t>(reported.begin(), reported.end()).size() == all.size();
  }));
  persister().Stop();
  for (const int64_t file : all) EXPECT_EQ(Copy(file), Content(file, 3000));
}

}  // namespace
}  // namespace headpond::worker
