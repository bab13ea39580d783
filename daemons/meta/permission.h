#pragma once

#include <string_view>

#include "base/result.h"
#include "meta/namespace.h"

namespace headpond::meta {

// The access rules of compat/behaviour.md section 11: EXECUTE on every directory above, then the
// bits asked for; POSIX mode, then extended ACL entries under the mask. The owner of the root,
// members of the supergroup and the master itself may do everything; everybody may when checks are
// switched off. Texts are stock's (compat/messages.md). All errors are PermissionDenied.

bool IsSuperuser(const Namespace& ns, const Caller& caller);

// `bits` on the deepest existing inode of the walk, which stock checks even when the path is
// missing.
Status CheckAccess(const Namespace& ns, const Caller& caller, const PathWalk& walk, Bits bits);
// EXECUTE on the directories above, which is all that reading the status of a path needs.
Status CheckTraverse(const Namespace& ns, const Caller& caller, const PathWalk& walk);
// `bits` on the directory that holds (or would hold) the path: its deepest existing ancestor.
// Nothing for "/".
Status CheckParentAccess(const Namespace& ns, const Caller& caller, const PathWalk& walk,
                         Bits bits);
// EXECUTE above, and the caller must own the inode.
Status CheckOwner(const Namespace& ns, const Caller& caller, const PathWalk& walk);
Status CheckSuperuser(const Namespace& ns, const Caller& caller);

// What `caller` may do with this one inode by its mode and ACL, superuser rules and ancestors not
// considered.
Bits PermittedBits(const Caller& caller, Inode inode);

}  // namespace headpond::meta
