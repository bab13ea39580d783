#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cache/block_store.h"

namespace headpond::cache {

// Where files lie below one block directory (compat/behaviour.md section 8, "paths on disk").
struct BlockLayout {
  std::string directory;            // "<configured path>/alluxioworker"
  std::string temporary_directory;  // "<directory>/.tmp_blocks"
  uint16_t directory_mode = 0777;   // the sticky bit is added

  std::string BlockPath(BlockId block) const;
  // <temporary>/<session % 1024>/<session hex>-<block>
  std::string TemporaryPath(SessionId session, BlockId block) const;
  // Of a block that is being copied here from another directory.
  std::string IncomingPath(BlockId block) const;
};

struct FoundBlock {
  BlockId block;
  int64_t length_bytes;
  int64_t committed_ns;  // the file's modification time, for their order
};

// What was found in a block directory at start.
struct DirectoryScan {
  std::vector<FoundBlock> blocks;
  int64_t temporaries_deleted = 0;
  int64_t cut_short_deleted = 0;  // blocks that a crash of the machine left incomplete
  int64_t ignored = 0;            // names that are no block's
  UniqueFd lock;                  // keeps other processes out while open
};

// What a published block is to survive: the death of the process, as any cached copy, or that of
// the machine too, which costs a sync of the file and its folder (nothing in a memory file system).
enum class Survives { kProcess, kMachine };

// Every operation the block store does on files, so that tests can make them fail or wait. All
// block; never called with a lock held. Thread safe. Paths come from a BlockLayout. Errors:
// ResourceExhausted (no space, no quota, no descriptors), else Internal, which may mean that the
// whole directory is gone: the store then calls Probe.
class BlockFiles {
 public:
  virtual ~BlockFiles() = default;

  // Makes the directory and its temporary folder where missing, takes its lock, deletes temporary
  // files and blocks cut short, lists the blocks. Unavailable when another process uses it.
  virtual Result<DirectoryScan> Prepare(const BlockLayout& layout) = 0;
  // Whether files can still be made, written and synced there.
  virtual Status Probe(const BlockLayout& layout) = 0;

  // A new empty file, open for reading and writing, that any user may write (short circuit).
  virtual Result<UniqueFd> CreateTemporary(const BlockLayout& layout, const std::string& path) = 0;
  // All of `data` at `offset`, or nothing: a part that was written is cut off again.
  virtual Status WriteAt(int fd, int64_t offset, std::string_view data,
                         const std::string& path) = 0;
  virtual Result<int64_t> SizeOf(int fd, const std::string& path) = 0;
  // Turns a written temporary file of `length_bytes` into a block's: from now on nobody may write
  // it, and its length is kept with it so that a start after a crash of the machine can tell
  // whether all of it got to the disk.
  virtual Status Publish(int fd, int64_t length_bytes, const std::string& temporary_path,
                         const std::string& block_path, Survives survives) = 0;

  struct OpenBlock {
    UniqueFd fd;
    int64_t length_bytes;
  };
  // NotFound when there is no such file.
  virtual Result<OpenBlock> Open(const std::string& path) = 0;
  virtual Result<size_t> ReadAt(int fd, int64_t offset, size_t length, char* buffer,
                                const std::string& path) = 0;
  virtual Status Remove(const std::string& path) = 0;  // OK when there is none

  static std::unique_ptr<BlockFiles> Posix();
};

// A block's id in a file name: its decimal form and nothing else; -1 for other names.
BlockId ParseBlockName(std::string_view name);

}  // namespace headpond::cache
