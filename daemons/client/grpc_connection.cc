#include "client/grpc_connection.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <atomic>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"
#include "base/random.h"
#include "net/grpc_status.h"
#include "net/lane_client.h"

namespace headpond::client {
namespace {

using google::protobuf::MessageLite;
using ByteStub = grpc::GenericStub;
using MessageStub = grpc::TemplatedGenericStub<MessageLite, MessageLite>;

// A thread or two have nothing to share: by itself a call saves the wake-up of the thread that
// reads the lane (docs/adr/0011-lanes.md has the figures).
constexpr int kCallsWithoutLane = 2;

std::chrono::system_clock::time_point DeadlineIn(Millis timeout) {
  return std::chrono::system_clock::now() + timeout;
}

// The calls of a connection that are under way, to be ended from another thread. Thread safe.
class RunningCalls {
 public:
  // One call, from before it starts until before its context goes.
  class Entry {
   public:
    Entry(RunningCalls& calls, grpc::ClientContext& context) : calls_(calls), context_(context) {
      MutexLock lock(calls_.mutex_);
      calls_.contexts_.insert(&context_);
      if (calls_.closed_) context_.TryCancel();
    }
    ~Entry() {
      MutexLock lock(calls_.mutex_);
      calls_.contexts_.erase(&context_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    RunningCalls& calls_;
    grpc::ClientContext& context_;
  };

  // Cancels them, and all that are still to come.
  void Close() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    for (grpc::ClientContext* const context : contexts_) context->TryCancel();
  }

 private:
  Mutex mutex_;
  std::unordered_set<grpc::ClientContext*> contexts_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

// A stream whose completion queue is polled only by the thread that waits on it, so data takes no
// detour over another thread.
class GrpcStream final : public ByteStream {
 public:
  GrpcStream(net::AuthenticatedChannel& channel, uint64_t ticket, RunningCalls& running,
             std::unique_ptr<grpc::ClientContext> context, const char* method)
      : channel_(channel),
        ticket_(ticket),
        stub_(channel.channel()),
        context_(std::move(context)),
        entry_(running, *context_) {
    // The first message travels with the headers; no tag comes for the start itself.
    context_->set_initial_metadata_corked(true);
    call_ = stub_.PrepareCall(context_.get(), method, &queue_);
    call_->StartCall(Tag(kNoOperation));
  }

  ~GrpcStream() override {
    if (!finished_) {
      context_->TryCancel();
      DrainPending();
      if (started_) {
        Start(kFinish);
        call_->Finish(&verdict_, Tag(kFinish));
        DrainPending();
      }
    }
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  Result<bool> Write(const grpc::ByteBuffer& message, Millis timeout) override {
    RETURN_IF_ERROR(Await(kWrite, timeout));
    if (broken_) return false;
    started_ = true;
    Start(kWrite);
    call_->Write(message, Tag(kWrite));
    return true;
  }

  bool CanWrite() override {
    if (pending_[kWrite]) Poll(std::chrono::system_clock::now());
    return !pending_[kWrite] && !broken_ && !half_closed_;
  }

  Result<bool> WritesDone(Millis timeout) override {
    RETURN_IF_ERROR(Await(kWrite, timeout));
    if (broken_) return false;
    if (!half_closed_) {
      half_closed_ = true;
      Start(kWrite);
      call_->WritesDone(Tag(kWrite));
    }
    return true;
  }

  Result<std::optional<grpc::ByteBuffer>> Read(Millis timeout) override {
    // A message may have come while a write was waited for.
    if (!arrived_ && !at_end_ && !pending_[kRead]) StartRead();
    RETURN_IF_ERROR(Await(kRead, timeout));
    if (!std::exchange(arrived_, false)) return std::optional<grpc::ByteBuffer>();
    std::optional<grpc::ByteBuffer> message(std::move(incoming_));
    incoming_.Clear();
    // The next message is asked for at once, so that the transport fills it while the caller uses
    // this one.
    StartRead();
    return message;
  }

  Status Finish(Millis timeout) override {
    if (!finished_) {
      while (!at_end_ || arrived_) {
        ASSIGN_OR_RETURN(const auto dropped, Read(timeout));
        (void)dropped;
      }
      RETURN_IF_ERROR(Await(kWrite, timeout));
      Start(kFinish);
      call_->Finish(&verdict_, Tag(kFinish));
      RETURN_IF_ERROR(Await(kFinish, timeout));
      finished_ = true;
      if (verdict_.error_code() == grpc::StatusCode::UNAUTHENTICATED)
        channel_.Reauthenticate(ticket_);
    }
    return net::FromGrpc(verdict_);
  }

  void Cancel() override { context_->TryCancel(); }

 private:
  enum Operation { kNoOperation, kWrite, kRead, kFinish, kOperations };

  static void* Tag(Operation operation) {
    return reinterpret_cast<void*>(static_cast<intptr_t>(operation));
  }

  void Start(Operation operation) { pending_[operation] = true; }

  void StartRead() {
    Start(kRead);
    call_->Read(&incoming_, Tag(kRead));
  }

  // Takes one event; false when none came before `deadline`.
  bool Poll(std::chrono::system_clock::time_point deadline) {
    void* tag;
    bool ok;
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) return false;
    const auto operation = static_cast<Operation>(reinterpret_cast<intptr_t>(tag));
    pending_[operation] = false;
    if (!ok && operation == kWrite) broken_ = true;
    if (operation == kRead) (ok ? arrived_ : at_end_) = true;
    return true;
  }

  Status Await(Operation operation, Millis timeout) {
    const auto deadline = DeadlineIn(timeout);
    while (pending_[operation]) {
      if (Poll(deadline)) continue;
      context_->TryCancel();
      return DeadlineExceeded("no answer from the server within {} ms", timeout.count());
    }
    return Status::Ok();
  }

  // After a cancel: gRPC completes what is pending at once.
  void DrainPending() {
    while (pending_[kWrite] || pending_[kRead] || pending_[kFinish]) {
      if (!Poll(std::chrono::system_clock::time_point::max())) return;
    }
  }

  net::AuthenticatedChannel& channel_;
  const uint64_t ticket_;
  grpc::CompletionQueue queue_;
  ByteStub stub_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const RunningCalls::Entry entry_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  grpc::Status verdict_;
  bool pending_[kOperations] = {};
  bool started_ = false;
  bool broken_ = false;
  bool half_closed_ = false;
  bool arrived_ = false;  // incoming_ holds a message
  bool at_end_ = false;
  bool finished_ = false;
};

// Counts one call while it is under way.
class UnderWay {
 public:
  explicit UnderWay(std::atomic<int>& calls) : calls_(calls), count_(++calls) {}
  ~UnderWay() { --calls_; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  // This one included.
  int count() const { return count_; }

 private:
  std::atomic<int>& calls_;
  const int count_;
};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(const net::ChannelOptions& options)
      : channel_(options, Random::FromSystem()), lane_(channel_) {}

  Status Unary(const char* method, const MessageLite& request, MessageLite& response,
               Millis timeout) override {
    const UnderWay under_way(calls_);
    const auto reply =
        under_way.count() > kCallsWithoutLane ? lane_.Call(method, request, timeout) : std::nullopt;
    if (reply) {
      if (!reply->ok()) return reply->status();
      if (response.ParseFromString(**reply)) return Status::Ok();
      return Internal("malformed {} from {}", response.GetTypeName(), target());
    }
    return channel_.Call(timeout, [&](grpc::ClientContext& context) {
      const RunningCalls::Entry entry(running_, context);
      MessageStub stub(channel_.channel());
      grpc::CompletionQueue queue;
      const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
      grpc::Status status;
      call->StartCall();
      call->Finish(&response, &status, nullptr);
      void* tag;
      bool ok;
      queue.Next(&tag, &ok);  // ends by the call's deadline
      queue.Shutdown();
      while (queue.Next(&tag, &ok)) {
      }
      return status;
    });
  }

  std::optional<Result<std::string>> LaneCall(const char* method, const MessageLite& request,
                                              Millis timeout) override {
    return lane_.Call(method, request, timeout);
  }

  Result<std::unique_ptr<ByteStream>> OpenStream(const char* method) override {
    auto context = std::make_unique<grpc::ClientContext>();
    ASSIGN_OR_RETURN(const uint64_t ticket, channel_.Prepare(*context));
    return std::unique_ptr<ByteStream>(
        std::make_unique<GrpcStream>(channel_, ticket, running_, std::move(context), method));
  }

  void Close() override {
    channel_.Close();
    lane_.Close();
    running_.Close();
  }

  const std::string& target() const override { return channel_.options().target; }

 private:
  net::AuthenticatedChannel channel_;
  net::LaneClient lane_;
  RunningCalls running_;
  std::atomic<int> calls_ = 0;  // unary, under way
};

}  // namespace

std::shared_ptr<Connection> MakeConnection(const net::ChannelOptions& options) {
  return std::make_shared<GrpcConnection>(options);
}

}  // namespace headpond::client
