#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "io/mem_env.h"
#include "journal/local_journal.h"
#include "master/file_system_master.h"
#include "testing/await.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::master {

// A master without its services or threads, for tests (master_testing.h has the one with both
// threads and a durable journal): the journal in memory, the root under-store a temporary
// folder, one worker that holds nothing, the I/O pool the caller's own thread.
class InlineMaster {
 public:
  static constexpr auto kOnce = LoadMetadata::kOnce;

  explicit InlineMaster(FileSystemMasterOptions options = {})
      : InlineMaster(std::move(options), {}) {}
  InlineMaster(FileSystemMasterOptions options, UfsPool::Opener opener)
      : ufs_(opener ? std::move(opener) : ufs::OpenUfs) {
    std::filesystem::create_directories(UfsPath(""));
    EXPECT_OK(journal::FormatLocalJournal(env_, "/journal", "cluster", false));
    auto journal = journal::OpenLocalJournal(env_, {.folder = "/journal"});
    EXPECT_OK(journal);
    store = std::make_unique<MetadataStore>(meta::NamespaceOptions{}, *std::move(journal));
    meta::MountInfo root;
    root.path = "/";
    root.ufs_uri = directory_ / "ufs";
    EXPECT_OK(store->Recover());
    EXPECT_OK(store->CommitAndWait([&](const meta::Namespace& ns) {
      return meta::PlanInitialize(ns, {.now_ms = clock.NowMs(),
                                       .owner = "root",
                                       .group = "root",
                                       .cluster_id = "cluster",
                                       .root_mount = root});
    }));
    blocks = std::make_unique<BlockMaster>(BlockMasterOptions{}, clock, Random(1));
    files = std::make_unique<FileSystemMaster>(options, *store, *blocks, ufs_, io_, clock);
  }
  ~InlineMaster() { store->Stop(); }

  std::string UfsPath(const std::string& relative) const {
    return directory_ / ("ufs/" + relative);
  }
  // Gives the under-store a file, with the folders above it.
  void WriteUfs(const std::string& relative, const std::string& content) {
    const std::filesystem::path path = UfsPath(relative);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

  // The calls, waited for.
  Result<meta::FileInfo> GetStatus(const std::string& path, SyncPolicy sync = {}) {
    return Await<Result<meta::FileInfo>>([&](auto done) {
      files->GetStatus({.caller = meta::Caller::Internal(), .path = path}, kOnce, sync, done);
    });
  }
  Result<bool> Exists(const std::string& path, SyncPolicy sync = {}) {
    return Await<Result<bool>>(
        [&](auto done) { files->Exists(meta::Caller::Internal(), path, kOnce, sync, done); });
  }
  // Paths, in order.
  Result<std::vector<std::string>> List(const std::string& path, bool recursive = false,
                                        SyncPolicy sync = {}) {
    std::vector<std::string> paths;
    const Status status = Await<Status>([&](auto done) {
      files->List(
          {.caller = meta::Caller::Internal(), .path = path, .recursive = recursive}, kOnce, sync,
          100,
          [&](std::vector<meta::FileInfo> batch) {
            for (const meta::FileInfo& info : batch) paths.push_back(info.path);
            return true;
          },
          done);
    });
    if (!status.ok()) return status;
    return paths;
  }
  // An empty or one-block file that exists only here.
  Status CreateFile(const std::string& path, SyncPolicy sync = {}) {
    meta::CreateFileRequest request;
    request.context.caller = meta::Caller::Internal();
    request.context.now_ms = clock.NowMs();
    request.path = path;
    request.recursive = true;
    return Await<Result<meta::FileInfo>>([&](auto done) { files->CreateFile(request, sync, done); })
        .status();
  }

  ManualClock clock;
  std::unique_ptr<MetadataStore> store;
  std::unique_ptr<BlockMaster> blocks;
  std::unique_ptr<FileSystemMaster> files;

 private:
  TempDirectory directory_;
  io::MemEnv env_;
  UfsPool ufs_;
  InlineExecutor io_;
};

}  // namespace headpond::master
