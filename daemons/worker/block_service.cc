#include "worker/block_service.h"

#include <grpcpp/grpcpp.h>

#include "net/abort_call.h"
#include "net/auth.h"
#include "net/grpc_status.h"
#include "proto/block_worker.grpc.pb.h"
#include "worker/local_streams.h"
#include "worker/range_read.h"
#include "worker/read_stream.h"
#include "worker/wire.h"
#include "worker/write_stream.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

using ::grpc::ByteBuffer;
using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;
using Worker = blockpb::BlockWorker;

// Streams get raw bytes: block data is not parsed at all, other messages see raw_message.h.
using ServiceBase =
    Worker::WithRawCallbackMethod_ReadBlock<Worker::WithRawCallbackMethod_WriteBlock<
        Worker::WithRawCallbackMethod_OpenLocalBlock<Worker::WithRawCallbackMethod_CreateLocalBlock<
            Worker::WithCallbackMethod_AsyncCache<Worker::WithCallbackMethod_Cache<
                Worker::WithCallbackMethod_Load<Worker::WithCallbackMethod_RemoveBlock<
                    Worker::WithCallbackMethod_MoveBlock<Worker::WithCallbackMethod_ClearMetrics<
                        Worker::WithCallbackMethod_FreeWorker<Worker::Service>>>>>>>>>>>;

class BlockService final : public ServiceBase {
 public:
  BlockService(const BlockServiceDeps& deps, net::LaneMethods& lanes) : deps_(deps) {
    AddRangeReads(deps_, lanes);
  }

  ::grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* ReadBlock(
      CallbackServerContext* context) override {
    return new ReadStream(deps_, net::AborterOf(*context), Authenticate(*context, "ReadBlock"),
                          IsLocalSocket(*context));
  }

  ::grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* WriteBlock(
      CallbackServerContext* context) override {
    return new WriteStream(deps_, net::AborterOf(*context), CancelledOf(*context),
                           Authenticate(*context, "WriteBlock"), IsLocalSocket(*context));
  }

  RawReactor* OpenLocalBlock(CallbackServerContext* context) override {
    return NewOpenLocalStream(deps_, Authenticate(*context, "OpenLocalBlock"));
  }

  RawReactor* CreateLocalBlock(CallbackServerContext* context) override {
    return NewCreateLocalStream(deps_, CancelledOf(*context),
                                Authenticate(*context, "CreateLocalBlock"));
  }

  // Best effort: a client that read a block elsewhere must not fail because it can't be kept here
  // too.
  ServerUnaryReactor* AsyncCache(CallbackServerContext* context,
                                 const blockpb::AsyncCacheRequest* request,
                                 blockpb::AsyncCacheResponse*) override {
    return PullIn(context, "AsyncCache", CacheRequestOf(*request), /*async=*/true);
  }

  ServerUnaryReactor* Cache(CallbackServerContext* context, const blockpb::CacheRequest* request,
                            blockpb::CacheResponse*) override {
    return PullIn(context, "Cache", CacheRequestOf(*request), request->async());
  }

  ServerUnaryReactor* Load(CallbackServerContext* context, const blockpb::LoadRequest* request,
                           blockpb::LoadResponse* response) override {
    return RunOnIo(context, "Load", [this, request, response]() -> Status {
      int failed = 0;
      for (const blockpb::Block& block : request->blocks()) {
        const Status status = LoadBlock(block);
        if (status.ok()) continue;
        ++failed;
        auto* out = response->add_block_status();
        *out->mutable_block() = block;
        out->set_code(static_cast<int>(status.code()));
        out->set_message(status.message());
        out->set_retryable(status.code() == Code::kUnavailable ||
                           status.code() == Code::kResourceExhausted);
      }
      response->set_status(failed == 0                        ? blockpb::SUCCESS
                           : failed == request->blocks_size() ? blockpb::FAILURE
                                                              : blockpb::PARTIAL_FAILURE);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* RemoveBlock(CallbackServerContext* context,
                                  const blockpb::RemoveBlockRequest* request,
                                  blockpb::RemoveBlockResponse*) override {
    return RunOnIo(context, "RemoveBlock", [this, request]() -> Status {
      RETURN_IF_ERROR(CheckBlockId(request->block_id()));
      return deps_.store.Remove(request->block_id());
    });
  }

  ServerUnaryReactor* MoveBlock(CallbackServerContext* context,
                                const blockpb::MoveBlockRequest* request,
                                blockpb::MoveBlockResponse*) override {
    return RunOnIo(context, "MoveBlock", [this, request]() -> Status {
      RETURN_IF_ERROR(CheckBlockId(request->block_id()));
      return deps_.store.Move(request->block_id(), {.medium_type = request->medium_type()});
    });
  }

  ServerUnaryReactor* ClearMetrics(CallbackServerContext* context,
                                   const blockpb::ClearMetricsRequest*,
                                   blockpb::ClearMetricsResponse*) override {
    return RunOnIo(context, "ClearMetrics", [this] {
      deps_.metrics.Clear();
      return Status::Ok();
    });
  }

  ServerUnaryReactor* FreeWorker(CallbackServerContext* context, const blockpb::FreeWorkerRequest*,
                                 blockpb::FreeWorkerResponse*) override {
    const auto user =
        deps_.authenticator.Authenticate(*context, "alluxio.grpc.block.BlockWorker/FreeWorker");
    return RunOnIo(context, "FreeWorker", [this, name = user.ok() ? user->name : ""]() -> Status {
      if (!deps_.is_superuser(name))
        return PermissionDenied("user {} is not a superuser and may not free a worker", name);
      return deps_.store.RemoveAll().status();
    });
  }

 private:
  Status Authenticate(const CallbackServerContext& context, std::string_view method) const {
    return deps_.authenticator
        .Authenticate(context, fmt::format("alluxio.grpc.block.BlockWorker/{}", method))
        .status();
  }

  // The context outlives its stream.
  static std::function<bool()> CancelledOf(const CallbackServerContext& context) {
    return [&context] { return context.IsCancelled(); };
  }

  static Status CheckBlockId(BlockId block) {
    if (block >= 0) return Status::Ok();
    return InvalidArgument("block_id is {}, must not be negative", block);
  }

  ServerUnaryReactor* RunOnIo(CallbackServerContext* context, std::string_view method,
                              std::function<Status()> work) {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    Status status = Authenticate(*context, method);
    if (status.ok())
      status = deps_.io.Submit(
          [reactor, work = std::move(work)] { reactor->Finish(net::ToGrpc(work())); });
    if (!status.ok()) reactor->Finish(net::ToGrpc(status));
    return reactor;
  }

  ServerUnaryReactor* PullIn(CallbackServerContext* context, std::string_view method,
                             Result<CacheRequest> request, bool async) {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    Status status = Authenticate(*context, method);
    if (status.ok()) status = request.status();
    if (!status.ok()) {
      reactor->Finish(net::ToGrpc(status));
      return reactor;
    }
    deps_.metrics.counter("Worker.CacheRequests").Add();
    if (async) {
      deps_.metrics.counter("Worker.CacheRequestsAsync").Add();
      deps_.caching.Cache(*std::move(request), [](Status) {});
      reactor->Finish(::grpc::Status::OK);
    } else {
      deps_.caching.Cache(*std::move(request),
                          [reactor](Status done) { reactor->Finish(net::ToGrpc(done)); });
    }
    return reactor;
  }

  Status LoadBlock(const blockpb::Block& block) {
    const UfsBlock source{.ufs_path = block.ufs_path(),
                          .offset_in_file = block.offset_in_file(),
                          .block_size = block.length(),
                          .mount_id = block.mountid()};
    RETURN_IF_ERROR(CheckBlockId(block.block_id()));
    RETURN_IF_ERROR(CheckUfsBlock(source));
    return deps_.inputs.CacheFromUfs(block.block_id(), source);
  }

  const BlockServiceDeps deps_;
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeBlockService(const BlockServiceDeps& deps,
                                                  net::LaneMethods& lanes) {
  return std::make_unique<BlockService>(deps, lanes);
}

}  // namespace headpond::worker
