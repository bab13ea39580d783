#include "worker/range_read.h"

#include <limits>
#include <string>
#include <utility>

#include "base/log.h"
#include "net/auth.h"
#include "net/lane.h"
#include "worker/wire.h"

namespace headpond::worker {
namespace {

using ReadRequest = ::alluxio::grpc::block::ReadRequest;

// Bytes of the budget, given back when the reply has been sent or dropped.
std::shared_ptr<const void> Hold(ByteBudget& budget, size_t bytes) {
  return {&budget, [bytes](ByteBudget* held) { held->Release(bytes); }};
}

Result<std::string> ReadRange(const BlockServiceDeps& deps, const ReadRequest& request,
                              bool local_socket) {
  ASSIGN_OR_RETURN(const auto input, OpenForReading(deps, request));
  std::string data(static_cast<size_t>(request.length()), '\0');
  ASSIGN_OR_RETURN(const size_t got, input->ReadAt(request.offset(), data.size(), data.data()));
  CountRead(deps, *input, local_socket, got);
  data.resize(got);
  return data;
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

void StartRangeRead(const BlockServiceDeps& deps, const net::LaneCall::Origin& origin,
                    std::string_view bytes) {
  const auto request = ParseRangeRequest(deps, origin, bytes);
  if (!request.ok()) return origin.replies->Reply(origin.id, request.status());
  const auto size = static_cast<size_t>((*request)->length());
  const bool local_socket = IsLocalSocket(origin.lane);
  deps.budget.Acquire(size, [&deps, request = *request, size, local_socket,
                             replies = origin.replies, id = origin.id] {
    const Status submitted =
        deps.io.Submit([&deps, request, local_socket, replies, id, held = Hold(deps.budget, size)] {
          Result<std::string> data = ReadRange(deps, *request, local_socket);
          if (!data.ok()) return replies->Reply(id, data.status());
          replies->Reply(id, Status::Ok(), *std::move(data), held);
        });
    if (!submitted.ok()) replies->Reply(id, submitted);
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

void CountRead(const BlockServiceDeps& deps, const BlockInput& input, bool local_socket,
               size_t bytes) {
  const auto count = static_cast<int64_t>(bytes);
  deps.metrics.counter(local_socket ? "Worker.BytesReadDomain" : "Worker.BytesReadRemote")
      .Add(count);
  deps.metrics.counter(input.cached() ? "Worker.BytesReadCache" : "Worker.BytesReadUfsAll")
      .Add(count);
}

bool IsLocalSocket(const ::grpc::CallbackServerContext& context) {
  return context.peer().starts_with("unix:");
}

void AddRangeReads(const BlockServiceDeps& deps, net::LaneMethods& methods) {
  methods.Add(net::kReadRangeMethod,
              [&deps](net::LaneCall::Origin origin, std::string_view request) {
                StartRangeRead(deps, origin, request);
              });
}

}  // namespace headpond::worker
