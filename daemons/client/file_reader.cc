#include "client/file_reader.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>

#include "base/log.h"
#include "client/block_stream.h"
#include "client/convert.h"
#include "client/impl.h"
#include "client/methods.h"
#include "client/ufs_options.h"
#include "net/lane.h"
#include "net/retry.h"

namespace headpond::client {
namespace {

constexpr char kCache[] = "/alluxio.grpc.block.BlockWorker/Cache";
// Asking a worker to cache a block is a favour that the reader does not wait for.
constexpr Millis kCacheTimeout{1'000};
// File descriptors and block locks a reader keeps.
constexpr size_t kMaxLocalBlocks = 16;

bool MayWorkLater(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded || code == Code::kCancelled;
}

}  // namespace

class FileReader::Impl {
 public:
  Impl(FileSystem::Impl& fs, FileInfo info, ReadType type, Policy ufs_policy,
       std::optional<WorkerAddress> only)
      : fs_(fs),
        info_(std::move(info)),
        type_(type),
        ufs_policy_(ufs_policy),
        only_(std::move(only)) {
    for (const FileBlock& block : info_.blocks) locations_.push_back(WorkersOf(block.block));
  }

  ~Impl() {
    if (parked_) AskToCache(parked_block_, parked_->worker(), parked_->at_end());
  }

  const FileInfo& info() const { return info_; }

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer, bool sequential)
      EXCLUDES(mutex_) {
    if (offset < 0) return InvalidArgument("offset {} is negative", offset);
    if (offset >= info_.length) return size_t{0};
    length = static_cast<size_t>(std::min<int64_t>(
        static_cast<int64_t>(std::min<size_t>(length, INT64_MAX)), info_.length - offset));
    sequential |= next_offset_.exchange(offset + static_cast<int64_t>(length)) == offset;
    size_t done = 0;
    while (done < length) {
      const int64_t at = offset + static_cast<int64_t>(done);
      const auto index = static_cast<size_t>(at / info_.block_size);
      if (index >= info_.blocks.size())
        return Internal("{} has {} blocks, but {} bytes", info_.path, info_.blocks.size(),
                        info_.length);
      const BlockInfo& block = info_.blocks[index].block;
      const int64_t in_block = at - info_.blocks[index].offset;
      const size_t wanted = std::min(
          length - done, static_cast<size_t>(std::max<int64_t>(block.length - in_block, 0)));
      if (wanted == 0)
        return Internal("block {} of {} is shorter than the file says", block.id, info_.path);
      ASSIGN_OR_RETURN(const size_t some,
                       ReadBlock(index, in_block, wanted, buffer + done, sequential));
      done += some;
    }
    return done;
  }

 private:
  // One place that a block can be read from.
  struct Target {
    WorkerAddress worker;
    bool has_copy;  // else the worker reads it from the under-store
    bool local;
  };

  static std::vector<WorkerAddress> WorkersOf(const BlockInfo& block) {
    std::vector<WorkerAddress> workers;
    for (const BlockLocation& location : block.locations) workers.push_back(location.worker);
    return workers;
  }

  Result<size_t> ReadBlock(size_t index, int64_t offset, size_t length, char* buffer,
                           bool sequential) {
    if (const auto local = FindLocal(index)) return local->ReadAt(offset, length, buffer);
    if (auto stream = TakeParked(index, offset)) {
      const Result<size_t> read = stream->Read(length, buffer);
      if (read.ok() && *read > 0) {
        Park(index, std::move(stream));
        return read;
      }
    }
    std::optional<Random> random;
    std::optional<net::Backoff> backoff;
    std::vector<WorkerAddress> failed;
    bool asked_again = false;
    while (true) {
      const Result<size_t> read = TryAllTargets(index, offset, length, buffer, sequential, failed);
      if (read.ok()) return read;
      // A block that its worker no longer has may have moved: the master knows.
      const bool moved =
          read.status().code() == Code::kNotFound && !std::exchange(asked_again, true);
      if (!moved && !MayWorkLater(read.status().code())) return read;
      if (!moved) {
        if (!backoff)
          backoff.emplace(RetryPolicy(), fs_.clock(), random.emplace(fs_.RandomNumber()));
        const auto pause = backoff->Next();
        if (!pause) return read;
        RETURN_IF_ERROR(pause_.For(*pause));
      }
      failed.clear();
      RefreshLocations(index);
    }
  }

  Result<size_t> TryAllTargets(size_t index, int64_t offset, size_t length, char* buffer,
                               bool sequential, std::vector<WorkerAddress>& failed) {
    Status last = Unavailable("Block {} is unavailable in both Alluxio and UFS.",
                              info_.blocks[index].block.id);
    while (true) {
      const Result<Target> target = NextTarget(index, failed);
      if (!target.ok()) return failed.empty() ? target.status() : last;
      Result<size_t> read = ReadFrom(*target, index, offset, length, buffer, sequential);
      if (read.ok()) return read;
      LogDebug("client", "block {} from {}: {}", info_.blocks[index].block.id, target->worker.host,
               read.status().ToString());
      last = read.status();
      failed.push_back(target->worker);
    }
  }

  // A copy on this machine, else any copy, else the under-store.
  Result<Target> NextTarget(size_t index, const std::vector<WorkerAddress>& failed)
      EXCLUDES(mutex_) {
    const auto has_failed = [&](const WorkerAddress& worker) {
      return std::ranges::find(failed, worker) != failed.end();
    };
    if (only_) {
      if (has_failed(*only_)) return Unavailable("worker {} failed", only_->host);
      return Target{*only_, true, fs_.IsLocal(*only_)};
    }
    std::vector<WorkerAddress> copies;
    {
      MutexLock lock(mutex_);
      copies = locations_[index];
    }
    std::erase_if(copies, has_failed);
    for (const WorkerAddress& worker : copies)
      if (fs_.IsLocal(worker)) return Target{worker, true, true};
    if (!copies.empty()) return Target{copies[fs_.RandomNumber() % copies.size()], true, false};
    if (!InUnderStore(info_))
      return Unavailable("Block {} is unavailable in both Alluxio and UFS.",
                         info_.blocks[index].block.id);
    ASSIGN_OR_RETURN(const WorkerAddress worker,
                     fs_.PickWorker(ufs_policy_, info_.blocks[index].block.id, 0, failed));
    return Target{worker, false, fs_.IsLocal(worker)};
  }

  Result<size_t> ReadFrom(const Target& target, size_t index, int64_t offset, size_t length,
                          char* buffer, bool sequential) {
    const BlockInfo& block = info_.blocks[index].block;
    const bool short_circuit = target.has_copy && target.local &&
                               fs_.config().GetBool("alluxio.user.short.circuit.enabled") &&
                               !fs_.workers().IsUnreadable(target.worker);
    if (short_circuit) {
      auto local = LocalBlock::Open(fs_, target.worker, block.id, type_ == ReadType::kCachePromote);
      if (local.ok()) return KeepLocal(index, *std::move(local))->ReadAt(offset, length, buffer);
      LogDebug("client", "no short circuit to block {}: {}", block.id, local.status().ToString());
    }
    alluxio::grpc::block::ReadRequest request;
    request.set_block_id(block.id);
    request.set_offset(offset);
    request.set_length(sequential ? block.length - offset : static_cast<int64_t>(length));
    request.set_promote(type_ == ReadType::kCachePromote);
    request.set_position_short(!sequential);
    if (InUnderStore(info_))
      *request.mutable_open_ufs_block_options() = UfsOptions(fs_, info_, index, type_);
    if (!sequential && length <= net::kMaxLaneReadBytes) {
      const auto range = fs_.workers().ReadRange(
          target.worker, request,
          fs_.config().GetDuration("alluxio.user.streaming.data.read.timeout"));
      if (range) {
        if (!range->ok()) return range->status();
        return TakeRange(**range, target, index, offset, length, buffer);
      }
    }
    ASSIGN_OR_RETURN(auto stream, RemoteBlockStream::Open(fs_, target.worker, std::move(request)));
    ASSIGN_OR_RETURN(const size_t some, stream->Read(length, buffer));
    if (sequential) {
      Park(index, std::move(stream));
      return some;
    }
    // A short range is read whole, so that its stream ends by itself.
    size_t done = some;
    while (done < length) {
      ASSIGN_OR_RETURN(const size_t more, stream->Read(length - done, buffer + done));
      done += more;
    }
    AskToCache(index, target.worker, block.length == static_cast<int64_t>(length));
    return done;
  }

  Result<size_t> TakeRange(const std::string& data, const Target& target, size_t index,
                           int64_t offset, size_t length, char* buffer) {
    const BlockInfo& block = info_.blocks[index].block;
    if (data.size() != length)
      return Unavailable("worker {} ended block {} at {} instead of {}", target.worker.host,
                         block.id, offset + static_cast<int64_t>(data.size()),
                         offset + static_cast<int64_t>(length));
    data.copy(buffer, length);
    AskToCache(index, target.worker, block.length == static_cast<int64_t>(length));
    return length;
  }

  // Passive caching (compat/behaviour.md section 8): once per block, the local worker (else the one
  // that was read from) is asked to keep the block.
  void AskToCache(size_t index, const WorkerAddress& source, bool was_whole) EXCLUDES(mutex_) {
    const BlockInfo& block = info_.blocks[index].block;
    if (type_ == ReadType::kNoCache || fs_.IsLocal(source)) return;
    {
      MutexLock lock(mutex_);
      if (std::exchange(last_cached_block_, block.id) == block.id) return;
      if (info_.replication_max > 0 &&
          locations_[index].size() >= static_cast<size_t>(info_.replication_max))
        return;
    }
    std::optional<WorkerAddress> keeper;
    if (fs_.config().GetBool("alluxio.user.file.passive.cache.enabled")) keeper = fs_.LocalWorker();
    // A worker that read a whole block from the under-store has cached it by that.
    if (!keeper && was_whole) return;
    alluxio::grpc::block::CacheRequest request;
    request.set_block_id(block.id);
    request.set_source_host(source.connect_host());
    request.set_source_port(source.data_port);
    request.set_length(block.length);
    request.set_async(true);
    *request.mutable_open_ufs_block_options() = UfsOptions(fs_, info_, index, type_);
    alluxio::grpc::block::CacheResponse response;
    const Status status =
        fs_.workers().Unary(keeper.value_or(source), kCache, request, response, kCacheTimeout);
    if (!status.ok())
      LogDebug("client", "passive caching of block {}: {}", block.id, status.ToString());
  }

  std::shared_ptr<LocalBlock> FindLocal(size_t index) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (const auto& [kept_index, block] : local_blocks_)
      if (kept_index == index) return block;
    return nullptr;
  }

  std::shared_ptr<LocalBlock> KeepLocal(size_t index, std::unique_ptr<LocalBlock> block)
      EXCLUDES(mutex_) {
    std::shared_ptr<LocalBlock> kept = std::move(block);
    std::shared_ptr<LocalBlock> dropped;  // closed without the lock
    MutexLock lock(mutex_);
    local_blocks_.emplace_front(index, kept);
    if (local_blocks_.size() > kMaxLocalBlocks) {
      dropped = std::move(local_blocks_.back().second);
      local_blocks_.pop_back();
    }
    return kept;
  }

  std::unique_ptr<RemoteBlockStream> TakeParked(size_t index, int64_t offset) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!parked_ || parked_block_ != index || parked_->position() != offset) return nullptr;
    return std::move(parked_);
  }

  // Keeps the stream for the read that follows; the one before it is given up.
  void Park(size_t index, std::unique_ptr<RemoteBlockStream> stream) EXCLUDES(mutex_) {
    std::unique_ptr<RemoteBlockStream> dropped;
    size_t dropped_block = 0;
    {
      MutexLock lock(mutex_);
      dropped_block = std::exchange(parked_block_, index);
      dropped = std::exchange(parked_, std::move(stream));
      if (parked_->at_end()) {
        std::swap(dropped, parked_);
        std::swap(dropped_block, parked_block_);
      }
    }
    if (dropped) AskToCache(dropped_block, dropped->worker(), dropped->at_end());
  }

  void RefreshLocations(size_t index) EXCLUDES(mutex_) {
    alluxio::grpc::block::GetBlockInfoPRequest request;
    request.set_blockid(info_.blocks[index].block.id);
    request.mutable_options();
    const auto response = fs_.master().Call(methods::kGetBlockInfo, request);
    if (!response.ok()) return;  // the old places are tried again
    MutexLock lock(mutex_);
    locations_[index] = WorkersOf(FromWire(response->blockinfo()));
  }

  net::RetryPolicy RetryPolicy() const {
    return {.base_sleep = fs_.config().GetDuration("alluxio.user.block.read.retry.sleep.base"),
            .max_sleep = fs_.config().GetDuration("alluxio.user.block.read.retry.sleep.max"),
            .max_duration = fs_.config().GetDuration("alluxio.user.block.read.retry.max.duration")};
  }

  FileSystem::Impl& fs_;
  const FileInfo info_;
  const ReadType type_;
  const Policy ufs_policy_;
  const std::optional<WorkerAddress> only_;
  net::Pause pause_;
  std::atomic<int64_t> next_offset_{-1};

  Mutex mutex_;
  std::vector<std::vector<WorkerAddress>> locations_ GUARDED_BY(mutex_);  // by block
  std::deque<std::pair<size_t, std::shared_ptr<LocalBlock>>> local_blocks_
      GUARDED_BY(mutex_);  // newest first
  std::unique_ptr<RemoteBlockStream> parked_ GUARDED_BY(mutex_);
  size_t parked_block_ GUARDED_BY(mutex_) = 0;
  int64_t last_cached_block_ GUARDED_BY(mutex_) = -1;
};

FileReader::FileReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileReader::~FileReader() = default;

const FileInfo& FileReader::info() const {
  return impl_->info();
}

Result<size_t> FileReader::ReadAt(int64_t offset, size_t length, char* buffer) {
  return impl_->ReadAt(offset, length, buffer, /*sequential=*/false);
}

Result<size_t> FileReader::Read(size_t length, char* buffer) {
  ASSIGN_OR_RETURN(const size_t some,
                   impl_->ReadAt(position_, length, buffer, /*sequential=*/true));
  position_ += static_cast<int64_t>(some);
  return some;
}

Result<std::unique_ptr<FileReader>> FileSystem::Open(std::string_view path,
                                                     const OpenOptions& options) {
  GetStatusOptions status_options;
  status_options.for_reading = true;
  status_options.update_access_time = options.update_access_time;
  ASSIGN_OR_RETURN(const FileInfo info, GetStatus(path, status_options));
  return Open(info, options);
}

Result<std::unique_ptr<FileReader>> FileSystem::Open(const FileInfo& info,
                                                     const OpenOptions& options) {
  if (info.folder)
    return InvalidArgument("Cannot read from {} because it is a directory", info.path);
  if (!info.completed)
    return FailedPrecondition(
        "Cannot read from {} because it is incomplete. Wait for the file to be marked as complete "
        "by the writing thread "
        "or application.",
        info.path);
  if (info.length > 0 && info.block_size <= 0) return Internal("{} has no block size", info.path);
  ReadType type = options.read_type.value_or(ReadType::kCache);
  if (!options.read_type) {
    ASSIGN_OR_RETURN(type, ParseReadType(config().GetString("alluxio.user.file.readtype.default")));
  }
  ASSIGN_OR_RETURN(const Policy policy,
                   impl_->ConfiguredPolicy(options.ufs_read_policy,
                                           "alluxio.user.ufs.block.read.location.policy"));
  return std::unique_ptr<FileReader>(new FileReader(
      std::make_unique<FileReader::Impl>(*impl_, info, type, policy, options.worker)));
}

}  // namespace headpond::client
