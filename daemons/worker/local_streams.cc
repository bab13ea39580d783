#include "worker/local_streams.h"

#include "base/arithmetic.h"
#include "base/log.h"
#include "base/mutex.h"
#include "net/grpc_status.h"
#include "net/raw_message.h"
#include "net/stall_watch.h"
#include "proto/block_worker.pb.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

class OpenLocalStream final : public RawReactor {
 public:
  OpenLocalStream(const BlockServiceDeps& deps, Status authenticated) : deps_(deps) {
    if (authenticated.ok()) {
      StartRead(&in_);
    } else {
      Finish(net::ToGrpc(authenticated));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {  // half-closed: the client is done with the block
      return Finish(net::ToGrpc(reader_ ? Status::Ok()
                                        : InvalidArgument("the stream ended before its request")));
    }
    if (reader_)
      return Finish(net::ToGrpc(InvalidArgument("an OpenLocalBlock stream takes one request")));
    const Status submitted = deps_.io.Submit([this] {
      if (const Status status = Open(); !status.ok()) return Finish(net::ToGrpc(status));
      StartWrite(&out_);
    });
    if (!submitted.ok()) Finish(net::ToGrpc(submitted));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(net::ToGrpc(Cancelled("the client went away")));
    StartRead(&in_);
  }

  void OnDone() override { delete this; }

 private:
  Status Open() {
    blockpb::OpenLocalBlockRequest request;
    RETURN_IF_ERROR(net::ParseMessage(in_, request));
    if (request.block_id() < 0)
      return InvalidArgument("block_id is {}, must not be negative", request.block_id());
    if (request.promote()) {
      if (const Status moved = deps_.store.Move(request.block_id(), {.tier = 0}); !moved.ok())
        LogDebug("read", "block {} is read where it is: {}", request.block_id(), moved.ToString());
    }
    ASSIGN_OR_RETURN(reader_, deps_.store.Open(request.block_id()));
    blockpb::OpenLocalBlockResponse response;
    response.set_path(reader_->path());
    out_ = net::SerializeMessage(response);
    deps_.metrics.counter("Worker.BlocksAccessed").Add();
    return Status::Ok();
  }

  const BlockServiceDeps& deps_;
  ::grpc::ByteBuffer in_;
  ::grpc::ByteBuffer out_;
  std::unique_ptr<cache::BlockReader> reader_;
};

class CreateLocalStream final : public RawReactor {
 public:
  CreateLocalStream(const BlockServiceDeps& deps, std::function<bool()> cancelled,
                    Status authenticated)
      : deps_(deps), call_cancelled_(std::move(cancelled)) {
    if (authenticated.ok()) {
      StartRead(&in_);
    } else {
      Finish(net::ToGrpc(authenticated));
    }
  }

  void OnReadDone(bool ok) override {
    const Status submitted = deps_.io.Submit([this, ok] {
      if (!ok) return Finish(net::ToGrpc(Commit()));
      if (const Status status = Handle(); !status.ok()) return Finish(net::ToGrpc(status));
      StartWrite(&out_);
    });
    if (!submitted.ok()) Finish(net::ToGrpc(submitted));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(net::ToGrpc(Cancelled("the client went away")));
    StartRead(&in_);
  }

  void OnDone() override { delete this; }

 private:
  Status Handle() {
    blockpb::CreateLocalBlockRequest request;
    RETURN_IF_ERROR(net::ParseMessage(in_, request));
    const Result<blockpb::CreateLocalBlockResponse> response = Obey(request);
    if (response.status().code() == Code::kResourceExhausted) deps_.writers.NoteRefusal();
    RETURN_IF_ERROR(response.status());
    out_ = net::SerializeMessage(*response);
    return Status::Ok();
  }

  Result<blockpb::CreateLocalBlockResponse> Obey(const blockpb::CreateLocalBlockRequest& request) {
    blockpb::CreateLocalBlockResponse response;
    if (request.space_to_reserve() < 0)
      return InvalidArgument("space_to_reserve is {}, must not be negative",
                             request.space_to_reserve());
    if (request.only_reserve_space()) {
      if (!writer_) return InvalidArgument("only_reserve_space came before the block was created");
      reserved_ = SaturatingAdd(reserved_, request.space_to_reserve());
      RETURN_IF_ERROR(writer_->Reserve(reserved_));
      return response;
    }
    if (writer_) return InvalidArgument("a CreateLocalBlock stream creates one block");
    if (request.block_id() < 0)
      return InvalidArgument("block_id is {}, must not be negative", request.block_id());
    block_ = request.block_id();
    pin_ = request.pin_on_create();
    reserved_ = request.space_to_reserve();
    ASSIGN_OR_RETURN(
        writer_, deps_.store.Create(NewSessionId(), block_,
                                    {.tier = request.tier(), .medium_type = request.medium_type()},
                                    reserved_));
    response.set_path(writer_->path());
    return response;
  }

  Status Commit() {
    if (!writer_) return InvalidArgument("the stream ended before its first request");
    // A reset stream looks like a half-closed one until its cancellation arrives; the context knows
    // first.
    if (call_cancelled_()) return Cancelled("the client cancelled the write");
    return CommitBlock(*writer_, block_, pin_, deps_.commit);
  }

  const BlockServiceDeps& deps_;
  const std::function<bool()> call_cancelled_;
  ::grpc::ByteBuffer in_;
  ::grpc::ByteBuffer out_;
  std::unique_ptr<cache::BlockWriter> writer_;
  BlockId block_ = 0;
  bool pin_ = false;
  int64_t reserved_ = 0;
};

}  // namespace

RawReactor* NewOpenLocalStream(const BlockServiceDeps& deps, Status authenticated) {
  return new OpenLocalStream(deps, std::move(authenticated));
}

RawReactor* NewCreateLocalStream(const BlockServiceDeps& deps, std::function<bool()> cancelled,
                                 Status authenticated) {
  return new CreateLocalStream(deps, std::move(cancelled), std::move(authenticated));
}

}  // namespace headpond::worker
