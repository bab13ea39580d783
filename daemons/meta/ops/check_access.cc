#include "meta/ops/check_access.h"

#include "meta/permission.h"

namespace headpond::meta {

Status CheckPathAccess(const Namespace& ns, const Caller& caller, const std::string& path,
                       Bits bits) {
  const PathWalk walk = ns.Walk(path);
  RETURN_IF_ERROR(CheckAccess(ns, caller, walk, bits));
  return walk.Error();
}

Status CheckWritable(const Namespace& ns, const std::string& path) {
  const MountInfo* mount = ns.mounts().Find(path);
  if (mount == nullptr) return Status::Ok();
  if (mount->read_only) {
    return PermissionDenied(
        "A write operation on {} under a readonly mount point {} is not allowed", path,
        mount->path);
  }
  const UfsMode mode = ns.UfsModeOf(*mount);
  if (mode == UfsMode::kReadWrite) return Status::Ok();
  return FailedPrecondition("Operation WRITE not allowed on ufs path {} under maintenance mode {}",
                            mount->ufs_uri, mode == UfsMode::kReadOnly ? "READ_ONLY" : "NO_ACCESS");
}

}  // namespace headpond::meta
