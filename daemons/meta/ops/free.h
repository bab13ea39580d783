#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct FreeRequest {
  OperationContext context;
  std::string path;
  bool recursive = false;
  bool forced = false;  // pinned files too: they are unpinned
};

struct FreePlan {
  Mutation mutation;           // empty unless something is unpinned
  bool more = false;           // see kMaxPutsPerMutation
  std::vector<InodeId> files;  // whose blocks are to be dropped from workers: all, also with `more`
};

// Needs READ. Errors: NotFound, PermissionDenied; Unknown, as stock has it, for a directory that is
// not empty without recursive, a file that is not persisted, a pinned one without forced.
Result<FreePlan> PlanFree(const Namespace& ns, const FreeRequest& request);

}  // namespace headpond::meta
