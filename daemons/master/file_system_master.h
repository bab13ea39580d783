#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "master/block_master.h"
#include "master/metadata_store.h"
#include "master/sync_times.h"
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

// LoadMetadataPType: when the under-store is asked for names that are missing here: never, where it
// was never asked before, or each time. Unlike a comparison (SyncPolicy) it leaves what is known
// alone.
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

// An under-store's words as the namespace's.
meta::UfsEntry ToEntry(std::string_view ufs_type, ufs::UfsStatus status);

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
// Each operation on paths first compares them with the under-store when its SyncPolicy says so:
// what is gone or has other content there is replaced here, what is new is added, owners and modes
// follow. A comparison that fails fails the operation, because its caller asked for what is true
// now.
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

  void GetStatus(meta::GetStatusRequest request, LoadMetadata load, SyncPolicy sync,
                 Callback<meta::FileInfo> done);
  void Exists(meta::Caller caller, std::string path, LoadMetadata load, SyncPolicy sync,
              Callback<bool> done);
  // Calls `batch` with up to `batch_size` entries, in order, and waits for its answer before the
  // next: false stops. Runs on the I/O pool; the whole listing is durable state. `done` comes last.
  using Batch = std::function<bool(std::vector<meta::FileInfo>)>;
  void List(meta::ListRequest request, LoadMetadata load, SyncPolicy sync, size_t batch_size,
            Batch batch, Done done);
  struct Page {
    std::vector<meta::FileInfo> entries;
    bool truncated = false;
    int64_t file_count = 0;
  };
  // Only the first page, the one without an offset, compares.
  void ListPage(meta::ListRequest request, LoadMetadata load, SyncPolicy sync, size_t limit,
                Callback<Page> done);

  void CreateFile(meta::CreateFileRequest request, SyncPolicy sync, Callback<meta::FileInfo> done);
  // `content_hash`: what the under-store said of a file written there, "" when unknown;
  // request.fingerprint is made of it.
  void CompleteFile(meta::CompleteFileRequest request, std::string content_hash, Done done);
  void NewBlock(meta::OperationContext context, std::string path, Callback<BlockId> done);
  void CreateDirectory(meta::CreateDirectoryRequest request, SyncPolicy sync, Done done);
  void Rename(meta::RenameRequest request, SyncPolicy sync, Done done);
  void Remove(meta::RemoveRequest request, SyncPolicy sync, Done done);
  void SetAttribute(meta::SetAttributeRequest request, SyncPolicy sync, Done done);
  void SetAcl(meta::SetAclRequest request, SyncPolicy sync, Done done);
  void Free(meta::FreeRequest request, SyncPolicy sync, Done done);
  void CheckAccess(meta::Caller caller, std::string path, meta::Bits bits, SyncPolicy sync,
                   Done done);
  void SchedulePersist(meta::OperationContext context, std::string path, int64_t wait_ms,
                       Done done);

  // The next use of the path compares it, whatever its policy. PermissionDenied.
  void NeedsSync(meta::Caller caller, const std::string& path, Done done);
  // The persisted paths, `path` and all below it that the caller may list, that the under-store
  // does not have, or has in another kind or length. Changes nothing. NotFound, PermissionDenied.
  void CheckConsistency(meta::Caller caller, std::string path,
                        Callback<std::vector<std::string>> done);

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
  bool AnySyncDue(const Change<PlanResult>& change) const;
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

  // One read of a path from look to answer; see Look.
  template <typename Reply>
  struct Lookup;
  // Looks; and again after the under-store was asked, when the path is due for a comparison or may
  // be there only.
  template <typename Reply>
  void Look(Lookup<Reply> lookup);

  // Changes attributes of a tree in parts, each by the next plan.
  using AttributePlanner = std::function<Result<meta::SetAttributePlan>(const meta::Namespace&)>;
  void ChangeAttributes(std::string path, SyncDepth depth, SyncPolicy sync, AttributePlanner plan,
                        Done done);

  // Loads `path` from the under-store, component by component, as far as it exists there; `again`
  // also below directories whose children were loaded before. The caller holds a claim.
  Status LoadPath(const std::string& path, bool again = false);
  // LoadPath under a shared claim.
  Status ClaimAndLoadPath(const std::string& path, bool again);
  Result<meta::Lister> StartListing(const meta::ListRequest& request, LoadMetadata load,
                                    SyncPolicy sync);
  // Asks the under-store about the directory that a recursive listing is about to enter, if need
  // be.
  Status LoadNext(const meta::Lister& lister, LoadMetadata load);

  // The comparison with the under-store (metadata_sync.cc). Blocking; the caller of all but the
  // first two holds a claim on the path.
  bool SyncDue(const std::string& path, SyncDepth depth, SyncPolicy policy) const;
  Status ClaimAndSync(const std::string& path, SyncDepth depth);
  Status SyncPath(const std::string& path, SyncDepth depth);
  // Adds the names that directories of the under-store have; with `compare` brings the rest in
  // line as well.
  Status ReadBelow(const std::string& path, SyncDepth depth, bool compare);
  Status ReadDirectory(const std::string& path, bool compare);
  // A batch of a directory's entries. Known children are compared, and taken out of `unseen`,
  // unless that is null.
  Status TakeEntries(const std::string& directory, std::vector<meta::UfsEntry> entries,
                     bool complete, std::unordered_set<meta::InodeId>* unseen);
  Status SyncInode(meta::InodeId id);
  Status ApplySync(meta::InodeId id, std::optional<meta::UfsEntry> entry);
  struct Child {
    meta::InodeId id;
    std::string name;
  };
  std::vector<Child> ChildrenOf(const std::string& directory,
                                const std::function<bool(meta::Inode)>& wanted) const;
  Result<std::vector<std::string>> FindInconsistent(const meta::ListRequest& request);

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
  // Deletes in order; inodes whose copy could not be deleted are put into `keep`, the reasons are
  // returned together (meta::RemoveFailed).
  Status Delete(const std::vector<meta::UfsDelete>& deletes, std::set<meta::InodeId>& keep);
  Status DeleteFromUfs(const meta::UfsDelete& item);
  Status SetUfsAttributes(const std::vector<meta::UfsSetAttributes>& updates);

  const FileSystemMasterOptions options_;
  MetadataStore& store_;
  BlockMaster& blocks_;
  UfsPool& ufs_;
  Executor& io_;
  const Clock& clock_;
  meta::PathLocks locks_;
  SyncTimes sync_times_;
};

}  // namespace headpond::master
