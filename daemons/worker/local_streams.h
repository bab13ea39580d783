#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>

#include "worker/block_service.h"

namespace headpond::worker {

// Short circuit: the client opens the block's file itself; these streams only keep the block where
// it is (compat/behaviour.md section 8, "Short circuit"). Both delete themselves when the call is
// over; their few file operations run on deps.io.

using RawReactor = ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>;

// OpenLocalBlock: answers the path and keeps the block from eviction until the client half-closes.
RawReactor* NewOpenLocalStream(const BlockServiceDeps& deps, Status authenticated);

// CreateLocalBlock: answers the path of a temporary file for the client to write; requests with
// only_reserve_space grow its reservation; half-close commits the block, cancellation aborts it.
// `cancelled` says whether the call was; asked until the call is over.
RawReactor* NewCreateLocalStream(const BlockServiceDeps& deps, std::function<bool()> cancelled,
                                 Status authenticated);

}  // namespace headpond::worker
