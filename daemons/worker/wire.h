#pragma once

#include <optional>

#include "base/result.h"
#include "proto/block_worker.pb.h"
#include "worker/cache_manager.h"

// Between our values and the wire's messages. Only service .cc files include this.
namespace headpond::worker {

// Where the client says the block is in the under-store; nullopt when it does not say.
std::optional<UfsBlock> UfsBlockOf(const ::alluxio::grpc::block::ReadRequest& request);
// InvalidArgument for negative offsets and sizes, and for a range that no file can have.
Status CheckUfsBlock(const std::optional<UfsBlock>& ufs);
Result<CacheRequest> CacheRequestOf(const ::alluxio::grpc::block::CacheRequest& request);
Result<CacheRequest> CacheRequestOf(const ::alluxio::grpc::block::AsyncCacheRequest& request);

}  // namespace headpond::worker
