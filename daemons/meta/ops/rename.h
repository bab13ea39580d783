#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct RenameRequest {
  OperationContext context;
  std::string source;
  std::string destination;
  bool persist = false;    // RenamePOptions.persist: schedule the moved files for persistence
  bool overwrite = false;  // S3SyntaxOptions.overwrite: replace an existing destination file
};

struct RenamePlan {
  Mutation mutation;
  std::vector<UfsMakeDirectory>
      make_directories;                // parents of the destination, when the source is persisted
  std::optional<UfsDelete> replaced;   // with overwrite
  std::optional<UfsRename> rename;     // when the source is persisted
  std::vector<InodeId> removed_files;  // with overwrite
};

// Moves one inode, with everything below it, to another name on the same mount. To itself: nothing
// to do. Errors: NotFound (source, or destination's parent), AlreadyExists (destination),
// InvalidArgument (root, into its own subtree, across mounts, a mount point or onto one, something
// mounted inside), PermissionDenied, ResourceExhausted (`persist` for more files than one mutation
// may hold).
Result<RenamePlan> PlanRename(const Namespace& ns, const RenameRequest& request);

}  // namespace headpond::meta
