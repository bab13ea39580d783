#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "worker/block_input.h"

namespace headpond::worker {

// What a client asks for after it read a block elsewhere: 2.9's CacheRequest.
struct CacheRequest {
  BlockId block = 0;
  int64_t length = 0;
  std::string source_host;  // the worker that has it; "" or this worker: the under-store
  int source_port = 0;
  std::optional<UfsBlock> ufs;
};

// Pulls blocks in, each once at a time, on a bounded pool (compat/behaviour.md section 8, row
// "Cache"). Thread safe.
class CacheManager {
 public:
  // Feeds a block of another worker to `sink`, front to back.
  using RemoteFetch =
      std::function<Status(const std::string& host, int port, BlockId block, int64_t length,
                           const std::function<Status(std::string_view)>& sink)>;
  struct Options {
    // Whether a request names this worker itself.
    std::function<bool(const std::string& host, int port)> is_self;
    size_t max_requests = 512;  // alluxio.worker.network.async.cache.manager.queue.max
    int threads = 8;            // alluxio.worker.network.async.cache.manager.threads.max
  };
  CacheManager(Options options, cache::BlockStore& store, BlockInputs& inputs,
               CommitToMaster commit, RemoteFetch fetch);

  // Calls `done` once the block is here, or with why not: at once, or from the pool. Joins a
  // request for the same block that is under way. ResourceExhausted when too many are.
  void Cache(CacheRequest request, std::function<void(Status)> done) EXCLUDES(mutex_);

  // Ends the pool after what is queued. Idempotent.
  void Stop() { pool_.Shutdown(); }

 private:
  Status Pull(const CacheRequest& request);
  Status PullFromWorker(const CacheRequest& request);

  const Options options_;
  cache::BlockStore& store_;
  BlockInputs& inputs_;
  const CommitToMaster commit_;
  const RemoteFetch fetch_;
  Mutex mutex_;
  std::map<BlockId, std::vector<std::function<void(Status)>>> waiting_ GUARDED_BY(mutex_);
  ThreadPool pool_;
};

}  // namespace headpond::worker
