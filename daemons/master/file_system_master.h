#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "master/block_master.h"
#include "master/metadata_store.h"
#include "master/ufs_pool.h"
#include "meta/ops/complete_file.h"
#include "meta/ops/create_directory.h"
#include "meta/ops/create_file.h"
#include "meta/ops/free.h"
#include "meta/ops/get_status.h"
#include "meta/ops/list.h"
#include "meta/ops/mount.h"
#include "meta/ops/remove.h"
#include "meta/ops/rename.h"
#include "meta/ops/set_acl.h"
#include "meta/ops/set_attribute.h"
#include "meta/path_locks.h"

namespace headpond::master {

// LoadMetadataPType: what to do about a path that only the under-store may have.
enum class LoadMetadata { kNever = 0, kOnce = 1, kAlways = 2 };

struct FileSystemMasterOptions {
  // How long an operation waits for another one's under-store work on the same path.
  std::chrono::milliseconds path_lock_timeout{std::chrono::minutes(1)};
  int64_t access_time_precision_ms =
      86'400'000;                         // alluxio.master.file.access.time.update.precision
  int64_t default_block_size = 64 << 20;  // of files found in the under-store
  std::string persist_temp_dir =
      ".alluxio_ufs_persistence";  // alluxio.underfs.persistence.async.temp.dir
};

// Appends the ids of the blocks of `files`, which still exist.
void AppendBlocksOf(const meta::Namespace& ns, const std::vector<meta::InodeId>& files,
                    std::vector<BlockId>& blocks);

// The file-system operations: plans them (meta/ops), does their under-store work, frees the blocks
// of what is gone.
//
// Every call answers through its callback exactly once, after the change it made or saw is durable;
// from this thread, the journal's or the I/O pool's. Work that stays in memory runs on the caller's
// thread, in microseconds; work that needs an under-store goes to the I/O pool, under a path lock
// (ResourceExhausted when the pool's queue is full).
//
// Thread safe. Errors are those of the plan functions, and Unavailable when the under-store does
// not answer.
class FileSystemMaster {
 public:
  FileSystemMaster(FileSystemMasterOptions options, MetadataStore& store, BlockMaster& blocks,
                   UfsPool& ufs, Executor& io, const Clock& clock);

  using Done = std::function<void(Status)>;
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  void GetStatus(meta::GetStatusRequest request, LoadMetadata load, Callback<meta::FileInfo> done);
  void Exists(meta::Caller caller, std::string path, LoadMetadata load, Callback<bool> done);
  // Calls `batch` with up to `batch_size` entries, in order, and waits for its answer before the
  // next: false stops. Runs on the I/O pool; the whole listing is durable state. `done` comes last.
  using Batch = std::function<bool(std::vector<meta::FileInfo>)>;
  void List(meta::ListRequest request, LoadMetadata load, size_t batch_size, Batch batch,
            Done done);
  struct Page {
    std::vector<meta::FileInfo> entries;
    bool truncated = false;
    int64_t file_count = 0;
  };
  void ListPage(meta::ListRequest request, LoadMetadata load, size_t limit, Callback<Page> done);

  void CreateFile(meta::CreateFileRequest request, Callback<meta::FileInfo> done);
  // `content_hash`: what the under-store said of a file written there, "" when unknown;
  // request.fingerprint is made of it.
  void CompleteFile(meta::CompleteFileRequest request, std::string content_hash, Done done);
  void NewBlock(meta::OperationContext context, std::string path, Callback<BlockId> done);
  void CreateDirectory(meta::CreateDirectoryRequest request, Done done);
  void Rename(meta::RenameRequest request, Done done);
  void Remove(meta::RemoveRequest request, Done done);
  void SetAttribute(meta::SetAttributeRequest request, Done done);
  void SetAcl(meta::SetAclRequest request, Done done);
  void Free(meta::FreeRequest request, Done done);
  void CheckAccess(meta::Caller caller, std::string path, meta::Bits bits, Done done);
  void SchedulePersist(meta::OperationContext context, std::string path, int64_t wait_ms,
                       Done done);

  void Mount(meta::MountRequest request, Done done);
  void Unmount(meta::OperationContext context, std::string path, Done done);
  void UpdateMount(meta::UpdateMountRequest request, Done done);
  struct MountDescription {
    meta::MountInfo mount;
    std::string ufs_type;
    ufs::Ufs::Space space;
  };
  // With `ask_ufs` the space of each store is filled in (on the I/O pool).
  void MountTable(bool ask_ufs, Callback<std::vector<MountDescription>> done);

  // A worker has written `file` to its temporary place (ufs/persist_path.h): moves it into place
  // and marks it persisted.
  void FinishPersist(meta::InodeId file, Done done);
  // Where that temporary place is. NotFound when the file is gone.
  Result<std::string> PersistTempPathOf(meta::InodeId file) const;

 private:
  // One change from claim to answer; see Run.
  template <typename PlanResult>
  struct Change;
  template <typename PlanResult>
  void Run(std::shared_ptr<Change<PlanResult>> change);
  template <typename PlanResult>
  bool RunInMemory(const std::shared_ptr<Change<PlanResult>>& change);
  template <typename PlanResult>
  void RunWithUfs(const std::shared_ptr<Change<PlanResult>>& change);
  template <typename PlanResult>
  Status DoUfsWork(Change<PlanResult>& change);
  // Plans, journals, applies, and answers when durable. False, having done nothing, when it would
  // need the under-store and `decline_ufs_work` is set.
  template <typename PlanResult>
  bool Commit(const std::shared_ptr<Change<PlanResult>>& change, bool decline_ufs_work);

  // Loads `path` from the under-store, component by component, as far as it exists there. The
  // caller holds a claim.
  Status LoadPath(const std::string& path);
  // Lists one directory of the under-store into the namespace.
  Status LoadDirectory(const std::string& path);
  // LoadPath under a shared claim.
  Status ClaimAndLoadPath(const std::string& path);
  Result<meta::Lister> StartListing(const meta::ListRequest& request, LoadMetadata load);
  // Asks the under-store about the directory that a recursive listing is about to enter, if need
  // be.
  Status LoadNext(const meta::Lister& lister, LoadMetadata load);

  // On the I/O pool, or `failed` is called with why not.
  void OnIo(std::function<void()> task, const std::function<void(Status)>& failed);
  Result<meta::PathLocks::Guard> Claim(std::vector<meta::PathLocks::Claim> claims);
  void Touch(meta::InodeId id, int64_t access_ms);

  struct Store {
    std::shared_ptr<ufs::Ufs> ufs;
    meta::MountInfo mount;
  };
  Result<Store> StoreOf(meta::MountId mount_id) const;
  Status MakeDirectories(const std::vector<meta::UfsMakeDirectory>& directories);
  // Deletes in order; inodes whose copy could not be deleted are put into `keep`, the first reason
  // is returned.
  Status Delete(const std::vector<meta::UfsDelete>& deletes, std::set<meta::InodeId>& keep);
  Status SetUfsAttributes(const std::vector<meta::UfsSetAttributes>& updates);

  const FileSystemMasterOptions options_;
  MetadataStore& store_;
  BlockMaster& blocks_;
  UfsPool& ufs_;
  Executor& io_;
  const Clock& clock_;
  meta::PathLocks locks_;
};

}  // namespace headpond::master
