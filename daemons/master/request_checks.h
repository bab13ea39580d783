#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/worker_address.h"
#include "proto/block_master.pb.h"
#include "proto/file_system_master.pb.h"

// What a request may hold, checked before anything is stored or journaled: stock stores whatever it
// is sent. All limits are far above what any client needs. Errors: InvalidArgument that names the
// field. Only service .cc files include this.
namespace headpond::master {

inline constexpr size_t kMaxNameText = 255;        // owners, groups, hosts, tiers, media, keys
inline constexpr size_t kMaxValueText = 64 << 10;  // property and attribute values
inline constexpr int kMaxEntries = 1000;  // attributes, properties, ACL entries of one path
inline constexpr int kMaxPlaces = 64;     // tiers and media of one worker
// 4 PiB on one tier of one worker, so that sums and percentages stay in 64 bits.
inline constexpr int64_t kMaxTierBytes = int64_t{1} << 52;

// At most `most` bytes of UTF-8.
Status CheckText(std::string_view field, std::string_view text, size_t most = kMaxNameText);

Status CheckOptions(const ::alluxio::grpc::file::CreateFilePOptions& options);
Status CheckOptions(const ::alluxio::grpc::file::CreateDirectoryPOptions& options);
Status CheckOptions(const ::alluxio::grpc::file::CompleteFilePOptions& options);
Status CheckOptions(const ::alluxio::grpc::file::SetAttributePOptions& options);
Status CheckOptions(const ::alluxio::grpc::file::MountPOptions& options);
Status CheckProperties(const google::protobuf::Map<std::string, std::string>& properties);
Status CheckAclEntries(
    const google::protobuf::RepeatedPtrField<::alluxio::grpc::file::PAclEntry>& entries);

Status CheckAddress(const WorkerAddress& address);
Status CheckRegistration(const ::alluxio::grpc::block::RegisterWorkerPRequest& request);
Status CheckHeartbeat(const ::alluxio::grpc::block::BlockHeartbeatPRequest& request);
Status CheckCommit(const ::alluxio::grpc::block::CommitBlockPRequest& request);

}  // namespace headpond::master
