#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"
#include "meta/ops/set_attribute.h"

namespace headpond::meta {

struct SetAclRequest {
  OperationContext context;
  std::string path;
  AclAction action = AclAction::kReplace;
  std::vector<AclEntry> entries;
  bool recursive = false;
};

// Needs the owner. Errors: NotFound, PermissionDenied, InvalidArgument (replacing without the three
// base entries, removing a base entry or a mask still needed, a default ACL for a file - which
// kills a stock master, see compat/messages.md).
Result<SetAttributePlan> PlanSetAcl(const Namespace& ns, const SetAclRequest& request);

}  // namespace headpond::meta
