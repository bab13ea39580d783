#include "meta/ops/blocks.h"

#include "meta/permission.h"

namespace headpond::meta {

Result<NewBlockPlan> PlanNewBlock(const Namespace& ns, const NewBlockRequest& request) {
  const PathWalk walk = ns.Walk(request.path);
  RETURN_IF_ERROR(walk.Error());
  const Inode file = walk.inode();
  const Caller& caller = request.context.caller;
  // A creator who made the file read-only for itself still has to fill it.
  const bool is_creator = !file.completed() && file.owner() == caller.user;
  RETURN_IF_ERROR(is_creator ? CheckTraverse(ns, caller, walk)
                             : CheckAccess(ns, caller, walk, kWrite));
  if (file.is_directory()) return InvalidArgument("Path \"{}\" must be a file.", request.path);
  if (file.completed()) return AlreadyExists("File {} has already been completed.", request.path);
  const uint32_t count = file.block_count();
  if (count >= kMaxSequence) {
    return ResourceExhausted("{} already has {} blocks, the most a file can have", request.path,
                             count);
  }
  NewBlockPlan plan;
  plan.block_id = BlockIdOf(file.id(), count);
  plan.mutation.op_time_ms = request.context.now_ms;
  plan.mutation.block_counts.push_back({file.id(), count + 1});
  return plan;
}

Result<Mutation> PlanCommitBlock(const Namespace& ns, BlockId block, int64_t length,
                                 int64_t now_ms) {
  if (length < 0) return InvalidArgument("block {} can't have length {}", block, length);
  ASSIGN_OR_RETURN(const BlockSpan known, ns.FindBlock(block));
  Mutation mutation;
  mutation.op_time_ms = now_ms;
  if (known.length == kUnknownLength) mutation.block_lengths.push_back({block, length});
  return mutation;
}

}  // namespace headpond::meta
