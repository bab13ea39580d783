#include "worker/block_input.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/log.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "block-input";
constexpr size_t kCopyBytes = 1 << 20;
constexpr int64_t kMinMappedBytes = 256 << 10;

class CachedInput final : public BlockInput {
 public:
  // `range` bytes are going to be read: mapping pays from some hundred KiB on.
  CachedInput(std::unique_ptr<cache::BlockReader> reader, int64_t range, MappedBlocks& blocks)
      : reader_(std::move(reader)),
        mapped_(range >= kMinMappedBytes ? blocks.Map(*reader_) : nullptr) {}
  int64_t length() const override { return reader_->length(); }
  bool cached() const override { return true; }
  bool in_memory() const override { return IsInMemory(*reader_); }
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    return reader_->ReadAt(offset, length, buffer);
  }
  bool viewable() const override { return mapped_ != nullptr; }
  BlockView ViewAt(int64_t offset, size_t length) override {
    BlockView view = mapped_->View(offset, length);
    if (!view.owner) mapped_.reset();
    return view;
  }

 private:
  const std::unique_ptr<cache::BlockReader> reader_;
  std::shared_ptr<MappedBlock> mapped_;  // null: read it
};

// Reads the under-store and, given a writer, keeps a copy. The copy is best effort: whatever goes
// wrong with it, the read goes on.
class UfsInput final : public BlockInput {
 public:
  UfsInput(BlockId block, UfsBlock source, std::unique_ptr<ufs::UfsReader> reader,
           std::unique_ptr<cache::BlockWriter> copy, const CommitToMaster& commit)
      : block_(block),
        source_(std::move(source)),
        reader_(std::move(reader)),
        copy_(std::move(copy)),
        commit_(commit) {}

  int64_t length() const override { return source_.block_size; }
  bool cached() const override { return false; }

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    const int64_t rest = source_.block_size - offset;
    if (rest <= 0) return size_t{0};
    const size_t wanted = std::min(length, static_cast<size_t>(rest));
    ASSIGN_OR_RETURN(const size_t got,
                     reader_->ReadAt(source_.offset_in_file + offset, wanted, buffer));
    if (got < wanted)  // for good, so not a code that is tried again for minutes
      return FailedPrecondition(
          "{} ends at byte {}, before the {} bytes the namespace knows of; it was changed in the "
          "under-store: reload its metadata",
          source_.ufs_path, source_.offset_in_file + offset + static_cast<int64_t>(got),
          source_.offset_in_file + source_.block_size);
    if (copy_) Keep(offset, {buffer, got});
    return got;
  }

 private:
  void Keep(int64_t offset, std::string_view data) {
    Status status =
        offset == copy_->position() ? copy_->Append(data) : Cancelled("not read front to back");
    const bool whole = status.ok() && copy_->position() == source_.block_size;
    if (whole) status = CommitBlock(*copy_, block_, /*pin=*/false, commit_);
    if (!status.ok()) LogDebug(kComponent, "block {} is not cached: {}", block_, status.ToString());
    if (!status.ok() || whole) copy_.reset();
  }

  const BlockId block_;
  const UfsBlock source_;
  const std::unique_ptr<ufs::UfsReader> reader_;
  std::unique_ptr<cache::BlockWriter> copy_;
  const CommitToMaster& commit_;
};

}  // namespace

cache::SessionId NewSessionId() {
  static std::atomic<cache::SessionId> next{1};
  return next++;
}

Status CommitBlock(cache::BlockWriter& writer, BlockId block, bool pin,
                   const CommitToMaster& commit) {
  ASSIGN_OR_RETURN(const cache::BlockWriter::Committed committed, writer.Commit(pin));
  return commit(block, committed);
}

Result<std::unique_ptr<BlockInput>> BlockInputs::Open(BlockId block,
                                                      const std::optional<UfsBlock>& ufs,
                                                      int64_t offset, int64_t length) {
  auto reader = store_.Open(block);
  if (reader.ok())
    return std::unique_ptr<BlockInput>(new CachedInput(*std::move(reader), length, mapped_));
  if (reader.status().code() != Code::kNotFound || !ufs) return reader.status();

  ASSIGN_OR_RETURN(const UfsMounts::Mount mount, mounts_.Get(ufs->mount_id));
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::UfsReader> source, mount.ufs->Open(ufs->ufs_path));
  std::unique_ptr<cache::BlockWriter> copy;
  if (!ufs->no_cache && offset == 0 && length >= ufs->block_size) {
    auto writer =
        store_.Create(NewSessionId(), block, {}, std::min<int64_t>(ufs->block_size, kCopyBytes));
    if (writer.ok())
      copy = *std::move(writer);  // no room, or somebody else is at it: read without a copy
  }
  return std::unique_ptr<BlockInput>(
      new UfsInput(block, *ufs, std::move(source), std::move(copy), commit_));
}

Status BlockInputs::CacheFromUfs(BlockId block, const UfsBlock& ufs) {
  if (store_.Contains(block)) return Status::Ok();
  UfsBlock whole = ufs;
  whole.no_cache = false;
  ASSIGN_OR_RETURN(const std::unique_ptr<BlockInput> input, Open(block, whole, 0, ufs.block_size));
  std::vector<char> buffer(static_cast<size_t>(std::min<int64_t>(ufs.block_size, kCopyBytes)));
  for (int64_t offset = 0; offset < input->length();) {
    ASSIGN_OR_RETURN(const size_t got, input->ReadAt(offset, buffer.size(), buffer.data()));
    offset += static_cast<int64_t>(got);
  }
  if (store_.Contains(block)) return Status::Ok();
  return ResourceExhausted("block {} of {} was read but there is no room to keep it", block,
                           ufs.ufs_path);
}

}  // namespace headpond::worker
