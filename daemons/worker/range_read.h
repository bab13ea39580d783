#pragma once

#include <memory>

#include "net/lane_service.h"
#include "proto/block_worker.pb.h"
#include "worker/block_service.h"

// What reads of blocks are made of, whether a stream of chunks (ReadBlock) or one short answer on a
// lane.
namespace headpond::worker {

// Errors: InvalidArgument that names the field and its value.
Status CheckReadRequest(const ::alluxio::grpc::block::ReadRequest& request);

// Opens the block of a checked request, for its range: the copy in the store, moved up first if the
// request asks for that, else the under-store's. Blocks.
Result<std::unique_ptr<BlockInput>> OpenForReading(
    const BlockServiceDeps& deps, const ::alluxio::grpc::block::ReadRequest& request);

// `local_socket`: the reader came through the domain socket.
void CountRead(const BlockServiceDeps& deps, bool cached, bool local_socket, size_t bytes);

// Whether the call came through the domain socket.
bool IsLocalSocket(const ::grpc::CallbackServerContext& context);

// Adds net::kReadRangeMethod: short reads at any place, without a stream each. A request above
// net::kMaxLaneReadBytes is InvalidArgument. A block that was in memory when it was last read is
// read on the lane's thread, others on deps.io. `deps` must outlive the lanes.
void AddRangeReads(const BlockServiceDeps& deps, net::LaneMethods& methods);

}  // namespace headpond::worker
