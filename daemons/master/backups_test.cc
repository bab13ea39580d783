#include "master/backups.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "master/backup_file.h"
#include "master/master_testing.h"
#include "master/restored_state.h"
#include "testing/eventually.h"

namespace headpond::master {
namespace {

using ::testing::HasSubstr;
using State = BackupReport::State;

TEST(BackupFolderTest, IsWhereSomebodySaidOrInTheRootUnderStore) {
  struct Case {
    const char* root;
    std::optional<std::string> configured;
    BackupTarget target;
    const char* folder;
  };
  const Case cases[] = {
      {"/under", {}, {}, "/under/alluxio_backups"},
      {"s3://b/data", {}, {}, "s3://b/data/alluxio_backups"},
      {"/under", {}, {.local = true}, "file:///opt/alluxio/alluxio_backups"},
      {"/under", "/backups", {}, "/backups"},
      {"s3://b/data", "/backups", {}, "s3://b/backups"},
      {"s3://b/data", "/backups", {.local = true}, "file:///backups"},
      {"/under", "/backups", {.directory = "/here"}, "/here"},
      {"/under", {}, {.directory = "file:///here"}, "file:///here"},
      {"file:///under", {}, {.directory = "/here"}, "file:///here"},
      {"s3://b/data", {}, {.directory = "s3://b/x"}, "s3://b/x"},
      {"s3://b/data", {}, {.directory = "file:///x", .local = true}, "file:///x"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(
        BackupFolder({.directory = c.configured, .work_dir = "/opt/alluxio"}, c.root, c.target),
        IsOkAndHolds(std::string(c.folder)))
        << c.root << " " << c.target.directory;
}

TEST(BackupFolderTest, WhatIsNoneIsRefusedWithTheRemedy) {
  struct Case {
    BackupTarget target;
    const char* why;
  };
  const Case cases[] = {
      {{.directory = "backups"},
       "targetDirectory of the call or from alluxio.master.backup.directory: Path \"backups\" is "
       "invalid"},
      {{.directory = "/a/../.."}, "climbs above the root"},
      {{.directory = "s3://b/../x"}, "climbs above the root"},
      {{.directory = "s3://other/x"}, "not on the root under-store s3://b/data"},
      {{.directory = "file:///x"}, "or use --local"},
      {{.directory = "s3://b/x", .local = true}, "leave out --local"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(BackupFolder({}, "s3://b/data", c.target),
                StatusIs(Code::kInvalidArgument, HasSubstr(c.why)))
        << c.target.directory;
}

TEST(BackupFileNameTest, IsStocks) {
  EXPECT_EQ(BackupFileName(1'795'349'928'448), "alluxio-backup-2026-11-22-1795349928448.gz");
  EXPECT_EQ(BackupFileName(1'772'841'600'000), "alluxio-backup-2026-3-7-1772841600000.gz");
  EXPECT_EQ(ParseBackupFileName("alluxio-backup-2026-3-7-1772841600000.gz"), 1'772'841'600'000);
  for (const char* other :
       {"", "alluxio-backup-.gz", "alluxio-backup-2026-3-8-1772841600000.gz", "x.gz",
        "alluxio-backup-2026-3-7-1772841600000.gz.complete", "alluxio-backup-2026-3-7--1.gz"})
    EXPECT_EQ(ParseBackupFileName(other), std::nullopt) << other;
}

// Every inode of a namespace, by path.
std::map<std::string, std::string> Contents(const MetadataStore& store) {
  return store.Read([](const meta::Namespace& ns) {
    std::map<std::string, std::string> contents;
    ns.inodes().Walk(0, std::numeric_limits<size_t>::max(), [&](meta::Inode inode) {
      meta::Mutation mutation;
      mutation.puts.push_back(inode.ToRecord());
      contents[ns.PathOf(inode)] = meta::EncodeMutation(mutation);
    });
    return contents;
  });
}

class BackupsTest : public ::testing::Test {
 protected:
  Result<BackupReport> Begin(const BackupTarget& target, Backups::Ended ended = nullptr) {
    return backups_.Begin(target, std::move(ended));
  }
  BackupReport Make(const BackupTarget& target) { return MakeWith(backups_, target); }
  static BackupReport MakeWith(Backups& backups, const BackupTarget& target) {
    const auto report =
        Await<Result<BackupReport>>([&](auto done) { EXPECT_OK(backups.Begin(target, done)); });
    EXPECT_OK(report);
    return report.value_or(BackupReport());
  }
  // A master whose journal begins with the backup.
  std::unique_ptr<TestMaster> Restored(const std::string& path) {
    const auto store = *ufs::OpenUfs(std::filesystem::path(path).parent_path(), {});
    auto file = store->Open(path);
    EXPECT_OK(file);
    auto state = RestoredState::Read(**file, {});
    EXPECT_OK(state);
    if (!state.ok()) return nullptr;
    EXPECT_OK(journal::FormatLocalJournal(io::Env::Posix(), other_root_ / "journal", "new",
                                          /*force=*/true, state->get()));
    return std::make_unique<TestMaster>(other_root_);
  }

  TempDirectory root_;
  TempDirectory other_root_;
  std::shared_ptr<ufs::UfsFaults> faults_ = std::make_shared<ufs::UfsFaults>();
  TestMaster master_{root_};
  const UfsPool::Opener open_ufs_ = [this](const std::string& uri,
                                           const std::map<std::string, std::string>& properties)
      -> Result<std::unique_ptr<ufs::Ufs>> {
    ASSIGN_OR_RETURN(auto opened, ufs::OpenUfs(uri, properties));
    return ufs::MakeFaultyUfs(std::move(opened), faults_);
  };
  Backups backups_{{.host = "m-1", .work_dir = root_ / "work"},
                   {.store = master_.store(), .open_ufs = open_ufs_, .clock = Clock::System()},
                   Random(1)};
};

TEST_F(BackupsTest, AMasterThatBeginsWithItHasAllOfIt) {
  const WorkerId worker = master_.Register("w");
  for (int i = 0; i < 3000; ++i)
    ASSERT_OK(master_.CreateFile(worker, fmt::format("/d{}/f{}", i % 7, i), i % 3));
  const BackupReport report = Make({});
  ASSERT_EQ(report.state, State::kCompleted) << report.error.ToString();
  EXPECT_EQ(report.host, "m-1");
  EXPECT_EQ(report.inodes, 3000 + 7 + 1);
  EXPECT_EQ(backups_.Look(report.id).state, State::kCompleted);
  EXPECT_TRUE(std::filesystem::exists(report.uri + ".complete"));
  EXPECT_EQ(std::filesystem::status(report.uri).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

  const auto restored = Restored(report.uri);
  ASSERT_NE(restored, nullptr);
  EXPECT_EQ(Contents(restored->store()), Contents(master_.store()));
  // Ids go on where they were: a new file is not an old one.
  ASSERT_OK(restored->CreateFile(restored->Register("w"), "/new", 0));
  ASSERT_OK_AND_ASSIGN(const meta::FileInfo added, restored->GetStatus("/new"));
  ASSERT_OK_AND_ASSIGN(const meta::FileInfo old, restored->GetStatus("/d0/f0"));
  EXPECT_GT(added.file_id, old.file_id);
}

TEST_F(BackupsTest, ChangesGoOnMeanwhileAndItIsTheStateOfOneMoment) {
  constexpr int kClients = 4;
  std::atomic<bool> enough{false};
  std::array<std::atomic<int>, kClients> done{};
  const auto work = [&](int client) {
    const std::string folder = fmt::format("/t{}", client);
    for (int step = 0; !enough; ++step) {
      EXPECT_OK(master_.CreateFile(0, fmt::format("{}/f{}", folder, step), 0));
      // The name moves on: exactly one of them is there at any moment.
      EXPECT_OK(Await<Status>([&](auto ended) {
        if (step == 0)
          return master_.files().CreateDirectory(
              {.context = master_.Context(), .path = folder + "/at0"}, {}, ended);
        master_.files().Rename({.context = master_.Context(),
                                .source = fmt::format("{}/at{}", folder, step - 1),
                                .destination = fmt::format("{}/at{}", folder, step)},
                               {}, ended);
      }));
      done[static_cast<size_t>(client)] = step + 1;
    }
  };
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) clients.emplace_back(work, client);
  EXPECT_TRUE(Eventually(
      [&] { return std::ranges::all_of(done, [](const auto& steps) { return steps > 100; }); }));
  for (int round = 0; round < 5; ++round) {
    std::array<int, kClients> before{};
    for (size_t i = 0; i < before.size(); ++i) before[i] = done[i];
    const BackupReport report = Make({.directory = fmt::format("{}/b{}", root_ / "", round)});
    ASSERT_EQ(report.state, State::kCompleted) << report.error.ToString();
    const auto restored = Restored(report.uri);
    ASSERT_NE(restored, nullptr);
    for (size_t i = 0; i < before.size(); ++i) {
      const auto paths = Contents(restored->store());
      int files = 0;
      int names = 0;
      while (paths.contains(fmt::format("/t{}/f{}", i, files))) ++files;
      for (const auto& [path, record] : paths)
        if (path.starts_with(fmt::format("/t{}/at", i))) ++names;
      EXPECT_GE(files, before[i]);
      EXPECT_EQ(names, 1);
      // Nothing of after that moment: the files have no gap and nothing behind it.
      EXPECT_EQ(std::ranges::count_if(paths,
                                      [&](const auto& entry) {
                                        return entry.first.starts_with(fmt::format("/t{}/f", i));
                                      }),
                files);
    }
  }
  enough = true;
  for (std::thread& client : clients) client.join();
}

TEST_F(BackupsTest, OneAtATime) {
  faults_->Hold(ufs::UfsOperation::kCreate);
  BackupReport first;
  std::atomic<bool> ended{false};
  ASSERT_OK_AND_ASSIGN(const BackupReport begun, Begin({}, [&](const BackupReport& report) {
                         first = report;
                         ended = true;
                       }));
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kCreate));
  EXPECT_EQ(backups_.Look(begun.id).state, State::kRunning);
  EXPECT_THAT(Begin({}), StatusIs(Code::kFailedPrecondition, HasSubstr(begun.id)));
  faults_->Clear();
  faults_->Release(ufs::UfsOperation::kCreate);
  ASSERT_TRUE(Eventually([&] { return ended.load(); }));
  EXPECT_EQ(first.state, State::kCompleted);
  EXPECT_EQ(Make({.directory = root_ / "again"}).state, State::kCompleted);
}

TEST_F(BackupsTest, ACallWithAnIdMayBeRepeated) {
  faults_->Hold(ufs::UfsOperation::kCreate);
  const BackupTarget target{.directory = root_ / "b", .id = "mine-1"};
  ASSERT_OK_AND_ASSIGN(const BackupReport begun, Begin(target));
  EXPECT_EQ(begun.id, "mine-1");
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kCreate));
  ASSERT_OK_AND_ASSIGN(const BackupReport again, Begin(target));
  EXPECT_EQ(again.state, State::kRunning);
  EXPECT_THAT(Begin({.id = "other"}), StatusIs(Code::kFailedPrecondition, HasSubstr("mine-1")));
  faults_->Clear();
  faults_->Release(ufs::UfsOperation::kCreate);
  ASSERT_TRUE(Eventually([&] { return backups_.Look("mine-1").state == State::kCompleted; }));
  ASSERT_OK_AND_ASSIGN(const BackupReport after, Begin(target));
  EXPECT_EQ(after.state, State::kCompleted);
  EXPECT_EQ(after.uri, again.uri);
  const auto files = std::filesystem::directory_iterator(root_ / "b");
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);  // the file and its mark
}

TEST_F(BackupsTest, WhatCantBeAnIdIsRefused) {
  for (const std::string& id : {std::string("a b"), std::string("a\n"), std::string(129, 'a')})
    EXPECT_THAT(Begin({.id = id}), StatusIs(Code::kInvalidArgument, HasSubstr("id of a backup")));
}

TEST_F(BackupsTest, AFolderThatCantBeMadeIsNamedWithTheRemedy) {
  std::ofstream(root_ / "file") << "in the way";
  const BackupReport report = Make({.directory = root_ / "file/backups"});
  EXPECT_EQ(report.state, State::kFailed);
  EXPECT_THAT(report.error.message(), HasSubstr("file/backups can't be made"));
  EXPECT_THAT(report.error.message(), HasSubstr("alluxio.master.backup.directory"));
  EXPECT_EQ(backups_.Look(report.id).state, State::kFailed);
}

TEST_F(BackupsTest, AStoreThatFailsLeavesNothingBehind) {
  faults_->Fail(ufs::UfsOperation::kComplete, ResourceExhausted("disk full"));
  const BackupReport report = Make({.directory = root_ / "b"});
  EXPECT_EQ(report.state, State::kFailed);
  EXPECT_THAT(report.error.message(), HasSubstr("disk full"));
  EXPECT_FALSE(std::filesystem::exists(report.uri));
  EXPECT_FALSE(std::filesystem::exists(report.uri + ".complete"));
}

TEST_F(BackupsTest, AMasterThatStopsEndsIt) {
  faults_->Hold(ufs::UfsOperation::kCreate);
  State end = State::kUnknown;
  ASSERT_OK(Begin({}, [&](const BackupReport& report) { end = report.state; }));
  ASSERT_TRUE(faults_->AwaitHeld(ufs::UfsOperation::kCreate));
  std::thread release([&] { faults_->Release(ufs::UfsOperation::kCreate); });
  backups_.Stop();
  release.join();
  EXPECT_THAT(end, ::testing::AnyOf(State::kFailed, State::kCompleted));
  EXPECT_THAT(Begin({}), StatusIs(Code::kCancelled));
}

TEST_F(BackupsTest, AnUnknownIdIsNone) {
  EXPECT_EQ(backups_.Look("nobody").state, State::kUnknown);
}

// Another master, that is there when it has a report.
class OneOther final : public BackupPeers {
 public:
  std::vector<Peer> Others() const override {
    return {{.address = "m-2:19200", .available = true}};
  }
  Result<BackupReport> Begin(const std::string&, const BackupOrder& order) override {
    std::lock_guard lock(mutex_);
    orders_.push_back(order);
    if (!refusal_.ok()) return refusal_;
    report_.id = order.id;
    report_.host = "m-2";
    report_.uri = order.folder + "/file";
    return report_;
  }
  Result<BackupReport> Look(const std::string&, const std::string& id) override {
    std::lock_guard lock(mutex_);
    return report_.id == id ? report_ : BackupReport{.id = id};
  }
  void Say(const BackupReport& report) {
    std::lock_guard lock(mutex_);
    report_ = report;
  }
  void Refuse(const Status& why) {
    std::lock_guard lock(mutex_);
    refusal_ = why;
  }
  std::vector<BackupOrder> orders() const {
    std::lock_guard lock(mutex_);
    return orders_;
  }

 private:
  mutable std::mutex mutex_;
  BackupReport report_{.state = State::kRunning};
  Status refusal_;
  std::vector<BackupOrder> orders_;
};

class DelegatedBackupsTest : public BackupsTest {
 protected:
  std::unique_ptr<Backups> NewLeader() {
    return std::make_unique<Backups>(
        BackupOptions{
            .host = "m-1", .work_dir = root_ / "work", .poll = std::chrono::milliseconds(1)},
        Backups::Around{.store = master_.store(),
                        .open_ufs = open_ufs_,
                        .clock = Clock::System(),
                        .peers = &other_},
        Random(2));
  }

  OneOther other_;
  std::unique_ptr<Backups> leader_ = NewLeader();
};

TEST_F(DelegatedBackupsTest, AnotherMasterMakesItWithAllThatWasAcknowledged) {
  ASSERT_OK(master_.CreateFile(master_.Register("w"), "/f", 0));
  const uint64_t sequence = master_.store().last_sequence();
  std::atomic<bool> ended{false};
  BackupReport end;
  ASSERT_OK_AND_ASSIGN(const BackupReport begun,
                       leader_->Begin({.directory = "/b"}, [&](const BackupReport& report) {
                         end = report;
                         ended = true;
                       }));
  ASSERT_TRUE(Eventually([&] { return leader_->Look(begun.id).state == State::kRunning; }));
  EXPECT_EQ(leader_->Look(begun.id).host, "m-2");
  ASSERT_EQ(other_.orders().size(), 1u);
  EXPECT_EQ(other_.orders()[0].folder, "/b");
  EXPECT_EQ(other_.orders()[0].id, begun.id);
  EXPECT_GE(other_.orders()[0].sequence, sequence);
  EXPECT_THAT(leader_->Begin({}, nullptr),
              StatusIs(Code::kFailedPrecondition, HasSubstr(begun.id)));
  other_.Say(
      {.id = begun.id, .state = State::kCompleted, .host = "m-2", .uri = "/b/x", .inodes = 5});
  ASSERT_TRUE(Eventually([&] { return ended.load(); }));
  EXPECT_EQ(end.inodes, 5u);
  EXPECT_EQ(end.uri, "/b/x");
  EXPECT_EQ(leader_->Look(begun.id).state, State::kCompleted);
}

TEST_F(DelegatedBackupsTest, TheLeaderMakesItOnlyWhenAskedTo) {
  other_.Refuse(Unavailable("no state"));
  const BackupReport refused = MakeWith(*leader_, {});
  EXPECT_EQ(refused.state, State::kFailed);
  EXPECT_THAT(refused.error.message(),
              ::testing::AllOf(HasSubstr("m-2:19200: no state"), HasSubstr("--allow-leader")));
  const BackupReport allowed = MakeWith(*leader_, {.allow_leader = true});
  EXPECT_EQ(allowed.state, State::kCompleted) << allowed.error.ToString();
  EXPECT_EQ(allowed.host, "m-1");
  EXPECT_FALSE(allowed.elsewhere);
  EXPECT_EQ(other_.orders().size(), 2u);
  for (const BackupTarget& own : {BackupTarget{.directory = root_ / "l", .local = true},
                                  BackupTarget{.directory = root_ / "h", .here = true}})
    EXPECT_EQ(MakeWith(*leader_, own).host, "m-1");
  EXPECT_EQ(other_.orders().size(), 2u);
}

TEST_F(DelegatedBackupsTest, ANewLeaderKnowsWhatTheOtherMakes) {
  ASSERT_OK_AND_ASSIGN(const BackupReport begun, leader_->Begin({.id = "mine"}, nullptr));
  ASSERT_TRUE(Eventually([&] { return leader_->Look("mine").state == State::kRunning; }));
  leader_ = NewLeader();  // the old one stopped
  EXPECT_EQ(leader_->Look("mine").state, State::kRunning);
  ASSERT_OK(leader_->Begin({.id = "mine"}, nullptr));
  other_.Say({.id = "mine", .state = State::kCompleted, .host = "m-2"});
  ASSERT_TRUE(Eventually([&] { return leader_->Look("mine").state == State::kCompleted; }));
  EXPECT_EQ(other_.orders().size(), 1u);
}

TEST_F(DelegatedBackupsTest, TheOneThatMakesItWaitsUntilItHasTheEntry) {
  const uint64_t next = master_.store().last_sequence() + 1;
  std::atomic<bool> ended{false};
  ASSERT_OK(Begin({.directory = root_ / "b", .here = true, .sequence = next},
                  [&](const BackupReport& report) {
                    EXPECT_EQ(report.state, State::kCompleted) << report.error.ToString();
                    ended = true;
                  }));
  EXPECT_FALSE(ended);
  ASSERT_OK(master_.CreateFile(master_.Register("w"), "/f", 0));
  ASSERT_TRUE(Eventually([&] { return ended.load(); }));

  Backups impatient({.host = "m-3", .catch_up = std::chrono::milliseconds(1)},
                    {.store = master_.store(), .open_ufs = open_ufs_, .clock = Clock::System()},
                    Random(3));
  const BackupReport late = MakeWith(impatient, {.here = true, .sequence = next + 1'000'000});
  EXPECT_THAT(late.error, StatusIs(Code::kDeadlineExceeded, HasSubstr("m-3 has not caught up")));
}

TEST_F(BackupsTest, WhatADeadWriterLeftGoesWithTheNextOne) {
  const std::string left = root_ / "b/.headpond-0000000000000001.tmp";
  std::filesystem::create_directories(root_ / "b");
  std::ofstream(left) << "half of one";
  EXPECT_EQ(Make({.directory = root_ / "b"}).state, State::kCompleted);
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST(ChangeLimitTest, AWriterNeverWaitsForASlowBackup) {
  // A sink that takes nothing: what comes meanwhile is dropped at the limit, and the backup fails.
  TempDirectory root;
  TestMaster master(root);
  class Stuck final : public BackupSink {
   public:
    explicit Stuck(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
    Status AddRecords(const std::vector<std::string>&) override {
      if (meanwhile_) std::exchange(meanwhile_, nullptr)();
      return Status::Ok();
    }
    Status AddEntries(const std::vector<std::string>&) override { return Status::Ok(); }

   private:
    std::function<void()> meanwhile_;
  };
  Stuck sink([&] {
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK(master.store().CommitAndWait([&](const meta::Namespace&) {
        meta::Mutation mutation;
        mutation.op_time_ms = 1;
        mutation.path_config_puts["/"] = {{"key", std::string(30 << 20, 'v')}};
        return Result<meta::Mutation>(std::move(mutation));
      }));
    }
  });
  EXPECT_THAT(master.store().Backup(sink),
              StatusIs(Code::kResourceExhausted, HasSubstr("changes came faster")));
  class Counting final : public BackupSink {
   public:
    Status AddRecords(const std::vector<std::string>& records) override {
      count += records.size();
      return Status::Ok();
    }
    Status AddEntries(const std::vector<std::string>&) override { return Status::Ok(); }
    size_t count = 0;
  } counting;
  EXPECT_OK(master.store().Backup(counting));
  EXPECT_GT(counting.count, 0u);
}

}  // namespace
}  // namespace headpond::master
