#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "master/block_master.h"
#include "master/cluster_metrics.h"
#include "meta/file_info.h"
#include "meta/ops/operation.h"
#include "proto/block_master.pb.h"
#include "proto/common.pb.h"
#include "proto/file_system_master.pb.h"

// Between our values and the wire's messages (compat/wire.md). Only service .cc files include this.
namespace headpond::master {

namespace fspb = ::alluxio::grpc::file;
namespace blockpb = ::alluxio::grpc::block;
namespace commonpb = ::alluxio::grpc;

// The wire counts access bits from 1 (NONE).
uint16_t FromWire(const commonpb::PMode& mode);
meta::Bits FromWire(commonpb::Bits bits);

meta::OperationId OperationIdOf(const fspb::FileSystemMasterCommonPOptions& options);
Result<std::vector<meta::AclEntry>> FromWire(
    const google::protobuf::RepeatedPtrField<fspb::PAclEntry>& entries);

// Takes the strings of `info`. `copies[i]` are those of `info.blocks[i]`; they also give the cached
// percentages.
void ToWire(meta::FileInfo&& info, const std::vector<std::vector<BlockCopy>>& copies,
            fspb::FileInfo* out);

void ToWire(int64_t block_id, int64_t length, const std::vector<BlockCopy>& copies,
            commonpb::BlockInfo* out);
void ToWire(const WorkerDescription& worker, int64_t now_ms, blockpb::WorkerInfo* out);

// A view into `metric`, good as long as it is. A name may come with its instance ("Worker.X") or
// without.
ReportedGrowth GrowthOf(const commonpb::Metric& metric);

// "ACTIVE", "LOST", ...: what `fsadmin report capacity` prints.
std::string WorkerStateName(WorkerState state);

}  // namespace headpond::master
