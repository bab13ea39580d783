#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "cache/block_files.h"
#include "cache/block_index.h"
#include "cache/block_store.h"

namespace headpond::cache {

// The BlockStore over files: BlockIndex plans under the mutex, BlockFiles does the I/O without it,
// the outcome is recorded under it again. Its readers and writers must be gone before it is.
class TieredBlockStore final : public BlockStore {
 public:
  // As OpenTieredBlockStore, with the file operations given, for tests.
  static Result<std::unique_ptr<BlockStore>> Open(BlockStoreOptions options,
                                                  std::unique_ptr<BlockFiles> files);

  ~TieredBlockStore() override;

  Result<std::unique_ptr<BlockWriter>> Create(SessionId session, BlockId block,
                                              const Placement& placement,
                                              int64_t initial_bytes) override EXCLUDES(mutex_);
  Result<std::unique_ptr<BlockReader>> Open(BlockId block) override EXCLUDES(mutex_);
  bool Contains(BlockId block) const override EXCLUDES(mutex_);
  Result<int64_t> LengthOf(BlockId block) const override EXCLUDES(mutex_);
  void Touch(BlockId block) override EXCLUDES(mutex_);
  Status Remove(BlockId block) override EXCLUDES(mutex_);
  Status Move(BlockId block, const Placement& to) override EXCLUDES(mutex_);
  Result<int64_t> RemoveAll() override EXCLUDES(mutex_);
  void UpdatePinnedFiles(const std::set<int64_t>& file_ids) override EXCLUDES(mutex_);
  std::vector<TierSpace> Space() const override EXCLUDES(mutex_);
  std::map<Location, std::vector<BlockId>> Blocks() const override EXCLUDES(mutex_);
  int64_t block_count() const override EXCLUDES(mutex_);
  BlockChanges TakeChanges() override EXCLUDES(mutex_);
  void RestoreChanges(BlockChanges changes) override EXCLUDES(mutex_);

 private:
  friend class TieredBlockReader;
  friend class TieredBlockWriter;
  struct Recovered;

  TieredBlockStore(BlockStoreOptions options, std::unique_ptr<BlockFiles> files,
                   std::vector<BlockIndex::Directory> directories,
                   std::vector<BlockLayout> layouts);
  // Takes over what a former run left, before anyone else knows the store.
  Status Recover() EXCLUDES(mutex_);
  // Of one directory, which is put out of service when that fails. Unavailable (another process
  // uses it) is returned: nothing may be opened then.
  Status RecoverDirectory(DirectoryId directory, Recovered& recovered) EXCLUDES(mutex_);
  Status TakeOver(DirectoryId directory, Recovered& recovered) EXCLUDES(mutex_);
  void WarnAboutSpace() EXCLUDES(mutex_);

  // For the writer.
  Status Grow(BlockId block, int64_t extra_bytes) EXCLUDES(mutex_);
  Result<BlockWriter::Committed> Commit(BlockId block, int64_t length_bytes, bool pin)
      EXCLUDES(mutex_);
  void DropTemporary(BlockId block) EXCLUDES(mutex_);

  // For the reader.
  void ReleaseReader(BlockId block, DirectoryId directory) EXCLUDES(mutex_);
  // A block whose file is not what was committed: nobody shall get it any more.
  void Forget(BlockId block, DirectoryId directory) EXCLUDES(mutex_);

  // Waits while the block is on the move. NotFound when there is none, Unavailable when that takes
  // too long.
  Status AwaitReady(BlockId block) REQUIRES(mutex_);
  void CarryOut(const std::vector<BlockIndex::Victim>& victims) EXCLUDES(mutex_);
  // Copies a block's file to another directory, or leaves everything as it was.
  Status CopyBlock(BlockId block, DirectoryId from, DirectoryId to, int64_t length_bytes,
                   Survives survives) EXCLUDES(mutex_);
  Status CopyBytes(BlockId block, DirectoryId from, DirectoryId to, int64_t length_bytes,
                   Survives survives);
  bool FinishMove(BlockId block, bool moved) EXCLUDES(mutex_);
  // Deletes the file of a block that left, and lets go of its id.
  void DeleteLeft(BlockId block, DirectoryId directory) EXCLUDES(mutex_);
  // After an error of a file in `directory`: takes it out of service when it does not work any
  // more. True when it is out of service.
  bool Suspect(DirectoryId directory, const Status& error) EXCLUDES(mutex_);

  const BlockStoreOptions options_;
  const std::unique_ptr<BlockFiles> files_;
  const std::vector<BlockLayout> layouts_;  // by DirectoryId
  std::vector<UniqueFd> locks_;
  mutable Mutex mutex_;
  CondVar moved_;  // a block is no longer on the move
  BlockIndex index_ GUARDED_BY(mutex_);
  int open_streams_ GUARDED_BY(mutex_) = 0;
};

}  // namespace headpond::cache
