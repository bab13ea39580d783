#include "master/journal_service.h"

#include <deque>

#include "base/mutex.h"
#include "master/service_support.h"
#include "meta/permission.h"
#include "proto/journal_master.grpc.pb.h"

namespace headpond::master {
namespace {

namespace wire = ::alluxio::grpc::journal;

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

// How the last transfers of leadership ended, by id: administrators ask for it afterwards. Thread
// safe; shared with transfers under way.
class TransferLog {
 public:
  void Begin(const std::string& id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    outcomes_.emplace_back(id, "");
    if (outcomes_.size() > kKept) outcomes_.pop_front();
  }
  void Failed(const std::string& id, std::string_view why) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (auto& [known, outcome] : outcomes_)
      if (known == id) outcome = why;
  }
  // Empty while it runs, when it went well, and when nobody knows.
  std::string OutcomeOf(const std::string& id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (const auto& [known, outcome] : outcomes_)
      if (known == id) return outcome;
    return "";
  }

 private:
  static constexpr size_t kKept = 100;

  Mutex mutex_;
  std::deque<std::pair<std::string, std::string>> outcomes_ GUARDED_BY(mutex_);
};

class JournalService final : public wire::JournalMasterClientService::CallbackService {
 public:
  JournalService(const ServiceDeps& deps, Quorum* quorum, Random random)
      : deps_(deps),
        quorum_(quorum),
        gate_("alluxio.grpc.journal.JournalMasterClientService", deps.authenticator, deps.groups,
              deps.metrics),
        random_(std::move(random)) {}

  ServerUnaryReactor* GetQuorumInfo(CallbackServerContext* context,
                                    const wire::GetQuorumInfoPRequest*,
                                    wire::GetQuorumInfoPResponse* response) override {
    return gate_.Run(context, "GetQuorumInfo", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckQuorum());
      response->set_domain(wire::MASTER);
      for (const Quorum::Member& member : quorum_->Members()) {
        auto* out = response->add_serverinfo();
        out->mutable_serveraddress()->set_host(member.address.host);
        out->mutable_serveraddress()->set_rpcport(member.address.port);
        out->set_serverstate(member.available ? wire::AVAILABLE : wire::UNAVAILABLE);
        out->set_isleader(member.leads);
        out->set_priority(0);
      }
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* RemoveQuorumServer(CallbackServerContext* context,
                                         const wire::RemoveQuorumServerPRequest* request,
                                         wire::RemoveQuorumServerPResponse*) override {
    return gate_.Run(context, "RemoveQuorumServer", "",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       RETURN_IF_ERROR(CheckAdministrator(caller));
                       ASSIGN_OR_RETURN(const HostPort member, AddressOf(request->serveraddress()));
                       quorum_->Remove(member, finish);
                       return Status::Ok();
                     });
  }

  // Answers at once: the new leader has other connections.
  ServerUnaryReactor* TransferLeadership(CallbackServerContext* context,
                                         const wire::TransferLeadershipPRequest* request,
                                         wire::TransferLeadershipPResponse* response) override {
    return gate_.Run(
        context, "TransferLeadership", "", [&](meta::Caller caller, Finish finish) -> Status {
          RETURN_IF_ERROR(CheckAdministrator(caller));
          ASSIGN_OR_RETURN(const HostPort to, AddressOf(request->serveraddress()));
          const std::string id = NewId();
          response->set_transferid(id);
          transfers_->Begin(id);
          finish(Status::Ok());
          quorum_->TransferLeadership(to, [transfers = transfers_, id](const Status& done) {
            if (!done.ok()) transfers->Failed(id, done.message());
          });
          return Status::Ok();
        });
  }

  ServerUnaryReactor* GetTransferLeaderMessage(
      CallbackServerContext* context, const wire::GetTransferLeaderMessagePRequest* request,
      wire::GetTransferLeaderMessagePResponse* response) override {
    return gate_.Run(
        context, "GetTransferLeaderMessage", "", [&](meta::Caller, Finish finish) -> Status {
          RETURN_IF_ERROR(CheckQuorum());
          response->mutable_transmsg()->set_msg(transfers_->OutcomeOf(request->transferid()));
          finish(Status::Ok());
          return Status::Ok();
        });
  }

  // Ours has no priorities that a transfer would leave changed.
  ServerUnaryReactor* ResetPriorities(CallbackServerContext* context,
                                      const wire::ResetPrioritiesPRequest*,
                                      wire::ResetPrioritiesPResponse*) override {
    return gate_.Run(context, "ResetPriorities", "",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       RETURN_IF_ERROR(CheckAdministrator(caller));
                       finish(Status::Ok());
                       return Status::Ok();
                     });
  }

  ServerUnaryReactor* GetNodeState(CallbackServerContext* context,
                                   const wire::GetNodeStatePRequest*,
                                   wire::GetNodeStatePResponse* response) override {
    return gate_.Run(context, "GetNodeState", "", [&](meta::Caller, Finish finish) -> Status {
      response->set_node_state(wire::PRIMARY);
      finish(Status::Ok());
      return Status::Ok();
    });
  }

 private:
  Status CheckQuorum() const {
    if (quorum_ != nullptr) return Status::Ok();
    return Internal("Quorum operations are supported for journal type: EMBEDDED");
  }
  Status CheckAdministrator(const meta::Caller& caller) const {
    RETURN_IF_ERROR(CheckQuorum());
    return deps_.store.Read(
        [&](const meta::Namespace& ns) { return meta::CheckSuperuser(ns, caller); });
  }
  static Result<HostPort> AddressOf(const ::alluxio::grpc::NetAddress& address) {
    constexpr int kMaxPort = 65535;
    if (address.host().empty() || address.rpcport() <= 0 || address.rpcport() > kMaxPort)
      return InvalidArgument("serverAddress: {}:{} is not HOST:PORT of a master's journal",
                             address.host(), address.rpcport());
    return HostPort{address.host(), address.rpcport()};
  }
  std::string NewId() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return random_.Uuid();
  }

  const ServiceDeps deps_;
  Quorum* const quorum_;
  const CallGate gate_;
  const std::shared_ptr<TransferLog> transfers_ = std::make_shared<TransferLog>();
  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeJournalService(const ServiceDeps& deps, Quorum* quorum,
                                                    Random random) {
  return std::make_unique<JournalService>(deps, quorum, std::move(random));
}

}  // namespace headpond::master
