#include "meta/ops/planning.h"

#include <algorithm>

#include "base/path.h"

namespace headpond::meta {

Result<int64_t> IdAllocator::NewContainer() {
  if (next_container_ > kMaxContainer) {
    return ResourceExhausted("all {} file ids of this namespace are used up", kMaxContainer);
  }
  return next_container_++;
}

Result<InodeId> IdAllocator::NewFileId() {
  ASSIGN_OR_RETURN(const int64_t container, NewContainer());
  return FileIdOfContainer(container);
}

Result<InodeId> IdAllocator::NewDirectoryId() {
  if (IsFileId(next_directory_id_)) {  // the container is full
    ASSIGN_OR_RETURN(const int64_t container, NewContainer());
    next_directory_id_ = container << kSequenceBits;
  }
  return next_directory_id_++;
}

void IdAllocator::Finish(Mutation& mutation) const {
  mutation.next_container = next_container_;
  mutation.next_directory_id = next_directory_id_;
}

InodeRecord MakeInode(const NewInode& fresh, const InodeRecord& parent,
                      const OperationContext& context) {
  InodeRecord record;
  record.id = fresh.id;
  record.parent_id = parent.id;
  record.name = fresh.name;
  record.owner = context.caller.user;
  if (!context.caller.groups.empty()) record.group = context.caller.groups.front();
  record.mode = fresh.mode & kModeBits;
  if (parent.default_acl) {
    AclState inherited = InheritAcl(*parent.default_acl, record.mode);
    record.mode = inherited.mode;
    record.acl = std::move(inherited.extended);
    if (record.is_directory()) record.default_acl = parent.default_acl;
  }
  record.creation_ms = record.modification_ms = record.access_ms = context.now_ms;
  if (fresh.persisted) record.persistence = PersistenceState::kPersisted;
  record.pinned = parent.pinned;
  record.pinned_media = parent.pinned_media;
  // The under-store can't have anything in a directory that is made here and now.
  record.children_loaded = record.is_directory();
  return record;
}

Result<std::vector<InodeRecord>> MakeMissingParents(const Namespace& ns, const PathWalk& walk,
                                                    const OperationContext& context, bool persisted,
                                                    IdAllocator& ids) {
  const std::vector<std::string_view> names = PathComponents(walk.path);
  std::vector<InodeRecord> parents;
  InodeRecord above = walk.deepest().ToRecord();
  for (size_t i = walk.missing_component - 1; i + 1 < names.size(); ++i) {
    ASSIGN_OR_RETURN(const InodeId id, ids.NewDirectoryId());
    parents.push_back(MakeInode({id, std::string(names[i]), ns.options().parent_mode, persisted},
                                above, context));
    above = parents.back();
  }
  return parents;
}

UfsMakeDirectory MakeDirectoryWork(const Namespace& ns, const std::string& path,
                                   const InodeRecord& directory) {
  UfsMakeDirectory work;
  if (auto location = ns.mounts().Resolve(path); location.ok()) work.location = *location;
  work.path = path;
  work.owner = directory.owner;
  work.group = directory.group;
  work.mode = directory.mode;
  return work;
}

void PersistDirectories(const Namespace& ns, const std::vector<Inode>& chain, Mutation& mutation,
                        std::vector<UfsMakeDirectory>& work) {
  for (const Inode directory : chain) {
    if (directory.persisted()) continue;
    InodeRecord record = directory.ToRecord();
    record.persistence = PersistenceState::kPersisted;
    work.push_back(MakeDirectoryWork(ns, ns.PathOf(directory), record));
    mutation.puts.push_back(std::move(record));
  }
}

Status MissingParent(const PathWalk& walk) {
  const auto names = PathComponents(walk.path);
  return NotFound("File {} creation failed. Component {}({}) does not exist", walk.path,
                  walk.missing_component, names[walk.missing_component - 1]);
}

void TouchDirectory(Mutation& mutation, InodeId directory, int64_t now_ms) {
  mutation.touched.push_back({directory, now_ms, now_ms});
}

std::vector<Inode> Subtree(const Namespace& ns, Inode inode) {
  std::vector<Inode> all = {inode};
  for (size_t next = 0; next < all.size(); ++next) {
    ns.inodes().ForEachChild(all[next], {}, [&](Inode child) {
      all.push_back(child);
      return true;
    });
  }
  return all;
}

std::vector<Inode> AncestorsOf(Inode inode) {
  std::vector<Inode> chain;
  for (Inode above = inode.parent(); above; above = above.parent()) chain.push_back(above);
  std::reverse(chain.begin(), chain.end());
  return chain;
}

Status CheckReplication(int32_t min, int32_t max) {
  if (min < 0) return InvalidArgument("Min replication must be a non-negative integer");
  if (max < -1)
    return InvalidArgument("Max replication must be -1 (no limit) or more, not {}", max);
  if (max >= 0 && min > max) {
    return InvalidArgument(
        "Cannot set min and max replication to be {} and {}: min replication must be smaller or "
        "equal than max replication",
        min, max);
  }
  return Status::Ok();
}

Status CheckBlockSize(int64_t block_size) {
  if (block_size > 0 && block_size <= kMaxBlockSize) return Status::Ok();
  return InvalidArgument("Invalid block size {}", block_size);
}

uint16_t ModeOnMount(uint16_t mode, bool shared) {
  const int others = shared ? (mode >> 6) & kAll : 0;
  return static_cast<uint16_t>((mode | others) & kModeBits);
}

int64_t PlausibleTime(int64_t time_ms) {
  constexpr int64_t kYear9999Ms = 253'402'300'799'000;
  return std::clamp<int64_t>(time_ms, 0, kYear9999Ms);
}

uint32_t BlockCountOf(int64_t length, int64_t block_size) {
  if (length <= 0 || block_size <= 0) return 0;
  return static_cast<uint32_t>((length - 1) / block_size + 1);
}

}  // namespace headpond::meta
