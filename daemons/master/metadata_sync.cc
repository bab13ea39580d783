#include <unordered_set>

#include "base/path.h"
#include "master/file_system_master.h"
#include "meta/ops/get_status.h"
#include "meta/ops/load_metadata.h"
#include "meta/permission.h"

// FileSystemMaster's comparison of the namespace with the under-stores.

namespace headpond::master {
namespace {

constexpr size_t kBatch = 2000;  // inodes or under-store entries per look at the namespace

// What only the under-store decides: see meta::PlanSyncInode.
bool IsSettled(meta::Inode inode) {
  return inode.persisted() && !inode.mount_point() && inode.id() != meta::kRootId &&
         (inode.is_directory() || inode.completed());
}

}  // namespace

bool FileSystemMaster::SyncDue(const std::string& path, SyncDepth depth, SyncPolicy policy) const {
  return sync_times_.Due(path, depth, policy, clock_.NowMs());
}

Status FileSystemMaster::ClaimAndSync(const std::string& path, SyncDepth depth) {
  ASSIGN_OR_RETURN(const auto claim, Claim({{path, meta::PathLocks::Mode::kShared}}));
  return SyncPath(path, depth);
}

Status FileSystemMaster::SyncPath(const std::string& path, SyncDepth depth) {
  const int64_t began_ms = clock_.NowMs();
  // Where the path leads through a file or a folder that is gone, that one is compared first.
  const meta::InodeId deepest =
      store_.Read([&](const meta::Namespace& ns) { return ns.Walk(path).deepest().id(); });
  RETURN_IF_ERROR(SyncInode(deepest));
  RETURN_IF_ERROR(LoadPath(path, /*again=*/true));
  RETURN_IF_ERROR(ReadBelow(path, depth, /*compare=*/true));
  sync_times_.Synced(path, depth, began_ms);
  return Status::Ok();
}

Status FileSystemMaster::ReadBelow(const std::string& path, SyncDepth depth, bool compare) {
  if (depth == SyncDepth::kSelf) return Status::Ok();
  std::vector<std::string> directories{path};
  while (!directories.empty()) {
    const std::string directory = std::move(directories.back());
    directories.pop_back();
    RETURN_IF_ERROR(ReadDirectory(directory, compare));
    if (depth != SyncDepth::kTree) break;
    auto below = ChildrenOf(
        directory, [](meta::Inode child) { return child.is_directory() && child.persisted(); });
    for (const Child& child : below) directories.push_back(JoinPath(directory, child.name));
  }
  return Status::Ok();
}

std::vector<FileSystemMaster::Child> FileSystemMaster::ChildrenOf(
    const std::string& directory, const std::function<bool(meta::Inode)>& wanted) const {
  std::vector<Child> children;
  std::string after;
  for (bool more = true; more;) {
    more = store_.Read([&](const meta::Namespace& ns) {
      const meta::Inode inode = ns.Walk(directory).inode();
      size_t visited = 0;
      if (!inode || inode.is_file()) return false;
      ns.inodes().ForEachChild(inode, after, [&](meta::Inode child) {
        if (wanted(child)) children.push_back({child.id(), std::string(child.name())});
        after = child.name();
        return ++visited < kBatch;
      });
      return visited == kBatch;
    });
  }
  return children;
}

Status FileSystemMaster::ReadDirectory(const std::string& path, bool compare) {
  const auto location =
      store_.Read([&](const meta::Namespace& ns) -> std::optional<meta::UfsLocation> {
        const meta::Inode directory = ns.Walk(path).inode();
        if (!directory || directory.is_file() || !directory.persisted()) return std::nullopt;
        auto resolved = ns.mounts().Resolve(path);
        return resolved.ok() ? std::optional(*std::move(resolved)) : std::nullopt;
      });
  if (!location) return Status::Ok();
  ASSIGN_OR_RETURN(const Store store, StoreOf(location->mount_id));
  std::unordered_set<meta::InodeId> unseen;
  if (compare)
    for (const Child& child : ChildrenOf(path, IsSettled)) unseen.insert(child.id);
  std::vector<meta::UfsEntry> entries;
  const auto flush = [&](bool complete) {
    return TakeEntries(path, std::exchange(entries, {}), complete, compare ? &unseen : nullptr);
  };
  const Status listed = store.ufs->List(location->ufs_path, [&](ufs::UfsStatus status) -> Status {
    entries.push_back(ToEntry(store.ufs->type(), std::move(status)));
    return entries.size() < kBatch ? Status::Ok() : flush(/*complete=*/false);
  });
  // A folder that is gone there but kept here, for what only exists here, has nothing else in it.
  const bool gone = compare && listed.code() == Code::kNotFound;
  if (!listed.ok() && !gone) return listed;
  RETURN_IF_ERROR(flush(/*complete=*/true));
  // Each is looked for by its name before it goes: what was written while the listing ran is not
  // in it.
  for (const meta::InodeId id : unseen) RETURN_IF_ERROR(SyncInode(id));
  return Status::Ok();
}

Status FileSystemMaster::TakeEntries(const std::string& directory,
                                     std::vector<meta::UfsEntry> entries, bool complete,
                                     std::unordered_set<meta::InodeId>* unseen) {
  meta::LoadMetadataRequest load{.now_ms = clock_.NowMs(),
                                 .directory = directory,
                                 .complete = complete,
                                 .block_size = options_.default_block_size};
  std::vector<std::pair<meta::InodeId, meta::UfsEntry>> changed;
  store_.Read([&](const meta::Namespace& ns) {
    const meta::Inode inode = ns.Walk(directory).inode();
    for (meta::UfsEntry& entry : entries) {
      const meta::Inode child = inode && inode.is_directory() ? inode.child(entry.name) : inode;
      if (!child) {
        load.entries.push_back(std::move(entry));
      } else if (unseen != nullptr) {
        unseen->erase(child.id());
        if (child.fingerprint() != entry.fingerprint)
          changed.emplace_back(child.id(), std::move(entry));
      }
    }
  });
  RETURN_IF_ERROR(store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
    ASSIGN_OR_RETURN(meta::LoadMetadataPlan plan, meta::PlanLoadMetadata(ns, load));
    return std::move(plan.mutation);
  }));
  for (auto& [id, entry] : changed) RETURN_IF_ERROR(ApplySync(id, std::move(entry)));
  return Status::Ok();
}

Status FileSystemMaster::SyncInode(meta::InodeId id) {
  const auto location =
      store_.Read([&](const meta::Namespace& ns) -> std::optional<meta::UfsLocation> {
        const meta::Inode inode = ns.inodes().Find(id);
        if (!inode || !IsSettled(inode)) return std::nullopt;
        auto resolved = ns.mounts().Resolve(ns.PathOf(inode));
        return resolved.ok() ? std::optional(*std::move(resolved)) : std::nullopt;
      });
  if (!location) return Status::Ok();
  ASSIGN_OR_RETURN(const Store store, StoreOf(location->mount_id));
  auto status = store.ufs->GetStatus(location->ufs_path);
  if (status.ok()) return ApplySync(id, ToEntry(store.ufs->type(), *std::move(status)));
  return status.status().code() == Code::kNotFound ? ApplySync(id, std::nullopt) : status.status();
}

Status FileSystemMaster::ApplySync(meta::InodeId id, std::optional<meta::UfsEntry> entry) {
  const meta::SyncInodeRequest request{.now_ms = clock_.NowMs(),
                                       .id = id,
                                       .entry = std::move(entry),
                                       .block_size = options_.default_block_size};
  std::vector<BlockId> freed;
  const Status status =
      store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
        if (!ns.inodes().Find(id)) return meta::Mutation{};  // removed here meanwhile
        ASSIGN_OR_RETURN(meta::SyncInodePlan plan, meta::PlanSyncInode(ns, request));
        AppendBlocksOf(ns, plan.removed_files, freed);
        return std::move(plan.mutation);
      });
  if (status.ok()) blocks_.Free(freed);
  return status;
}

void FileSystemMaster::NeedsSync(meta::Caller caller, const std::string& path, Done done) {
  const Status allowed = store_.Read(
      [&](const meta::Namespace& ns) { return meta::CheckTraverse(ns, caller, ns.Walk(path)); });
  if (allowed.ok()) sync_times_.Invalidate(path, clock_.NowMs());
  done(allowed);
}

void FileSystemMaster::CheckConsistency(meta::Caller caller, std::string path,
                                        Callback<std::vector<std::string>> done) {
  OnIo([this,
        request =
            meta::ListRequest{
                .caller = std::move(caller), .path = std::move(path), .recursive = true},
        done] { done(FindInconsistent(request)); },
       done);
}

Result<std::vector<std::string>> FileSystemMaster::FindInconsistent(
    const meta::ListRequest& request) {
  std::vector<std::string> differing;
  const auto check = [&](const meta::FileInfo& info) -> Status {
    if (info.persistence != meta::PersistenceState::kPersisted) return Status::Ok();
    ASSIGN_OR_RETURN(const Store store, StoreOf(info.mount_id));
    const auto status = store.ufs->GetStatus(info.ufs_path);
    if (!status.ok() && status.status().code() != Code::kNotFound) return status.status();
    const bool same = status.ok() && status->is_directory == info.folder &&
                      (info.folder || !info.completed || status->length == info.length);
    if (!same) differing.push_back(info.path);
    return Status::Ok();
  };
  ASSIGN_OR_RETURN(const meta::StatusReply top, store_.Read([&](const meta::Namespace& ns) {
    return meta::GetStatus(ns, {.caller = request.caller, .path = request.path});
  }));
  if (!top.found) return top.missing;
  if (top.info.folder) RETURN_IF_ERROR(check(top.info));
  ASSIGN_OR_RETURN(meta::Lister lister, store_.Read([&](const meta::Namespace& ns) {
    return meta::Lister::Start(ns, request);
  }));
  while (!lister.done()) {
    const auto entries =
        store_.Read([&](const meta::Namespace& ns) { return lister.Next(ns, kBatch); });
    for (const meta::FileInfo& info : entries) RETURN_IF_ERROR(check(info));
  }
  return differing;
}

}  // namespace headpond::master
