#include "net/channel.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "base/log.h"
#include "net/grpc_status.h"
#include "net/mutual_tls.h"
#include "net/running_streams.h"
#include "net/sasl_plain.h"
#include "proto/sasl_server.grpc.pb.h"

namespace headpond::net {
namespace {

using alluxio::grpc::sasl::ChannelAuthenticationScheme;
using alluxio::grpc::sasl::SaslAuthenticationService;
using alluxio::grpc::sasl::SaslMessage;
using alluxio::grpc::sasl::SaslMessageType;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// gRPC waits twice as long after each failed connection attempt; a restarted server should be found
// soon, and the retries above this layer have their own back-off.
constexpr milliseconds kFirstReconnect{100};
constexpr milliseconds kMaxReconnect{1'000};
// A server that comes back may have another address behind its name, as pods have. Names are asked
// for again after failed attempts only; left alone, gRPC would do so every 30 seconds at most.
constexpr milliseconds kBetweenResolutions{1'000};
// See server.cc.
constexpr int kMaxFrameBytes = 64 << 10;
// Cancelling is local, so its completion is a matter of scheduling.
constexpr milliseconds kCancelTimeout{5'000};

int ToInt(milliseconds duration) {
  return static_cast<int>(std::clamp<int64_t>(duration.count(), 0, INT_MAX));
}
int ToInt(size_t bytes) {
  return static_cast<int>(std::min<size_t>(bytes, INT_MAX));
}

}  // namespace

std::shared_ptr<::grpc::Channel> MakeChannel(const ChannelOptions& options) {
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(ToInt(options.max_inbound_message_bytes));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, ToInt(options.keepalive_interval));
  // On Linux also for how long what was sent may go without an acknowledgement (TCP_USER_TIMEOUT).
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ToInt(options.keepalive_timeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // or pings stop after the second
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, ToInt(kFirstReconnect));
  // Who waits no longer for an attempt wants no longer pause before the next.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   ToInt(std::min(kMaxReconnect, options.connect_timeout)));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, ToInt(options.connect_timeout));
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, ToInt(kBetweenResolutions));
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, ToInt(options.stream_window_bytes));
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  // Peers of a cluster are reached directly, whatever http_proxy says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Retries belong to net/retry.h, which knows what may be repeated; gRPC's would buffer messages.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  if (options.own_connection) arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return ::grpc::CreateCustomChannel(
      options.target,
      options.tls == nullptr ? ::grpc::InsecureChannelCredentials() : options.tls->client(),
      arguments);
}

// One authentication: pending until the server says SUCCESS, then good until the stream ends.
class AuthenticatedChannel::Stream final
    : public ::grpc::ClientBidiReactor<SaslMessage, SaslMessage>,
      public std::enable_shared_from_this<Stream> {
 public:
  Stream(const ChannelOptions& options, std::string channel_id, uint64_t ticket,
         std::shared_ptr<RunningStreams> streams)
      : target_(options.target),
        channel_id_(std::move(channel_id)),
        ticket_(ticket),
        expires_(steady_clock::now() + options.auth_timeout),
        streams_(std::move(streams)) {
    request_.set_messagetype(SaslMessageType::CHALLENGE);
    request_.set_authenticationscheme(ChannelAuthenticationScheme::SIMPLE);
    request_.set_message(FormatPlain({.authorization_user = options.impersonated_user.empty()
                                                                ? options.user
                                                                : options.impersonated_user,
                                      .authentication_user = options.user,
                                      .password = std::string(kNoPassword)}));
    request_.set_clientid(channel_id_);
    request_.set_channelref(options.target);
  }

  void Begin(const std::shared_ptr<::grpc::Channel>& channel) {
    self_ = shared_from_this();
    streams_->Add();
    stub_ = SaslAuthenticationService::NewStub(channel);
    stub_->async()->authenticate(&context_, this);
    StartWrite(&request_);
    StartRead(&reply_);
    StartCall();
  }

  const std::string& channel_id() const { return channel_id_; }
  uint64_t ticket() const { return ticket_; }
  // When to give up waiting for the server's answer.
  steady_clock::time_point expires() const { return expires_; }

  bool ended() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return state_ == State::kEnded;
  }

  Status WaitUntilReady(steady_clock::time_point deadline) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (state_ == State::kPending) {
      if (!changed_.WaitUntil(mutex_, deadline) && state_ == State::kPending) {
        return Unavailable("{} did not answer the authentication in time", target_);
      }
    }
    return state_ == State::kReady ? Status::Ok() : error_;
  }

  // Ends the stream for its users at once and tells the server.
  void Cancel(const Status& why) EXCLUDES(mutex_) {
    End(why);
    context_.TryCancel();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;  // OnDone follows and knows why
    {
      MutexLock lock(mutex_);
      if (state_ == State::kPending && reply_.messagetype() == SaslMessageType::SUCCESS) {
        state_ = State::kReady;
        changed_.NotifyAll();
      }
    }
    if (reply_.messagetype() != SaslMessageType::SUCCESS) {
      return Cancel(Unauthenticated("{} asks for more than a user name to authenticate", target_));
    }
    StartRead(&reply_);  // nothing more comes: it ends with the stream
  }

  void OnDone(const ::grpc::Status& status) override {
    End(Describe(status));
    // First this stream's references to the gRPC channel go, then the owner of the channel hears
    // that none are left: the last one must not be dropped here, on one of the threads that gRPC
    // joins when its last channel goes.
    const std::shared_ptr<RunningStreams> streams = streams_;
    self_.reset();  // deletes this, unless a caller still waits on it
    streams->Remove();
  }

 private:
  enum class State { kPending, kReady, kEnded };

  void End(const Status& why) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (state_ == State::kEnded) return;
    state_ = State::kEnded;
    error_ = why;
    changed_.NotifyAll();
  }

  Status Describe(const ::grpc::Status& status) const {
    if (status.ok()) return Unavailable("{} ended the authentication", target_);
    if (status.error_code() == ::grpc::StatusCode::UNIMPLEMENTED) {
      return Unauthenticated(
          "{} does not authenticate clients: set alluxio.security.authentication.type=NOSASL",
          target_);
    }
    return FromGrpc(status).WithContext("authenticating with " + target_);
  }

  const std::string target_;
  const std::string channel_id_;
  const uint64_t ticket_;
  const steady_clock::time_point expires_;
  const std::shared_ptr<RunningStreams> streams_;
  std::unique_ptr<SaslAuthenticationService::Stub> stub_;
  ::grpc::ClientContext context_;
  std::shared_ptr<Stream> self_;  // gRPC's reference, from Begin to OnDone
  SaslMessage request_;
  SaslMessage reply_;
  mutable Mutex mutex_;
  CondVar changed_;
  State state_ GUARDED_BY(mutex_) = State::kPending;
  Status error_ GUARDED_BY(mutex_);  // once ended
};

AuthenticatedChannel::AuthenticatedChannel(ChannelOptions options, Random random)
    : options_(std::move(options)),
      channel_(MakeChannel(options_)),
      streams_(std::make_shared<RunningStreams>()),
      random_(std::move(random)) {}

AuthenticatedChannel::~AuthenticatedChannel() {
  Close();
  if (!streams_->WaitForNone(steady_clock::now() + kCancelTimeout)) {
    LogWarn("net", "the authentication stream to {} does not end", options_.target);
  }
}

void AuthenticatedChannel::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  if (current_ != nullptr) current_->Cancel(Cancelled("the channel is closed"));
  current_.reset();
}

std::shared_ptr<AuthenticatedChannel::Stream> AuthenticatedChannel::CurrentStream() {
  MutexLock lock(mutex_);
  if (closed_) return nullptr;
  if (current_ == nullptr || current_->ended()) {
    current_ = std::make_shared<Stream>(options_, random_.Uuid(), ++last_ticket_, streams_);
    current_->Begin(channel_);
  }
  return current_;
}

Result<uint64_t> AuthenticatedChannel::Prepare(::grpc::ClientContext& context) {
  if (options_.auth == AuthType::kNoSasl) return uint64_t{0};
  const auto left = std::chrono::duration_cast<milliseconds>(context.deadline() -
                                                             std::chrono::system_clock::now());
  const auto deadline = steady_clock::now() + std::min(left, options_.auth_timeout);
  const std::shared_ptr<Stream> stream = CurrentStream();
  if (stream == nullptr) return Cancelled("the channel to {} is closed", options_.target);
  Status status = stream->WaitUntilReady(std::min(deadline, stream->expires()));
  if (!status.ok()) {
    // A stream that got no answer in its whole time must not hold up later calls.
    if (steady_clock::now() >= stream->expires()) stream->Cancel(status);
    return status;
  }
  context.AddMetadata(kChannelIdKey, stream->channel_id());
  return stream->ticket();
}

void AuthenticatedChannel::Reauthenticate(uint64_t ticket) {
  MutexLock lock(mutex_);
  if (current_ != nullptr && current_->ticket() == ticket) {
    current_->Cancel(Unauthenticated("{} has forgotten the channel", options_.target));
  }
}

Status AuthenticatedChannel::Call(
    milliseconds timeout, const std::function<::grpc::Status(::grpc::ClientContext&)>& call) {
  const auto deadline = std::chrono::system_clock::now() + timeout;
  for (bool again = true;; again = false) {
    ::grpc::ClientContext context;
    context.set_deadline(deadline);
    ASSIGN_OR_RETURN(const uint64_t ticket, Prepare(context));
    const Status status = FromGrpc(call(context));
    if (status.code() != Code::kUnauthenticated || !again) return status;
    Reauthenticate(ticket);
  }
}

}  // namespace headpond::net
