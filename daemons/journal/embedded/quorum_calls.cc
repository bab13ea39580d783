#include "journal/embedded/quorum_calls.h"

#include <grpcpp/grpcpp.h>

#include <memory>

#include "base/log.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "net/channel.h"
#include "net/grpc_status.h"
#include "proto/quorum.grpc.pb.h"

namespace headpond::journal {
namespace {

constexpr char kClusterKey[] = "headpond-cluster";
constexpr char kSecretKey[] = "headpond-secret";
// Masters hear each other again within about a second of a cut. Left to itself, TCP sends again
// after pauses that grow as long as the cut has been, for connections and for attempts to make one;
// so both are given up soon, and begun anew. A leader says something every 60 ms, so silence for a
// second is a cut, and has cost leadership long before.
constexpr std::chrono::milliseconds kSilence{1'000};
constexpr std::chrono::milliseconds kConnect{500};
// By then a server gives up connections that their clients gave up without its hearing of it.
constexpr std::chrono::seconds kServerKeepalive{30};
// More are no quorum's.
constexpr int kMaxMembers = 1'000;

std::string Metadata(const ::grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  return found == context.client_metadata().end()
             ? std::string()
             : std::string(found->second.data(), found->second.size());
}

std::chrono::system_clock::time_point After(std::chrono::milliseconds timeout) {
  return std::chrono::system_clock::now() + timeout;
}

Result<MasterDescription> FromProto(const quorum::MasterDescription& proto) {
  if (proto.id() == 0 || proto.address().empty() || proto.masters_size() > kMaxMembers ||
      proto.founders_size() > kMaxMembers || proto.members_size() > kMaxMembers)
    return InvalidArgument("not a master's description");
  MasterDescription description{.id = proto.id(),
                                .address = proto.address(),
                                .masters = {proto.masters().begin(), proto.masters().end()},
                                .restores = proto.restores(),
                                .cluster_id = proto.cluster_id(),
                                .leader = proto.leader()};
  for (const quorum::Member& founder : proto.founders())
    description.founders[founder.id()] = founder.address();
  for (const quorum::Member& member : proto.members())
    description.members.push_back(
        {.id = member.id(), .address = member.address(), .voter = member.voter()});
  return description;
}

// The answers of several masters that are asked at once.
class Questions {
 public:
  struct One {
    std::string address;
    std::unique_ptr<quorum::Quorum::Stub> stub;
    ::grpc::ClientContext context;
    quorum::DescribeRequest request;
    quorum::MasterDescription answer;
  };

  void Answered(const One& one, const ::grpc::Status& status) EXCLUDES(mutex_) {
    const auto description = FromProto(one.answer);
    MutexLock lock(mutex_);
    if (status.ok() && description.ok()) answers_[one.address] = *description;
    if (++count_ == asked_) all_.NotifyAll();
  }
  // All calls have deadlines.
  MasterDescriptions Await(size_t asked) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    asked_ = asked;
    while (count_ < asked_) all_.Wait(mutex_);
    return answers_;
  }

 private:
  Mutex mutex_;
  CondVar all_;
  size_t count_ GUARDED_BY(mutex_) = 0;
  size_t asked_ GUARDED_BY(mutex_) = SIZE_MAX;
  MasterDescriptions answers_ GUARDED_BY(mutex_);
};

}  // namespace

void Introduce(::grpc::ClientContext& context, const QuorumCredentials& credentials) {
  if (!credentials.cluster_id.empty()) context.AddMetadata(kClusterKey, credentials.cluster_id);
  const std::string& secret = credentials.security.secret;
  if (!secret.empty()) context.AddMetadata(kSecretKey, secret);
}

Status CheckCaller(const ::grpc::CallbackServerContext& context,
                   const QuorumCredentials& credentials, bool any_cluster) {
  const bool own_cluster = any_cluster || Metadata(context, kClusterKey) == credentials.cluster_id;
  if (own_cluster && SecretsEqual(Metadata(context, kSecretKey), credentials.security.secret))
    return Status::Ok();
  LogWarn("journal", "{} was turned away from the embedded journal: {}", context.peer(),
          own_cluster ? "it does not have the secret of this cluster"
                      : "it belongs to another cluster");
  return PermissionDenied("not a master of this cluster");
}

net::GrpcServerOptions QuorumServer(const std::string& bind_host, int port,
                                    const QuorumSecurity& security) {
  net::GrpcServerOptions options;
  options.name = "embedded journal";
  options.bind_host = bind_host;
  options.bind_host_property = "alluxio.master.bind.host";
  options.port = port;
  options.port_property = "alluxio.master.embedded.journal.port";
  options.max_inbound_message_bytes = kMaxQuorumMessageBytes;
  options.keepalive_interval = kServerKeepalive;
  options.tls = security.tls;
  return options;
}

std::shared_ptr<::grpc::Channel> QuorumChannel(const std::string& address,
                                               const QuorumSecurity& security,
                                               bool own_connection) {
  net::ChannelOptions options;
  options.target = address;
  options.max_inbound_message_bytes = kMaxQuorumMessageBytes;
  options.own_connection = own_connection;
  options.tls = security.tls;
  // On a connection of its own, bulk may keep the other side from answering for longer.
  if (!own_connection) {
    options.keepalive_timeout = kSilence;
    options.connect_timeout = kConnect;
  }
  return net::MakeChannel(options);
}

quorum::MasterDescription ToProto(const MasterDescription& description) {
  quorum::MasterDescription proto;
  proto.set_id(description.id);
  proto.set_address(description.address);
  for (const std::string& master : description.masters) proto.add_masters(master);
  if (description.restores) proto.set_restores(true);
  proto.set_cluster_id(description.cluster_id);
  const auto add = [](uint64_t id, const std::string& address, bool voter, quorum::Member* to) {
    to->set_id(id);
    to->set_address(address);
    to->set_voter(voter);
  };
  for (const auto& [id, address] : description.founders)
    add(id, address, true, proto.add_founders());
  for (const consensus::MemberStatus& member : description.members)
    add(member.id, member.address, member.voter, proto.add_members());
  proto.set_leader(description.leader);
  return proto;
}

MasterDescriptions AskMasters(const std::vector<std::string>& addresses,
                              const QuorumCredentials& credentials,
                              std::chrono::milliseconds timeout) {
  Questions questions;
  std::vector<std::unique_ptr<Questions::One>> calls;
  for (const std::string& address : addresses) {
    auto one = std::make_unique<Questions::One>();
    one->address = address;
    one->stub = quorum::Quorum::NewStub(
        QuorumChannel(address, credentials.security, /*own_connection=*/false));
    one->context.set_deadline(After(timeout));
    Introduce(one->context, credentials);
    Questions::One* const call = one.get();
    calls.push_back(std::move(one));
    call->stub->async()->Describe(
        &call->context, &call->request, &call->answer,
        [&questions, call](const ::grpc::Status& status) { questions.Answered(*call, status); });
  }
  return questions.Await(calls.size());
}

Result<bool> AskToJoin(const std::string& leader_address, const QuorumCredentials& credentials,
                       uint64_t id, const std::string& address, std::chrono::milliseconds timeout) {
  const auto stub =
      quorum::Quorum::NewStub(QuorumChannel(leader_address, credentials.security, false));
  ::grpc::ClientContext context;
  context.set_deadline(After(timeout));
  Introduce(context, credentials);
  quorum::JoinRequest request;
  request.set_id(id);
  request.set_address(address);
  quorum::JoinResponse response;
  RETURN_IF_ERROR(net::FromGrpc(stub->Join(&context, request, &response)));
  return response.joined();
}

}  // namespace headpond::journal
