#include "meta/ops/create_file.h"

#include "base/path.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

Status CheckRequest(const CreateFileRequest& request) {
  RETURN_IF_ERROR(CheckBlockSize(request.block_size));
  return CheckReplication(request.replication_min, request.replication_max);
}

Status CheckTarget(const CreateFileRequest& request, const PathWalk& walk) {
  if (!walk.found()) {
    const bool parent_missing = walk.missing_component + 1 <= PathComponents(walk.path).size();
    return parent_missing && !request.recursive ? MissingParent(walk) : Status::Ok();
  }
  if (!request.overwrite || walk.path == "/") {
    return AlreadyExists(
        "{} already exists. If you want to overwrite the file, you need to specify the overwrite "
        "option.",
        walk.path);
  }
  if (walk.inode().is_directory()) {
    return AlreadyExists("{} already exists. Directories cannot be overwritten with create",
                         walk.path);
  }
  return Status::Ok();
}

InodeRecord MakeFile(const CreateFileRequest& request, InodeId id, const InodeRecord& parent) {
  InodeRecord file =
      MakeInode({id, std::string(BaseName(request.path)), request.mode, request.persisted}, parent,
                request.context);
  if (request.async_persist && !request.persisted) {
    file.persistence = PersistenceState::kToBePersisted;
    file.persist_at_ms = kPersistNever;  // until it is complete
  }
  file.block_size = request.block_size;
  file.cacheable = request.cacheable;
  file.ttl_ms = request.ttl_ms < 0 ? kNoTtl : request.ttl_ms;
  file.ttl_action = request.ttl_action;
  file.replication_min = request.replication_min;
  file.replication_max = request.replication_max;
  file.replication_durable = request.replication_durable;
  // Pinned and replication_min > 0 go together, as in stock.
  if (file.replication_min > 0) file.pinned = true;
  if (file.pinned && file.replication_min == 0) file.replication_min = 1;
  file.xattr = request.xattr;
  return file;
}

}  // namespace

Result<CreateFilePlan> PlanCreateFile(const Namespace& ns, const CreateFileRequest& request) {
  CreateFilePlan plan;
  const PathWalk walk = ns.Walk(request.path);
  if (ns.IsCompleted(request.context.operation_id)) {
    if (walk.found()) plan.file_id = walk.inode().id();
    return plan;
  }
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckParentAccess(ns, request.context.caller, walk, kWrite));
  RETURN_IF_ERROR(CheckWritable(ns, request.path));
  RETURN_IF_ERROR(CheckTarget(request, walk));
  RETURN_IF_ERROR(CheckRequest(request));

  IdAllocator ids(ns);
  Mutation& mutation = plan.mutation;
  mutation.op_time_ms = request.context.now_ms;
  mutation.operation_id = request.context.operation_id;

  std::vector<Inode> existing = walk.existing;
  if (walk.found()) {
    plan.removed_files.push_back(walk.inode().id());
    mutation.removed = plan.removed_files;
    existing.pop_back();
  }
  if (request.persisted) PersistDirectories(ns, existing, mutation, plan.make_directories);
  std::vector<InodeRecord> parents;
  if (!walk.found()) {
    ASSIGN_OR_RETURN(parents,
                     MakeMissingParents(ns, walk, request.context, request.persisted, ids));
  }
  std::string parent_path = ns.PathOf(existing.back());
  for (InodeRecord& parent : parents) {
    if (request.xattr_propagation == XattrPropagation::kNewPaths) parent.xattr = request.xattr;
    parent_path = JoinPath(parent_path, parent.name);
    if (request.persisted) {
      plan.make_directories.push_back(MakeDirectoryWork(ns, parent_path, parent));
    }
    mutation.puts.push_back(parent);
  }
  ASSIGN_OR_RETURN(plan.file_id, ids.NewFileId());
  const InodeRecord parent = parents.empty() ? existing.back().ToRecord() : parents.back();
  mutation.puts.push_back(MakeFile(request, plan.file_id, parent));
  TouchDirectory(mutation, existing.back().id(), request.context.now_ms);
  ids.Finish(mutation);
  return plan;
}

}  // namespace headpond::meta
