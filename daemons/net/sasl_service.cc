#include "net/sasl_service.h"

#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "net/grpc_status.h"
#include "net/raw_message.h"
#include "proto/sasl_server.grpc.pb.h"

namespace headpond::net {
namespace {

using alluxio::grpc::sasl::ChannelAuthenticationScheme;
using alluxio::grpc::sasl::ChannelAuthenticationScheme_Name;
using alluxio::grpc::sasl::SaslAuthenticationService;
using alluxio::grpc::sasl::SaslMessage;
using alluxio::grpc::sasl::SaslMessageType;

// Ids are UUIDs (36 bytes) from every known client.
constexpr size_t kMaxChannelIdBytes = 256;
// An Authenticator that admits N channels still meets streams that have not authenticated yet.
constexpr size_t kMaxOpenStreams = 250'000;

Status CheckChallenge(const SaslMessage& message) {
  if (message.messagetype() != SaslMessageType::CHALLENGE) {
    return Unauthenticated("the first message of a channel must be a CHALLENGE");
  }
  if (message.authenticationscheme() != ChannelAuthenticationScheme::SIMPLE) {
    return Unauthenticated("authentication scheme {} is not supported: use SIMPLE",
                           ChannelAuthenticationScheme_Name(message.authenticationscheme()));
  }
  if (message.clientid().empty()) return Unauthenticated("the channel id is missing");
  if (message.clientid().size() > kMaxChannelIdBytes) {
    return Unauthenticated("the channel id has {} bytes, more than {}", message.clientid().size(),
                           kMaxChannelIdBytes);
  }
  // The id comes back as ASCII metadata, so one with other characters could never be used.
  for (const char c : message.clientid()) {
    if (c <= ' ' || c > '~') return Unauthenticated("the channel id must be printable ASCII");
  }
  return Status::Ok();
}

}  // namespace

using RawReactor = ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>;
// With raw bytes, because of what raw_message.h says.
using ServiceBase = SaslAuthenticationService::WithRawCallbackMethod_authenticate<
    SaslAuthenticationService::Service>;

class SaslService::Impl final : public ServiceBase {
 public:
  Impl(Authenticator& authenticator, Executor& executor, const Clock& clock)
      : authenticator_(authenticator), executor_(executor), clock_(clock) {}

  RawReactor* authenticate(::grpc::CallbackServerContext* context) override;

  void Sweep() EXCLUDES(mutex_);
  void CloseAll(const Status& status) EXCLUDES(mutex_);
  size_t open_streams() const EXCLUDES(mutex_);

 private:
  class Stream;

  // The status that ends a new stream at once, or OK when it may stay.
  Status Admit(const std::shared_ptr<Stream>& stream) EXCLUDES(mutex_);
  void Forget(const std::shared_ptr<Stream>& stream) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Stream>> Streams() const EXCLUDES(mutex_);

  Authenticator& authenticator_;
  Executor& executor_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::unordered_set<std::shared_ptr<Stream>> streams_ GUARDED_BY(mutex_);
  Status closed_with_ GUARDED_BY(mutex_);
};

// One channel's stream. gRPC may call the On* methods from any of its threads, one at a time but
// for OnCancel. `mutex_` makes sure that nothing is started after Finish; starting an operation
// never runs a reaction on the same thread, so holding it there is safe.
class SaslService::Impl::Stream final : public RawReactor,
                                        public std::enable_shared_from_this<Stream> {
 public:
  Stream(Impl& service, std::string peer)
      : service_(service), peer_(std::move(peer)), opened_(service.clock_.Now()) {}

  void Begin() {
    self_ = shared_from_this();
    if (Status status = service_.Admit(self_); !status.ok()) return Close(status);
    MutexLock lock(mutex_);
    if (!finished_) StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close(Status::Ok());  // half-closed: the client is done with the channel
    if (checked_) return Close(InvalidArgument("an authenticated channel sends no more messages"));
    checked_ = true;
    const Status submitted =
        service_.executor_.Submit([self = shared_from_this()] { self->Authenticate(); });
    if (!submitted.ok()) Close(submitted);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Close(Cancelled("the client left"));
    MutexLock lock(mutex_);
    if (!finished_) StartRead(&in_);  // completes when the client half-closes
  }

  void OnCancel() override { Close(Cancelled("the connection ended")); }

  void OnDone() override {
    service_.Forget(self_);
    self_.reset();  // the last reference, unless a sweep is looking at this stream
  }

  // Ends the registration and then the stream; only the first call counts.
  void Close(const Status& status) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    if (token_ != 0) service_.authenticator_.channels().Remove(channel_id_, token_);
    Finish(ToGrpc(status));
  }

  uint64_t token() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return token_;
  }
  std::chrono::steady_clock::time_point opened() const { return opened_; }

 private:
  void Authenticate() EXCLUDES(mutex_) {
    auto user = CheckRequest();
    MutexLock lock(mutex_);
    if (finished_) return;  // cancelled meanwhile
    if (user.ok()) {
      auto token = service_.authenticator_.channels().Add(request_.clientid(), *user);
      if (token.ok()) {
        token_ = *token;
        channel_id_ = request_.clientid();
        SaslMessage reply;
        reply.set_messagetype(SaslMessageType::SUCCESS);
        out_ = SerializeMessage(reply);
        StartWrite(&out_);
        LogDebug("auth", "channel {} from {} is user {}, connection user {}", channel_id_, peer_,
                 user->name, user->connection_user);
        return;
      }
      user = token.status();
    }
    LogWarn("auth", "refused a channel from {}: {}", peer_, user.status().message());
    finished_ = true;
    Finish(ToGrpc(user.status()));
  }

  Result<CallUser> CheckRequest() {
    RETURN_IF_ERROR(ParseMessage(in_, request_));
    RETURN_IF_ERROR(CheckChallenge(request_));
    return service_.authenticator_.CheckPlain(request_.message());
  }

  Impl& service_;
  const std::string peer_;
  const std::chrono::steady_clock::time_point opened_;
  std::shared_ptr<Stream> self_;  // gRPC's reference, from Begin to OnDone
  ::grpc::ByteBuffer in_;         // gRPC's while a read is under way
  ::grpc::ByteBuffer out_;
  SaslMessage request_;
  bool checked_ = false;  // the first message has come; only OnReadDone uses it
  mutable Mutex mutex_;
  bool finished_ GUARDED_BY(mutex_) = false;
  uint64_t token_ GUARDED_BY(mutex_) = 0;  // of the registry; 0 until authenticated
  std::string channel_id_ GUARDED_BY(mutex_);
};

RawReactor* SaslService::Impl::authenticate(::grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<Stream>(*this, context->peer());
  stream->Begin();
  return stream.get();
}

Status SaslService::Impl::Admit(const std::shared_ptr<Stream>& stream) {
  MutexLock lock(mutex_);
  if (!closed_with_.ok()) return closed_with_;
  if (streams_.size() >= kMaxOpenStreams) {
    return ResourceExhausted("{} channels are open, the limit of this server", kMaxOpenStreams);
  }
  streams_.insert(stream);
  return Status::Ok();
}

void SaslService::Impl::Forget(const std::shared_ptr<Stream>& stream) {
  MutexLock lock(mutex_);
  streams_.erase(stream);
}

std::vector<std::shared_ptr<SaslService::Impl::Stream>> SaslService::Impl::Streams() const {
  MutexLock lock(mutex_);
  return {streams_.begin(), streams_.end()};
}

void SaslService::Impl::Sweep() {
  const auto stale = authenticator_.channels().TakeStale();
  const std::unordered_set<uint64_t> stale_tokens(stale.begin(), stale.end());
  const auto started_before = clock_.Now() - kFirstMessageTimeout;
  for (const auto& stream : Streams()) {
    const uint64_t token = stream->token();
    if (token == 0 && stream->opened() <= started_before) {
      stream->Close(Unauthenticated("the channel did not authenticate within {} s",
                                    kFirstMessageTimeout.count()));
    } else if (stale_tokens.contains(token)) {
      stream->Close(Unauthenticated("the channel was idle too long"));
    }
  }
}

void SaslService::Impl::CloseAll(const Status& status) {
  {
    MutexLock lock(mutex_);
    closed_with_ = status;
  }
  for (const auto& stream : Streams()) stream->Close(status);
}

size_t SaslService::Impl::open_streams() const {
  MutexLock lock(mutex_);
  return streams_.size();
}

SaslService::SaslService(Authenticator& authenticator, Executor& executor, const Clock& clock)
    : impl_(std::make_unique<Impl>(authenticator, executor, clock)) {}
SaslService::~SaslService() = default;
::grpc::Service& SaslService::service() {
  return *impl_;
}
void SaslService::Sweep() {
  impl_->Sweep();
}
void SaslService::CloseAll(const Status& status) {
  impl_->CloseAll(status);
}
size_t SaslService::open_streams() const {
  return impl_->open_streams();
}

}  // namespace headpond::net
