#include "client/master_client.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/log.h"
#include "base/random.h"
#include "proto/version.pb.h"

namespace headpond::client {
namespace {

using std::chrono::steady_clock;

constexpr char kGetServiceVersion[] =
    "/alluxio.grpc.version.ServiceVersionClientService/getServiceVersion";
constexpr char kGetConfigurationPath[] =
    "/alluxio.grpc.meta.MetaMasterConfigurationService/GetConfiguration";

// A standby or a hung master must not hold up the search for the primary, an overloaded one must be
// found.
constexpr Millis kFirstPollTimeout{500};
constexpr Millis kMaxPollTimeout{3'000};
// How long a call may wait until it is asked whether another master leads, and how often that is
// looked at: an election takes half a second.
constexpr Millis kPatience{1'000};
constexpr Millis kWatchInterval{250};
// Between two looks while a call goes on waiting: it may just be much work.
constexpr Millis kMaxWatchPause{16'000};
// The same when one question to ZooKeeper is all it takes.
constexpr Millis kMaxLookupPause{1'000};
constexpr Millis kHandshakeTimeout{30'000};

// While looking for the primary these mean "ask the next one" (compat/behaviour.md section 12).
bool MeansNotPrimary(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded ||
         code == Code::kCancelled || code == Code::kNotFound;
}

// The name of the class that 2.9's texts carry.
std::string_view ExceptionName(Code code) {
  switch (code) {
    case Code::kUnavailable: return "UnavailableException";
    case Code::kCancelled: return "CancelledException";
    case Code::kUnauthenticated: return "UnauthenticatedException";
    case Code::kUnimplemented: return "UnimplementedException";
    case Code::kDeadlineExceeded: return "DeadlineExceededException";
    default: return "UnknownException";
  }
}

std::string AddressText(const HostPort& master) {
  return fmt::format("GrpcServerAddress{{HostName={0}, SocketAddress={0}/<unresolved>:{1}}}",
                     master.host, master.port);
}

}  // namespace

// Notes an attempt of a call on its session while it is under way.
class MasterClient::Attempt {
 public:
  explicit Attempt(Session& session) : session_(session) {
    MutexLock lock(session_.mutex);
    number_ = ++session_.last_attempt;
    session_.attempts.emplace(number_, steady_clock::now());
  }
  ~Attempt() {
    MutexLock lock(session_.mutex);
    session_.attempts.erase(number_);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

 private:
  Session& session_;
  uint64_t number_ = 0;
};

MasterClient::MasterClient(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), poll_timeout_(kFirstPollTimeout) {
  if (HasSeveral())
    watch_.emplace("master-watch", kWatchInterval, [this] { LookAfterWaitingCalls(); });
}

Status MasterClient::CallRaw(const MasterService& service, const char* name,
                             const google::protobuf::MessageLite& request,
                             google::protobuf::MessageLite& response) {
  const std::string path = std::string(service.prefix) + name;
  return WithRetry(service, [&](Connection& connection) {
    return connection.Unary(path.c_str(), request, response, options_.call_timeout);
  });
}

Status MasterClient::WithRetry(const MasterService& service,
                               const std::function<Status(Connection&)>& attempt) {
  return Retry(service, [&](bool* connected) -> Status {
    ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, Connected());
    const Attempt under_way(*session);
    Status status = CheckVersion(*session, service);
    if (status.ok()) {
      *connected = true;
      status = attempt(*session->connection);
    }
    if (net::IsRetryable(status.code())) Drop(session);
    return status;
  });
}

Status MasterClient::Retry(const MasterService& service,
                           const std::function<Status(bool*)>& attempt) {
  // Made by the first failure, which is rare.
  std::optional<Random> random;
  std::optional<net::Backoff> backoff;
  int attempts = 0;
  while (true) {
    bool connected = false;
    const Status status = attempt(&connected);
    ++attempts;
    const bool retry =
        net::IsRetryable(status.code()) || (!connected && status.code() == Code::kDeadlineExceeded);
    if (!retry) return status;
    if (!backoff) backoff.emplace(options_.retry, clock_, random.emplace(Random::FromSystem()));
    if (const auto pause = backoff->Next()) {
      RETURN_IF_ERROR(pause_.For(*pause));
      continue;
    }
    if (connected)
      return Status(status.code(),
                    fmt::format("Failed after {} attempts: alluxio.exception.status.{}: {}",
                                attempts, ExceptionName(status.code()), status.message()));
    if (HasSeveral())
      return Unavailable(
          "Failed to determine primary master rpc address for {} after {} attempts: {}",
          service.client_name, attempts, status.message());
    const std::string address = AddressText(options_.masters.front());
    return Unavailable(
        "Failed to connect to master ({}) after {} attempts.Please check if Alluxio master is "
        "currently running on "
        "\"{}\". Service=\"{}\"",
        address, attempts, address, service.client_name);
  }
}

Status MasterClient::Ask(const HostPort& master, Millis timeout) const {
  net::ChannelOptions plain = options_.channel;
  plain.auth = net::AuthType::kNoSasl;
  plain.target = master.ToString();
  alluxio::grpc::version::GetServiceVersionPRequest request;
  request.set_servicetype(static_cast<alluxio::grpc::version::ServiceType>(kMetaService.type));
  alluxio::grpc::version::GetServiceVersionPResponse response;
  return MakeConnection(plain)->Unary(kGetServiceVersion, request, response, timeout);
}

Result<HostPort> MasterClient::FindPrimary() {
  if (options_.lookup != nullptr) return options_.lookup->Leader();
  if (options_.masters.size() == 1) return options_.masters.front();
  std::vector<HostPort> order = options_.masters;
  Millis timeout{};
  {
    MutexLock lock(mutex_);
    const auto rank = [&](const HostPort& master) REQUIRES(mutex_) {
      return master == silent_ ? 2 : master == last_primary_ ? 0 : 1;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](const HostPort& one, const HostPort& other)
                         REQUIRES(mutex_) { return rank(one) < rank(other); });
    timeout = poll_timeout_;
  }
  Status last = Unavailable("no master configured");
  for (const HostPort& master : order) {
    last = Ask(master, timeout);
    MutexLock lock(mutex_);
    if (last.ok()) {
      poll_timeout_ = kFirstPollTimeout;
      if (silent_ == master) silent_ = {};
      return master;
    }
    if (!MeansNotPrimary(last.code())) return last;
    if (last.code() != Code::kDeadlineExceeded) continue;
    silent_ = master;
    poll_timeout_ = std::min(timeout * 2, kMaxPollTimeout);
  }
  return Status(Code::kUnavailable, last.message());
}

std::vector<std::shared_ptr<MasterClient::Session>> MasterClient::WaitingSessions() {
  std::vector<std::shared_ptr<Session>> waiting;
  MutexLock lock(mutex_);
  for (const auto& known : sessions_) {
    std::shared_ptr<Session> session = known.lock();
    if (session && session->Waits(steady_clock::now() - kPatience))
      waiting.push_back(std::move(session));
  }
  return waiting;
}

Result<std::vector<HostPort>> MasterClient::Masters() const {
  if (options_.lookup != nullptr) return options_.lookup->Masters();
  return options_.masters;
}

std::vector<HostPort> MasterClient::Candidates() const {
  if (options_.lookup == nullptr) return options_.masters;
  const auto leader = options_.lookup->Leader();
  return leader.ok() ? std::vector<HostPort>{*leader} : std::vector<HostPort>();
}

void MasterClient::LookAfterWaitingCalls() {
  const auto waiting = WaitingSessions();
  if (waiting.empty()) {
    watch_pause_ = Millis{0};
    next_look_ = {};
    return;
  }
  if (steady_clock::now() < next_look_) return;
  for (const HostPort& master : Candidates()) {
    const auto elsewhere = [&](const auto& session) { return session->address != master; };
    if (std::ranges::none_of(waiting, elsewhere) || !Ask(master, kFirstPollTimeout).ok()) continue;
    for (const auto& session : waiting)
      if (elsewhere(session)) Leave(session, master);
    return;
  }
  const Millis longest = options_.lookup != nullptr ? kMaxLookupPause : kMaxWatchPause;
  watch_pause_ = std::clamp(watch_pause_ * 2, kWatchInterval, longest);
  next_look_ = steady_clock::now() + watch_pause_;
}

void MasterClient::Leave(const std::shared_ptr<Session>& session, const HostPort& primary) {
  LogDebug("client", "{} does not answer, and {} leads now", session->address.ToString(),
           primary.ToString());
  Drop(session);
  {
    MutexLock lock(mutex_);
    silent_ = session->address;
    last_primary_ = primary;
  }
  session->connection->Close();
}

Result<std::shared_ptr<MasterClient::Session>> MasterClient::Connected() {
  const auto deadline = steady_clock::now() + kHandshakeTimeout;
  {
    MutexLock lock(mutex_);
    while (!session_ && connecting_) {
      if (!connected_.WaitUntil(mutex_, deadline))
        return Unavailable("still looking for the primary master");
    }
    if (session_) return session_;
    connecting_ = true;
  }
  Result<std::shared_ptr<Session>> session = Connect();
  MutexLock lock(mutex_);
  connecting_ = false;
  connected_.NotifyAll();
  if (session.ok()) {
    session_ = *session;
    std::erase_if(sessions_, [](const auto& known) { return known.expired(); });
    sessions_.push_back(session_);
    last_primary_ = session_->address;
  }
  return session;
}

Result<std::shared_ptr<MasterClient::Session>> MasterClient::Connect() {
  ASSIGN_OR_RETURN(const HostPort primary, FindPrimary());
  net::ChannelOptions channel = options_.channel;
  channel.target = primary.ToString();
  auto session = std::make_shared<Session>();
  session->address = primary;
  session->connection = MakeConnection(channel);
  return session;
}

Status MasterClient::CheckVersion(Session& session, const MasterService& service) {
  {
    MutexLock lock(session.mutex);
    if (session.checked_services.contains(service.type)) return Status::Ok();
  }
  alluxio::grpc::version::GetServiceVersionPRequest request;
  request.set_servicetype(static_cast<alluxio::grpc::version::ServiceType>(service.type));
  request.set_allowedonstandbymasters(true);
  alluxio::grpc::version::GetServiceVersionPResponse response;
  RETURN_IF_ERROR(
      session.connection->Unary(kGetServiceVersion, request, response, kHandshakeTimeout));
  if (response.version() != service.version)
    return FailedPrecondition(
        "{}: the master speaks version {} of this service, this client version {}",
        service.client_name, response.version(), service.version);
  MutexLock lock(session.mutex);
  session.checked_services.insert(service.type);
  return Status::Ok();
}

void MasterClient::Drop(const std::shared_ptr<Session>& session) {
  std::shared_ptr<Session> dropped;  // destroyed without the lock
  MutexLock lock(mutex_);
  if (session_ == session) dropped.swap(session_);
}

Result<alluxio::grpc::meta::GetConfigurationPResponse> MasterClient::GetConfiguration(
    const MasterService& service, const alluxio::grpc::meta::GetConfigurationPOptions& request) {
  alluxio::grpc::meta::GetConfigurationPResponse response;
  net::ChannelOptions plain = options_.channel;
  plain.auth = net::AuthType::kNoSasl;
  RETURN_IF_ERROR(Retry(service, [&](bool*) -> Status {
    ASSIGN_OR_RETURN(const HostPort primary, FindPrimary());
    plain.target = primary.ToString();
    return MakeConnection(plain)->Unary(kGetConfigurationPath, request, response,
                                        kHandshakeTimeout);
  }));
  return response;
}

Result<HostPort> MasterClient::Leader() {
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, Connected());
  return session->address;
}

}  // namespace headpond::client
