#include "meta/ops/set_acl.h"

#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {

Result<SetAttributePlan> PlanSetAcl(const Namespace& ns, const SetAclRequest& request) {
  if (ns.IsCompleted(request.context.operation_id)) return SetAttributePlan{};
  const Caller& caller = request.context.caller;
  const PathWalk walk = ns.Walk(request.path);
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckOwner(ns, caller, walk));
  RETURN_IF_ERROR(walk.Error());

  SetAttributePlan plan;
  plan.mutation.op_time_ms = request.context.now_ms;
  std::vector<Inode> targets = {walk.inode()};
  if (request.recursive) targets = Subtree(ns, walk.inode());
  for (const Inode inode : targets) {
    if (inode != walk.inode() && !IsSuperuser(ns, caller)) {
      RETURN_IF_ERROR(CheckOwner(ns, caller, ns.Walk(ns.PathOf(inode))));
    }
    InodeRecord record = inode.ToRecord();
    const AclState former{record.mode, record.acl, record.default_acl};
    ASSIGN_OR_RETURN(AclState state,
                     ChangeAcl(former, request.action, request.entries, record.is_directory()));
    if (state == former) continue;
    if (plan.mutation.puts.size() >= kMaxPutsPerMutation) {
      plan.more = true;
      break;
    }
    const bool mode_changes = state.mode != record.mode;
    record.mode = state.mode;
    record.acl = std::move(state.extended);
    record.default_acl = std::move(state.default_acl);
    if (mode_changes && inode.persisted() && (inode.is_directory() || inode.completed())) {
      UfsSetAttributes update;
      update.path = ns.PathOf(inode);
      ASSIGN_OR_RETURN(update.location, ns.mounts().Resolve(update.path));
      update.mode = record.mode;
      plan.ufs_updates.push_back(std::move(update));
    }
    plan.mutation.puts.push_back(std::move(record));
  }
  if (!plan.more && !plan.mutation.puts.empty())
    plan.mutation.operation_id = request.context.operation_id;
  return plan;
}

}  // namespace headpond::meta
