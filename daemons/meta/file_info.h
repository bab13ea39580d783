#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "meta/inode.h"

namespace headpond::meta {

// One block of a file. Locations are the block master's to add.
struct BlockSpan {
  BlockId id = 0;
  int64_t offset = 0;
  int64_t length = 0;  // kUnknownLength while the file is open and no worker has committed it

  friend bool operator==(const BlockSpan&, const BlockSpan&) = default;
};

// What a client learns of one path: every field of the wire's FileInfo (compat/wire.md) except
// inAlluxioPercentage, inMemoryPercentage and block locations, which depend on workers. A value: it
// stays valid after the namespace changes. Fields that do not apply to a directory hold what stock
// sends.
struct FileInfo {
  InodeId file_id = kNoInode;
  std::string name;
  std::string path;
  std::string ufs_path;
  int64_t length = 0;  // of a directory: number of children
  int64_t block_size = 0;
  int64_t creation_ms = 0;
  int64_t modification_ms = 0;
  int64_t access_ms = 0;
  bool completed = false;  // true for directories
  bool folder = false;
  bool pinned = false;
  bool cacheable = false;
  bool persisted = false;
  bool mount_point = false;
  PersistenceState persistence = PersistenceState::kNotPersisted;
  std::vector<BlockSpan> blocks;
  int64_t ttl_ms = kNoTtl;
  TtlAction ttl_action = TtlAction::kFree;
  std::string owner;
  std::string group;
  uint16_t mode = 0;
  MountId mount_id = 0;
  std::string fingerprint;
  ExtendedAcl acl;
  std::optional<DefaultAcl> default_acl;
  int32_t replication_min = 0;
  int32_t replication_max = 0;
  XattrMap xattr;
  std::vector<std::string> pinned_media;
};

// All entries of an ACL in getfacl's order: user, group, other, named users, named groups, mask.
std::vector<AclEntry> AclEntries(uint16_t mode, const ExtendedAcl& extended, bool is_default);

}  // namespace headpond::meta
