#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/create_file.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct CreateDirectoryRequest {
  OperationContext context;
  std::string path;
  uint16_t mode = 0755;
  bool recursive = false;
  bool allow_exists = false;  // an existing directory is success
  bool persisted = false;     // write type THROUGH or CACHE_THROUGH: make it in the under-store too
  int64_t ttl_ms = kNoTtl;
  TtlAction ttl_action = TtlAction::kFree;
  XattrMap xattr;
  XattrPropagation xattr_propagation = XattrPropagation::kNewPaths;
};

struct CreateDirectoryPlan {
  Mutation mutation;
  InodeId directory_id = kNoInode;
  std::vector<UfsMakeDirectory> make_directories;  // top down; the last is the directory itself
};

// Errors: AlreadyExists (also when a file is there), NotFound, InvalidArgument, PermissionDenied as
// for PlanCreateFile.
Result<CreateDirectoryPlan> PlanCreateDirectory(const Namespace& ns,
                                                const CreateDirectoryRequest& request);

}  // namespace headpond::meta
