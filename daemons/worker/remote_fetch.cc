#include "worker/remote_fetch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <map>

#include "base/mutex.h"
#include "net/grpc_status.h"
#include "proto/block_worker.grpc.pb.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

constexpr int64_t kChunkBytes = 1 << 20;
constexpr std::chrono::seconds kBaseTimeout{60};
constexpr int64_t kMinBytesPerSecond = 1 << 20;  // a slower source is given up
constexpr std::chrono::hours kMaxTimeout{24};    // whatever length the request gives

}  // namespace

struct RemoteFetcher::Impl {
  explicit Impl(net::ChannelOptions o) : options(std::move(o)) {}

  const net::ChannelOptions options;
  Mutex mutex;
  std::map<std::string, std::shared_ptr<net::AuthenticatedChannel>> channels GUARDED_BY(mutex);

  std::shared_ptr<net::AuthenticatedChannel> ChannelTo(const std::string& target) {
    MutexLock lock(mutex);
    auto& channel = channels[target];
    if (!channel) {
      net::ChannelOptions with_target = options;
      with_target.target = target;
      channel =
          std::make_shared<net::AuthenticatedChannel>(std::move(with_target), Random::FromSystem());
    }
    return channel;
  }
};

RemoteFetcher::RemoteFetcher(net::ChannelOptions channel)
    : impl_(std::make_unique<Impl>(std::move(channel))) {}

RemoteFetcher::~RemoteFetcher() = default;

Status RemoteFetcher::Fetch(const std::string& host, int port, BlockId block, int64_t length,
                            const std::function<Status(std::string_view)>& sink) {
  if (length == 0) return Status::Ok();
  const auto channel = impl_->ChannelTo(fmt::format("{}:{}", host, port));
  const auto transfer = std::min<std::chrono::seconds>(
      std::chrono::seconds(length / kMinBytesPerSecond), kMaxTimeout);
  const auto timeout = kBaseTimeout + transfer;
  Status stored;
  const Status call = channel->Call(timeout, [&](::grpc::ClientContext& context) {
    const auto stub = blockpb::BlockWorker::NewStub(channel->channel());
    const auto stream = stub->ReadBlock(&context);
    blockpb::ReadRequest request;
    request.set_block_id(block);
    request.set_offset(0);
    request.set_length(length);
    request.set_chunk_size(kChunkBytes);
    if (!stream->Write(request)) return stream->Finish();
    blockpb::ReadResponse response;
    while (stored.ok() && stream->Read(&response)) stored = sink(response.chunk().data());
    if (!stored.ok()) context.TryCancel();
    stream->WritesDone();
    return stream->Finish();
  });
  return stored.ok() ? call.WithContext(fmt::format("worker {}:{}", host, port)) : stored;
}

}  // namespace headpond::worker
