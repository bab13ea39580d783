#include "meta/ops/set_attribute.h"

#include <algorithm>

#include "meta/fingerprint_code.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

bool ChangesOwnership(const SetAttributeRequest& request) {
  return request.owner || request.group || request.mode;
}

// What stock applies to a whole subtree without being told.
bool IsAlwaysRecursive(const SetAttributeRequest& request) {
  return request.pinned || request.replication_min || request.replication_max;
}

Status CheckPermission(const Namespace& ns, const SetAttributeRequest& request,
                       const PathWalk& walk) {
  const Caller& caller = request.context.caller;
  if (request.owner) RETURN_IF_ERROR(CheckSuperuser(ns, caller));
  if (ChangesOwnership(request)) return CheckOwner(ns, caller, walk);
  return CheckAccess(ns, caller, walk, kWrite);
}

Status CheckRequest(const Namespace& ns, const SetAttributeRequest& request, Inode inode) {
  // Only what the under-store has too is refused on a read-only mount.
  if (ChangesOwnership(request)) RETURN_IF_ERROR(CheckWritable(ns, request.path));
  if (request.persisted && !*request.persisted) {
    return InvalidArgument("Cannot set the state of a file to not-persisted");
  }
  if (request.persisted && (inode.is_directory() || !inode.completed())) {
    return InvalidArgument("File being persisted must be complete");
  }
  if (!request.owner || !request.group || !request.owner_groups) return Status::Ok();
  const auto& groups = *request.owner_groups;
  if (std::find(groups.begin(), groups.end(), *request.group) != groups.end()) return Status::Ok();
  return Unknown(
      "Could not update owner:group for {} to {}:{}. "
      "alluxio.exception.status.FailedPreconditionException: Owner {} does not belong to the group "
      "{}",
      request.path, *request.owner, *request.group, *request.owner, *request.group);
}

void UpdateXattr(const SetAttributeRequest& request, XattrMap& xattr) {
  switch (request.xattr_update) {
    case XattrUpdate::kTruncate: xattr = *request.xattr; return;
    case XattrUpdate::kUnionReplace:
      for (const auto& [key, value] : *request.xattr) xattr[key] = value;
      return;
    case XattrUpdate::kUnionPreserve:
      for (const auto& [key, value] : *request.xattr) xattr.try_emplace(key, value);
      return;
    case XattrUpdate::kDeleteKeys:
      for (const auto& [key, value] : *request.xattr) xattr.erase(key);
      return;
  }
}

// Pinned and "at least one copy" are one thing to stock: each sets the other.
void UpdatePinned(const SetAttributeRequest& request, InodeRecord& record) {
  record.pinned = *request.pinned;
  record.pinned_media = record.pinned ? request.pinned_media : std::vector<std::string>();
  if (record.is_directory()) return;
  record.replication_min = record.pinned ? std::max(record.replication_min, 1) : 0;
  if (record.replication_max == 0 && record.pinned) record.replication_max = -1;
}

Status UpdateReplication(const SetAttributeRequest& request, InodeRecord& record) {
  if (record.is_directory()) return Status::Ok();
  const int32_t min = request.replication_min.value_or(record.replication_min);
  const int32_t max = request.replication_max.value_or(record.replication_max);
  RETURN_IF_ERROR(CheckReplication(min, max));
  record.replication_min = min;
  record.replication_max = max;
  record.pinned = min > 0;
  return Status::Ok();
}

void UpdateOwnership(const SetAttributeRequest& request, InodeRecord& record) {
  if (request.owner) record.owner = *request.owner;
  if (request.group) record.group = *request.group;
  if (request.mode) record.mode = *request.mode & kModeBits;
  if (record.fingerprint.empty()) return;
  record.fingerprint = WithField(record.fingerprint, "OWNER", record.owner);
  record.fingerprint = WithField(record.fingerprint, "GROUP", record.group);
  record.fingerprint = WithField(record.fingerprint, "MODE", fmt::format("{}", record.mode));
}

// The changes one inode gets. `is_base`: it is the path of the request.
Result<InodeRecord> Updated(const SetAttributeRequest& request, InodeRecord record, bool is_base) {
  const bool all = is_base || request.recursive;
  if (request.pinned) UpdatePinned(request, record);
  if (request.replication_min || request.replication_max) {
    RETURN_IF_ERROR(UpdateReplication(request, record));
  }
  if (all && ChangesOwnership(request)) UpdateOwnership(request, record);
  if (all && request.ttl_ms) record.ttl_ms = *request.ttl_ms < 0 ? kNoTtl : *request.ttl_ms;
  if (all && request.ttl_ms && request.ttl_action) record.ttl_action = *request.ttl_action;
  if (all && request.xattr) UpdateXattr(request, record.xattr);
  if (is_base && request.persisted) {
    record.persistence = PersistenceState::kPersisted;
    record.persist_at_ms = 0;
    record.persist_job_id = kNoPersistJob;
    record.temp_ufs_path.clear();
  }
  if (is_base && request.children_loaded && record.is_directory()) {
    record.children_loaded = *request.children_loaded;
  }
  if (is_base && request.fingerprint) record.fingerprint = *request.fingerprint;
  // As in stock, these count as modification; owner, group, mode and attributes do not.
  const bool modifies =
      (request.ttl_ms && all) || (request.persisted && is_base) || IsAlwaysRecursive(request);
  if (modifies) record.modification_ms = request.context.now_ms;
  return record;
}

void AddUfsUpdate(const Namespace& ns, const SetAttributeRequest& request, Inode inode,
                  SetAttributePlan& plan) {
  // The writer of an incomplete file sets these when it is done.
  if (!inode.persisted() || (inode.is_file() && !inode.completed())) return;
  UfsSetAttributes update;
  update.path = ns.PathOf(inode);
  auto location = ns.mounts().Resolve(update.path);
  if (!location.ok()) return;
  update.location = *std::move(location);
  update.owner = request.owner.value_or("");
  update.group = request.group.value_or("");
  update.mode = request.mode;
  plan.ufs_updates.push_back(std::move(update));
}

}  // namespace

Result<SetAttributePlan> PlanSetAttribute(const Namespace& ns, const SetAttributeRequest& request) {
  if (ns.IsCompleted(request.context.operation_id)) return SetAttributePlan{};
  const PathWalk walk = ns.Walk(request.path);
  if (walk.through_file) return walk.Error();
  RETURN_IF_ERROR(CheckPermission(ns, request, walk));
  RETURN_IF_ERROR(walk.Error());
  RETURN_IF_ERROR(CheckRequest(ns, request, walk.inode()));

  SetAttributePlan plan;
  plan.mutation.op_time_ms = request.context.now_ms;
  if (request.persisted) {
    for (const Inode above : AncestorsOf(walk.inode())) {
      if (above.persisted()) continue;
      InodeRecord record = above.ToRecord();
      record.persistence = PersistenceState::kPersisted;
      plan.mutation.puts.push_back(std::move(record));
    }
  }
  std::vector<Inode> targets = {walk.inode()};
  if (request.recursive || IsAlwaysRecursive(request)) targets = Subtree(ns, walk.inode());
  for (const Inode inode : targets) {
    const bool is_base = inode == walk.inode();
    if (request.recursive && !is_base && !IsSuperuser(ns, request.context.caller)) {
      RETURN_IF_ERROR(CheckPermission(ns, request, ns.Walk(ns.PathOf(inode))));
    }
    const InodeRecord former = inode.ToRecord();
    ASSIGN_OR_RETURN(InodeRecord record, Updated(request, former, is_base));
    if (record == former) continue;
    if (plan.mutation.puts.size() >= kMaxPutsPerMutation) {
      plan.more = true;
      break;
    }
    if (ChangesOwnership(request)) AddUfsUpdate(ns, request, inode, plan);
    plan.mutation.puts.push_back(std::move(record));
  }
  if (!plan.more && !plan.mutation.puts.empty())
    plan.mutation.operation_id = request.context.operation_id;
  return plan;
}

}  // namespace headpond::meta
