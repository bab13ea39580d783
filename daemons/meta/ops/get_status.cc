#include "meta/ops/get_status.h"

#include "meta/permission.h"

namespace headpond::meta {

Result<StatusReply> GetStatus(const Namespace& ns, const GetStatusRequest& request) {
  const PathWalk walk = ns.Walk(request.path);
  RETURN_IF_ERROR(CheckTraverse(ns, request.caller, walk));
  StatusReply reply;
  if (!walk.found()) {
    reply.may_exist_in_ufs = walk.may_exist_in_ufs;
    reply.missing = walk.Error();
    return reply;
  }
  if (request.access != kNone) {
    RETURN_IF_ERROR(CheckAccess(ns, request.caller, walk, request.access));
  }
  reply.found = true;
  reply.info = ns.Describe(walk.inode(), request.path);
  return reply;
}

Result<ExistsReply> Exists(const Namespace& ns, const Caller& caller, const std::string& path) {
  const PathWalk walk = ns.Walk(path);
  RETURN_IF_ERROR(CheckTraverse(ns, caller, walk));
  return ExistsReply{walk.found(), walk.may_exist_in_ufs};
}

Result<FileInfo> GetFileInfoById(const Namespace& ns, InodeId id) {
  const Inode inode = ns.inodes().Find(id);
  if (!inode) return NotFound("inodeId {} does not exist", id);
  return ns.Describe(inode, ns.PathOf(inode));
}

}  // namespace headpond::meta
