#include "meta/permission.h"

#include <algorithm>

namespace headpond::meta {
namespace {

bool IsMember(const Caller& caller, std::string_view group) {
  return std::find(caller.groups.begin(), caller.groups.end(), group) != caller.groups.end();
}

Bits Digit(uint16_t mode, int shift) {
  return (mode >> shift) & kAll;
}

Status CheckInode(const Caller& caller, Inode inode, Bits bits, const PathWalk& walk) {
  if ((PermittedBits(caller, inode) & bits) == bits) return Status::Ok();
  return PermissionDenied(
      "Permission denied: user={}, access={}, path={}: failed at {}, inode owner={}, inode "
      "group={}, inode mode={}",
      caller.user, BitsText(bits), walk.path, inode.name().empty() ? "/" : inode.name(),
      inode.owner(), inode.group(), ModeText(inode.mode()));
}

// EXECUTE on the first `count` inodes of the walk.
Status CheckTraversal(const Caller& caller, const PathWalk& walk, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(CheckInode(caller, walk.existing[i], kExecute, walk));
  }
  return Status::Ok();
}

}  // namespace

bool IsSuperuser(const Namespace& ns, const Caller& caller) {
  if (caller.internal || !ns.options().check_permissions) return true;
  const Inode root = ns.inodes().root();
  if (root && root.owner() == caller.user) return true;
  return IsMember(caller, ns.options().supergroup);
}

Bits PermittedBits(const Caller& caller, Inode inode) {
  const uint16_t mode = inode.mode();
  if (inode.owner() == caller.user) return Digit(mode, 6);
  const ExtendedAcl& acl = inode.acl();
  const Bits mask = acl.mask.value_or(kAll);
  if (const auto user = acl.users.find(caller.user); user != acl.users.end()) {
    return user->second & mask;
  }
  bool in_group_class = false;
  Bits bits = kNone;
  if (IsMember(caller, inode.group())) {
    in_group_class = true;
    bits |= Digit(mode, 3);
  }
  for (const auto& [group, group_bits] : acl.groups) {
    if (!IsMember(caller, group)) continue;
    in_group_class = true;
    bits |= group_bits;
  }
  return in_group_class ? bits & mask : Digit(mode, 0);
}

Status CheckAccess(const Namespace& ns, const Caller& caller, const PathWalk& walk, Bits bits) {
  if (IsSuperuser(ns, caller)) return Status::Ok();
  RETURN_IF_ERROR(CheckTraversal(caller, walk, walk.existing.size() - 1));
  return CheckInode(caller, walk.deepest(), bits, walk);
}

Status CheckTraverse(const Namespace& ns, const Caller& caller, const PathWalk& walk) {
  if (IsSuperuser(ns, caller)) return Status::Ok();
  // The last one is the target itself, or a file that the path can't go through anyway.
  const bool ends_here = walk.found() || walk.through_file;
  const size_t above = walk.existing.size() - (ends_here ? 1 : 0);
  return CheckTraversal(caller, walk, above);
}

Status CheckParentAccess(const Namespace& ns, const Caller& caller, const PathWalk& walk,
                         Bits bits) {
  if (walk.path == "/" || IsSuperuser(ns, caller)) return Status::Ok();
  const size_t parents = walk.found() ? walk.existing.size() - 1 : walk.existing.size();
  RETURN_IF_ERROR(CheckTraversal(caller, walk, parents - 1));
  return CheckInode(caller, walk.existing[parents - 1], bits, walk);
}

Status CheckOwner(const Namespace& ns, const Caller& caller, const PathWalk& walk) {
  if (IsSuperuser(ns, caller)) return Status::Ok();
  RETURN_IF_ERROR(CheckTraversal(caller, walk, walk.existing.size() - 1));
  if (walk.deepest().owner() == caller.user) return Status::Ok();
  return PermissionDenied("Permission denied: user={} is not the owner of path={}", caller.user,
                          walk.path);
}

Status CheckSuperuser(const Namespace& ns, const Caller& caller) {
  if (IsSuperuser(ns, caller)) return Status::Ok();
  return PermissionDenied("Permission denied: {} is not a super user or in super group",
                          caller.user);
}

}  // namespace headpond::meta
