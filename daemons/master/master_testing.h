#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/executor.h"
#include "base/random.h"
#include "io/env.h"
#include "journal/local_journal.h"
#include "master/block_master.h"
#include "master/file_system_master.h"
#include "master/housekeeping.h"
#include "master/metadata_store.h"
#include "master/persist_scheduler.h"
#include "meta/ops/blocks.h"
#include "meta/ops/mount.h"
#include "testing/await.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "ufs/faulty_ufs.h"

namespace headpond::master {

// A master without its network side: the journal and the under-store are folders of `root`, which
// outlives it. What was durable is there again in the next one on the same root.
class TestMaster {
 public:
  explicit TestMaster(const TempDirectory& root, const Clock& clock = Clock::System(),
                      BlockMasterOptions options = {},
                      std::shared_ptr<ufs::UfsFaults> faults = std::make_shared<ufs::UfsFaults>())
      : clock_(clock),
        ufs_root_(root / "ufs"),
        ufs_([faults](const std::string& uri, const std::map<std::string, std::string>& properties)
                 -> Result<std::unique_ptr<ufs::Ufs>> {
          ASSIGN_OR_RETURN(auto opened, ufs::OpenUfs(uri, properties));
          return ufs::MakeFaultyUfs(std::move(opened), faults);
        }),
        io_("master-io", 16, 10'000) {
    std::filesystem::create_directories(ufs_root_);
    const std::string folder = root / "journal";
    io::Env& env = io::Env::Posix();
    if (*journal::IsBlankJournalFolder(env, folder)) {
      EXPECT_OK(journal::FormatLocalJournal(env, folder, "cluster", /*force=*/false));
    }
    auto journal = journal::OpenLocalJournal(env, {.folder = folder});
    EXPECT_OK(journal);
    store_ = std::make_unique<MetadataStore>(meta::NamespaceOptions{}, *std::move(journal));
    EXPECT_OK(store_->Recover());
    EXPECT_OK(store_->CommitAndWait([&](const meta::Namespace& ns) {
      meta::InitializeRequest request;
      request.now_ms = clock_.NowMs();
      request.owner = request.group = "root";
      request.cluster_id = "cluster";
      request.root_mount.ufs_uri = ufs_root_;
      return meta::PlanInitialize(ns, request);
    }));
    options.is_known = [this](BlockId block) {
      return store_->Read([&](const meta::Namespace& ns) { return ns.FindBlock(block).ok(); });
    };
    blocks_ = std::make_unique<BlockMaster>(std::move(options), clock_, Random(7));
    files_ = std::make_unique<FileSystemMaster>(FileSystemMasterOptions{}, *store_, *blocks_, ufs_,
                                                io_, clock_);
    persist_ = std::make_unique<PersistScheduler>(PersistScheduler::Options{}, *store_, *blocks_,
                                                  *files_, clock_);
    housekeeping_ =
        std::make_unique<Housekeeping>(Housekeeping::Options{}, *store_, *blocks_, *files_, clock_);
  }
  ~TestMaster() {
    io_.Shutdown();
    store_->Stop();
  }

  MetadataStore& store() { return *store_; }
  BlockMaster& blocks() { return *blocks_; }
  FileSystemMaster& files() { return *files_; }
  PersistScheduler& persist() { return *persist_; }
  Housekeeping& housekeeping() { return *housekeeping_; }
  const std::string& ufs_root() const { return ufs_root_; }

  meta::OperationContext Context() const {
    return {.caller = {.user = "root", .groups = {"root"}}, .now_ms = clock_.NowMs()};
  }
  WorkerId Register(const std::string& host, std::vector<BlockId> blocks = {}) {
    const WorkerId id = blocks_->GetWorkerId({.host = host, .rpc_port = 29999, .web_port = 30000});
    EXPECT_OK(blocks_->RequestLease(id));
    EXPECT_OK(blocks_->BeginRegistration(id, {}));
    EXPECT_OK(blocks_->AddBlocks(id, {{{"MEM", "MEM"}, std::move(blocks)}}));
    EXPECT_OK(blocks_->FinishRegistration(id));
    return id;
  }
  // As the service does when a worker reports a new block of an open file.
  Status CommitBlock(WorkerId worker, BlockId block, int64_t length) {
    RETURN_IF_ERROR(store_->CommitAndWait([&](const meta::Namespace& ns) {
      return meta::PlanCommitBlock(ns, block, length, clock_.NowMs());
    }));
    return blocks_->AddCopy(worker, block, {"MEM", "MEM"}, 0);
  }

  Result<meta::FileInfo> GetStatus(const std::string& path,
                                   LoadMetadata load = LoadMetadata::kOnce) {
    return Await<Result<meta::FileInfo>>([&](auto done) {
      files_->GetStatus({.caller = Context().caller, .path = path}, load, {}, done);
    });
  }
  // A complete file of one block of `length` bytes on `worker`, or of none when that is 0.
  Status CreateFile(WorkerId worker, const std::string& path, int64_t length,
                    bool async_persist = false) {
    RETURN_IF_ERROR(Await<Result<meta::FileInfo>>([&](auto done) {
                      files_->CreateFile({.context = Context(),
                                          .path = path,
                                          .recursive = true,
                                          .overwrite = true,
                                          .async_persist = async_persist},
                                         {}, done);
                    }).status());
    if (length > 0) {
      ASSIGN_OR_RETURN(const BlockId block, Await<Result<BlockId>>([&](auto done) {
                         files_->NewBlock(Context(), path, done);
                       }));
      RETURN_IF_ERROR(CommitBlock(worker, block, length));
    }
    meta::CompleteFileRequest complete{.context = Context(), .path = path};
    if (async_persist) complete.async_persist_wait_ms = 0;
    return Await<Status>([&](auto done) { files_->CompleteFile(complete, "", done); });
  }

  // Every path with all that should be the same after a restart, but access times, which reads
  // change.
  std::map<std::string, std::string> Describe() const {
    return store_->Read([](const meta::Namespace& ns) {
      std::map<std::string, std::string> paths;
      ns.inodes().Walk(0, ns.inodes().size(), [&](meta::Inode inode) {
        const meta::FileInfo info = ns.Describe(inode, ns.PathOf(inode));
        std::string text = fmt::format(
            "id={} folder={} length={} blocks={} mode={:o} owner={} pinned={} completed={} "
            "persistence={} ttl={} modified={} mount={} fingerprint={}",
            info.file_id, info.folder, info.length, info.blocks.size(), info.mode, info.owner,
            info.pinned, info.completed, static_cast<int>(info.persistence), info.ttl_ms,
            info.modification_ms, info.mount_id, info.fingerprint);
        paths.emplace(info.path, std::move(text));
      });
      return paths;
    });
  }

 private:
  const Clock& clock_;
  const std::string ufs_root_;
  UfsPool ufs_;
  ThreadPool io_;
  std::unique_ptr<MetadataStore> store_;
  std::unique_ptr<BlockMaster> blocks_;
  std::unique_ptr<FileSystemMaster> files_;
  std::unique_ptr<PersistScheduler> persist_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

}  // namespace headpond::master
