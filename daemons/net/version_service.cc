#include "net/version_service.h"

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "net/grpc_status.h"
#include "proto/version.grpc.pb.h"

namespace headpond::net {
namespace {

using namespace ::alluxio::grpc::version;  // NOLINT: the names of one small enum

// The numbers 2.9 clients are built with: compat/behaviour.md section 3.
int64_t VersionOf(ServiceType type) {
  switch (type) {
    case FILE_SYSTEM_MASTER_CLIENT_SERVICE:
    case FILE_SYSTEM_MASTER_WORKER_SERVICE:
    case FILE_SYSTEM_MASTER_JOB_SERVICE:
    case BLOCK_MASTER_CLIENT_SERVICE:
    case BLOCK_MASTER_WORKER_SERVICE:
    case META_MASTER_CONFIG_SERVICE:
    case META_MASTER_CLIENT_SERVICE:
    case METRICS_MASTER_CLIENT_SERVICE: return 2;
    case META_MASTER_MASTER_SERVICE:
    case META_MASTER_PROXY_SERVICE:
    case BLOCK_WORKER_CLIENT_SERVICE:
    case JOB_MASTER_CLIENT_SERVICE:
    case JOB_MASTER_WORKER_SERVICE:
    case JOB_MASTER_MASTER_SERVICE:
    case JOURNAL_MASTER_CLIENT_SERVICE:
    case RAFT_JOURNAL_SERVICE:
    case TABLE_MASTER_CLIENT_SERVICE: return 1;
    case META_MASTER_BACKUP_MESSAGING_SERVICE:
    case UNKNOWN_SERVICE: break;
  }
  return -1;
}

}  // namespace

class VersionService::Impl final : public ServiceVersionClientService::CallbackService {
 public:
  explicit Impl(const VersionService& versions) : versions_(versions) {}

  ::grpc::ServerUnaryReactor* getServiceVersion(::grpc::CallbackServerContext* context,
                                                const GetServiceVersionPRequest* request,
                                                GetServiceVersionPResponse* response) override {
    auto* reactor = context->DefaultReactor();
    const auto version =
        versions_.Version(request->servicetype(), request->allowedonstandbymasters());
    if (version.ok()) response->set_version(*version);
    reactor->Finish(ToGrpc(version.status()));
    return reactor;
  }

 private:
  const VersionService& versions_;
};

VersionService::VersionService(std::set<ServiceType> services, std::function<bool()> is_primary)
    : services_(std::move(services)),
      is_primary_(std::move(is_primary)),
      impl_(std::make_unique<Impl>(*this)) {}

VersionService::~VersionService() = default;

::grpc::Service& VersionService::service() {
  return *impl_;
}

Result<int64_t> VersionService::Version(ServiceType type, bool allowed_on_standby) const {
  if (type != UNKNOWN_SERVICE && !services_.contains(type)) {
    return NotFound("Service {} is not found.", ServiceType_Name(type));
  }
  if (!allowed_on_standby && is_primary_ && !is_primary_()) {
    return Unavailable("GetServiceVersion is not supported on standby master");
  }
  return VersionOf(type);
}

}  // namespace headpond::net
