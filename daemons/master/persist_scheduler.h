#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "master/block_master.h"
#include "master/file_system_master.h"
#include "master/metadata_store.h"

namespace headpond::master {

// Which worker writes which TO_BE_PERSISTED file to its under-store, and when. What is to be
// persisted is journaled state of the namespace; only who is at it is kept here, so a restarted
// master begins anew and a worker's repeated copy replaces the first (ufs/persist_path.h).
//
//   heartbeat of W -> Take(W): files whose blocks W holds most of
//   W copies to the temporary place, heartbeat with the ids -> Finish: into place, PERSISTED
//   no word within the lease -> the file is given out again, to whoever is best then
//
// Thread safe.
class PersistScheduler {
 public:
  struct Options {
    // How long a worker may take: this, plus its file's length at min_bytes_per_s.
    std::chrono::milliseconds lease{std::chrono::seconds(30)};
    int64_t min_bytes_per_s = 10 << 20;
    size_t max_per_heartbeat = 64;
    size_t scan_limit =
        2000;  // candidates looked at per heartbeat; the scan goes on where it stopped
  };
  PersistScheduler(Options options, MetadataStore& store, BlockMaster& blocks,
                   FileSystemMaster& files, const Clock& clock);

  struct Task {
    meta::InodeId file = meta::kNoInode;
    std::vector<BlockId> blocks;
  };
  std::vector<Task> Take(WorkerId worker) EXCLUDES(mutex_);

  // `file` was copied. Answers nobody: a failure is logged and the file given out again after its
  // lease.
  void Finish(meta::InodeId file) EXCLUDES(mutex_);

 private:
  struct Candidate {
    meta::InodeId file;
    int64_t length;
    std::vector<BlockId> blocks;
  };
  std::vector<Candidate> Candidates(int64_t now_ms) EXCLUDES(mutex_);
  // The worker that should copy it; nullopt when a block has no copy now.
  std::optional<WorkerId> BestWorker(const Candidate& candidate) const;

  const Options options_;
  MetadataStore& store_;
  BlockMaster& blocks_;
  FileSystemMaster& files_;
  const Clock& clock_;
  Mutex mutex_;
  std::map<meta::InodeId, int64_t> leases_ GUARDED_BY(mutex_);  // -> end
  meta::InodeId cursor_ GUARDED_BY(mutex_) = meta::kNoInode;
};

}  // namespace headpond::master
