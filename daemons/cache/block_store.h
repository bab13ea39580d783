#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace headpond::cache {

using BlockId = int64_t;    // compat/behaviour.md section 5
using SessionId = int64_t;  // one per stream; ends with it

// Where a block is to go, or is. Tier by alias ("MEM", "SSD", "HDD"); medium by name.
struct Location {
  std::string tier_alias;
  std::string medium_type;
  friend auto operator<=>(const Location&, const Location&) = default;
};

struct Placement {
  int tier = 0;             // ordinal; 0 top, -1 last
  std::string medium_type;  // "" = any
  bool allow_lower_tiers = true;
};

// A committed block that can be read. While it lives the block is neither evicted nor moved;
// removal is deferred until the last reader goes. Thread safe.
class BlockReader {
 public:
  virtual ~BlockReader() = default;
  virtual int64_t length() const = 0;
  virtual const std::string& path() const = 0;  // for short-circuit readers
  virtual int fd() const = 0;                   // for pread, mmap, sendfile; owned by the reader
  virtual Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const = 0;
};

// A block being written. Not thread safe. Destroying it without Commit aborts it and gives its
// space back.
class BlockWriter {
 public:
  virtual ~BlockWriter() = default;
  // Grows the reservation as needed, evicting. ResourceExhausted when the tier can't make room.
  virtual Status Append(std::string_view data) = 0;
  // Makes sure that `bytes` in all are reserved, for a client that writes the file itself.
  virtual Status Reserve(int64_t bytes) = 0;
  virtual int64_t position() const = 0;
  virtual const std::string& path() const = 0;
  // Turns the temporary file into block `id`; returns where it is and its length. `pin` keeps it
  // from eviction until UpdatePinnedFiles says otherwise.
  struct Committed {
    Location location;
    int64_t length;
  };
  virtual Result<Committed> Commit(bool pin) = 0;
  virtual void Abort() = 0;
};

struct TierSpace {
  std::string alias;
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;  // committed and reserved
};

// What a heartbeat tells the master: changes since the last call.
struct BlockChanges {
  std::map<Location, std::vector<BlockId>> added;
  std::vector<BlockId> removed;
  std::map<std::string, std::vector<std::string>>
      lost_storage;  // tier alias -> directories that failed
};

// The worker's cached blocks over one to three tiers of directories. Thread safe; does file I/O
// without holding its lock. Recovers committed blocks at construction (by scanning the directories)
// and deletes temporary files of former runs. Allocation and eviction order are pure functions
// (allocator.h, eviction.h).
//
// Errors: NotFound (no such block), AlreadyExists (block already committed or being written),
// ResourceExhausted (no space that may be freed: everything pinned or in use), InvalidArgument
// (unknown tier or medium), Internal (I/O).
class BlockStore {
 public:
  virtual ~BlockStore() = default;

  // Starts a temporary block with `initial_bytes` reserved.
  virtual Result<std::unique_ptr<BlockWriter>> Create(SessionId session, BlockId block,
                                                      const Placement& placement,
                                                      int64_t initial_bytes) = 0;
  virtual Result<std::unique_ptr<BlockReader>> Open(BlockId block) = 0;
  virtual bool Contains(BlockId block) const = 0;
  virtual Result<int64_t> LengthOf(BlockId block) const = 0;
  // Marks a use for the eviction order. Open does it too.
  virtual void Touch(BlockId block) = 0;
  virtual Status Remove(BlockId block) = 0;
  virtual Status Move(BlockId block, const Placement& to) = 0;
  // Deletes every committed block that is not in use; capacity stays (compat/features.md section
  // C). Returns how many.
  virtual Result<int64_t> RemoveAll() = 0;

  // Blocks of these files are not evicted. A file id shares its container with its blocks.
  virtual void UpdatePinnedFiles(const std::set<int64_t>& file_ids) = 0;

  virtual std::vector<TierSpace> Space() const = 0;  // in tier order
  virtual std::map<Location, std::vector<BlockId>> Blocks() const = 0;
  virtual int64_t block_count() const = 0;
  // Taken by the heartbeat; RestoreChanges puts them back when the master did not get them.
  virtual BlockChanges TakeChanges() = 0;
  virtual void RestoreChanges(BlockChanges changes) = 0;
};

struct DirectoryOptions {
  std::string path;  // "/alluxioworker" is appended, as stock does
  int64_t quota_bytes = 0;
  std::string medium_type;
};

struct TierOptions {
  std::string alias;
  std::vector<DirectoryOptions> directories;
};

struct BlockStoreOptions {
  std::vector<TierOptions> tiers;  // one to three, the fastest first
  enum class Allocator { kMaxFree, kGreedy, kRoundRobin } allocator = Allocator::kMaxFree;
  // Of the folders that are made: alluxio.worker.data.folder.permissions. The sticky bit is added,
  // as stock does: a short-circuit client under any user may write the file it was given, but not
  // remove another's.
  uint16_t directory_mode = 0777;
  std::string data_folder = "alluxioworker";     // alluxio.worker.data.folder, without slashes
  std::string temporary_folder = ".tmp_blocks";  // alluxio.worker.data.folder.tmp
  // Called after each eviction that dropped a block, for metrics; quick, any thread, no lock held.
  std::function<void(BlockId, int64_t bytes)> on_evict;
  const Clock* clock = &Clock::System();  // for the age of pins; outlives the store
};

// Files in folders: committed `<dir>/<blockId>`, temporary
// `<dir>/.tmp_blocks/<session % 1024>/<session hex>-<blockId>` (compat/behaviour.md section 8,
// "paths on disk"). A store written by stock is taken over as it is.
//
// A directory that can't be used at start, or fails later, is left out and reported as lost
// storage; with none left this fails. Errors: InvalidArgument (tiers, quotas, names), Unavailable
// (another process uses a directory), Internal (no directory is usable), each naming the directory.
Result<std::unique_ptr<BlockStore>> OpenTieredBlockStore(BlockStoreOptions options);

}  // namespace headpond::cache
