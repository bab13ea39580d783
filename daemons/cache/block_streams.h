#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "cache/tiered_block_store.h"

namespace headpond::cache {

class TieredBlockReader final : public BlockReader {
 public:
  // The store has counted this reader in.
  TieredBlockReader(TieredBlockStore& store, BlockId block, DirectoryId directory, std::string path,
                    UniqueFd fd, int64_t length_bytes);
  ~TieredBlockReader() override;  // may delete the file, if the block was removed meanwhile

  int64_t length() const override { return length_bytes_; }
  const std::string& path() const override { return path_; }
  int fd() const override { return fd_.get(); }
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const override;

 private:
  TieredBlockStore& store_;
  const BlockId block_;
  const DirectoryId directory_;
  const std::string path_;
  UniqueFd fd_;
  const int64_t length_bytes_;
};

class TieredBlockWriter final : public BlockWriter {
 public:
  TieredBlockWriter(TieredBlockStore& store, BlockId block, DirectoryId directory, std::string path,
                    UniqueFd fd, int64_t reserved_bytes);
  ~TieredBlockWriter() override;

  Status Append(std::string_view data) override;
  Status Reserve(int64_t bytes) override;
  int64_t position() const override { return position_; }
  const std::string& path() const override { return path_; }
  Result<Committed> Commit(bool pin) override;
  void Abort() override;

 private:
  Status CheckOpen(std::string_view operation) const;
  // At least `bytes` in all; more, in steps, when there is room for it.
  Status EnsureReserved(int64_t bytes);
  Result<Committed> Publish(bool pin);

  TieredBlockStore& store_;
  const BlockId block_;
  const DirectoryId directory_;
  const std::string path_;
  UniqueFd fd_;  // none once committed or aborted
  int64_t reserved_bytes_;
  int64_t position_ = 0;
};

}  // namespace headpond::cache
