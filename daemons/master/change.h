#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/file_system_master.h"

namespace headpond::master {

// One change of the namespace from claim to answer. Fill in what it needs and hand it to Run:
//
//   claim ─ plan and apply in memory ──────────────────────────────> reply when durable
//              │ a path is due for a comparison or may be in the under-store, or the plan has work
//              │ there
//              └> I/O pool: claim, compare or load the paths, plan, ufs_work, plan again and apply
//              ─> reply when durable
template <typename PlanResult>
struct FileSystemMaster::Change {
  std::vector<meta::PathLocks::Claim> claims;
  std::vector<std::string>
      load_paths;   // looked for in the under-store when the namespace does not have them
  SyncPolicy sync;  // of all of:
  std::vector<std::pair<std::string, SyncDepth>> sync_paths;  // compared first when due

  std::function<Result<PlanResult>(const meta::Namespace&)> plan;
  std::function<bool(const PlanResult&)> has_ufs_work;  // unset: never
  std::function<Status(PlanResult&)> ufs_work;
  std::function<void(const PlanResult&, const meta::Namespace&)>
      applied;                                    // after the change, under the lock
  std::function<void(Result<PlanResult>)> reply;  // the result without its mutation

  // What Run keeps.
  std::optional<PlanResult> result;
  std::vector<BlockId> freed_blocks;
};

template <typename PlanResult>
void FileSystemMaster::Run(std::shared_ptr<Change<PlanResult>> change) {
  if (RunInMemory(change)) return;
  OnIo([this, change] { RunWithUfs(change); },
       [change](Status why) { change->reply(std::move(why)); });
}

template <typename PlanResult>
bool FileSystemMaster::AnySyncDue(const Change<PlanResult>& change) const {
  return std::ranges::any_of(change.sync_paths, [&](const auto& target) {
    return SyncDue(target.first, target.second, change.sync);
  });
}

template <typename PlanResult>
bool FileSystemMaster::RunInMemory(const std::shared_ptr<Change<PlanResult>>& change) {
  if (AnySyncDue(*change)) return false;
  // A deadline that has passed makes this a try: another operation's under-store work is waited for
  // on the I/O pool.
  const auto claim = locks_.Acquire(change->claims, {});
  return claim.ok() && Commit(change, /*decline_ufs_work=*/true);
}

template <typename PlanResult>
void FileSystemMaster::RunWithUfs(const std::shared_ptr<Change<PlanResult>>& change) {
  const auto claim = Claim(change->claims);
  if (!claim.ok()) return change->reply(claim.status());
  const Status work = DoUfsWork(*change);
  if (work.ok()) {
    Commit(change, /*decline_ufs_work=*/false);
  } else {
    // The refusal may rest on a change that is not durable yet.
    store_.AfterDurable(
        [change, work](Status durable) { change->reply(durable.ok() ? work : durable); });
  }
}

template <typename PlanResult>
Status FileSystemMaster::DoUfsWork(Change<PlanResult>& change) {
  for (const auto& [path, depth] : change.sync_paths)
    if (SyncDue(path, depth, change.sync)) RETURN_IF_ERROR(SyncPath(path, depth));
  for (const std::string& path : change.load_paths) RETURN_IF_ERROR(LoadPath(path));
  ASSIGN_OR_RETURN(PlanResult planned,
                   store_.Read([&](const meta::Namespace& ns) { return change.plan(ns); }));
  if (!change.has_ufs_work || !change.has_ufs_work(planned)) return Status::Ok();
  return change.ufs_work(planned);
}

template <typename PlanResult>
bool FileSystemMaster::Commit(const std::shared_ptr<Change<PlanResult>>& change,
                              bool decline_ufs_work) {
  const auto plan = [&](const meta::Namespace& ns) -> Result<std::optional<meta::Mutation>> {
    if (decline_ufs_work)
      for (const std::string& path : change->load_paths)
        if (ns.Walk(path).may_exist_in_ufs) return std::optional<meta::Mutation>();
    ASSIGN_OR_RETURN(PlanResult result, change->plan(ns));
    if (decline_ufs_work && change->has_ufs_work && change->has_ufs_work(result))
      return std::optional<meta::Mutation>();
    if constexpr (requires { result.removed_files; })
      AppendBlocksOf(ns, result.removed_files, change->freed_blocks);
    meta::Mutation mutation = std::move(result.mutation);
    change->result = std::move(result);
    return std::optional(std::move(mutation));
  };
  const auto applied = [&](const meta::Namespace& ns) {
    if (change->applied) change->applied(*change->result, ns);
  };
  return store_.TryCommit(plan, applied, [this, change](Status status) {
    if (!status.ok()) return change->reply(std::move(status));
    // Only now: a crash before this keeps the file, and so must keep its blocks.
    blocks_.Free(change->freed_blocks);
    change->reply(*std::move(change->result));
  });
}

}  // namespace headpond::master
