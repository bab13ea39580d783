#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string_view>

#include "base/result.h"
#include "proto/block_worker.pb.h"
#include "worker/cache_manager.h"

// Between our values and the wire's messages. Only service .cc files include this.
namespace headpond::worker {

// InvalidArgument, naming the message, for bytes that are none.
Status ParseMessage(const ::grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message,
                    std::string_view name);
::grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message);

// Where the client says the block is in the under-store; nullopt when it does not say.
std::optional<UfsBlock> UfsBlockOf(const ::alluxio::grpc::block::ReadRequest& request);
// InvalidArgument for negative offsets and sizes.
Status CheckUfsBlock(const std::optional<UfsBlock>& ufs);
Result<CacheRequest> CacheRequestOf(const ::alluxio::grpc::block::CacheRequest& request);
Result<CacheRequest> CacheRequestOf(const ::alluxio::grpc::block::AsyncCacheRequest& request);

}  // namespace headpond::worker
