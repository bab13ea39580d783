#pragma once

#include <string_view>

#include "client/types.h"
#include "proto/block_master.pb.h"
#include "proto/common.pb.h"
#include "proto/file_system_master.pb.h"

namespace headpond::client {

// Between the wire's messages and the plain values of types.h. Internal to this layer.

BlockInfo FromWire(const alluxio::grpc::BlockInfo& wire);
Acl FromWire(const alluxio::grpc::file::PAcl& wire);
// Takes the message apart: entries of a listing are many.
FileInfo FromWire(alluxio::grpc::file::FileInfo&& wire);
WorkerInfo FromWire(const alluxio::grpc::block::WorkerInfo& wire);

alluxio::grpc::file::PAclEntry ToWire(const AclEntry& entry);
alluxio::grpc::TtlAction ToWire(TtlAction action);
alluxio::grpc::file::WritePType ToWire(WriteType type);
alluxio::grpc::file::LoadMetadataPType ToWire(LoadMetadata type);

// Nine permission bits, as the wire's three enums.
alluxio::grpc::PMode ModeToWire(int mode);
// Three permission bits.
alluxio::grpc::Bits BitsToWire(int bits);

}  // namespace headpond::client
