#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "meta/acl.h"
#include "meta/ids.h"

namespace headpond::meta {

enum class PersistenceState : uint8_t {
  kNotPersisted = 0,
  kToBePersisted = 1,
  kPersisted = 2,
  kLost = 3
};
// "NOT_PERSISTED", ...: the text of FileInfo.persistenceState.
std::string_view PersistenceStateName(PersistenceState state);

// Numbers are those of the wire.
enum class TtlAction : uint8_t { kDelete = 0, kFree = 1, kDeleteAlluxio = 2 };
std::string_view TtlActionName(TtlAction action);

inline constexpr int64_t kNoTtl = -1;
inline constexpr int64_t kUnknownLength = -1;
inline constexpr int64_t kNoPersistJob = -1;
// persist_at_ms of a file that waits until somebody asks for it.
inline constexpr int64_t kPersistNever = int64_t{1} << 60;

// 256 GiB: with 2^24 blocks a file's length still fits 63 bits.
inline constexpr int64_t kMaxBlockSize = int64_t{1} << 38;

using XattrMap = std::map<std::string, std::string, std::less<>>;

// Everything the namespace knows of one file or directory, in the clear: the unit of journal
// entries and snapshots. In memory it lives in an InodeTable, which packs it. Times are
// milliseconds since the epoch.
struct InodeRecord {
  InodeId id = kNoInode;
  InodeId parent_id = kNoInode;  // kNoInode for the root
  std::string name;              // "" for the root
  std::string owner;
  std::string group;
  uint16_t mode = 0;
  int64_t creation_ms = 0;
  int64_t modification_ms = 0;
  int64_t access_ms = 0;
  PersistenceState persistence = PersistenceState::kNotPersisted;
  bool pinned = false;
  std::string fingerprint;  // of the under-store's copy; "" = unknown

  // Directories.
  bool mount_point = false;
  bool children_loaded = false;  // the under-store has been listed once
  std::optional<DefaultAcl> default_acl;

  // Files.
  int64_t length = 0;  // final once completed
  int64_t block_size = 0;
  uint32_t block_count = 0;
  bool completed = false;
  bool cacheable = true;

  // Rarely set.
  int64_t ttl_ms = kNoTtl;
  TtlAction ttl_action = TtlAction::kFree;
  int32_t replication_min = 0;
  int32_t replication_max = -1;  // -1: no limit
  int32_t replication_durable = 1;
  int64_t persist_job_id = kNoPersistJob;
  int64_t persist_at_ms = 0;  // kToBePersisted: not before this time
  std::string temp_ufs_path;  // of a persist job under way
  ExtendedAcl acl;
  XattrMap xattr;
  std::vector<std::string> pinned_media;
  // While the file is open: length of each block that a worker has committed, kUnknownLength for
  // the others; may be shorter than block_count. Once completed: empty, or with blocks to skip.
  std::vector<int64_t> open_block_lengths;

  bool is_file() const { return IsFileId(id); }
  bool is_directory() const { return !IsFileId(id); }
  friend bool operator==(const InodeRecord&, const InodeRecord&) = default;
};

}  // namespace headpond::meta
