#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/host_port.h"
#include "base/worker_address.h"

namespace headpond::client {

// Plain values of the client API. They mirror the wire messages (compat/wire.md) without their
// headers.

// alluxio.user.file.readtype.default.
enum class ReadType { kNoCache, kCache, kCachePromote };
// alluxio.user.file.writetype.default. kNone means "as configured".
enum class WriteType { kNone, kMustCache, kCacheThrough, kThrough, kAsyncThrough };
enum class TtlAction { kDelete, kFree, kDeleteAlluxio };
enum class LoadMetadata { kNever, kOnce, kAlways };

struct BlockLocation {
  int64_t worker_id = 0;
  WorkerAddress worker;
  std::string tier_alias;
  std::string medium_type;
};

struct BlockInfo {
  int64_t id = 0;
  int64_t length = 0;
  std::vector<BlockLocation> locations;
};

struct FileBlock {
  BlockInfo block;
  int64_t offset = 0;                      // in the file
  std::vector<std::string> ufs_locations;  // host:port, as the under-store reports them
};

struct AclEntry {
  enum class Type { kOwner, kNamedUser, kOwningGroup, kNamedGroup, kMask, kOther };
  Type type = Type::kOwner;
  std::string subject;  // of named entries
  int bits = 0;         // 4 read, 2 write, 1 execute
  bool is_default = false;
  friend bool operator==(const AclEntry&, const AclEntry&) = default;
};

// Extended ACL of a path, or a directory's default one.
struct Acl {
  std::string owner;
  std::string owning_group;
  std::vector<AclEntry> entries;  // the three basic ones first
  int mode = 0;
  bool is_default = false;
  bool is_default_empty = false;
};

// What the master knows about one path. Times in milliseconds since the epoch.
struct FileInfo {
  int64_t file_id = 0;
  std::string name;
  std::string path;
  std::string ufs_path;
  int64_t length = 0;  // bytes of a file, number of children of a folder
  int64_t block_size = 0;
  int64_t creation_time_ms = 0;
  int64_t last_modification_time_ms = 0;
  int64_t last_access_time_ms = 0;
  bool completed = false;
  bool folder = false;
  bool pinned = false;
  bool cacheable = false;
  bool persisted = false;
  bool mount_point = false;
  std::vector<int64_t> block_ids;
  std::vector<FileBlock> blocks;
  int64_t ttl_ms = -1;
  TtlAction ttl_action = TtlAction::kFree;
  std::string owner;
  std::string group;
  int mode = 0;
  std::string persistence_state;  // PERSISTED, NOT_PERSISTED, TO_BE_PERSISTED, LOST
  int64_t mount_id = 0;
  int in_alluxio_percentage = 0;
  int in_memory_percentage = 0;
  std::string ufs_fingerprint;
  std::optional<Acl> acl;
  std::optional<Acl> default_acl;
  int replication_max = -1;
  int replication_min = 0;
  std::map<std::string, std::string> xattr;
  std::vector<std::string> medium_types;
};

struct MountPoint {
  std::string path;
  std::string ufs_uri;
  std::string ufs_type;
  int64_t ufs_capacity_bytes = -1;  // -1 unknown
  int64_t ufs_used_bytes = -1;
  bool read_only = false;
  bool shared = false;
  std::map<std::string, std::string> properties;
  int64_t mount_id = 0;
};

struct WorkerInfo {
  int64_t id = 0;
  WorkerAddress address;
  int last_contact_s = 0;
  std::string state;
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;
  int64_t start_time_ms = 0;
  std::map<std::string, int64_t> capacity_on_tiers;
  std::map<std::string, int64_t> used_on_tiers;
  std::string version;
  std::string revision;
  int vcpus = 0;
};

struct MasterInfo {
  std::string leader_address;
  std::vector<HostPort> master_addresses;
  int rpc_port = 0;
  int web_port = 0;
  bool safe_mode = false;
  int64_t start_time_ms = 0;
  int64_t uptime_ms = 0;
  std::string version;
  std::vector<std::string> zookeeper_addresses;
  std::string cluster_id;
  bool raft_journal = false;
  std::vector<std::string> raft_addresses;
  struct Version {
    HostPort address;
    std::string version;
    std::string state;
  };
  std::vector<Version> versions;
};

// A master that keeps the embedded journal, by the address of its journal port.
struct QuorumMember {
  HostPort address;
  bool available = false;
  bool leads = false;
  int priority = 0;
};

// A backup of the master's metadata, as it stands.
struct BackupInfo {
  enum class State { kUnknown, kInitiating, kTransitioning, kRunning, kCompleted, kFailed };
  std::string id;
  State state = State::kUnknown;
  std::string host;  // that makes it
  std::string uri;
  int64_t entries = 0;
};

struct BlockMasterInfo {
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;
  int64_t free_bytes = 0;
  int live_workers = 0;
  int lost_workers = 0;
  int decommissioned_workers = 0;
  std::map<std::string, int64_t> capacity_on_tiers;
  std::map<std::string, int64_t> used_on_tiers;
};

struct Metric {
  std::string name;
  std::string type;  // GAUGE, COUNTER, METER, TIMER, ...
  double value = 0;
  std::string text;  // of a metric that is not a number
  bool is_text = false;
};

struct ConfigProperty {
  std::string name;
  std::string source;
  std::string value;
};

}  // namespace headpond::client
