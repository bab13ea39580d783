#include "meta/ops/expire.h"

#include <algorithm>

#include "meta/ops/planning.h"

namespace headpond::meta {

std::vector<Expired> FindExpired(const Namespace& ns, int64_t now_ms, size_t limit) {
  std::vector<Expired> expired;
  for (const auto& [deadline_ms, id] : ns.ttl_deadlines()) {
    if (deadline_ms > now_ms || expired.size() >= limit) break;
    expired.push_back({id, ns.inodes().Find(id).ttl_action()});
  }
  return expired;
}

Result<FreePlan> PlanExpireFree(const Namespace& ns, InodeId id, int64_t now_ms) {
  const Inode base = ns.inodes().Find(id);
  if (!base) return NotFound("inodeId {} does not exist", id);
  FreePlan plan;
  plan.mutation.op_time_ms = now_ms;
  std::vector<Inode> subtree = Subtree(ns, base);
  // The base last: while its TTL stands, what is left over comes up again.
  std::reverse(subtree.begin(), subtree.end());
  for (const Inode inode : subtree) {
    // The cache has the only copy of a file that is not persisted.
    const bool freed = inode.is_file() && inode.persisted();
    if (freed) plan.files.push_back(inode.id());
    const InodeRecord former = inode.ToRecord();
    InodeRecord record = former;
    if (freed || record.is_directory()) {
      record.pinned = false;
      record.pinned_media.clear();
      record.replication_min = 0;
    }
    if (inode == base) {
      record.ttl_ms = kNoTtl;
      record.ttl_action = TtlAction::kFree;
    }
    if (record == former) continue;
    plan.more = plan.mutation.puts.size() >= kMaxPutsPerMutation;
    if (!plan.more) plan.mutation.puts.push_back(std::move(record));
  }
  return plan;
}

Result<RemoveRequest> ExpireRemoval(const Namespace& ns, const Expired& expired, int64_t now_ms) {
  ASSIGN_OR_RETURN(std::string path, ns.PathOf(expired.id));
  RemoveRequest request;
  request.context.caller = Caller::Internal();
  request.context.now_ms = now_ms;
  request.path = std::move(path);
  request.recursive = true;
  request.alluxio_only = expired.action == TtlAction::kDeleteAlluxio;
  return request;
}

Mutation PlanTouchAccess(const Namespace& ns, InodeId id, int64_t now_ms, int64_t precision_ms) {
  Mutation mutation;
  mutation.op_time_ms = now_ms;
  const Inode inode = ns.inodes().Find(id);
  if (inode && now_ms - inode.access_ms() >= precision_ms && now_ms > inode.access_ms()) {
    mutation.touched.push_back({id, std::nullopt, now_ms});
  }
  return mutation;
}

}  // namespace headpond::meta
