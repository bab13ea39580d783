#include "cache/block_streams.h"

#include <algorithm>

#include "base/log.h"

namespace headpond::cache {
namespace {

// How much a writer that did not say its size reserves ahead: one trip to the store's lock, and at
// most one eviction, for four of a stock client's chunks (1 MiB each).
constexpr int64_t kGrowStepBytes = 4 << 20;

}  // namespace

TieredBlockReader::TieredBlockReader(TieredBlockStore& store, BlockId block, DirectoryId directory,
                                     std::string path, UniqueFd fd, int64_t length_bytes)
    : store_(store),
      block_(block),
      directory_(directory),
      path_(std::move(path)),
      fd_(std::move(fd)),
      length_bytes_(length_bytes) {
  MutexLock lock(store_.mutex_);
  ++store_.open_streams_;
}

TieredBlockReader::~TieredBlockReader() {
  fd_.Reset();
  store_.ReleaseReader(block_, directory_);
  MutexLock lock(store_.mutex_);
  --store_.open_streams_;
}

Result<size_t> TieredBlockReader::ReadAt(int64_t offset, size_t length, char* buffer) const {
  if (offset < 0) return InvalidArgument("read block {} at {}: negative offset", block_, offset);
  if (offset >= length_bytes_) return size_t{0};
  const size_t wanted = std::min(length, static_cast<size_t>(length_bytes_ - offset));
  auto got = store_.files_->ReadAt(fd_.get(), offset, wanted, buffer, path_);
  if (!got.ok()) {
    store_.Suspect(directory_, got.status());
    return got.status().WithContext(fmt::format("read block {}", block_));
  }
  if (*got < wanted) {
    store_.Forget(block_, directory_);
    return Internal("read block {}: somebody cut its file {} short of its {} bytes", block_, path_,
                    length_bytes_);
  }
  return got;
}

TieredBlockWriter::TieredBlockWriter(TieredBlockStore& store, BlockId block, DirectoryId directory,
                                     std::string path, UniqueFd fd, int64_t reserved_bytes)
    : store_(store),
      block_(block),
      directory_(directory),
      path_(std::move(path)),
      fd_(std::move(fd)),
      reserved_bytes_(reserved_bytes) {
  MutexLock lock(store_.mutex_);
  ++store_.open_streams_;
}

TieredBlockWriter::~TieredBlockWriter() {
  Abort();
  MutexLock lock(store_.mutex_);
  --store_.open_streams_;
}

Status TieredBlockWriter::CheckOpen(std::string_view operation) const {
  if (fd_.valid()) return Status::Ok();
  return FailedPrecondition("{} block {}: already committed or aborted", operation, block_);
}

Status TieredBlockWriter::Append(std::string_view data) {
  RETURN_IF_ERROR(CheckOpen("write"));
  RETURN_IF_ERROR(EnsureReserved(position_ + static_cast<int64_t>(data.size())));
  const Status written = store_.files_->WriteAt(fd_.get(), position_, data, path_);
  if (!written.ok()) {
    store_.Suspect(directory_, written);
    return written.WithContext(fmt::format("write block {}", block_));
  }
  position_ += static_cast<int64_t>(data.size());
  return Status::Ok();
}

Status TieredBlockWriter::Reserve(int64_t bytes) {
  RETURN_IF_ERROR(CheckOpen("reserve room for"));
  if (bytes <= reserved_bytes_) return Status::Ok();
  RETURN_IF_ERROR(store_.Grow(block_, bytes - reserved_bytes_));
  reserved_bytes_ = bytes;
  return Status::Ok();
}

Status TieredBlockWriter::EnsureReserved(int64_t bytes) {
  if (bytes <= reserved_bytes_) return Status::Ok();
  const int64_t stepped = reserved_bytes_ + kGrowStepBytes;
  if (stepped > bytes && Reserve(stepped).ok()) return Status::Ok();
  return Reserve(bytes);
}

Result<BlockWriter::Committed> TieredBlockWriter::Commit(bool pin) {
  RETURN_IF_ERROR(CheckOpen("commit"));
  auto committed = Publish(pin);
  if (committed.ok()) {
    fd_.Reset();
    return committed;
  }
  store_.Suspect(directory_, committed.status());
  Abort();
  return committed.status().WithContext(fmt::format("commit block {}", block_));
}

Result<BlockWriter::Committed> TieredBlockWriter::Publish(bool pin) {
  // A short-circuit client writes the file itself, so the file says how long the block is.
  ASSIGN_OR_RETURN(const int64_t length, store_.files_->SizeOf(fd_.get(), path_));
  if (length < position_) {
    return Internal("{} has {} bytes though {} were written", path_, length, position_);
  }
  RETURN_IF_ERROR(Reserve(length));
  const std::string block_path = store_.layouts_[directory_].BlockPath(block_);
  // A pin at commit says that nobody else has these bytes yet, but will: they are to be persisted.
  RETURN_IF_ERROR(store_.files_->Publish(fd_.get(), length, path_, block_path,
                                         pin ? Survives::kMachine : Survives::kProcess));
  auto committed = store_.Commit(block_, length, pin);
  if (!committed.ok()) (void)store_.files_->Remove(block_path);  // its directory failed meanwhile
  return committed;
}

void TieredBlockWriter::Abort() {
  if (!fd_.valid()) return;
  fd_.Reset();
  // The file first: its room is given away only when it is free.
  const Status removed = store_.files_->Remove(path_);
  if (!removed.ok() && !store_.Suspect(directory_, removed)) {
    LogError("block-store", "cannot delete the unfinished block {}: {}", block_, removed.message());
  }
  store_.DropTemporary(block_);
}

}  // namespace headpond::cache
