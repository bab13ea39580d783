#pragma once

#include <memory>

#include "base/random.h"
#include "net/channel.h"
#include "worker/cache_manager.h"

namespace headpond::worker {

// Reads whole blocks from other workers over ReadBlock. One connection per worker, kept. Thread
// safe.
class RemoteFetcher {
 public:
  // `channel` without its target.
  explicit RemoteFetcher(net::ChannelOptions channel);
  ~RemoteFetcher();

  // See CacheManager::RemoteFetch. Every message must come within the step timeout of a minute.
  Status Fetch(const std::string& host, int port, BlockId block, int64_t length,
               const std::function<Status(std::string_view)>& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::worker
