#include "master/quorum_backups.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "journal/embedded/quorum_calls.h"
#include "net/grpc_status.h"
#include "proto/quorum.grpc.pb.h"

namespace headpond::master {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;
using journal::QuorumCredentials;
using State = BackupReport::State;

// None of them waits for a disk.
constexpr std::chrono::milliseconds kBeginTimeout{2'000};
constexpr std::chrono::milliseconds kLookTimeout{1'000};

// The numbers are the same.
static_assert(static_cast<int>(State::kFailed) == static_cast<int>(quorum::BackupReport::FAILED));

void ToProto(const BackupReport& report, quorum::BackupReport& proto) {
  proto.set_id(report.id);
  proto.set_state(static_cast<quorum::BackupReport::State>(report.state));
  proto.set_host(report.host);
  proto.set_uri(report.uri);
  proto.set_inodes(report.inodes);
  if (report.state != State::kFailed) return;
  proto.set_code(static_cast<int>(report.error.code()));
  proto.set_error(report.error.message());
}

BackupReport FromProto(const quorum::BackupReport& proto) {
  BackupReport report{.id = proto.id(),
                      .state = static_cast<State>(proto.state()),
                      .host = proto.host(),
                      .uri = proto.uri(),
                      .inodes = proto.inodes()};
  if (report.state != State::kFailed) return report;
  const ::grpc::Status status(static_cast<::grpc::StatusCode>(proto.code()), proto.error());
  report.error = status.ok() ? Internal("{}", proto.error()) : net::FromGrpc(status);
  return report;
}

class BackupService final : public quorum::Backups::CallbackService {
 public:
  BackupService(BackupDesk& desk, QuorumCredentials credentials)
      : desk_(desk), credentials_(std::move(credentials)) {}

  ServerUnaryReactor* Begin(CallbackServerContext* context, const quorum::BackupOrder* request,
                            quorum::BackupReport* response) override {
    return Run(*context, [&]() -> Status {
      ASSIGN_OR_RETURN(const BackupReport report, desk_.Begin({.id = request->id(),
                                                               .folder = request->folder(),
                                                               .sequence = request->sequence()}));
      ToProto(report, *response);
      return Status::Ok();
    });
  }
  ServerUnaryReactor* Look(CallbackServerContext* context, const quorum::BackupQuestion* request,
                           quorum::BackupReport* response) override {
    return Run(*context, [&] {
      ToProto(desk_.Look(request->id()), *response);
      return Status::Ok();
    });
  }

 private:
  template <typename Act>
  ServerUnaryReactor* Run(CallbackServerContext& context, Act&& act) {
    auto* const reactor = context.DefaultReactor();
    Status status = journal::CheckCaller(context, credentials_, /*any_cluster=*/false);
    if (status.ok()) status = act();
    reactor->Finish(net::ToGrpc(status));
    return reactor;
  }

  BackupDesk& desk_;
  const QuorumCredentials credentials_;
};

class QuorumPeers final : public BackupPeers {
 public:
  QuorumPeers(QuorumCredentials credentials, std::function<consensus::Consensus*()> node)
      : credentials_(std::move(credentials)), node_(std::move(node)) {}

  std::vector<Peer> Others() const override {
    std::vector<Peer> others;
    consensus::Consensus* const node = node_();
    if (node == nullptr) return others;
    const consensus::NodeStatus status = node->status();
    for (const consensus::MemberStatus& member : status.members)
      if (member.voter && member.id != status.id)
        others.push_back(
            {.address = member.address, .available = member.active, .lag = member.lag});
    return others;
  }

  Result<BackupReport> Begin(const std::string& address, const BackupOrder& order) override {
    quorum::BackupOrder request;
    request.set_id(order.id);
    request.set_folder(order.folder);
    request.set_sequence(order.sequence);
    return Ask(address, kBeginTimeout, [&](auto& stub, auto& context, auto& response) {
      return stub.Begin(&context, request, &response);
    });
  }
  Result<BackupReport> Look(const std::string& address, const std::string& id) override {
    quorum::BackupQuestion request;
    request.set_id(id);
    return Ask(address, kLookTimeout, [&](auto& stub, auto& context, auto& response) {
      return stub.Look(&context, request, &response);
    });
  }

 private:
  template <typename Call>
  Result<BackupReport> Ask(const std::string& address, std::chrono::milliseconds timeout,
                           Call&& call) const {
    const auto stub = quorum::Backups::NewStub(
        journal::QuorumChannel(address, credentials_.security, /*own_connection=*/false));
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    journal::Introduce(context, credentials_);
    quorum::BackupReport response;
    const Status status = net::FromGrpc(call(*stub, context, response));
    // Of the other one, which is ending.
    if (status.code() == Code::kCancelled) return Unavailable("{}", status.message());
    RETURN_IF_ERROR(status);
    return FromProto(response);
  }

  const QuorumCredentials credentials_;
  const std::function<consensus::Consensus*()> node_;
};

}  // namespace

void BackupDesk::Open(Backups& backups) {
  MutexLock lock(mutex_);
  backups_ = &backups;
}

void BackupDesk::Close() {
  MutexLock lock(mutex_);
  backups_ = nullptr;
}

Result<BackupReport> BackupDesk::Begin(const BackupOrder& order) {
  if (order.id.empty() || order.folder.empty())
    return InvalidArgument("an order for a backup names its id and its folder");
  MutexLock lock(mutex_);
  if (backups_ == nullptr) return Unavailable("this master has no state of the cluster now");
  return backups_->Begin(
      {.directory = order.folder, .id = order.id, .here = true, .sequence = order.sequence},
      nullptr);
}

BackupReport BackupDesk::Look(const std::string& id) const {
  BackupReport report = reports_->Find(id);
  return report.elsewhere ? BackupReport{.id = id} : report;
}

std::unique_ptr<::grpc::Service> MakeBackupService(BackupDesk& desk, std::string cluster_id,
                                                   journal::QuorumSecurity security) {
  return std::make_unique<BackupService>(
      desk,
      QuorumCredentials{.cluster_id = std::move(cluster_id), .security = std::move(security)});
}

std::unique_ptr<BackupPeers> MakeQuorumPeers(std::string cluster_id,
                                             journal::QuorumSecurity security,
                                             std::function<consensus::Consensus*()> node) {
  return std::make_unique<QuorumPeers>(
      QuorumCredentials{.cluster_id = std::move(cluster_id), .security = std::move(security)},
      std::move(node));
}

}  // namespace headpond::master
