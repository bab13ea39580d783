#include "net/lane_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/grpc_status.h"
#include "net/lane.h"
#include "net/raw_message.h"
#include "net/running_streams.h"
#include "proto/lane.pb.h"

namespace headpond::net {
namespace {

using ::grpc::ByteBuffer;
using lane::LaneCalls;
using lane::LaneReplies;
using lane::LaneReply;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between two attempts to open a lane, when the first failed.
constexpr milliseconds kReopenAfter{1'000};
// Cancelling is local, so its completion is a matter of scheduling.
constexpr milliseconds kCancelTimeout{5'000};
// What LaneCalls adds to the bytes of a request, at most.
constexpr size_t kCallOverheadBytes = 32;

}  // namespace

// One lane, from opening to its end.
class LaneClient::Stream final : public ::grpc::ClientBidiReactor<ByteBuffer, ByteBuffer>,
                                 public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::string target, std::unique_ptr<::grpc::ClientContext> context, uint64_t ticket,
         std::shared_ptr<RunningStreams> streams)
      : target_(std::move(target)),
        ticket_(ticket),
        streams_(std::move(streams)),
        context_(std::move(context)) {}

  void Begin(const std::shared_ptr<::grpc::Channel>& channel) {
    self_ = shared_from_this();
    streams_->Add();
    ::grpc::GenericStub(channel).PrepareBidiStreamingCall(context_.get(), kLaneMethod, {}, this);
    AddHold();  // for the threads that send calls
    StartRead(&in_);
    StartCall();
  }

  uint64_t ticket() const { return ticket_; }
  void Cancel() { context_->TryCancel(); }

  // How the lane ended; nullopt while it has not.
  std::optional<Status> outcome() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return outcome_;
  }

  std::optional<Result<std::string>> Call(std::string_view method,
                                          const google::protobuf::MessageLite& request,
                                          milliseconds timeout) EXCLUDES(mutex_);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const ::grpc::Status& status) override;

 private:
  // One call under way, shared by the caller and the thread that gets its reply.
  struct Pending {
    Mutex mutex;
    CondVar changed;
    bool done GUARDED_BY(mutex) = false;
    Status status GUARDED_BY(mutex);
    std::string response GUARDED_BY(mutex);

    void Complete(Status with, std::string bytes) EXCLUDES(mutex) {
      {
        MutexLock lock(mutex);
        status = std::move(with);
        response = std::move(bytes);
        done = true;
      }
      changed.NotifyOne();
    }
  };

  // Whether the caller is to Write() now.
  bool MayWrite() REQUIRES(mutex_) {
    if (writing_ || broken_ || distributing_ > 0 || queue_.empty()) return false;
    return writing_ = true;
  }
  // Sends what has gathered.
  void Write() EXCLUDES(mutex_);
  void Distribute(LaneReplies& replies) EXCLUDES(mutex_);
  Result<std::string> Await(Pending& pending, uint64_t id, milliseconds timeout) EXCLUDES(mutex_);
  // The reply of a call that nobody waits for any more is dropped.
  void Abandon(uint64_t id) EXCLUDES(mutex_);

  const std::string target_;
  const uint64_t ticket_;
  const std::shared_ptr<RunningStreams> streams_;
  const std::unique_ptr<::grpc::ClientContext> context_;
  std::shared_ptr<Stream> self_;  // gRPC's reference, from Begin to OnDone
  ByteBuffer in_;                 // gRPC's while a read is under way
  ByteBuffer out_;                // and while a write is
  LaneCalls sending_;             // of the one who writes

  mutable Mutex mutex_;
  // Of the server, by name; empty until it told.
  std::map<std::string, uint32_t, std::less<>> methods_ GUARDED_BY(mutex_);
  bool broken_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;
  // Threads that are waking callers, who are likely to call again at once.
  int distributing_ GUARDED_BY(mutex_) = 0;
  bool held_ GUARDED_BY(mutex_) = true;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Pending>> pending_ GUARDED_BY(mutex_);
  std::deque<lane::LaneCall> queue_ GUARDED_BY(mutex_);
  std::optional<Status> outcome_ GUARDED_BY(mutex_);
};

std::optional<Result<std::string>> LaneClient::Stream::Call(
    std::string_view method, const google::protobuf::MessageLite& request, milliseconds timeout) {
  lane::LaneCall call;
  if (!request.SerializeToString(call.mutable_request())) return std::nullopt;
  if (call.request().size() > kMaxLaneRequestBytes) return std::nullopt;
  const auto pending = std::make_shared<Pending>();
  uint64_t id = 0;
  bool first = false;
  {
    MutexLock lock(mutex_);
    const auto found = methods_.find(method);
    if (found == methods_.end() || broken_ || pending_.size() >= kMaxLaneCallsInFlight)
      return std::nullopt;
    id = ++last_id_;
    call.set_id(id);
    call.set_method(found->second);
    pending_.emplace(id, pending);
    queue_.push_back(std::move(call));
    first = MayWrite();
  }
  if (first) Write();
  return Await(*pending, id, timeout);
}

void LaneClient::Stream::Write() {
  sending_.Clear();
  {
    MutexLock lock(mutex_);
    for (size_t bytes = 0; !queue_.empty();) {
      bytes += queue_.front().request().size() + kCallOverheadBytes;
      if (bytes > kMaxLaneCallsBytes) break;
      *sending_.add_calls() = std::move(queue_.front());
      queue_.pop_front();
    }
  }
  out_ = SerializeMessage(sending_);
  StartWrite(&out_);
}

void LaneClient::Stream::OnWriteDone(bool ok) {
  bool more = false;
  bool release = false;
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
    more = MayWrite();
    release = broken_ && std::exchange(held_, false);
  }
  if (more) Write();
  if (release) RemoveHold();
}

void LaneClient::Stream::OnReadDone(bool ok) {
  LaneReplies replies;
  const Status parsed = ok ? ParseMessage(in_, replies) : Status::Ok();
  if (ok && parsed.ok()) {
    StartRead(&in_);
    return Distribute(replies);
  }
  if (!parsed.ok()) {
    LogWarn("net", "{} sent a malformed message on its lane", target_);
    context_->TryCancel();
  }
  bool release = false;
  {
    MutexLock lock(mutex_);
    broken_ = true;
    release = !writing_ && std::exchange(held_, false);
  }
  if (release) RemoveHold();
}

void LaneClient::Stream::Distribute(LaneReplies& replies) {
  std::vector<std::pair<std::shared_ptr<Pending>, LaneReply*>> done;
  done.reserve(static_cast<size_t>(replies.replies_size()));
  {
    MutexLock lock(mutex_);
    ++distributing_;
    for (std::string& name : *replies.mutable_methods()) {
      const auto index = static_cast<uint32_t>(methods_.size());
      methods_.emplace(std::move(name), index);
    }
    for (LaneReply& reply : *replies.mutable_replies()) {
      const auto found = pending_.find(reply.id());
      if (found == pending_.end()) continue;  // the caller gave up
      done.emplace_back(std::move(found->second), &reply);
      pending_.erase(found);
    }
  }
  for (const auto& [pending, reply] : done) {
    Status status;
    if (reply->code() != 0)
      status = FromGrpc(::grpc::Status(static_cast<::grpc::StatusCode>(reply->code()),
                                       std::move(*reply->mutable_message())));
    pending->Complete(std::move(status), std::move(*reply->mutable_response()));
  }
  bool write = false;
  {
    MutexLock lock(mutex_);
    --distributing_;
    write = MayWrite();
  }
  if (write) Write();
}

Result<std::string> LaneClient::Stream::Await(Pending& pending, uint64_t id, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  {
    MutexLock lock(pending.mutex);
    while (!pending.done) {
      if (!pending.changed.WaitUntil(pending.mutex, deadline)) break;
    }
    if (pending.done) {
      if (!pending.status.ok()) return pending.status;
      return std::move(pending.response);
    }
  }
  Abandon(id);
  return DeadlineExceeded("no answer from {} within {} ms", target_, timeout.count());
}

void LaneClient::Stream::Abandon(uint64_t id) {
  MutexLock lock(mutex_);
  pending_.erase(id);
  std::erase_if(queue_, [id](const lane::LaneCall& call) { return call.id() == id; });
}

void LaneClient::Stream::OnDone(const ::grpc::Status& status) {
  std::unordered_map<uint64_t, std::shared_ptr<Pending>> failed;
  {
    MutexLock lock(mutex_);
    broken_ = true;
    outcome_ = FromGrpc(status);
    failed.swap(pending_);
    queue_.clear();
  }
  // What the calls came to is unknown; the retries above this layer repeat them under their
  // operation ids.
  for (const auto& [id, pending] : failed)
    pending->Complete(Unavailable("the connection to {} broke: {}", target_,
                                  status.ok() ? "the lane ended" : status.error_message()),
                      "");
  // See AuthenticatedChannel::Stream::OnDone.
  const std::shared_ptr<RunningStreams> streams = streams_;
  self_.reset();
  streams->Remove();
}

LaneClient::LaneClient(AuthenticatedChannel& channel)
    : channel_(channel), streams_(std::make_shared<RunningStreams>()) {}

LaneClient::~LaneClient() {
  Close();
  if (!streams_->WaitForNone(steady_clock::now() + kCancelTimeout))
    LogWarn("net", "the lane to {} does not end", channel_.options().target);
}

void LaneClient::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  if (stream_) stream_->Cancel();
  stream_.reset();
}

std::optional<Result<std::string>> LaneClient::Call(std::string_view method,
                                                    const google::protobuf::MessageLite& request,
                                                    milliseconds timeout) {
  const std::shared_ptr<Stream> stream = Current();
  if (!stream) return std::nullopt;
  auto reply = stream->Call(method, request, timeout);
  if (!reply || reply->status().code() != Code::kUnauthenticated) return reply;
  // A new lane, for the channel's new id.
  channel_.Reauthenticate(stream->ticket());
  Drop(stream);
  return std::nullopt;
}

std::shared_ptr<LaneClient::Stream> LaneClient::Current() {
  {
    MutexLock lock(mutex_);
    if (stream_) {
      const std::optional<Status> outcome = stream_->outcome();
      if (!outcome) return stream_;
      unsupported_ = outcome->code() == Code::kUnimplemented;
      next_open_ = steady_clock::now() + kReopenAfter;
      stream_.reset();
    }
    if (!std::exchange(called_, true) || closed_ || unsupported_ || opening_ ||
        steady_clock::now() < next_open_)
      return nullptr;
    opening_ = true;
  }
  auto context = std::make_unique<::grpc::ClientContext>();
  const Result<uint64_t> ticket = channel_.Prepare(*context);
  std::shared_ptr<Stream> stream;
  if (ticket.ok()) {
    stream =
        std::make_shared<Stream>(channel_.options().target, std::move(context), *ticket, streams_);
    stream->Begin(channel_.channel());
  }
  MutexLock lock(mutex_);
  opening_ = false;
  if (closed_) {
    if (stream) stream->Cancel();
    return nullptr;
  }
  stream_ = stream;
  return stream;
}

void LaneClient::Drop(const std::shared_ptr<Stream>& stream) {
  stream->Cancel();
  MutexLock lock(mutex_);
  if (stream_ == stream) stream_.reset();
}

}  // namespace headpond::net
