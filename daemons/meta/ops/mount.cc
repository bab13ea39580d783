#include "meta/ops/mount.h"

#include "base/path.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
Result<Mutation> PlanInitialize(const Namespace& ns, const InitializeRequest& request) {
  Mutation mutation;
  mutation.op_time_ms = request.now_ms;
  MountInfo mount = request.root_mount;
  mount.path = "/";
  mount.id = kRootMountId;
  mount.ufs_uri = NormalizeUfsUri(mount.ufs_uri);
  if (mount.ufs_uri.empty()) return InvalidArgument("the root mount needs an under-store URI");
  if (ns.initialized()) {
    const MountInfo* known = ns.mounts().FindAt("/");
    if (known == nullptr || *known != mount) mutation.mount_puts.push_back(std::move(mount));
    return mutation;
  }
  InodeRecord root;
  root.id = kRootId;
  root.owner = request.owner;
  root.group = request.group;
  root.mode = request.mode & kModeBits;
  root.creation_ms = root.modification_ms = root.access_ms = request.now_ms;
  root.persistence = PersistenceState::kPersisted;
  mutation.puts.push_back(std::move(root));
  mutation.mount_puts.push_back(std::move(mount));
  mutation.cluster_id = request.cluster_id;
  // The root has taken the first id of container 0, which serves directories.
  mutation.next_container = 1;
  mutation.next_directory_id = kRootId + 1;
  return mutation;
}

Result<Mutation> PlanMount(const Namespace& ns, const MountRequest& request) {
  const PathWalk walk = ns.Walk(request.path);
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckParentAccess(ns, request.context.caller, walk, kWrite));
  if (walk.found()) {
    return AlreadyExists(
        "Mount point target path {} already exists in Alluxio namespace. Try mounting to another "
        "path.",
        request.path);
  }
  if (walk.missing_component < PathComponents(request.path).size()) return MissingParent(walk);
  RETURN_IF_ERROR(ns.mounts().CheckUriFree(request.ufs_uri));
  if (request.shadows_ufs_path) {
    ASSIGN_OR_RETURN(const UfsLocation shadowed, ns.mounts().Resolve(request.path));
    return InvalidArgument(
        "Mount path {} shadows an existing path {} in the parent underlying filesystem",
        request.path, shadowed.ufs_path);
  }
  IdAllocator ids(ns);
  InodeRecord root;
  ASSIGN_OR_RETURN(root.id, ids.NewDirectoryId());
  root.parent_id = walk.deepest().id();
  root.name = BaseName(request.path);
  root.owner = request.root.owner;
  root.group = request.root.group;
  root.mode = ModeOnMount(request.root.mode, request.shared);
  root.creation_ms = request.context.now_ms;
  root.modification_ms = root.access_ms = PlausibleTime(request.root.modification_ms);
  root.persistence = PersistenceState::kPersisted;
  root.pinned = walk.deepest().pinned();
  root.mount_point = true;

  Mutation mutation;
  mutation.op_time_ms = request.context.now_ms;
  mutation.operation_id = request.context.operation_id;
  mutation.puts.push_back(std::move(root));
  mutation.mount_puts.push_back({request.path, request.mount_id, NormalizeUfsUri(request.ufs_uri),
                                 request.read_only, request.shared, request.properties});
  TouchDirectory(mutation, walk.deepest().id(), request.context.now_ms);
  ids.Finish(mutation);
  return mutation;
}

Result<UnmountPlan> PlanUnmount(const Namespace& ns, const OperationContext& context,
                                const std::string& path) {
  const PathWalk walk = ns.Walk(path);
  RETURN_IF_ERROR(CheckParentAccess(ns, context.caller, walk, kWrite));
  if (!walk.found()) return NotFound("Failed to unmount: Path {} does not exist", path);
  const MountInfo* mount = ns.mounts().FindAt(path);
  if (mount == nullptr) {
    return InvalidArgument(
        "Failed to unmount {}. Please ensure the path is an existing mount point.", path);
  }
  const std::vector<std::string> nested = ns.mounts().MountsBelow(path);
  if (path == "/" || !nested.empty()) {
    return InvalidArgument(
        "Failed to unmount {}. Please ensure the path is an existing mount point and not root.{}",
        path, nested.empty() || path == "/" ? "" : " " + nested.front() + " is mounted in it.");
  }
  UnmountPlan plan;
  plan.mutation.op_time_ms = context.now_ms;
  for (const Inode inode : Subtree(ns, walk.inode())) {
    plan.mutation.removed.push_back(inode.id());
    if (inode.is_file()) plan.removed_files.push_back(inode.id());
  }
  plan.mutation.mount_removals.push_back(path);
  plan.removed_mounts.push_back(mount->id);
  TouchDirectory(plan.mutation, walk.inode().parent().id(), context.now_ms);
  return plan;
}

Result<Mutation> PlanUpdateMount(const Namespace& ns, const UpdateMountRequest& request) {
  const MountInfo* mount = ns.mounts().FindAt(request.path);
  if (mount == nullptr) {
    return InvalidArgument(
        "Failed to update mount properties for {}. Please ensure the path is an existing mount "
        "point.",
        request.path);
  }
  if (request.path == "/") {
    return InvalidArgument(
        "Failed to update mount point at /. Please ensure the path is an existing mount point and "
        "not root.");
  }
  RETURN_IF_ERROR(CheckParentAccess(ns, request.context.caller, ns.Walk(request.path), kWrite));
  MountInfo changed = *mount;
  changed.read_only = request.read_only;
  changed.shared = request.shared;
  changed.properties = request.properties;
  Mutation mutation;
  mutation.op_time_ms = request.context.now_ms;
  if (changed == *mount) return mutation;
  changed.id = request.new_mount_id;
  mutation.mount_puts.push_back(std::move(changed));
  return mutation;
}

Result<Mutation> PlanUpdateUfsMode(const Namespace& ns, const OperationContext& context,
                                   const std::string& ufs_uri, UfsMode mode) {
  RETURN_IF_ERROR(CheckSuperuser(ns, context.caller));
  const std::string root = UfsRootOf(ufs_uri);
  for (const auto& [path, mount] : ns.mounts().mounts()) {
    if (UfsRootOf(mount.ufs_uri) != root) continue;
    Mutation mutation;
    mutation.op_time_ms = context.now_ms;
    mutation.ufs_modes[root] = mode;
    return mutation;
  }
  return InvalidArgument("Unknown Ufs path {}", ufs_uri);
}

}  // namespace headpond::meta
