#pragma once

#include <string>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct NewBlockRequest {
  OperationContext context;
  std::string path;
};

struct NewBlockPlan {
  Mutation mutation;
  BlockId block_id = 0;
};

// Hands out the next block id of an open file. Needs WRITE, except for the file's owner (its
// creator may have made it read-only). Errors: NotFound, InvalidArgument (a directory),
// AlreadyExists (file completed), PermissionDenied, ResourceExhausted (2^24 - 1 blocks).
Result<NewBlockPlan> PlanNewBlock(const Namespace& ns, const NewBlockRequest& request);

// A worker has committed `block` with `length` bytes. The first length counts; a different one
// later is ignored (empty mutation), as is a block of a completed file. NotFound: no such file or
// block (the worker is told to free it). InvalidArgument: negative length.
Result<Mutation> PlanCommitBlock(const Namespace& ns, BlockId block, int64_t length,
                                 int64_t now_ms);

}  // namespace headpond::meta
