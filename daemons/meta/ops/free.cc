#include "meta/ops/free.h"

#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {

Result<FreePlan> PlanFree(const Namespace& ns, const FreeRequest& request) {
  const PathWalk walk = ns.Walk(request.path);
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckAccess(ns, request.context.caller, walk, kRead));
  RETURN_IF_ERROR(walk.Error());
  const Inode base = walk.inode();
  if (!request.recursive && base.child_count() > 0) {
    return Unknown(
        "Cannot free directory {} which is not empty. Please set the \"recursive\" flag of free "
        "operation to true",
        request.path);
  }
  FreePlan plan;
  plan.mutation.op_time_ms = request.context.now_ms;
  for (const Inode inode : Subtree(ns, base)) {
    if (inode.is_file()) {
      if (!inode.persisted()) {
        return Unknown("Cannot free file {} which is not persisted", ns.PathOf(inode));
      }
      if (inode.pinned() && !request.forced) {
        return Unknown(
            "Cannot free file {} which is pinned. Please unpin it first or set the \"forced\" flag "
            "of free operation to true",
            ns.PathOf(inode));
      }
      plan.files.push_back(inode.id());
    }
    if (!inode.pinned() || !request.forced) continue;
    plan.more = plan.mutation.puts.size() >= kMaxPutsPerMutation;
    if (plan.more) continue;
    InodeRecord record = inode.ToRecord();
    record.pinned = false;
    record.pinned_media.clear();
    record.replication_min = 0;
    record.modification_ms = request.context.now_ms;
    plan.mutation.puts.push_back(std::move(record));
  }
  return plan;
}

}  // namespace headpond::meta
