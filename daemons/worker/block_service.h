#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/byte_budget.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "worker/active_calls.h"
#include "worker/block_input.h"
#include "worker/cache_manager.h"

namespace grpc {
class Service;
}
namespace headpond::net {
class Authenticator;
class LaneMethods;
class StallWatch;
}  // namespace headpond::net

namespace headpond::worker {

// What the block service stands on. All must outlive it.
struct BlockServiceDeps {
  cache::BlockStore& store;
  BlockInputs& inputs;
  UfsMounts& mounts;
  CacheManager& caching;
  CommitToMaster commit;
  const net::Authenticator& authenticator;
  MetricsRegistry& metrics;
  Executor& io;              // where files are read and written
  ByteBudget& budget;        // of buffers on their way to readers
  net::StallWatch& readers;  // ends those that hold the budget and stand still
  net::StallWatch& writers;  // and those that hold room for blocks
  ActiveCalls& active;
  // Who may wipe the worker: its own user and the supergroup. May read groups; called on `io`.
  std::function<bool(const std::string& user)> is_superuser;
  size_t max_chunk_bytes = 2 << 20;  // alluxio.worker.network.reader.max.chunk.size.bytes
};

// The BlockWorker service (compat/behaviour.md section 8): the same on TCP and on the domain
// socket. Adds to `lanes` what our own clients do many times.
std::unique_ptr<::grpc::Service> MakeBlockService(const BlockServiceDeps& deps,
                                                  net::LaneMethods& lanes);

}  // namespace headpond::worker
