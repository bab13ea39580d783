#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cache/block_store.h"
#include "worker/mapped_block.h"
#include "worker/ufs_mounts.h"

namespace headpond::worker {

using cache::BlockId;

// Where a block's bytes are in the under-store: 2.9's OpenUfsBlockOptions.
struct UfsBlock {
  std::string ufs_path;
  int64_t offset_in_file = 0;
  int64_t block_size = 0;  // bytes of this block
  MountId mount_id = 0;
  bool no_cache = false;
};

// A block open for reading, wherever it comes from. Used by one thread at a time.
class BlockInput {
 public:
  virtual ~BlockInput() = default;
  virtual int64_t length() const = 0;
  virtual bool cached() const = 0;
  // Whether ReadAt waits for no device.
  virtual bool in_memory() const { return false; }
  // Up to `length` bytes at `offset`; fewer only at the end of the block. NotFound when the
  // under-store's file is gone, Unavailable when the store fails.
  virtual Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) = 0;
  // Whether ViewAt works: the bytes are in memory, and nothing is waited for.
  virtual bool viewable() const { return false; }
  // Like ReadAt, without the copy. May turn out not to work any more: no owner.
  virtual BlockView ViewAt(int64_t /*offset*/, size_t /*length*/) { return {}; }
};

// Tells the master of a block that was just committed here.
using CommitToMaster = std::function<Status(BlockId, const cache::BlockWriter::Committed&)>;

// Opens blocks: from the store, else from the under-store, caching on the way when the whole block
// is read front to back (compat/behaviour.md section 8, row "source"). Thread safe.
class BlockInputs {
 public:
  BlockInputs(cache::BlockStore& store, UfsMounts& mounts, CommitToMaster commit)
      : store_(store), mounts_(mounts), commit_(std::move(commit)) {}

  // `offset` and `length` are the range that will be read. Errors: NotFound when the block is
  // neither here nor, as far as `ufs` says, in an under-store.
  Result<std::unique_ptr<BlockInput>> Open(BlockId block, const std::optional<UfsBlock>& ufs,
                                           int64_t offset, int64_t length);

  // Pulls the whole block in from the under-store. OK when it is here already.
  Status CacheFromUfs(BlockId block, const UfsBlock& ufs);

  // Lets go of files of blocks that somebody else wants to write. To be called every second or so.
  void YieldFiles() { mapped_.YieldWanted(); }

 private:
  cache::BlockStore& store_;
  UfsMounts& mounts_;
  const CommitToMaster commit_;
  MappedBlocks mapped_;
};

// Makes the block readable and known to the master: an error leaves it uncommitted or, after a
// failed report, to the next heartbeat.
Status CommitBlock(cache::BlockWriter& writer, BlockId block, bool pin,
                   const CommitToMaster& commit);

// A new id for a reader or writer of blocks. Thread safe.
cache::SessionId NewSessionId();

}  // namespace headpond::worker
