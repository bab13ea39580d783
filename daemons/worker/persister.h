#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "worker/block_input.h"
#include "worker/cache_manager.h"
#include "worker/master_link.h"

namespace headpond::worker {

// Copies files that wait to be persisted into their under-store, for the master
// (master/persist_scheduler.h): each to a temporary place, from this worker's blocks and, for those
// it does not have, from other workers. What fails is logged and given out again by the master.
// Thread safe.
class Persister {
 public:
  struct Options {
    std::chrono::milliseconds interval{std::chrono::seconds(1)};
    int threads = 2;
    std::string temp_dir =
        ".alluxio_ufs_persistence";  // alluxio.underfs.persistence.async.temp.dir
  };
  // `worker_id` gives -1 while not registered. All must outlive this.
  Persister(Options options, std::function<int64_t()> worker_id, PersistMaster& master,
            cache::BlockStore& store, UfsMounts& mounts, CacheManager::RemoteFetch fetch);
  ~Persister();  // Stop()

  void Start();
  void Stop();

  // One exchange with the master, for tests.
  void Tick() EXCLUDES(mutex_);

 private:
  void Copy(int64_t file_id) EXCLUDES(mutex_);
  Status CopyFile(int64_t file_id);
  Status AppendBlock(const PersistSource::Block& block, ufs::UfsWriter& writer);

  const Options options_;
  const std::function<int64_t()> worker_id_;
  PersistMaster& master_;
  cache::BlockStore& store_;
  UfsMounts& mounts_;
  const CacheManager::RemoteFetch fetch_;
  Mutex mutex_;
  std::set<int64_t> running_ GUARDED_BY(mutex_);
  std::vector<int64_t> copied_ GUARDED_BY(mutex_);  // not reported yet
  ThreadPool pool_;
  std::unique_ptr<PeriodicTask> task_;
};

}  // namespace headpond::worker
