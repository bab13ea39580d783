#include "worker/mapped_block.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/log.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "mapped-block";
// The shortest time after which the kernel may take a lease away: several ticks of the worker.
constexpr int kMinLeaseBreakSeconds = 10;

size_t PageSize() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

bool LeasesLast() {
  int seconds = 0;
  std::ifstream("/proc/sys/fs/lease-break-time") >> seconds;
  if (seconds >= kMinLeaseBreakSeconds) return true;
  LogInfo(kComponent,
          "fs.lease-break-time is {} s, below {}: blocks in memory are copied for their readers",
          seconds, kMinLeaseBreakSeconds);
  return false;
}

bool TakeLease(int fd) {
  // Somebody's wish for the file is looked for (wanted), so the signal that tells of it must not do
  // anything: SIGIO, the default, would end the process.
  return fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

}  // namespace

bool IsInMemory(const cache::BlockReader& reader) {
  struct statfs info {};
  return fstatfs(reader.fd(), &info) == 0 &&
         (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

std::shared_ptr<MappedBlock> MappedBlock::Map(const cache::BlockReader& reader) {
  if (reader.length() == 0 || !IsInMemory(reader)) return nullptr;
  UniqueFd file(fcntl(reader.fd(), F_DUPFD_CLOEXEC, 0));
  // First the lease, then the look at the size: from then on it stays.
  if (!file.valid() || !TakeLease(file.get())) return nullptr;
  const auto size = static_cast<size_t>(reader.length());
  struct stat info {};
  void* const data = fstat(file.get(), &info) == 0 && info.st_size >= reader.length()
                         ? mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0)
                         : MAP_FAILED;
  if (data == MAP_FAILED) {
    fcntl(file.get(), F_SETLEASE, F_UNLCK);
    return nullptr;
  }
  return std::shared_ptr<MappedBlock>(
      new MappedBlock(static_cast<char*>(data), size, std::move(file)));
}

MappedBlock::~MappedBlock() {
  munmap(data_, size_);
  // The reader may still have the file open, and the lease with it.
  fcntl(file_.get(), F_SETLEASE, F_UNLCK);
}

BlockView MappedBlock::View(int64_t offset, size_t length) {
  const size_t begin = std::min(static_cast<size_t>(offset), size_);
  const size_t end = begin + std::min(length, size_ - begin);
  MutexLock lock(mutex_);
  if (given_up_) return {};
  const auto view = views_.insert(views_.end(), {begin, end});
  return {std::shared_ptr<const void>(data_,
                                      [self = shared_from_this(), view](const void*) {
                                        MutexLock unlisted(self->mutex_);
                                        self->views_.erase(view);
                                      }),
          data_ + begin, end - begin};
}

bool MappedBlock::wanted() const {
  MutexLock lock(mutex_);
  // While a lease is being broken the kernel calls it what it is to become.
  return !released_ && fcntl(file_.get(), F_GETLEASE) == F_UNLCK;
}

Status MappedBlock::Yield() {
  std::vector<Range> ranges;
  {
    MutexLock lock(mutex_);
    given_up_ = true;  // views only go from here on
    ranges.assign(views_.begin(), views_.end());
  }
  for (const Range& range : ranges) RETURN_IF_ERROR(Preserve(range));
  fcntl(file_.get(), F_SETLEASE, F_UNLCK);
  MutexLock lock(mutex_);
  released_ = true;
  return Status::Ok();
}

Status MappedBlock::Preserve(Range range) {
  const size_t page = PageSize();
  const size_t begin = range.first / page * page;
  const size_t length = (range.second + page - 1) / page * page - begin;
  if (length == 0) return Status::Ok();
  void* const copy =
      mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return ErrnoStatus(errno, "copying pages of a block in use");
  for (size_t copied = 0; copied < length;) {
    const ssize_t got = pread(file_.get(), static_cast<char*>(copy) + copied, length - copied,
                              static_cast<off_t>(begin + copied));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // the last page ends with the file
    copied += static_cast<size_t>(got);
  }
  // In one step: whoever looks at these addresses meanwhile finds the same bytes.
  if (mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, data_ + begin) == MAP_FAILED) {
    const int error = errno;
    munmap(copy, length);
    return ErrnoStatus(error, "replacing pages of a block in use");
  }
  return Status::Ok();
}

MappedBlocks::MappedBlocks() : leases_last_(LeasesLast()) {}

std::shared_ptr<MappedBlock> MappedBlocks::Map(const cache::BlockReader& reader) {
  auto block = leases_last_ ? MappedBlock::Map(reader) : nullptr;
  if (!block) return nullptr;
  MutexLock lock(mutex_);
  blocks_.emplace_back(block);
  return block;
}

void MappedBlocks::YieldWanted() {
  std::vector<std::shared_ptr<MappedBlock>> blocks;
  {
    MutexLock lock(mutex_);
    for (const auto& block : blocks_)
      if (auto alive = block.lock()) blocks.push_back(std::move(alive));
    blocks_.assign(blocks.begin(), blocks.end());
  }
  for (const auto& block : blocks) {
    if (!block->wanted()) continue;
    const Status yielded = block->Yield();
    LogWarn(kComponent, "somebody wants to write the file of a block of {} bytes: {}",
            block->size(), yielded.ok() ? "its readers get copies" : yielded.ToString());
  }
}

}  // namespace headpond::worker
