#include "meta/ops/load_metadata.h"

#include <algorithm>
#include <set>

#include "base/path.h"
#include "meta/fingerprint_code.h"
#include "meta/ops/planning.h"

namespace headpond::meta {
namespace {

// Where workers keep blocks that found no room (compat/behaviour.md section 8): no files of
// anybody's.
constexpr std::string_view kUfsBlocks = ".alluxio_ufs_blocks.alluxio.0x1D91AC0E01AB0165.tmp";

bool CanBeShown(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > kMaxNameBytes) return false;
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos) return false;
  return !name.starts_with(kUfsBlocks);
}

uint16_t LoadedMode(const Namespace& ns, const std::string& path, uint16_t mode) {
  const MountInfo* mount = ns.mounts().Find(path);
  return ModeOnMount(mode, mount != nullptr && mount->shared);
}

InodeRecord MakeLoaded(const UfsEntry& entry, InodeId id, uint16_t mode, Inode parent,
                       int64_t now_ms, int64_t block_size) {
  InodeRecord record;
  record.id = id;
  record.parent_id = parent.id();
  record.name = entry.name;
  record.owner = entry.owner;
  record.group = entry.group;
  record.mode = mode;
  record.creation_ms = now_ms;
  record.modification_ms = record.access_ms = PlausibleTime(entry.modification_ms);
  record.persistence = PersistenceState::kPersisted;
  record.fingerprint = entry.fingerprint;
  record.pinned = parent.pinned();
  if (record.is_directory()) return record;
  record.length = std::max<int64_t>(0, entry.length);
  record.block_size = block_size;
  record.block_count = BlockCountOf(record.length, block_size);
  record.completed = true;
  if (record.pinned) record.replication_min = 1;
  return record;
}

bool FitsBlocks(const UfsEntry& entry, int64_t block_size) {
  return entry.is_directory || entry.length / block_size < kMaxSequence;
}

// Same kind and same content hash; unknown hashes never match.
bool HasSameContent(const std::string& a, const std::string& b) {
  for (const std::string_view key : {"TYPE", "UFS", "CONTENT_HASH"}) {
    const auto field = FingerprintField(a, key);
    if (!field || field != FingerprintField(b, key)) return false;
  }
  return true;
}

}  // namespace

Result<LoadMetadataPlan> PlanLoadMetadata(const Namespace& ns, const LoadMetadataRequest& request) {
  RETURN_IF_ERROR(CheckBlockSize(request.block_size));
  ASSIGN_OR_RETURN(const Inode directory, ns.Lookup(request.directory));
  if (directory.is_file()) return InvalidArgument("Inode {} is not a directory", directory.name());
  LoadMetadataPlan plan;
  plan.mutation.op_time_ms = request.now_ms;
  IdAllocator ids(ns);
  std::set<std::string_view> taken;
  for (const UfsEntry& entry : request.entries) {
    if (!CanBeShown(entry.name) || !FitsBlocks(entry, request.block_size)) continue;
    if (directory.child(entry.name) || !taken.insert(entry.name).second) continue;
    InodeId id = kNoInode;
    if (entry.is_directory) {
      ASSIGN_OR_RETURN(id, ids.NewDirectoryId());
    } else {
      ASSIGN_OR_RETURN(id, ids.NewFileId());
    }
    const uint16_t mode = LoadedMode(ns, request.directory, entry.mode);
    plan.mutation.puts.push_back(
        MakeLoaded(entry, id, mode, directory, request.now_ms, request.block_size));
    ++plan.created;
  }
  if (plan.created > 0) ids.Finish(plan.mutation);
  if (request.complete && !directory.children_loaded()) {
    InodeRecord record = directory.ToRecord();
    record.children_loaded = true;
    plan.mutation.puts.push_back(std::move(record));
  }
  return plan;
}

Result<SyncInodePlan> PlanSyncInode(const Namespace& ns, const SyncInodeRequest& request) {
  RETURN_IF_ERROR(CheckBlockSize(request.block_size));
  const Inode inode = ns.inodes().Find(request.id);
  if (!inode) return NotFound("inodeId {} does not exist", request.id);
  SyncInodePlan plan;
  plan.mutation.op_time_ms = request.now_ms;
  // What is being written, waits to be persisted or is mounted is not the under-store's to decide.
  const bool settled = inode.persisted() && (inode.is_directory() || inode.completed());
  if (!settled || inode.mount_point() || inode.id() == kRootId) return plan;

  const bool same_kind = request.entry && request.entry->is_directory == inode.is_directory();
  const std::string fingerprint = inode.fingerprint();
  const bool same = same_kind && (inode.is_directory() ||
                                  HasSameContent(fingerprint, request.entry->fingerprint));
  if (same) {
    InodeRecord record = inode.ToRecord();
    record.owner = request.entry->owner;
    record.group = request.entry->group;
    record.mode = LoadedMode(ns, ns.PathOf(inode), request.entry->mode);
    record.fingerprint = request.entry->fingerprint;
    if (record != inode.ToRecord()) plan.mutation.puts.push_back(std::move(record));
    return plan;
  }
  for (const Inode gone : Subtree(ns, inode)) {
    // Something below that only exists here keeps the directory.
    if (!gone.persisted() || gone.mount_point()) return SyncInodePlan{};
    plan.mutation.removed.push_back(gone.id());
    if (gone.is_file()) plan.removed_files.push_back(gone.id());
  }
  const Inode parent = inode.parent();
  if (request.entry && FitsBlocks(*request.entry, request.block_size)) {
    IdAllocator ids(ns);
    InodeId id = kNoInode;
    if (request.entry->is_directory) {
      ASSIGN_OR_RETURN(id, ids.NewDirectoryId());
    } else {
      ASSIGN_OR_RETURN(id, ids.NewFileId());
    }
    UfsEntry entry = *request.entry;
    entry.name = inode.name();
    const uint16_t mode = LoadedMode(ns, ns.PathOf(inode), entry.mode);
    plan.mutation.puts.push_back(
        MakeLoaded(entry, id, mode, parent, request.now_ms, request.block_size));
    ids.Finish(plan.mutation);
  }
  return plan;
}

}  // namespace headpond::meta
