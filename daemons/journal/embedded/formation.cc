#include "journal/embedded/formation.h"

#include <grpcpp/grpcpp.h>

#include "base/log.h"
#include "journal/embedded/quorum_calls.h"
#include "net/grpc_status.h"
#include "proto/quorum.grpc.pb.h"

namespace headpond::journal {
namespace {

MasterDescription OwnDescription(const FormationOptions& options) {
  return {.id = options.node_id,
          .address = options.address,
          .masters = options.masters,
          .restores = options.restores};
}

// Says that this master has no cluster yet.
class BlankService final : public quorum::Quorum::CallbackService {
 public:
  explicit BlankService(const FormationOptions& options)
      : credentials_{.security = options.security}, answer_(ToProto(OwnDescription(options))) {}

  ::grpc::ServerUnaryReactor* Describe(::grpc::CallbackServerContext* context,
                                       const quorum::DescribeRequest*,
                                       quorum::MasterDescription* response) override {
    auto* const reactor = context->DefaultReactor();
    const Status status = CheckCaller(*context, credentials_, /*any_cluster=*/true);
    if (status.ok()) *response = answer_;
    reactor->Finish(net::ToGrpc(status));
    return reactor;
  }

 private:
  const QuorumCredentials credentials_;
  const quorum::MasterDescription answer_;
};

std::vector<std::string> Others(const std::vector<std::string>& masters, const std::string& own) {
  std::vector<std::string> others;
  for (const std::string& master : masters)
    if (master != own) others.push_back(master);
  return others;
}

}  // namespace

std::optional<MasterDescription> FindCluster(const FormationOptions& options) {
  const auto answers = AskMasters(Others(options.masters, options.address),
                                  {.security = options.security}, options.timeout);
  for (const auto& [address, answer] : answers)
    if (!answer.cluster_id.empty()) return answer;
  return std::nullopt;
}

bool WasRemoved(const consensus::NodeIdentity& own, const std::vector<std::string>& masters,
                const QuorumSecurity& security, std::chrono::milliseconds timeout) {
  const auto answers = AskMasters(Others(masters, own.address),
                                  {.cluster_id = own.cluster_id, .security = security}, timeout);
  for (const auto& [address, answer] : answers)
    for (const consensus::MemberStatus& member : answer.members)
      if (answer.cluster_id == own.cluster_id && member.id == own.node_id) return false;
  const MasterDescription self{
      .id = own.node_id, .address = own.address, .cluster_id = own.cluster_id};
  return DecideStanding(self, /*was_member=*/true, answers).kind == Standing::Kind::kRemoved;
}

Result<Formation::Outcome> Formation::Run() {
  BlankService service(options_);
  net::GrpcServer server(QuorumServer(options_.bind_host, options_.port, options_.security));
  server.AddService(service);
  RETURN_IF_ERROR(server.Start().status());
  return Decide();
}

Result<Formation::Outcome> Formation::Decide() {
  const MasterDescription own = OwnDescription(options_);
  const std::vector<std::string> others = Others(options_.masters, options_.address);
  std::string waits_for;
  do {
    const Beginning beginning =
        DecideBeginning(own, AskMasters(others, {.security = options_.security}, options_.timeout));
    switch (beginning.kind) {
      case Beginning::Kind::kWait:
        if (beginning.why != waits_for) LogInfo("journal", "waiting: {}", beginning.why);
        waits_for = beginning.why;
        break;
      case Beginning::Kind::kFound: {
        Random random = options_.random;
        const std::string cluster_id = random.Uuid();
        LogInfo("journal", "{} founds the cluster {} of {} masters", options_.address, cluster_id,
                beginning.founders.size());
        return Outcome{cluster_id, beginning.founders};
      }
      case Beginning::Kind::kEnter:
        LogInfo("journal", "{} is one of the founders of cluster {}", options_.address,
                beginning.cluster_id);
        return Outcome{beginning.cluster_id, beginning.founders};
      case Beginning::Kind::kJoin:
        LogInfo("journal", "{} joins cluster {}, as node {}", options_.address,
                beginning.cluster_id, options_.node_id);
        return Outcome{beginning.cluster_id, {}};
    }
  } while (Pause());
  return Cancelled("the master is being stopped");
}

bool Formation::Pause() {
  const auto deadline = std::chrono::steady_clock::now() + options_.interval;
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return !stopping_;
}

void Formation::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

}  // namespace headpond::journal
