#include "meta/ops/remove.h"

#include <algorithm>

#include "base/path.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

constexpr size_t kShownFailures = 20;

Status CheckRequest(const Namespace& ns, const RemoveRequest& request, const PathWalk& walk) {
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckParentAccess(ns, request.context.caller, walk, kWrite));
  if (!request.alluxio_only) RETURN_IF_ERROR(CheckWritable(ns, request.path));
  RETURN_IF_ERROR(walk.Error());
  const bool holds_mount =
      ns.mounts().FindAt(request.path) != nullptr || !ns.mounts().MountsBelow(request.path).empty();
  if (holds_mount && !request.delete_mount_point) {
    return PermissionDenied(
        "Cannot delete path {} which is or contains a mount point without --deleteMountPoint/-m "
        "option specified",
        request.path);
  }
  if (request.path == "/") return InvalidArgument("Cannot delete the root directory");
  if (!request.recursive && walk.inode().child_count() > 0) {
    return FailedPrecondition(
        "Cannot delete non-empty directory {} because recursive is set to false",
        walk.inode().name());
  }
  return Status::Ok();
}

// Below the top, stock asks for WRITE on each inode that goes. All or nothing here: one refusal
// refuses the whole.
Status CheckDescendants(const Namespace& ns, const Caller& caller,
                        const std::vector<Inode>& subtree) {
  if (IsSuperuser(ns, caller)) return Status::Ok();
  std::vector<RemoveFailure> failures;
  std::set<InodeId> not_empty;
  for (auto inode = subtree.rbegin(); inode != subtree.rend(); ++inode) {
    const bool is_top = *inode == subtree.front();
    if (not_empty.contains(inode->id())) {
      failures.push_back({ns.PathOf(*inode), "Directory not empty"});
    } else if (!is_top) {
      const std::string path = ns.PathOf(*inode);
      const Status allowed = CheckAccess(ns, caller, ns.Walk(path), kWrite);
      if (allowed.ok()) continue;
      failures.push_back({path, allowed.message()});
    } else {
      continue;
    }
    if (const Inode parent = inode->parent()) not_empty.insert(parent.id());
  }
  return failures.empty() ? Status::Ok() : RemoveFailed(failures);
}

// Takes those that have to stay, and their ancestors, out of `subtree`.
void DropKept(const std::set<InodeId>& keep, std::vector<Inode>& subtree) {
  if (keep.empty()) return;
  std::set<InodeId> staying = keep;
  for (auto inode = subtree.rbegin(); inode != subtree.rend(); ++inode) {
    if (!staying.contains(inode->id())) continue;
    if (const Inode parent = inode->parent()) staying.insert(parent.id());
  }
  std::erase_if(subtree, [&](Inode inode) { return staying.contains(inode.id()); });
}

// Children come before their directory, so an unlink never meets a directory that is not empty.
class DeletionPlanner {
 public:
  DeletionPlanner(const Namespace& ns, const RemoveRequest& request, RemovePlan& plan)
      : ns_(ns), request_(request), plan_(plan) {}

  void Add(Inode inode) {
    if (inode.is_file()) {
      plan_.removed_files.push_back(inode.id());
      AddTempFile(inode);
    } else if (inode.mount_point()) {
      const std::string path = ns_.PathOf(inode);
      if (const MountInfo* mount = ns_.mounts().FindAt(path)) {
        plan_.removed_mounts.push_back(mount->id);
        plan_.mutation.mount_removals.push_back(path);
      }
    }
    if (!request_.alluxio_only && inode.persisted()) AddDelete(inode);
  }

 private:
  void AddTempFile(Inode inode) {
    if (inode.persistence() != PersistenceState::kToBePersisted) return;
    InodeRecord record = inode.ToRecord();
    if (record.temp_ufs_path.empty()) return;
    if (const MountInfo* mount = ns_.mounts().Find(ns_.PathOf(inode))) {
      plan_.temp_files.push_back({mount->id, std::move(record.temp_ufs_path)});
    }
  }

  void AddDelete(Inode inode) {
    // Unchecked: the topmost persisted directories take everything below along.
    if (request_.unchecked && inode != base_ && inode.parent().persisted()) return;
    const std::string path = ns_.PathOf(inode);
    // What lies in mounts that go along is unmounted, not deleted.
    if (ns_.mounts().Find(path) != mount_) return;
    auto location = ns_.mounts().Resolve(path);
    if (!location.ok()) return;
    plan_.deletes.push_back({inode.id(), path, *std::move(location), inode.is_directory(),
                             request_.unchecked && inode.is_directory()});
  }

  const Namespace& ns_;
  const RemoveRequest& request_;
  RemovePlan& plan_;
  const Inode base_ = ns_.Walk(request_.path).inode();
  // The mount that holds the removed path; null when that is itself a mount point.
  const MountInfo* const mount_ = base_.mount_point() ? nullptr : ns_.mounts().Find(request_.path);
};

}  // namespace

Status RemoveFailed(const std::vector<RemoveFailure>& failures) {
  std::string shown;
  for (size_t i = 0; i < std::min(failures.size(), kShownFailures); ++i) {
    shown += fmt::format("{}{} ({})", i == 0 ? "" : ", ", failures[i].path, failures[i].reason);
  }
  if (failures.size() > kShownFailures) {
    shown += fmt::format("...(only {} errors shown)", kShownFailures);
  }
  return FailedPrecondition("Failed to delete {} paths from the under file system: {}",
                            failures.size(), shown);
}

Result<RemovePlan> PlanRemove(const Namespace& ns, const RemoveRequest& request) {
  RemovePlan plan;
  if (ns.IsCompleted(request.context.operation_id)) return plan;
  const PathWalk walk = ns.Walk(request.path);
  RETURN_IF_ERROR(CheckRequest(ns, request, walk));
  std::vector<Inode> subtree = Subtree(ns, walk.inode());
  RETURN_IF_ERROR(CheckDescendants(ns, request.context.caller, subtree));
  DropKept(request.keep, subtree);

  plan.mutation.op_time_ms = request.context.now_ms;
  if (subtree.empty()) return plan;
  DeletionPlanner planner(ns, request, plan);
  plan.mutation.removed.reserve(subtree.size());
  for (auto inode = subtree.rbegin(); inode != subtree.rend(); ++inode) {
    planner.Add(*inode);
    plan.mutation.removed.push_back(inode->id());
  }
  // An operation that left something behind may be repeated.
  if (request.keep.empty()) plan.mutation.operation_id = request.context.operation_id;
  if (subtree.front() == walk.inode()) {
    TouchDirectory(plan.mutation, walk.inode().parent().id(), request.context.now_ms);
  }
  return plan;
}

}  // namespace headpond::meta
