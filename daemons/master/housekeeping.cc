#include "master/housekeeping.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "meta/ops/expire.h"
#include "meta/ops/persist.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "housekeeping";
constexpr size_t kExpireBatch = 1000;
constexpr size_t kFindBatch = 1000;

}  // namespace

Housekeeping::Housekeeping(Options options, MetadataStore& store, BlockMaster& blocks,
                           FileSystemMaster& files, const Clock& clock)
    : options_(options), store_(store), blocks_(blocks), files_(files), clock_(clock) {}

void Housekeeping::Start() {
  tasks_.push_back(
      std::make_unique<PeriodicTask>("lost-workers", options_.lost_worker_interval, [this] {
        DetectLostWorkers();
        FindLostFiles();
      }));
  tasks_.push_back(
      std::make_unique<PeriodicTask>("ttl", options_.ttl_interval, [this] { ExpireTtls(); }));
}

void Housekeeping::Stop() {
  tasks_.clear();
}

void Housekeeping::DetectLostWorkers() {
  const std::vector<BlockId> orphans = blocks_.DetectLostWorkers();
  if (orphans.empty()) return;
  std::set<meta::InodeId> files;
  for (const BlockId block : orphans) files.insert(meta::FileIdOfBlock(block));
  store_.Commit(
      [&](const meta::Namespace& ns) -> Result<meta::Mutation> {
        return meta::PlanMarkLost(ns, {files.begin(), files.end()}, clock_.NowMs());
      },
      [count = files.size()](Status status) {
        if (status.ok())
          LogWarn(kComponent, "{} files lost their last copy of some block with a worker", count);
      });
}

void Housekeeping::FindLostFiles() {
  meta::InodeId seen = meta::kRootId;
  for (bool more = true; more;) {
    std::map<meta::InodeId, std::vector<BlockId>> lost;
    store_.Read([&](const meta::Namespace& ns) {
      const auto& all = ns.lost_files();
      auto it = all.upper_bound(seen);
      for (; lost.size() < kFindBatch && it != all.end(); ++it)
        AppendBlocksOf(ns, {seen = *it}, lost[*it]);
      more = it != all.end();
    });
    // Not inside Read: BlockMaster asks the namespace about blocks under its own lock.
    std::vector<meta::InodeId> found;
    for (const auto& [file, blocks] : lost)
      if (std::ranges::all_of(blocks, [this](BlockId block) { return blocks_.HasCopy(block); }))
        found.push_back(file);
    if (found.empty()) continue;
    const Status status =
        store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
          return meta::PlanMarkFound(ns, found, clock_.NowMs());
        });
    if (!status.ok()) return;  // the journal's trouble is told elsewhere; tried again next time
    LogInfo(kComponent, "{} lost files are back with a worker", found.size());
  }
}

void Housekeeping::ExpireTtls() {
  const auto expired = store_.Read([&](const meta::Namespace& ns) {
    return meta::FindExpired(ns, clock_.NowMs(), kExpireBatch);
  });
  for (const meta::Expired& item : expired) Expire(item.id, item.action);
}

void Housekeeping::Expire(meta::InodeId id, meta::TtlAction action) {
  const int64_t now_ms = clock_.NowMs();
  const auto report = [id](Status status) {
    if (!status.ok() && status.code() != Code::kNotFound)
      LogWarn(kComponent, "the TTL of inode {} ended but its action failed; tried again later: {}",
              id, status.ToString());
  };
  if (action != meta::TtlAction::kFree) {
    auto removal = store_.Read([&](const meta::Namespace& ns) {
      return meta::ExpireRemoval(ns, {id, action}, now_ms);
    });
    if (!removal.ok()) return report(removal.status());
    return files_.Remove(*std::move(removal), {}, report);
  }
  report(ExpireFree(id, now_ms));
}

Status Housekeeping::ExpireFree(meta::InodeId id, int64_t now_ms) {
  // A large tree is freed in parts, one after the other.
  for (bool more = true; more;) {
    std::vector<BlockId> blocks;
    RETURN_IF_ERROR(store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
      ASSIGN_OR_RETURN(meta::FreePlan plan, meta::PlanExpireFree(ns, id, now_ms));
      AppendBlocksOf(ns, plan.files, blocks);
      more = plan.more;
      return std::move(plan.mutation);
    }));
    blocks_.Free(blocks);
  }
  return Status::Ok();
}

}  // namespace headpond::master
