#include "master/persist_scheduler.h"

#include <algorithm>

#include "base/log.h"
#include "meta/ops/persist.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "persist";
constexpr WorkerId kAnyWorker = -1;  // of an empty file

}  // namespace

PersistScheduler::PersistScheduler(Options options, MetadataStore& store, BlockMaster& blocks,
                                   FileSystemMaster& files, const Clock& clock)
    : options_(options), store_(store), blocks_(blocks), files_(files), clock_(clock) {}

std::vector<PersistScheduler::Candidate> PersistScheduler::Candidates(int64_t now_ms) {
  MutexLock lock(mutex_);
  std::erase_if(leases_, [&](const auto& lease) { return lease.second <= now_ms; });
  return store_.Read([&](const meta::Namespace& ns) NO_THREAD_SAFETY_ANALYSIS {
    std::vector<Candidate> result;
    const auto& waiting = ns.to_be_persisted();
    auto it = waiting.upper_bound(cursor_);
    const size_t look_at = std::min(options_.scan_limit, waiting.size());
    for (size_t i = 0; i < look_at && result.size() < options_.max_per_heartbeat; ++i, ++it) {
      if (it == waiting.end()) it = waiting.begin();
      cursor_ = *it;
      const meta::Inode inode = ns.inodes().Find(*it);
      if (!inode || !inode.completed() || leases_.contains(*it) ||
          inode.ToRecord().persist_at_ms > now_ms)
        continue;
      Candidate candidate{*it, inode.length(), {}};
      for (uint32_t b = 0; b < inode.block_count(); ++b)
        if (const auto block = ns.FindBlock(meta::BlockIdOf(*it, b)); block.ok())
          candidate.blocks.push_back(block->id);
      result.push_back(std::move(candidate));
    }
    return result;
  });
}

std::optional<WorkerId> PersistScheduler::BestWorker(const Candidate& candidate) const {
  if (candidate.blocks.empty()) return kAnyWorker;
  std::map<WorkerId, size_t> held;
  for (const auto& copies : blocks_.CopiesOf(candidate.blocks)) {
    if (copies.empty()) return std::nullopt;
    for (const BlockCopy& copy : copies) ++held[copy.worker_id];
  }
  return std::max_element(held.begin(), held.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::vector<PersistScheduler::Task> PersistScheduler::Take(WorkerId worker) {
  const int64_t now_ms = clock_.NowMs();
  std::vector<Task> tasks;
  for (Candidate& candidate : Candidates(now_ms)) {
    const auto best = BestWorker(candidate);
    if (best != worker && best != kAnyWorker) continue;
    const auto temp = files_.PersistTempPathOf(candidate.file);
    if (!temp.ok()) continue;  // deleted meanwhile
    {
      MutexLock lock(mutex_);
      leases_[candidate.file] =
          now_ms + options_.lease.count() + candidate.length / options_.min_bytes_per_s * 1000;
    }
    // The namespace knows the temporary file, so that deleting the original deletes it too.
    store_.Commit(
        [&](const meta::Namespace& ns) {
          return meta::PlanSetPersistJob(ns, candidate.file, candidate.file, *temp, now_ms);
        },
        [](Status) {});
    tasks.push_back({candidate.file, std::move(candidate.blocks)});
  }
  return tasks;
}

void PersistScheduler::Finish(meta::InodeId file) {
  files_.FinishPersist(file, [this, file](Status status) {
    if (!status.ok() && status.code() != Code::kNotFound) {
      LogWarn(kComponent,
              "file {} was copied but could not be put into place; it is tried again: {}", file,
              status.ToString());
      return;
    }
    MutexLock lock(mutex_);
    leases_.erase(file);
  });
}

}  // namespace headpond::master
