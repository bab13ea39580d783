#include "cache/tiered_block_store.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "cache/block_streams.h"

namespace headpond::cache {
namespace {

// A block of 1 GiB leaves a disk of 20 MB/s in this time.
constexpr std::chrono::seconds kMoveWait{60};
// How long the block of a file that the master has not listed yet stays pinned after a commit with
// a pin: the master lists a file only once it is complete, and a large one takes a while to write.
// If its writer died the pin must end some day.
constexpr std::chrono::hours kWriterPinLifetime{1};
constexpr size_t kCopyBufferBytes = 1 << 20;

}  // namespace

TieredBlockStore::TieredBlockStore(BlockStoreOptions options, std::unique_ptr<BlockFiles> files,
                                   std::vector<BlockIndex::Directory> directories,
                                   std::vector<BlockLayout> layouts)
    : options_(std::move(options)),
      files_(std::move(files)),
      layouts_(std::move(layouts)),
      locks_(layouts_.size()),
      index_(std::move(directories), options_.allocator) {}

TieredBlockStore::~TieredBlockStore() {
  MutexLock lock(mutex_);
  assert(open_streams_ == 0 && "a reader or writer outlives its block store");
}

// ---- writing ----

Result<std::unique_ptr<BlockWriter>> TieredBlockStore::Create(SessionId session, BlockId block,
                                                              const Placement& placement,
                                                              int64_t initial_bytes) {
  if (block < 0) return InvalidArgument("block id {} is negative", block);
  if (initial_bytes < 0) return InvalidArgument("cannot reserve {} bytes", initial_bytes);
  // Each further attempt follows the loss of a directory.
  for (size_t attempt = 0;; ++attempt) {
    BlockIndex::Grant grant;
    {
      MutexLock lock(mutex_);
      ASSIGN_OR_RETURN(grant, index_.PlanCreate(block, placement, initial_bytes));
    }
    CarryOut(grant.victims);
    const BlockLayout& layout = layouts_[grant.directory];
    std::string path = layout.TemporaryPath(session, block);
    auto fd = files_->CreateTemporary(layout, path);
    if (fd.ok()) {
      return std::unique_ptr<BlockWriter>(std::make_unique<TieredBlockWriter>(
          *this, block, grant.directory, std::move(path), *std::move(fd), initial_bytes));
    }
    DropTemporary(block);
    if (!Suspect(grant.directory, fd.status()) || attempt >= layouts_.size()) {
      return fd.status().WithContext(fmt::format("create block {}", block));
    }
  }
}

Status TieredBlockStore::Grow(BlockId block, int64_t extra_bytes) {
  std::vector<BlockIndex::Victim> victims;
  {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(victims, index_.PlanGrow(block, extra_bytes));
  }
  CarryOut(victims);
  return Status::Ok();
}

Result<BlockWriter::Committed> TieredBlockStore::Commit(BlockId block, int64_t length_bytes,
                                                        bool pin) {
  std::optional<std::chrono::steady_clock::time_point> pin_until;
  if (pin) pin_until = options_.clock->Now() + kWriterPinLifetime;
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(index_.CommitTemporary(block, length_bytes, pin_until));
  const auto found = index_.Find(block);
  return BlockWriter::Committed{index_.directory(found->directory).location, length_bytes};
}

void TieredBlockStore::DropTemporary(BlockId block) {
  MutexLock lock(mutex_);
  index_.DropTemporary(block);
}

// ---- reading ----

Result<std::unique_ptr<BlockReader>> TieredBlockStore::Open(BlockId block) {
  BlockIndex::Found found;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(AwaitReady(block));
    found = index_.AcquireReader(block);
  }
  std::string path = layouts_[found.directory].BlockPath(block);
  auto opened = files_->Open(path);
  if (opened.ok() && opened->length_bytes == found.length_bytes) {
    return std::unique_ptr<BlockReader>(std::make_unique<TieredBlockReader>(
        *this, block, found.directory, std::move(path), std::move(opened->fd), found.length_bytes));
  }
  const bool gone = opened.ok() || opened.status().code() == Code::kNotFound;
  if (gone) {
    LogWarn("block-store", "block {} is lost: {} {}", block, path,
            opened.ok() ? fmt::format("has {} bytes instead of {}", opened->length_bytes,
                                      found.length_bytes)
                        : std::string("was removed by somebody else"));
    Forget(block, found.directory);
  }
  const bool directory_lost = !opened.ok() && Suspect(found.directory, opened.status());
  ReleaseReader(block, found.directory);
  if (gone || directory_lost) return NotFound("block {} is lost: its file {} is gone", block, path);
  return opened.status().WithContext(fmt::format("open block {}", block));
}

void TieredBlockStore::ReleaseReader(BlockId block, DirectoryId directory) {
  bool left = false;
  {
    MutexLock lock(mutex_);
    left = index_.ReleaseReader(block);
  }
  if (left) DeleteLeft(block, directory);
}

void TieredBlockStore::Forget(BlockId block, DirectoryId directory) {
  bool delete_now = false;
  {
    MutexLock lock(mutex_);
    const auto found = index_.Find(block);
    if (!found || found->directory != directory) return;
    if (index_.visibility(block) != BlockIndex::Visibility::kReady) return;
    delete_now = index_.PlanRemove(block);
  }
  if (delete_now) DeleteLeft(block, directory);
}

bool TieredBlockStore::Contains(BlockId block) const {
  MutexLock lock(mutex_);
  return index_.Find(block).has_value();
}

Result<int64_t> TieredBlockStore::LengthOf(BlockId block) const {
  MutexLock lock(mutex_);
  const auto found = index_.Find(block);
  if (!found) return NotFound("no block {} on this worker", block);
  return found->length_bytes;
}

void TieredBlockStore::Touch(BlockId block) {
  MutexLock lock(mutex_);
  index_.Touch(block);
}

Status TieredBlockStore::AwaitReady(BlockId block) {
  const auto deadline = std::chrono::steady_clock::now() + kMoveWait;
  bool in_time = true;
  while (true) {
    switch (index_.visibility(block)) {
      case BlockIndex::Visibility::kReady: return Status::Ok();
      case BlockIndex::Visibility::kNone: return NotFound("no block {} on this worker", block);
      case BlockIndex::Visibility::kMoving: break;
    }
    if (!in_time) return Unavailable("block {} is being moved between tiers; try again", block);
    in_time = moved_.WaitUntil(mutex_, deadline);
  }
}

// ---- removing and moving ----

Status TieredBlockStore::Remove(BlockId block) {
  bool delete_now = false;
  DirectoryId directory = 0;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(AwaitReady(block));
    directory = index_.Find(block)->directory;
    delete_now = index_.PlanRemove(block);
  }
  if (delete_now) DeleteLeft(block, directory);
  return Status::Ok();
}

Result<int64_t> TieredBlockStore::RemoveAll() {
  std::vector<BlockId> blocks;
  {
    MutexLock lock(mutex_);
    blocks = index_.ReadyAndUnused();
  }
  int64_t removed = 0;
  for (const BlockId block : blocks) {
    DirectoryId directory = 0;
    {
      MutexLock lock(mutex_);
      if (index_.visibility(block) != BlockIndex::Visibility::kReady) continue;
      if (index_.HasReaders(block)) continue;
      directory = index_.Find(block)->directory;
      index_.PlanRemove(block);
    }
    DeleteLeft(block, directory);
    ++removed;
  }
  return removed;
}

void TieredBlockStore::DeleteLeft(BlockId block, DirectoryId directory) {
  const Status removed = files_->Remove(layouts_[directory].BlockPath(block));
  if (!removed.ok() && !Suspect(directory, removed)) {
    // Its room counts as free though the file is there; the next start finds it again.
    LogError("block-store", "cannot delete the file of block {}: {}", block, removed.message());
  }
  MutexLock lock(mutex_);
  index_.FinishLeaving(block);
}

Status TieredBlockStore::Move(BlockId block, const Placement& to) {
  std::optional<BlockIndex::MovePlan> plan;
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(AwaitReady(block));
    ASSIGN_OR_RETURN(plan, index_.PlanMove(block, to));
  }
  if (!plan) return Status::Ok();
  CarryOut(plan->victims);
  // The block may be one that was synced where it was, for nobody else has it.
  const Status copied =
      CopyBlock(block, plan->from, plan->to, plan->length_bytes, Survives::kMachine);
  if (FinishMove(block, copied.ok())) DeleteLeft(block, copied.ok() ? plan->to : plan->from);
  return copied.WithContext(fmt::format("move block {}", block));
}

void TieredBlockStore::CarryOut(const std::vector<BlockIndex::Victim>& victims) {
  for (const BlockIndex::Victim& victim : victims) {
    DirectoryId place = victim.from;
    if (victim.to) {
      // Unpinned, so somebody else has it or nobody was promised it.
      const Status copied =
          CopyBlock(victim.block, victim.from, *victim.to, victim.length_bytes, Survives::kProcess);
      if (!copied.ok()) {
        LogWarn("block-store", "block {} is dropped, since it could not move to a lower tier: {}",
                victim.block, copied.message());
      }
      if (!FinishMove(victim.block, copied.ok())) continue;
      if (copied.ok()) place = *victim.to;
    }
    DeleteLeft(victim.block, place);
    if (options_.on_evict) options_.on_evict(victim.block, victim.length_bytes);
  }
}

bool TieredBlockStore::FinishMove(BlockId block, bool moved) {
  MutexLock lock(mutex_);
  const bool lost = index_.FinishMove(block, moved);
  moved_.NotifyAll();
  return lost;
}

Status TieredBlockStore::CopyBlock(BlockId block, DirectoryId from, DirectoryId to,
                                   int64_t length_bytes, Survives survives) {
  const Status copied = CopyBytes(block, from, to, length_bytes, survives);
  if (!copied.ok()) {
    (void)files_->Remove(layouts_[to].IncomingPath(block));  // may never have been there
    Suspect(from, copied);
    Suspect(to, copied);
    return copied;
  }
  const Status removed = files_->Remove(layouts_[from].BlockPath(block));
  if (!removed.ok() && !Suspect(from, removed)) {
    LogError("block-store", "cannot delete the former file of block {}: {}", block,
             removed.message());
  }
  return Status::Ok();
}

Status TieredBlockStore::CopyBytes(BlockId block, DirectoryId from, DirectoryId to,
                                   int64_t length_bytes, Survives survives) {
  const std::string source_path = layouts_[from].BlockPath(block);
  const std::string target_path = layouts_[to].IncomingPath(block);
  ASSIGN_OR_RETURN(const auto source, files_->Open(source_path));
  ASSIGN_OR_RETURN(const UniqueFd target, files_->CreateTemporary(layouts_[to], target_path));
  std::string buffer(std::min<size_t>(kCopyBufferBytes, static_cast<size_t>(length_bytes)), '\0');
  for (int64_t done = 0; done < length_bytes;) {
    const size_t wanted = std::min(buffer.size(), static_cast<size_t>(length_bytes - done));
    ASSIGN_OR_RETURN(const size_t got,
                     files_->ReadAt(source.fd.get(), done, wanted, buffer.data(), source_path));
    if (got != wanted) return Internal("{} has less than its {} bytes", source_path, length_bytes);
    RETURN_IF_ERROR(
        files_->WriteAt(target.get(), done, std::string_view(buffer.data(), got), target_path));
    done += static_cast<int64_t>(got);
  }
  return files_->Publish(target.get(), length_bytes, target_path, layouts_[to].BlockPath(block),
                         survives);
}

bool TieredBlockStore::Suspect(DirectoryId directory, const Status& error) {
  {
    MutexLock lock(mutex_);
    if (!index_.in_service(directory)) return true;
  }
  if (error.code() == Code::kResourceExhausted) return false;  // full, not broken
  const Status probe = files_->Probe(layouts_[directory]);
  if (probe.ok() || probe.code() == Code::kResourceExhausted) {
    LogWarn("block-store", "{}; directory {} still works", error.message(),
            layouts_[directory].directory);
    return false;
  }
  std::optional<int64_t> lost;
  {
    MutexLock lock(mutex_);
    lost = index_.DropDirectory(directory);
  }
  if (lost) {
    LogError("block-store",
             "directory {} failed and is out of service until a restart, with {} blocks: {}",
             layouts_[directory].directory, *lost, probe.message());
  }
  return true;
}

// ---- what the worker tells ----

void TieredBlockStore::UpdatePinnedFiles(const std::set<int64_t>& file_ids) {
  std::vector<int64_t> containers;
  containers.reserve(file_ids.size());
  for (const int64_t id : file_ids) {
    if (containers.empty() || containers.back() != ContainerOf(id)) {
      containers.push_back(ContainerOf(id));
    }
  }
  const auto now = options_.clock->Now();
  MutexLock lock(mutex_);
  // Asked for every second with the same list as before.
  if (containers == index_.pinned_containers() && !index_.has_writer_pins()) return;
  index_.SetPinnedContainers(std::move(containers), now);
}

std::vector<TierSpace> TieredBlockStore::Space() const {
  std::vector<TierSpace> tiers;
  for (const TierOptions& tier : options_.tiers) tiers.push_back({.alias = tier.alias});
  MutexLock lock(mutex_);
  for (DirectoryId id = 0; id < index_.directory_count(); ++id) {
    if (!index_.in_service(id)) continue;
    TierSpace& tier = tiers[static_cast<size_t>(index_.directory(id).tier)];
    tier.capacity_bytes += index_.directory(id).capacity_bytes;
    tier.used_bytes += index_.used_bytes(id);
  }
  return tiers;
}

std::map<Location, std::vector<BlockId>> TieredBlockStore::Blocks() const {
  MutexLock lock(mutex_);
  return index_.Blocks();
}

int64_t TieredBlockStore::block_count() const {
  MutexLock lock(mutex_);
  return index_.block_count();
}

BlockChanges TieredBlockStore::TakeChanges() {
  MutexLock lock(mutex_);
  return index_.TakeChanges();
}

void TieredBlockStore::RestoreChanges(BlockChanges changes) {
  MutexLock lock(mutex_);
  index_.RestoreChanges(changes);
}

}  // namespace headpond::cache
