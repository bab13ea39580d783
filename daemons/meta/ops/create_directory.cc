#include "meta/ops/create_directory.h"

#include "base/path.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

Status CheckTarget(const CreateDirectoryRequest& request, const PathWalk& walk) {
  if (walk.path == "/") {
    return AlreadyExists("Not allowed to create existing root path: /");
  }
  if (!walk.found()) {
    const bool parent_missing = walk.missing_component + 1 <= PathComponents(walk.path).size();
    return parent_missing && !request.recursive ? MissingParent(walk) : Status::Ok();
  }
  if (request.allow_exists && walk.inode().is_directory()) return Status::Ok();
  return AlreadyExists("Not allowed to create directory because path already exists: {}",
                       walk.path);
}

}  // namespace

Result<CreateDirectoryPlan> PlanCreateDirectory(const Namespace& ns,
                                                const CreateDirectoryRequest& request) {
  CreateDirectoryPlan plan;
  const PathWalk walk = ns.Walk(request.path);
  if (walk.found()) plan.directory_id = walk.inode().id();
  if (ns.IsCompleted(request.context.operation_id)) return plan;
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckParentAccess(ns, request.context.caller, walk, kWrite));
  RETURN_IF_ERROR(CheckWritable(ns, request.path));
  RETURN_IF_ERROR(CheckTarget(request, walk));
  Mutation& mutation = plan.mutation;
  mutation.op_time_ms = request.context.now_ms;
  if (walk.found()) {  // allow_exists
    if (request.persisted) PersistDirectories(ns, walk.existing, mutation, plan.make_directories);
    return plan;
  }
  mutation.operation_id = request.context.operation_id;

  IdAllocator ids(ns);
  if (request.persisted) PersistDirectories(ns, walk.existing, mutation, plan.make_directories);
  ASSIGN_OR_RETURN(std::vector<InodeRecord> fresh,
                   MakeMissingParents(ns, walk, request.context, request.persisted, ids));
  const InodeRecord parent = fresh.empty() ? walk.deepest().ToRecord() : fresh.back();
  ASSIGN_OR_RETURN(plan.directory_id, ids.NewDirectoryId());
  fresh.push_back(MakeInode(
      {plan.directory_id, std::string(BaseName(request.path)), request.mode, request.persisted},
      parent, request.context));
  std::string path = ns.PathOf(walk.deepest());
  for (InodeRecord& directory : fresh) {
    // TTL goes to every new directory of the path, attributes too unless asked otherwise.
    directory.ttl_ms = request.ttl_ms < 0 ? kNoTtl : request.ttl_ms;
    directory.ttl_action = request.ttl_action;
    if (request.xattr_propagation == XattrPropagation::kNewPaths ||
        directory.id == plan.directory_id) {
      directory.xattr = request.xattr;
    }
    path = JoinPath(path, directory.name);
    if (request.persisted) {
      plan.make_directories.push_back(MakeDirectoryWork(ns, path, directory));
    }
    mutation.puts.push_back(std::move(directory));
  }
  TouchDirectory(mutation, walk.deepest().id(), request.context.now_ms);
  ids.Finish(mutation);
  return plan;
}

}  // namespace headpond::meta
