#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct RemoveRequest {
  OperationContext context;
  std::string path;
  bool recursive = false;
  bool alluxio_only = false;  // leave the under-store as it is
  bool unchecked = false;     // delete whole under-store directories without looking into them
  bool delete_mount_point = false;  // allowed to take mounts along (they are unmounted)
  // When planning again after under-store deletions: inodes whose copy could not be deleted. They
  // and their ancestors stay.
  std::set<InodeId> keep;
};

struct RemovePlan {
  Mutation mutation;
  std::vector<InodeId> removed_files;  // their blocks are to be dropped
  std::vector<MountId> removed_mounts;
  std::vector<UfsDelete> deletes;  // children before their directory
  std::vector<UfsLocation>
      temp_files;  // half-written copies of persist jobs, to be deleted if possible
};

// Errors: NotFound, FailedPrecondition (not empty and not recursive; something below may not be
// removed), InvalidArgument (root; path through a file), PermissionDenied (also: is or contains a
// mount point without delete_mount_point).
Result<RemovePlan> PlanRemove(const Namespace& ns, const RemoveRequest& request);

// What stock answers when parts of a tree could not be removed, in the order given (children first;
// a directory that stays because of them has the reason "Directory not empty"). FailedPrecondition.
struct RemoveFailure {
  std::string path;
  std::string reason;
};
Status RemoveFailed(const std::vector<RemoveFailure>& failures);

}  // namespace headpond::meta
