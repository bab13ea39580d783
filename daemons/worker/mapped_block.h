#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "cache/block_store.h"

namespace headpond::worker {

// Whether the block's file is on tmpfs or ramfs, so that reading it waits for no device.
bool IsInMemory(const cache::BlockReader& reader);

// Bytes of a block that stay where they are, unchanged, while `owner` lives.
struct BlockView {
  std::shared_ptr<const void> owner;  // null: there is no view
  const char* data = nullptr;
  size_t size = 0;
};

// A block's file in this process's address space, so that what is sent to a reader is not copied
// into a buffer first. Thread safe. Unmapped when the last owner goes, also that of a view, which
// may be after the block was removed.
//
// A mapping of a file that somebody cuts short is a trap: the process dies of SIGBUS at the next
// byte it looks at, and gRPC does look at the ends of slices, which it copies. So a lease on the
// file (fcntl, F_SETLEASE) goes with each mapping: whoever opens the file for writing, or truncates
// it, is held up by the kernel until the lease is given back, for at most
// /proc/sys/fs/lease-break-time (45 s), or is refused if it does not want to wait. Yield gives it
// back, after it has put copies in place of the pages that are in use.
class MappedBlock : public std::enable_shared_from_this<MappedBlock> {
 public:
  // Null when the file is not in memory, shorter than the block, open for writing somewhere, of
  // another owner, or can't be mapped: read it instead.
  static std::shared_ptr<MappedBlock> Map(const cache::BlockReader& reader);
  ~MappedBlock();

  MappedBlock(const MappedBlock&) = delete;
  MappedBlock& operator=(const MappedBlock&) = delete;

  size_t size() const { return size_; }
  // At most `length` bytes at `offset`. None once the file was given up: read it instead, which
  // says what has become of it.
  BlockView View(int64_t offset, size_t length) EXCLUDES(mutex_);

  // Whether somebody is held up who wants to write the file.
  bool wanted() const EXCLUDES(mutex_);
  // Lets them. Views keep their bytes. Copies at most what is viewed; ResourceExhausted when there
  // is no memory for that, to be tried again.
  Status Yield() EXCLUDES(mutex_);

 private:
  using Range = std::pair<size_t, size_t>;  // begin and end

  MappedBlock(char* data, size_t size, UniqueFd file)
      : data_(data), size_(size), file_(std::move(file)) {}
  // Puts a copy of these bytes in the place of the file's pages.
  Status Preserve(Range range);

  char* const data_;
  const size_t size_;
  const UniqueFd file_;  // has the lease
  mutable Mutex mutex_;
  std::list<Range> views_ GUARDED_BY(mutex_);
  bool given_up_ GUARDED_BY(mutex_) = false;  // no new views
  bool released_ GUARDED_BY(mutex_) = false;  // the lease
};

// The mapped blocks of a worker. Thread safe; need not outlive them.
class MappedBlocks {
 public:
  MappedBlocks();

  // As MappedBlock::Map. Null, too, where leases are broken before anyone could look.
  std::shared_ptr<MappedBlock> Map(const cache::BlockReader& reader) EXCLUDES(mutex_);
  // Lets go of files that somebody wants to write. To be called every second or so.
  void YieldWanted() EXCLUDES(mutex_);

 private:
  const bool leases_last_;
  Mutex mutex_;
  std::vector<std::weak_ptr<MappedBlock>> blocks_ GUARDED_BY(mutex_);
};

}  // namespace headpond::worker
