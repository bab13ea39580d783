// Storage that is full, read-only, or changed by others: every operation ends in time with an error
// that names the place and the cause, what was acknowledged stays, and work goes on when the
// storage is well again.

#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/stop_signal.h"
#include "io/faulty_env.h"
#include "testing/client_files.h"
#include "testing/eventually.h"
#include "testing/mini_cluster.h"
#include "testing/status_matchers.h"

namespace headpond::testing {
namespace {

using client::WriteType;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kInTime{20};
constexpr int64_t kBlock = 1 << 20;

class BrokenStorageTest : public ::testing::Test {
 protected:
  // As in a daemon's main: a master whose journal failed asks its process to stop.
  static void SetUpTestSuite() { StopSignal(); }

  void Start(MiniCluster::Options options) {
    // Failing calls are tried again only so long.
    options.properties.emplace_back("alluxio.user.rpc.retry.max.duration", "3s");
    options.properties.emplace_back("alluxio.user.block.read.retry.max.duration", "3s");
    cluster_ = std::make_unique<MiniCluster>(std::move(options));
    ASSERT_OK(cluster_->Start());
    Connect();
  }
  void Connect() {
    auto files = cluster_->NewClient();
    ASSERT_OK(files.status());
    files_ = *std::move(files);
  }

  Status Write(const std::string& path, const std::string& content, WriteType type) {
    const auto start = std::chrono::steady_clock::now();
    const Status status =
        WriteFile(*files_, path, content, {.write_type = type, .block_size = kBlock});
    EXPECT_LT(std::chrono::steady_clock::now() - start, kInTime) << "writing " << path;
    return status;
  }

  Result<std::string> Read(const std::string& path) {
    const auto start = std::chrono::steady_clock::now();
    auto result = ReadFile(*files_, path);
    EXPECT_LT(std::chrono::steady_clock::now() - start, kInTime) << "reading " << path;
    return result;
  }

  void WriteUfs(const std::string& relative, const std::string& content) {
    std::ofstream(cluster_->ufs_path(relative), std::ios::binary) << content;
  }
  std::string ReadUfs(const std::string& relative) {
    std::stringstream content;
    content << std::ifstream(cluster_->ufs_path(relative), std::ios::binary).rdbuf();
    return content.str();
  }

  std::unique_ptr<MiniCluster> cluster_;
  std::unique_ptr<client::FileSystem> files_;
};

// ------------------------------------------------------------------------------ the worker's tiers

TEST_F(BrokenStorageTest, ATierFullOfPinnedFilesRefusesMoreAndKeepsThem) {
  Start({.workers = 1, .worker_capacity = "8MB"});
  ASSERT_OK(files_->CreateDirectory("/pinned"));
  ASSERT_OK(files_->SetAttribute("/pinned", {.pinned = true}));
  const std::string content(2 * kBlock, 'p');
  for (int i = 0; i < 4; ++i)
    ASSERT_OK(Write(fmt::format("/pinned/{}", i), content, WriteType::kMustCache));
  // What the next heartbeat says.
  std::set<int64_t> pinned;
  for (int i = 0; i < 4; ++i)
    pinned.insert(files_->GetStatus(fmt::format("/pinned/{}", i))->file_id);
  cluster_->worker(0).store().UpdatePinnedFiles(pinned);

  EXPECT_THAT(Write("/pinned/more", content, WriteType::kMustCache),
              StatusIs(Code::kResourceExhausted, HasSubstr("pinned")));
  EXPECT_THAT(Write("/other", content, WriteType::kMustCache),
              StatusIs(Code::kResourceExhausted, HasSubstr("pinned")));
  EXPECT_OK(Write("/through", content, WriteType::kThrough));  // needs no room
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(Read(fmt::format("/pinned/{}", i)).value_or("") == content);
  EXPECT_TRUE(Read("/through").value_or("") == content);

  ASSERT_OK(files_->Delete("/pinned/0"));
  EXPECT_TRUE(Eventually([&] {
    if (Write("/other", content, WriteType::kMustCache).ok()) return true;
    (void)files_->Delete("/other");
    return false;
  }));
}

TEST_F(BrokenStorageTest, AFullDiskUnderATierFailsWritesAndNothingElse) {
  auto faults = std::make_shared<cache::FileFaults>();
  Start({.workers = 1, .tier_faults = faults});
  const std::string content(2 * kBlock + 5, 'd');
  ASSERT_OK(Write("/before", content, WriteType::kMustCache));
  WriteUfs("cold", content);

  faults->SetHook([](cache::FileOperation operation, const std::string& path) {
    if (operation != cache::FileOperation::kWrite) return Status::Ok();
    return ErrnoStatus(ENOSPC, "write " + path);
  });
  EXPECT_THAT(Write("/during", content, WriteType::kMustCache),
              StatusIs(Code::kResourceExhausted,
                       AllOf(HasSubstr("No space left on device"), HasSubstr("tier0"))));
  EXPECT_OK(Write("/through", content, WriteType::kThrough));
  EXPECT_TRUE(Read("/before").value_or("") == content);
  EXPECT_TRUE(Read("/through").value_or("") == content);
  EXPECT_TRUE(Read("/cold").value_or("") == content);  // read, though it can't be kept

  faults->SetHook(nullptr);
  EXPECT_OK(Write("/after", content, WriteType::kMustCache));
  EXPECT_TRUE(Read("/after").value_or("") == content);
  EXPECT_TRUE(Read("/before").value_or("") == content);
}

TEST_F(BrokenStorageTest, ABrokenDiskUnderATierLosesNoPersistedFile) {
  auto faults = std::make_shared<cache::FileFaults>();
  Start({.workers = 1, .tier_faults = faults});
  const std::string content(2 * kBlock + 5, 'd');
  ASSERT_OK(Write("/kept", content, WriteType::kCacheThrough));
  faults->FailBelow("/");
  EXPECT_TRUE(Read("/kept").value_or("") == content);
  EXPECT_FALSE(Write("/more", content, WriteType::kMustCache).ok());
}

// ------------------------------------------------------------------------------ the journal's disk

// What was not written after an error may be anywhere, so a master whose journal failed answers no
// more changes, ends, and starts anew from what is on the disk.
TEST_F(BrokenStorageTest, AFullJournalDiskEndsTheMasterAndLosesNothingAcknowledged) {
  io::FaultyEnv env(io::Env::Posix(), /*seed=*/1);
  Start({.workers = 1, .master_env = &env});
  ASSERT_OK(Write("/before", "content", WriteType::kMustCache));
  ASSERT_OK(cluster_->master().failure());

  env.FailAt(env.operations() + 1, ENOSPC, /*and_later=*/true);
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(files_->CreateDirectory(fmt::format("/during{}", i)),
                StatusIs(Code::kUnavailable, AllOf(HasSubstr("No space left on device"),
                                                   HasSubstr(cluster_->journal_folder()))));
    EXPECT_LT(std::chrono::steady_clock::now() - start, kInTime);
  }
  EXPECT_THAT(cluster_->master().failure(),
              StatusIs(Code::kUnavailable, HasSubstr("No space left on device")));

  cluster_->StopMaster();
  env.FailAt(0, 0);
  ASSERT_OK(cluster_->StartMaster());
  EXPECT_TRUE(Eventually([&] { return Read("/before").value_or("") == "content"; }));
  EXPECT_OK(files_->CreateDirectory("/after"));
  files_.reset();
  cluster_.reset();  // before the Env
}

// ------------------------------------------------------------------------------ the under-store

// An under-store that may be read only, for a process that is not root.
class ReadOnlyUnderStoreTest : public BrokenStorageTest {
 protected:
  void SetUp() override {
    was_root_ = geteuid() == 0;
    if (was_root_) BecomeNobody();
    Start({.workers = 1});
    ASSERT_OK(Write("/old", "old content", WriteType::kCacheThrough));
    SetMode(0555);
  }
  void TearDown() override {
    SetMode(0755);
    files_.reset();
    cluster_.reset();
    if (!was_root_) return;
    ASSERT_EQ(seteuid(0), 0);
    prctl(PR_SET_DUMPABLE, 1);
  }

  void SetMode(int mode) {
    std::filesystem::permissions(cluster_->ufs_path(""), static_cast<std::filesystem::perms>(mode));
  }

 private:
  // Only a process that may be dumped can look into its own /proc/self/fd.
  static void BecomeNobody() {
    unsetenv("TMPDIR");  // may be root's own
    ASSERT_EQ(seteuid(65534), 0);
    prctl(PR_SET_DUMPABLE, 1);
  }

  bool was_root_ = false;
};

TEST_F(ReadOnlyUnderStoreTest, RefusesEveryChangeByPathAndCause) {
  const auto refused = [&](const std::string& name) {
    return StatusIs(Code::kPermissionDenied,
                    AllOf(HasSubstr(name), HasSubstr("Permission denied")));
  };
  EXPECT_THAT(Write("/new", "x", WriteType::kCacheThrough), refused("new"));
  EXPECT_THAT(Write("/new2", "x", WriteType::kThrough), refused("new2"));
  EXPECT_THAT(files_->CreateDirectory("/dir", {.write_type = WriteType::kCacheThrough}),
              refused("dir"));
  EXPECT_THAT(files_->Delete("/old"),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr("/old"), HasSubstr("Permission denied"))));
  EXPECT_THAT(files_->Rename("/old", "/renamed"), refused("old"));
  EXPECT_EQ(Read("/old").value_or(""), "old content");
  EXPECT_EQ(ReadUfs("old"), "old content");
  EXPECT_FALSE(*files_->Exists("/renamed"));
  EXPECT_FALSE(*files_->Exists("/dir"));
}

TEST_F(ReadOnlyUnderStoreTest, AnAsynchronousWriteIsKeptUntilItCanBePersisted) {
  ASSERT_OK(Write("/later", "waits", WriteType::kAsyncThrough));
  ASSERT_OK(Write("/cached", "needs no under-store", WriteType::kMustCache));
  EXPECT_EQ(Read("/later").value_or(""), "waits");
  EXPECT_EQ(files_->GetStatus("/later")->persistence_state, "TO_BE_PERSISTED");
  SetMode(0755);
  EXPECT_TRUE(
      Eventually([&] { return files_->GetStatus("/later")->persistence_state == "PERSISTED"; }));
  EXPECT_EQ(ReadUfs("later"), "waits");
}

TEST_F(BrokenStorageTest, AFileCutShortBehindOurBackIsAnErrorThatNamesIt) {
  Start({.workers = 1});
  WriteUfs("cut", std::string(3 * kBlock, 'c'));
  ASSERT_OK(files_->GetStatus("/cut").status());
  std::filesystem::resize_file(cluster_->ufs_path("cut"), kBlock / 2);
  const auto read = Read("/cut");
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.status().message(),
              AllOf(HasSubstr(cluster_->ufs_path("cut")), HasSubstr("reload its metadata")));
  EXPECT_FALSE(Read("/cut").ok());  // and nothing of it was cached as if it were whole
}

TEST_F(BrokenStorageTest, AFileDeletedBehindOurBackIsAnErrorThatNamesIt) {
  Start({.workers = 1});
  WriteUfs("gone", std::string(kBlock, 'g'));
  WriteUfs("cached", std::string(kBlock, 'k'));
  ASSERT_OK(files_->GetStatus("/gone").status());
  ASSERT_OK(Read("/cached").status());
  std::filesystem::remove(cluster_->ufs_path("gone"));
  std::filesystem::remove(cluster_->ufs_path("cached"));
  const auto read = Read("/gone");
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.status().message(), HasSubstr(cluster_->ufs_path("gone")));
  EXPECT_TRUE(Read("/cached").value_or("") == std::string(kBlock, 'k'));
}

TEST_F(BrokenStorageTest, AFileReplacedByALongerOneIsReadAsLongAsTheNamespaceKnows) {
  Start({.workers = 1});
  WriteUfs("grown", std::string(kBlock, 'o'));
  ASSERT_OK(files_->GetStatus("/grown").status());
  WriteUfs("grown", std::string(3 * kBlock, 'n'));
  const auto read = Read("/grown");
  ASSERT_OK(read.status());
  EXPECT_TRUE(*read == std::string(kBlock, 'n'));
}

TEST_F(BrokenStorageTest, AnUnderStoreThatIsGoneAltogetherIsAnErrorAndCachedFilesAreRead) {
  Start({.workers = 1});
  ASSERT_OK(Write("/cached", "cached content", WriteType::kCacheThrough));
  WriteUfs("cold", "cold content");
  ASSERT_OK(files_->GetStatus("/cold").status());
  std::filesystem::remove_all(cluster_->ufs_path(""));
  EXPECT_EQ(Read("/cached").value_or(""), "cached content");
  EXPECT_THAT(Read("/cold").status().message(), HasSubstr(cluster_->ufs_path("cold")));
  EXPECT_FALSE(Write("/new", "x", WriteType::kCacheThrough).ok());
  EXPECT_OK(Write("/unbacked", "x", WriteType::kMustCache));
}

}  // namespace
}  // namespace headpond::testing
