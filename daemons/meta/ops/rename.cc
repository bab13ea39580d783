#include "meta/ops/rename.h"

#include "base/path.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

Status CheckPaths(const Namespace& ns, const RenameRequest& request, const PathWalk& source,
                  const PathWalk& destination) {
  if (request.source == "/") return InvalidArgument("The root directory cannot be renamed");
  if (request.destination == "/") {
    return InvalidArgument("Cannot rename a path to the root directory");
  }
  if (source.through_file) return source.Error();
  if (destination.through_file) return destination.Error();
  const Caller& caller = request.context.caller;
  RETURN_IF_ERROR(CheckParentAccess(ns, caller, source, kWrite));
  RETURN_IF_ERROR(CheckParentAccess(ns, caller, destination, kWrite));
  RETURN_IF_ERROR(CheckWritable(ns, request.source));
  RETURN_IF_ERROR(CheckWritable(ns, request.destination));
  return source.Error();
}

Status CheckMove(const Namespace& ns, const RenameRequest& request, const PathWalk& destination) {
  if (IsWithin(request.destination, request.source)) {
    return InvalidArgument("Cannot rename because {} is a prefix of {}", request.source,
                           request.destination);
  }
  if (ns.mounts().Find(request.source) != ns.mounts().Find(request.destination)) {
    return InvalidArgument("Renaming {} to {} is a cross mount operation", request.source,
                           request.destination);
  }
  if (const auto nested = ns.mounts().MountsBelow(request.source); !nested.empty()) {
    return InvalidArgument("Cannot rename {} because {} is mounted in it; unmount that first",
                           request.source, nested.front());
  }
  if (destination.found()) return Status::Ok();
  if (destination.missing_component < PathComponents(request.destination).size()) {
    return NotFound("Path \"{}\" does not exist.", ParentOf(request.destination));
  }
  return Status::Ok();
}

Status CheckReplaced(const RenameRequest& request, const PathWalk& destination) {
  if (!destination.found()) return Status::Ok();
  if (request.overwrite && destination.inode().is_file()) return Status::Ok();
  return AlreadyExists("Cannot rename because destination already exists. src: {} dst: {}",
                       request.source, request.destination);
}

// Files below (and at) `inode` that somebody wants persisted now that they have their final name.
Status SchedulePersist(const Namespace& ns, Inode inode, int64_t now_ms, RenamePlan& plan) {
  for (const Inode below : Subtree(ns, inode)) {
    if (below.is_directory() || !below.completed()) continue;
    if (below.persisted() || below.persistence() == PersistenceState::kLost) continue;
    const bool is_moved = below == inode;
    InodeRecord record = is_moved ? plan.mutation.puts.back() : below.ToRecord();
    if (record.persistence == PersistenceState::kToBePersisted && record.persist_at_ms <= now_ms) {
      continue;
    }
    record.persistence = PersistenceState::kToBePersisted;
    record.persist_at_ms = now_ms;
    if (plan.mutation.puts.size() >= kMaxPutsPerMutation) {
      return ResourceExhausted(
          "{} holds more than {} files to persist; rename it without that and persist it in parts",
          ns.PathOf(inode), kMaxPutsPerMutation);
    }
    if (is_moved) {
      plan.mutation.puts.back() = std::move(record);
    } else {
      plan.mutation.puts.push_back(std::move(record));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<RenamePlan> PlanRename(const Namespace& ns, const RenameRequest& request) {
  RenamePlan plan;
  if (ns.IsCompleted(request.context.operation_id)) return plan;
  const PathWalk source = ns.Walk(request.source);
  const PathWalk destination = ns.Walk(request.destination);
  RETURN_IF_ERROR(CheckPaths(ns, request, source, destination));
  if (request.source == request.destination) return plan;
  RETURN_IF_ERROR(CheckMove(ns, request, destination));
  RETURN_IF_ERROR(CheckReplaced(request, destination));

  const int64_t now_ms = request.context.now_ms;
  const Inode inode = source.inode();
  std::vector<Inode> new_parents = destination.existing;
  Mutation& mutation = plan.mutation;
  mutation.op_time_ms = now_ms;
  mutation.operation_id = request.context.operation_id;
  if (destination.found()) {
    const Inode replaced = destination.inode();
    plan.removed_files.push_back(replaced.id());
    mutation.removed = plan.removed_files;
    new_parents.pop_back();
    if (replaced.persisted()) {
      ASSIGN_OR_RETURN(UfsLocation location, ns.mounts().Resolve(request.destination));
      plan.replaced =
          UfsDelete{replaced.id(), request.destination, std::move(location), false, false};
    }
  }
  if (inode.persisted()) {
    PersistDirectories(ns, new_parents, mutation, plan.make_directories);
    UfsRename move;
    ASSIGN_OR_RETURN(move.from, ns.mounts().Resolve(request.source));
    ASSIGN_OR_RETURN(move.to, ns.mounts().Resolve(request.destination));
    move.is_directory = inode.is_directory();
    plan.rename = std::move(move);
  }
  InodeRecord moved = inode.ToRecord();
  moved.parent_id = new_parents.back().id();
  moved.name = BaseName(request.destination);
  mutation.puts.push_back(std::move(moved));
  if (request.persist) RETURN_IF_ERROR(SchedulePersist(ns, inode, now_ms, plan));
  TouchDirectory(mutation, inode.parent().id(), now_ms);
  if (inode.parent() != new_parents.back())
    TouchDirectory(mutation, new_parents.back().id(), now_ms);
  return plan;
}

}  // namespace headpond::meta
