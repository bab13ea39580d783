// Many threads on one small tree, with an under-store, workers, snapshots and housekeeping beside
// them: nothing is torn, forgotten or done in the under-store alone. Meant for TSan and ASan alike.

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "master/master_testing.h"

namespace headpond::master {
namespace {

constexpr int kClients = 4;
constexpr int kStepsPerClient = 300;

const StoragePlace kMem{"MEM", "MEM"};

uint64_t Seed() {
  const char* const replay = std::getenv("HEADPOND_SEED");
  return replay != nullptr ? std::strtoull(replay, nullptr, 10) : Random::FromSystem().Next();
}

// What a client may be told on a tree that others change.
bool IsOrdinary(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kPermissionDenied:
    case Code::kUnknown: return true;
    default: return false;
  }
}

// The blocks of a worker that is only their ids. Thread safe.
class FakeWorker {
 public:
  explicit FakeWorker(TestMaster& master, std::string host)
      : master_(master), host_(std::move(host)), id_(master.Register(host_)) {}

  WorkerId id() const { return id_; }

  Status Hold(BlockId block) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      blocks_.insert(block);
    }
    return master_.CommitBlock(id_, block, 10);
  }
  // Reports, obeys, and says whether the master had something to say.
  bool Beat() EXCLUDES(mutex_) {
    std::vector<BlockId> removed;
    {
      MutexLock lock(mutex_);
      removed.swap(removed_);
    }
    const WorkerCommand command =
        master_.blocks().Heartbeat({.worker_id = id_, .removed = std::move(removed)});
    if (command.kind != WorkerCommand::Kind::kFree) return false;
    MutexLock lock(mutex_);
    for (const BlockId block : command.blocks) {
      blocks_.erase(block);
      removed_.push_back(block);
    }
    return true;
  }
  // As after a restart.
  void RegisterAgain() EXCLUDES(mutex_) {
    std::vector<BlockId> blocks;
    {
      MutexLock lock(mutex_);
      blocks.assign(blocks_.begin(), blocks_.end());
    }
    EXPECT_EQ(master_.Register(host_, blocks), id_);
  }
  std::set<BlockId> blocks() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return blocks_;
  }

 private:
  TestMaster& master_;
  const std::string host_;
  const WorkerId id_;
  mutable Mutex mutex_;
  std::set<BlockId> blocks_ GUARDED_BY(mutex_);
  std::vector<BlockId> removed_ GUARDED_BY(mutex_);
};

class Client {
 public:
  Client(TestMaster& master, FakeWorker& worker, std::string other_ufs, uint64_t seed)
      : master_(master), worker_(worker), other_ufs_(std::move(other_ufs)), random_(seed) {}

  void Run() {
    for (int step = 0; step < kStepsPerClient; ++step) {
      const Status status = Step();
      EXPECT_TRUE(IsOrdinary(status)) << status.ToString();
    }
  }

 private:
  FileSystemMaster& files() { return master_.files(); }

  std::string AnyPath() {
    std::string path = random_.OneIn(8) ? "/mnt" : "";
    for (uint64_t depth = 1 + random_.Below(3); depth > 0; --depth)
      path += std::string("/") + static_cast<char>('a' + random_.Below(3));
    return path;
  }

  Status Step() {
    switch (random_.Below(14)) {
      case 0:
      case 1: return CreateDirectory();
      case 2:
      case 3: return CreateFile();
      case 4:
      case 5: return Rename();
      case 6: return Remove();
      case 7:
      case 8: return SetAttribute();
      case 9: return List();
      case 10: return Look();
      case 11: return Free();
      case 12: return Mount();
      default: return WriteBehindTheBack();
    }
  }

  Status CreateDirectory() {
    return Await<Status>([&](auto done) {
      files().CreateDirectory({.context = master_.Context(),
                               .path = AnyPath(),
                               .recursive = random_.OneIn(2),
                               .allow_exists = random_.OneIn(2),
                               .persisted = random_.OneIn(2)},
                              {}, done);
    });
  }
  Status CreateFile() {
    const std::string path = AnyPath();
    const bool persist = random_.OneIn(2);
    RETURN_IF_ERROR(Await<Result<meta::FileInfo>>([&](auto done) {
                      files().CreateFile({.context = master_.Context(),
                                          .path = path,
                                          .recursive = random_.OneIn(2),
                                          .overwrite = random_.OneIn(3),
                                          .async_persist = persist},
                                         {}, done);
                    }).status());
    ASSIGN_OR_RETURN(const BlockId block, Await<Result<BlockId>>([&](auto done) {
                       files().NewBlock(master_.Context(), path, done);
                     }));
    RETURN_IF_ERROR(worker_.Hold(block));
    meta::CompleteFileRequest request{.context = master_.Context(), .path = path};
    if (persist) request.async_persist_wait_ms = 0;
    return Await<Status>([&](auto done) { files().CompleteFile(request, "", done); });
  }
  Status Rename() {
    return Await<Status>([&](auto done) {
      files().Rename({.context = master_.Context(),
                      .source = AnyPath(),
                      .destination = AnyPath(),
                      .overwrite = random_.OneIn(3)},
                     {}, done);
    });
  }
  Status Remove() {
    return Await<Status>([&](auto done) {
      files().Remove(
          {.context = master_.Context(), .path = AnyPath(), .recursive = random_.OneIn(2)}, {},
          done);
    });
  }
  Status SetAttribute() {
    meta::SetAttributeRequest request{
        .context = master_.Context(), .path = AnyPath(), .recursive = random_.OneIn(2)};
    switch (random_.Below(3)) {
      case 0: request.mode = static_cast<uint16_t>(0700 + random_.Below(64)); break;
      case 1: request.pinned = random_.OneIn(2); break;
      case 2: request.ttl_ms = random_.OneIn(4) ? 1 : 3'600'000; break;
    }
    return Await<Status>([&](auto done) { files().SetAttribute(request, {}, done); });
  }
  Status List() {
    meta::ListRequest request{
        .caller = master_.Context().caller, .path = "/", .recursive = random_.OneIn(2)};
    if (random_.OneIn(2)) {
      return Await<Result<FileSystemMaster::Page>>(
                 [&](auto done) { files().ListPage(request, LoadMetadata::kOnce, {}, 5, done); })
          .status();
    }
    const auto on_batch = [](const std::vector<meta::FileInfo>& batch) {
      for (const meta::FileInfo& info : batch) EXPECT_TRUE(info.path.starts_with('/'));
      return true;
    };
    return Await<Status>(
        [&](auto done) { files().List(request, LoadMetadata::kOnce, {}, 3, on_batch, done); });
  }
  Status Look() {
    const std::string path = AnyPath();
    RETURN_IF_ERROR(Await<Result<bool>>([&](auto done) {
                      files().Exists(master_.Context().caller, path, LoadMetadata::kOnce, {}, done);
                    }).status());
    RETURN_IF_ERROR(Await<Status>([&](auto done) {
      files().CheckAccess(master_.Context().caller, path, meta::kRead, {}, done);
    }));
    return master_.GetStatus(path).status();
  }
  Status Free() {
    return Await<Status>([&](auto done) {
      files().Free({.context = master_.Context(),
                    .path = AnyPath(),
                    .recursive = true,
                    .forced = random_.OneIn(2)},
                   {}, done);
    });
  }
  Status Mount() {
    if (random_.OneIn(2))
      return Await<Status>([&](auto done) {
        files().Mount({.context = master_.Context(),
                       .path = "/mnt",
                       .ufs_uri = other_ufs_,
                       .mount_id = random_.NonNegativeId()},
                      done);
      });
    if (random_.OneIn(2))
      return Await<Result<std::vector<FileSystemMaster::MountDescription>>>(
                 [&](auto done) { files().MountTable(/*ask_ufs=*/true, done); })
          .status();
    return Await<Status>([&](auto done) { files().Unmount(master_.Context(), "/mnt", done); });
  }
  // Somebody else's file, to be met by a listing.
  Status WriteBehindTheBack() {
    std::ofstream(fmt::format("{}/{}", other_ufs_, random_.Below(20))) << "content";
    return Status::Ok();
  }

  TestMaster& master_;
  FakeWorker& worker_;
  const std::string other_ufs_;
  Random random_;
};

// Copies what is to be persisted, as a worker does.
void PersistSome(TestMaster& master, FakeWorker& worker) {
  for (const PersistScheduler::Task& task : master.persist().Take(worker.id())) {
    const auto temp = master.files().PersistTempPathOf(task.file);
    if (!temp.ok()) continue;
    std::filesystem::create_directories(std::filesystem::path(*temp).parent_path());
    std::ofstream(*temp) << std::string(10 * task.blocks.size(), 'x');
    master.persist().Finish(task.file);
  }
}

TEST(MasterStressTest, ManyClientsOnASmallTree) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(fmt::format("HEADPOND_SEED={}", seed));
  TempDirectory root;
  const std::string other_ufs = root / "other";
  std::filesystem::create_directory(other_ufs);
  std::map<std::string, std::string> before;
  {
    TestMaster master(root);
    FakeWorker worker(master, "worker");
    std::atomic<bool> over{false};
    std::vector<std::thread> clients;
    std::vector<std::thread> background;
    for (uint64_t t = 0; t < kClients; ++t)
      clients.emplace_back([&, t] { Client(master, worker, other_ufs, seed + t).Run(); });
    background.emplace_back([&] {
      while (!over) {
        PersistSome(master, worker);
        worker.Beat();
      }
    });
    background.emplace_back([&] {
      while (!over) {
        master.store().SnapshotIfDue(1);
        master.housekeeping().ExpireTtls();
        master.housekeeping().DetectLostWorkers();
        worker.RegisterAgain();
      }
    });
    for (std::thread& thread : clients) thread.join();
    over = true;
    for (std::thread& thread : background) thread.join();
    while (worker.Beat()) {
    }

    EXPECT_OK(master.store().Read([](const meta::Namespace& ns) { return ns.CheckInvariants(); }));
    for (const BlockId block : worker.blocks())
      EXPECT_OK(master.store()
                    .Read([&](const meta::Namespace& ns) { return ns.FindBlock(block); })
                    .status());
    for (const auto& [path, text] : master.Describe()) {
      // Files on their way to the under-store are listed as stock lists them, and renamed away
      // there.
      if (path.starts_with("/.alluxio_ufs_persistence/")) continue;
      ASSERT_OK_AND_ASSIGN(const meta::FileInfo info, master.GetStatus(path));
      if (info.persisted && info.completed) {
        EXPECT_TRUE(std::filesystem::exists(info.ufs_path)) << path << " at " << info.ufs_path;
      }
    }
    before = master.Describe();
  }
  TestMaster master(root);
  EXPECT_EQ(master.Describe(), before);
  EXPECT_OK(master.store().Read([](const meta::Namespace& ns) { return ns.CheckInvariants(); }));
}

// Workers come, go silent, come back and are asked about, all at once.
TEST(MasterStressTest, ManyWorkersAtOnce) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(fmt::format("HEADPOND_SEED={}", seed));
  constexpr BlockId kBlocks = 64;
  constexpr int kWorkers = 6;
  ManualClock clock;
  BlockMaster master({.lease_count = 2,
                      .lease_ttl = std::chrono::seconds(1),
                      .is_known = [](BlockId block) { return block < kBlocks - 8; }},
                     clock, Random(seed));
  const auto id_of = [&](uint64_t worker) {
    return master.GetWorkerId({.host = fmt::format("worker-{}", worker), .web_port = 30000});
  };
  std::atomic<bool> over{false};
  std::vector<std::thread> workers;
  for (uint64_t t = 0; t < kWorkers; ++t)
    workers.emplace_back([&, t] {
      Random random(seed + t);
      const auto any_blocks = [&] {
        std::vector<BlockId> blocks;
        for (int i = 0; i < 10; ++i) blocks.push_back(static_cast<BlockId>(random.Below(kBlocks)));
        return blocks;
      };
      for (int step = 0; step < 500; ++step) {
        const WorkerId id = id_of(t);
        const WorkerCommand command = master.Heartbeat(
            {.worker_id = id, .added = {{kMem, any_blocks()}}, .removed = any_blocks()});
        if (command.kind == WorkerCommand::Kind::kRegister) {
          const auto lease = master.RequestLease(id);
          if (!lease.ok() || !lease->allowed) continue;
          if (!master.BeginRegistration(id, {}).ok()) continue;
          (void)master.AddBlocks(id, {{kMem, any_blocks()}});
          (void)master.FinishRegistration(id);
        }
        (void)master.AddCopy(id, static_cast<BlockId>(random.Below(kBlocks)), kMem, 1);
      }
    });
  std::thread others([&] {
    Random random(seed + kWorkers);
    std::vector<BlockId> all;
    for (BlockId block = 0; block < kBlocks; ++block) all.push_back(block);
    while (!over) {
      clock.Advance(std::chrono::seconds(random.Below(400)));
      (void)master.DetectLostWorkers();
      for (const auto& copies : master.CopiesOf(all))
        for (const BlockCopy& copy : copies) EXPECT_TRUE(copy.address.host.starts_with("worker-"));
      master.Free(std::vector<BlockId>{static_cast<BlockId>(random.Below(kBlocks))});
      for (const WorkerDescription& worker : master.Workers()) EXPECT_GE(worker.block_count, 0);
      EXPECT_GE(master.copy_count(), 0);
    }
  });
  for (std::thread& worker : workers) worker.join();
  over = true;
  others.join();

  clock.Advance(std::chrono::hours(1));
  (void)master.DetectLostWorkers();
  (void)master.DetectLostWorkers();
  EXPECT_EQ(master.copy_count(), 0);
  EXPECT_EQ(master.unique_block_count(), 0);
  EXPECT_THAT(master.Workers(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace headpond::master
