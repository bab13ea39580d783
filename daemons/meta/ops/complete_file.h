#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct CompleteFileRequest {
  OperationContext context;
  std::string path;
  // For a file created as persisted: its length in the under-store, and its fingerprint there.
  int64_t ufs_length = 0;
  std::string fingerprint;
  // asyncPersistOptions present: becomes TO_BE_PERSISTED, not before now + this; negative: not
  // before somebody asks for it.
  std::optional<int64_t> async_persist_wait_ms;
};

struct CompleteFilePlan {
  Mutation mutation;
  InodeId file_id = kNoInode;
  // A persisted file may be shorter than the blocks handed out for it; these are no longer part of
  // it.
  std::vector<BlockId> surplus_blocks;
};

// Fixes a file's length: the sum of its committed blocks, all full but the last; of a persisted
// file, ufs_length, with as many blocks as that needs. Errors: NotFound, InvalidArgument (a
// directory; a block missing or short; negative ufs_length), AlreadyExists (completed before),
// PermissionDenied.
Result<CompleteFilePlan> PlanCompleteFile(const Namespace& ns, const CompleteFileRequest& request);

}  // namespace headpond::meta
