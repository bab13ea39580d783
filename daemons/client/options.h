#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/types.h"

namespace headpond::client {

// Options of the calls in file_system.h. What is not set takes the configured default, as the 2.9
// client does (compat/behaviour.md section 6).

struct GetStatusOptions {
  std::optional<LoadMetadata> load_metadata;  // alluxio.user.file.metadata.load.type
  std::optional<int64_t> sync_interval_ms;    // alluxio.user.file.metadata.sync.interval
  bool for_reading = false;                   // checks READ permission
  bool update_access_time = false;
};

struct ListOptions {
  bool recursive = false;
  std::optional<LoadMetadata> load_metadata;
  std::optional<int64_t> sync_interval_ms;
  bool load_metadata_only = false;  // nothing is returned
  bool exclude_mount_info = false;  // leaves out ufs_path and mount ids
};

struct CreateDirectoryOptions {
  bool recursive = false;
  bool allow_exists = false;
  std::optional<int> mode;  // 0777 & ~alluxio.security.authorization.permission.umask
  WriteType write_type = WriteType::kNone;
  std::map<std::string, std::string> xattr;
};

struct CreateOptions {
  bool recursive = true;
  bool overwrite = false;
  std::optional<int> mode;  // 0666 & ~umask
  WriteType write_type = WriteType::kNone;
  std::optional<int64_t> block_size;  // alluxio.user.block.size.bytes.default
  std::optional<int64_t> ttl_ms;
  std::optional<TtlAction> ttl_action;
  std::optional<int> replication_min, replication_max, replication_durable;
  std::optional<int> write_tier;
  std::map<std::string, std::string> xattr;
  // Class name of a worker policy (policy.h); "" = alluxio.user.block.write.location.policy.class.
  std::string location_policy;
  // Writes to this worker only.
  std::optional<WorkerAddress> worker;
};

struct DeleteOptions {
  bool recursive = false;
  bool alluxio_only = false;
  bool unchecked = false;
  bool delete_mount_point = false;
  bool sync_parent_next_time = false;
};

struct RenameOptions {
  bool persist = false;
  bool overwrite = false;
};

struct SetAttributeOptions {
  std::optional<bool> pinned;
  std::vector<std::string> pinned_media;
  std::optional<int64_t> ttl_ms;
  std::optional<TtlAction> ttl_action;
  std::optional<bool> persisted;
  std::optional<std::string> owner, group;
  std::optional<int> mode;
  std::optional<int> replication_min, replication_max;
  bool recursive = false;
  std::map<std::string, std::string> xattr;
  enum class XattrUpdate { kTruncate, kUnionReplace, kUnionPreserve, kDeleteKeys };
  XattrUpdate xattr_update = XattrUpdate::kTruncate;  // meaningful with a non-empty xattr
};

enum class SetAclAction { kReplace, kModify, kRemove, kRemoveAll, kRemoveDefault };

struct MountOptions {
  bool read_only = false;
  bool shared = false;
  bool remount = false;
  std::map<std::string, std::string> properties;
};

enum class WorkerRange { kAll, kLive, kLost, kSpecified, kDecommissioned };

struct OpenOptions {
  std::optional<ReadType> read_type;  // alluxio.user.file.readtype.default
  bool update_access_time = true;
  // Where a block that no worker holds is read through; "" =
  // alluxio.user.ufs.block.read.location.policy.
  std::string ufs_read_policy;
  // Reads through this worker only.
  std::optional<WorkerAddress> worker;
};

// 2.9's texts for enum properties. InvalidArgument names the value.
Result<WriteType> ParseWriteType(std::string_view text);
Result<ReadType> ParseReadType(std::string_view text);

}  // namespace headpond::client
