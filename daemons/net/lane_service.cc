#include "net/lane_service.h"

#include <algorithm>
#include <deque>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "net/abort_call.h"
#include "net/grpc_status.h"
#include "net/lane.h"
#include "net/raw_message.h"
#include "proto/lane.grpc.pb.h"

namespace headpond::net {
namespace {

using ::grpc::ByteBuffer;
using lane::Lane;
using lane::LaneCalls;
using lane::LaneReplies;
using lane::LaneReply;
using RawReactor = ::grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>;
// With raw bytes, because of what raw_message.h says.
using ServiceBase = Lane::WithRawCallbackMethod_Open<Lane::Service>;

}  // namespace

void LaneCall::Finish(const Status& status) {
  const std::unique_ptr<LaneCall> self(this);
  origin_.replies->Reply(origin_.id, status, status.ok() ? ResponseBytes() : std::string());
}

class LaneService::Impl final : public ServiceBase {
 public:
  Impl(const Authenticator& authenticator, LaneMethods methods, StallWatch* readers)
      : authenticator_(authenticator), methods_(std::move(methods)), readers_(readers) {}

  RawReactor* Open(::grpc::CallbackServerContext* context) override {
    return OpenLane(context, readers_ != nullptr ? AborterOf(*context) : nullptr);
  }
  RawReactor* OpenLane(::grpc::CallbackServerContext* context, CallAborter abort);

  void CloseAll(const Status& status) EXCLUDES(mutex_);
  size_t open_lanes() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return lanes_.size();
  }

 private:
  class Stream;

  // The status that ends a new lane at once, or OK when it may stay.
  Status Admit(const std::shared_ptr<Stream>& stream) EXCLUDES(mutex_);
  void Forget(const std::shared_ptr<Stream>& stream) EXCLUDES(mutex_);

  const Authenticator& authenticator_;
  const LaneMethods methods_;
  StallWatch* const readers_;  // may be null
  mutable Mutex mutex_;
  std::unordered_set<std::shared_ptr<Stream>> lanes_ GUARDED_BY(mutex_);
  Status closed_with_ GUARDED_BY(mutex_);
};

// One lane. Whatever happens changes the state under the lock; Advance then does what the state
// allows, without it: sending the replies that have gathered, reading on, ending the stream.
class LaneService::Impl::Stream final : public RawReactor,
                                        public LaneCall::Replies,
                                        public std::enable_shared_from_this<Stream> {
 public:
  Stream(Impl& service, ::grpc::CallbackServerContext& context, CallAborter abort)
      : service_(service), context_(context) {
    if (service_.readers_ != nullptr && abort) watched_ = service_.readers_->Add(std::move(abort));
  }

  void Begin() {
    self_ = shared_from_this();
    Status status =
        service_.authenticator_.Authenticate(context_, "headpond.lane.Lane/Open").status();
    if (status.ok()) status = service_.Admit(self_);
    if (!status.ok()) return End(std::move(status));
    {
      MutexLock lock(mutex_);
      *greeting_.mutable_methods() = {service_.methods_.names().begin(),
                                      service_.methods_.names().end()};
      greet_ = true;
    }
    Advance();
  }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { LoseClient(); }
  void OnDone() override {
    service_.Forget(self_);
    Unwatch();
    self_.reset();  // the last reference, unless calls are still running
  }

  void Reply(uint64_t id, const Status& status, std::string response,
             std::shared_ptr<const void> held) override;

  // Takes no more calls; what was called is answered. Only the first call counts.
  void End(Status status) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      SetOutcome(std::move(status));
    }
    Advance();
  }

 private:
  struct Answer {
    LaneReply reply;
    std::shared_ptr<const void> held;
  };
  // What is to be done without the lock.
  struct Actions {
    bool write = false;
    bool read = false;
    bool finish = false;
  };

  void SetOutcome(Status status) REQUIRES(mutex_) {
    if (std::exchange(ending_, true)) return;
    outcome_ = std::move(status);
  }
  Actions Plan() REQUIRES(mutex_);
  // The client has a message to take; `holding`: replies hold something meanwhile.
  void Watch(bool holding) REQUIRES(mutex_) {
    if (watched_) watched_->Wait(holding);
  }
  void Unwatch() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);  // replies may come yet
    watched_.reset();
  }
  void Advance() EXCLUDES(mutex_);
  // Nobody is there to read replies: runs out without them.
  void LoseClient() EXCLUDES(mutex_);
  void StartCalls(const LaneCalls& frame);

  Impl& service_;
  ::grpc::CallbackServerContext& context_;
  std::shared_ptr<Stream> self_;  // gRPC's reference, from Begin to OnDone
  ByteBuffer in_;                 // gRPC's while a read is under way
  ByteBuffer out_;                // and while a write is
  LaneReplies sending_;           // of the one who writes

  Mutex mutex_;
  LaneReplies greeting_ GUARDED_BY(mutex_);
  bool greet_ GUARDED_BY(mutex_) = false;
  std::deque<Answer> replies_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const void>> sending_held_ GUARDED_BY(mutex_);
  size_t in_flight_ GUARDED_BY(mutex_) = 0;  // calls whose reply the transport has not taken
  size_t writing_calls_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool reading_ GUARDED_BY(mutex_) = false;
  // Threads that are about to start an operation, or are starting calls whose replies had better go
  // together.
  int busy_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;
  bool gone_ GUARDED_BY(mutex_) = false;  // the client
  bool finished_ GUARDED_BY(mutex_) = false;
  Status outcome_ GUARDED_BY(mutex_);
  std::unique_ptr<StallWatch::Stream> watched_ GUARDED_BY(mutex_);  // null: nobody does
};

LaneService::Impl::Stream::Actions LaneService::Impl::Stream::Plan() {
  Actions actions;
  if (finished_) return actions;
  const bool may_write = !writing_ && busy_ == 0 && !gone_;
  if (may_write && std::exchange(greet_, false)) {
    sending_ = std::move(greeting_);
    writing_calls_ = 0;
    actions.write = writing_ = true;
  } else if (may_write && !replies_.empty()) {
    sending_.Clear();
    writing_calls_ = 0;
    for (size_t bytes = 0; !replies_.empty() && bytes < kLaneRepliesBytes; ++writing_calls_) {
      Answer& answer = replies_.front();
      bytes += answer.reply.response().size();
      if (answer.held) sending_held_.push_back(std::move(answer.held));
      *sending_.add_replies() = std::move(answer.reply);
      replies_.pop_front();
    }
    actions.write = writing_ = true;
    Watch(!sending_held_.empty());
  }
  actions.read = !reading_ && !ending_ && in_flight_ < kMaxLaneCallsInFlight;
  if (actions.read) reading_ = true;
  if (actions.write || actions.read) {
    ++busy_;
  } else if (ending_ && !writing_ && busy_ == 0 && (gone_ || in_flight_ == 0)) {
    actions.finish = finished_ = true;
  }
  return actions;
}

void LaneService::Impl::Stream::Advance() {
  while (true) {
    Actions actions;
    Status outcome;
    {
      MutexLock lock(mutex_);
      actions = Plan();
      if (actions.finish) outcome = outcome_;
    }
    if (actions.finish) return Finish(ToGrpc(outcome));
    if (!actions.read && !actions.write) return;
    if (actions.read) StartRead(&in_);
    if (actions.write) {
      out_ = SerializeMessage(sending_);
      StartWrite(&out_);
    }
    MutexLock lock(mutex_);
    --busy_;
  }
}

void LaneService::Impl::Stream::OnReadDone(bool ok) {
  LaneCalls frame;
  Status status;
  if (ok && in_.Length() > kMaxLaneCallsBytes) {
    status = InvalidArgument("headpond.lane.LaneCalls of {} bytes, more than {}", in_.Length(),
                             kMaxLaneCallsBytes);
  } else if (ok) {
    status = ParseMessage(in_, frame);
  }
  bool start = false;
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (!ok || !status.ok()) SetOutcome(std::move(status));
    // Else the client hears from the end of the stream that these calls were not made.
    start = !ending_;
    if (start) {
      in_flight_ += static_cast<size_t>(frame.calls_size());
      ++busy_;
    }
  }
  if (start) StartCalls(frame);
  Advance();
}

void LaneService::Impl::Stream::StartCalls(const LaneCalls& frame) {
  for (const lane::LaneCall& call : frame.calls()) {
    const LaneMethods::Start* const start = service_.methods_.Find(call.method());
    if (start != nullptr) {
      (*start)({context_, self_, call.id()}, call.request());
    } else {
      Replies::Reply(call.id(), Unimplemented("the lane has no method {}", call.method()));
    }
  }
  MutexLock lock(mutex_);
  --busy_;
}

void LaneService::Impl::Stream::Reply(uint64_t id, const Status& status, std::string response,
                                      std::shared_ptr<const void> held) {
  LaneReply reply;
  reply.set_id(id);
  if (status.ok()) {
    reply.set_response(std::move(response));
  } else {
    reply.set_code(static_cast<int>(status.code()));
    reply.set_message(SafeErrorText(status.message()));
  }
  {
    MutexLock lock(mutex_);
    if (held && writing_) Watch(/*holding=*/true);
    if (!gone_) replies_.push_back({std::move(reply), std::move(held)});
  }
  Advance();
}

void LaneService::Impl::Stream::OnWriteDone(bool ok) {
  out_.Clear();
  std::vector<std::shared_ptr<const void>> held;  // let go without the lock
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (watched_) watched_->Move();
    in_flight_ -= writing_calls_;
    held.swap(sending_held_);
  }
  if (!ok) return LoseClient();
  held.clear();
  Advance();
}

void LaneService::Impl::Stream::LoseClient() {
  std::deque<Answer> dropped;
  {
    MutexLock lock(mutex_);
    gone_ = true;
    // gRPC tells of a client that left as the end of what it sends, too, in either order.
    ending_ = true;
    if (outcome_.ok()) outcome_ = Cancelled("the client left");
    dropped.swap(replies_);
  }
  dropped.clear();
  Advance();
}

RawReactor* LaneService::Impl::OpenLane(::grpc::CallbackServerContext* context, CallAborter abort) {
  auto stream = std::make_shared<Stream>(*this, *context, std::move(abort));
  stream->Begin();
  return stream.get();
}

Status LaneService::Impl::Admit(const std::shared_ptr<Stream>& stream) {
  MutexLock lock(mutex_);
  if (closed_with_.ok()) lanes_.insert(stream);
  return closed_with_;
}

void LaneService::Impl::Forget(const std::shared_ptr<Stream>& stream) {
  MutexLock lock(mutex_);
  lanes_.erase(stream);
}

void LaneService::Impl::CloseAll(const Status& status) {
  std::vector<std::shared_ptr<Stream>> lanes;
  {
    MutexLock lock(mutex_);
    closed_with_ = status;
    lanes.assign(lanes_.begin(), lanes_.end());
  }
  for (const auto& lane : lanes) lane->End(status);
}

LaneService::LaneService(const Authenticator& authenticator, LaneMethods methods,
                         StallWatch* readers)
    : impl_(std::make_unique<Impl>(authenticator, std::move(methods), readers)) {}
LaneService::~LaneService() = default;
::grpc::Service& LaneService::service() {
  return *impl_;
}
RawReactor* LaneService::Open(::grpc::CallbackServerContext* context, CallAborter abort) {
  return impl_->OpenLane(context, std::move(abort));
}
void LaneService::CloseAll(const Status& status) {
  impl_->CloseAll(status);
}
size_t LaneService::open_lanes() const {
  return impl_->open_lanes();
}

}  // namespace headpond::net
