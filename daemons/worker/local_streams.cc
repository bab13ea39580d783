#include "worker/local_streams.h"

#include "base/log.h"
#include "base/mutex.h"
#include "net/grpc_status.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

class OpenLocalStream final : public OpenLocalReactor {
 public:
  OpenLocalStream(const BlockServiceDeps& deps, Status authenticated) : deps_(deps) {
    if (authenticated.ok()) {
      StartRead(&request_);
    } else {
      Finish(net::ToGrpc(authenticated));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(::grpc::Status::OK);  // half-closed: the client is done with the block
    if (reader_)
      return Finish(net::ToGrpc(InvalidArgument("an OpenLocalBlock stream takes one request")));
    const Status submitted = deps_.io.Submit([this] {
      if (const Status status = Open(); !status.ok()) return Finish(net::ToGrpc(status));
      StartWrite(&response_);
    });
    if (!submitted.ok()) Finish(net::ToGrpc(submitted));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(net::ToGrpc(Cancelled("the client went away")));
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  Status Open() {
    if (request_.block_id() < 0)
      return InvalidArgument("block_id is {}, must not be negative", request_.block_id());
    if (request_.promote()) {
      if (const Status moved = deps_.store.Move(request_.block_id(), {.tier = 0}); !moved.ok())
        LogDebug("read", "block {} is read where it is: {}", request_.block_id(), moved.ToString());
    }
    ASSIGN_OR_RETURN(reader_, deps_.store.Open(request_.block_id()));
    response_.set_path(reader_->path());
    deps_.metrics.counter("Worker.BlocksAccessed").Add();
    return Status::Ok();
  }

  const BlockServiceDeps& deps_;
  blockpb::OpenLocalBlockRequest request_;
  blockpb::OpenLocalBlockResponse response_;
  std::unique_ptr<cache::BlockReader> reader_;
};

class CreateLocalStream final : public CreateLocalReactor {
 public:
  CreateLocalStream(const BlockServiceDeps& deps, std::function<bool()> cancelled,
                    Status authenticated)
      : deps_(deps), call_cancelled_(std::move(cancelled)) {
    if (authenticated.ok()) {
      StartRead(&request_);
    } else {
      Finish(net::ToGrpc(authenticated));
    }
  }

  void OnReadDone(bool ok) override {
    const Status submitted = deps_.io.Submit([this, ok] {
      if (!ok) return Finish(net::ToGrpc(Commit()));
      if (const Status status = Handle(); !status.ok()) return Finish(net::ToGrpc(status));
      StartWrite(&response_);
    });
    if (!submitted.ok()) Finish(net::ToGrpc(submitted));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(net::ToGrpc(Cancelled("the client went away")));
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  Status Handle() {
    if (request_.space_to_reserve() < 0)
      return InvalidArgument("space_to_reserve is {}, must not be negative",
                             request_.space_to_reserve());
    response_.Clear();
    if (request_.only_reserve_space()) {
      if (!writer_) return InvalidArgument("only_reserve_space came before the block was created");
      return writer_->Reserve(reserved_ += request_.space_to_reserve());
    }
    if (writer_) return InvalidArgument("a CreateLocalBlock stream creates one block");
    if (request_.block_id() < 0)
      return InvalidArgument("block_id is {}, must not be negative", request_.block_id());
    block_ = request_.block_id();
    pin_ = request_.pin_on_create();
    reserved_ = request_.space_to_reserve();
    ASSIGN_OR_RETURN(
        writer_, deps_.store.Create(
                     NewSessionId(), block_,
                     {.tier = request_.tier(), .medium_type = request_.medium_type()}, reserved_));
    response_.set_path(writer_->path());
    return Status::Ok();
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
  blockpb::CreateLocalBlockRequest request_;
  blockpb::CreateLocalBlockResponse response_;
  std::unique_ptr<cache::BlockWriter> writer_;
  BlockId block_ = 0;
  bool pin_ = false;
  int64_t reserved_ = 0;
};

}  // namespace

OpenLocalReactor* NewOpenLocalStream(const BlockServiceDeps& deps, Status authenticated) {
  return new OpenLocalStream(deps, std::move(authenticated));
}

CreateLocalReactor* NewCreateLocalStream(const BlockServiceDeps& deps,
                                         std::function<bool()> cancelled, Status authenticated) {
  return new CreateLocalStream(deps, std::move(cancelled), std::move(authenticated));
}

}  // namespace headpond::worker
