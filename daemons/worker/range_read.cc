#include "worker/range_read.h"

#include <limits>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "net/auth.h"
#include "net/lane.h"
#include "worker/mapped_block.h"
#include "worker/wire.h"

namespace headpond::worker {
namespace {

using ReadRequest = ::alluxio::grpc::block::ReadRequest;

// Bytes of the budget, given back when the reply has been sent or dropped.
std::shared_ptr<const void> Hold(ByteBudget& budget, size_t bytes) {
  return {&budget, [bytes](ByteBudget* held) { held->Release(bytes); }};
}

// Blocks that were in memory when they were last read. Forgets some rather than grow. Thread safe.
class MemoryBlocks {
 public:
  bool Contains(BlockId block) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return blocks_.contains(block);
  }
  void Set(BlockId block, bool in_memory) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!in_memory) {
      blocks_.erase(block);
      return;
    }
    if (blocks_.size() >= kMaxBlocks) blocks_.clear();
    blocks_.insert(block);
  }

 private:
  static constexpr size_t kMaxBlocks = 10'000;

  mutable Mutex mutex_;
  std::unordered_set<BlockId> blocks_ GUARDED_BY(mutex_);
};

// `read_at` is called as (offset in the block, length, buffer).
template <typename ReadAt>
Result<std::string> ReadFrom(const BlockServiceDeps& deps, const ReadRequest& request,
                             bool local_socket, bool cached, ReadAt&& read_at) {
  std::string data(static_cast<size_t>(request.length()), '\0');
  ASSIGN_OR_RETURN(const size_t got, read_at(request.offset(), data.size(), data.data()));
  CountRead(deps, cached, local_socket, got);
  data.resize(got);
  return data;
}

Result<std::string> ReadRange(const BlockServiceDeps& deps, MemoryBlocks& memory,
                              const ReadRequest& request, bool local_socket) {
  ASSIGN_OR_RETURN(const auto input, OpenForReading(deps, request));
  memory.Set(request.block_id(), input->in_memory());
  return ReadFrom(deps, request, local_socket, input->cached(),
                  [&](int64_t offset, size_t length, char* buffer) {
                    return input->ReadAt(offset, length, buffer);
                  });
}

// The same on a thread that must not wait; nullopt when that can't be done. A block that has left
// memory since it was last read costs one look at a file elsewhere.
std::optional<Result<std::string>> ReadRangeAtOnce(const BlockServiceDeps& deps,
                                                   MemoryBlocks& memory, const ReadRequest& request,
                                                   bool local_socket) {
  if (request.promote() || !memory.Contains(request.block_id())) return std::nullopt;
  const auto reader = deps.store.Open(request.block_id());
  if (!reader.ok() || !IsInMemory(**reader)) {
    memory.Set(request.block_id(), false);
    return std::nullopt;
  }
  deps.metrics.counter("Worker.BlocksAccessed").Add();
  return ReadFrom(deps, request, local_socket, /*cached=*/true,
                  [&](int64_t offset, size_t length, char* buffer) {
                    return (*reader)->ReadAt(offset, length, buffer);
                  });
}

Result<std::shared_ptr<const ReadRequest>> ParseRangeRequest(const BlockServiceDeps& deps,
                                                             const net::LaneCall::Origin& origin,
                                                             std::string_view bytes) {
  RETURN_IF_ERROR(deps.authenticator.Authenticate(origin.lane, net::kReadRangeMethod).status());
  auto request = std::make_shared<ReadRequest>();
  if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return InvalidArgument("malformed {} of {} bytes", request->GetTypeName(), bytes.size());
  RETURN_IF_ERROR(CheckReadRequest(*request));
  if (request->length() > static_cast<int64_t>(net::kMaxLaneReadBytes))
    return InvalidArgument("length is {}, more than {}: use ReadBlock", request->length(),
                           net::kMaxLaneReadBytes);
  return std::shared_ptr<const ReadRequest>(std::move(request));
}

void StartRangeRead(const BlockServiceDeps& deps, const std::shared_ptr<MemoryBlocks>& memory,
                    const net::LaneCall::Origin& origin, std::string_view bytes) {
  const auto request = ParseRangeRequest(deps, origin, bytes);
  if (!request.ok()) return origin.replies->Reply(origin.id, request.status());
  const auto size = static_cast<size_t>((*request)->length());
  const bool local_socket = IsLocalSocket(origin.lane);
  deps.budget.Acquire(size, [&deps, memory, request = *request, size, local_socket,
                             replies = origin.replies, id = origin.id] {
    const auto answer = [replies, id, held = Hold(deps.budget, size)](Result<std::string> data) {
      if (!data.ok()) return replies->Reply(id, data.status());
      replies->Reply(id, Status::Ok(), *std::move(data), held);
    };
    if (auto data = ReadRangeAtOnce(deps, *memory, *request, local_socket))
      return answer(*std::move(data));
    const Status submitted = deps.io.Submit([&deps, memory, request, local_socket, answer] {
      answer(ReadRange(deps, *memory, *request, local_socket));
    });
    if (!submitted.ok()) answer(submitted);
  });
}

}  // namespace

Status CheckReadRequest(const ReadRequest& request) {
  if (request.block_id() < 0)
    return InvalidArgument("block_id is {}, must not be negative", request.block_id());
  if (request.offset() < 0)
    return InvalidArgument("offset is {}, must not be negative", request.offset());
  if (request.length() <= 0)
    return InvalidArgument("length is {}, must be positive", request.length());
  if (request.chunk_size() < 0)
    return InvalidArgument("chunk_size is {}, must not be negative", request.chunk_size());
  if (request.length() > std::numeric_limits<int64_t>::max() - request.offset())
    return InvalidArgument("offset {} plus length {} is out of range", request.offset(),
                           request.length());
  return CheckUfsBlock(UfsBlockOf(request));
}

Result<std::unique_ptr<BlockInput>> OpenForReading(const BlockServiceDeps& deps,
                                                   const ReadRequest& request) {
  const BlockId block = request.block_id();
  if (request.promote()) {
    if (const Status moved = deps.store.Move(block, {.tier = 0}); !moved.ok())
      LogDebug("read", "block {} is read where it is: {}", block, moved.ToString());
  }
  ASSIGN_OR_RETURN(
      auto input, deps.inputs.Open(block, UfsBlockOf(request), request.offset(), request.length()));
  deps.metrics.counter(input->cached() ? "Worker.BlocksAccessed" : "Worker.BlocksReadUfs").Add();
  return input;
}

void CountRead(const BlockServiceDeps& deps, bool cached, bool local_socket, size_t bytes) {
  const auto count = static_cast<int64_t>(bytes);
  deps.metrics.counter(local_socket ? "Worker.BytesReadDomain" : "Worker.BytesReadRemote")
      .Add(count);
  deps.metrics.counter(cached ? "Worker.BytesReadCache" : "Worker.BytesReadUfsAll").Add(count);
}

bool IsLocalSocket(const ::grpc::CallbackServerContext& context) {
  return context.peer().starts_with("unix:");
}

void AddRangeReads(const BlockServiceDeps& deps, net::LaneMethods& methods) {
  methods.Add(net::kReadRangeMethod, [&deps, memory = std::make_shared<MemoryBlocks>()](
                                         net::LaneCall::Origin origin, std::string_view request) {
    StartRangeRead(deps, memory, origin, request);
  });
}

}  // namespace headpond::worker
