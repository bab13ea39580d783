#include "base/log.h"
#include "master/block_service.h"
#include "master/request_checks.h"
#include "master/service_support.h"
#include "master/wire.h"
#include "meta/ops/blocks.h"
#include "net/raw_message.h"
#include "net/worker_address_wire.h"
#include "proto/block_master.grpc.pb.h"

namespace headpond::master {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

constexpr size_t kMaxProperties = 5000;
constexpr size_t kMaxPropertyBytes = 64 << 10;

StoragePlace PlaceOf(const commonpb::BlockStoreLocationProto& location) {
  return {location.tieralias(), location.mediumtype()};
}

BlocksByPlace BlocksOf(
    const google::protobuf::RepeatedPtrField<blockpb::LocationBlockIdListEntry>& entries) {
  BlocksByPlace blocks;
  for (const auto& entry : entries) {
    auto& ids = blocks[PlaceOf(entry.key())];
    ids.insert(ids.end(), entry.value().blockid().begin(), entry.value().blockid().end());
  }
  return blocks;
}

template <typename Map>
BytesByTier BytesOf(const Map& wire) {
  return {wire.begin(), wire.end()};
}

std::map<std::string, std::vector<std::string>> StorageOf(
    const google::protobuf::Map<std::string, blockpb::StorageList>& wire) {
  std::map<std::string, std::vector<std::string>> result;
  for (const auto& [tier, list] : wire)
    result[tier].assign(list.storage().begin(), list.storage().end());
  return result;
}

// Properties outside the table are not compared, and a worker that names one thousands of times is
// not believed: so what it sends stays small here.
std::shared_ptr<const std::vector<ReportedProperty>> ConfigOf(
    const blockpb::RegisterWorkerPOptions& options) {
  auto properties = std::make_shared<std::vector<ReportedProperty>>();
  for (const auto& config : options.configs()) {
    if (properties->size() == kMaxProperties) break;
    if (config.value().size() > kMaxPropertyBytes || FindProperty(config.name()) == nullptr)
      continue;
    properties->push_back(
        {.name = config.name(),
         .value = config.has_value() ? std::optional(config.value()) : std::nullopt,
         .source = config.source()});
  }
  return properties;
}

Registration RegistrationOf(const blockpb::RegisterWorkerPRequest& request) {
  return {.tiers = {request.storagetiers().begin(), request.storagetiers().end()},
          .capacity_bytes = BytesOf(request.totalbytesontiers()),
          .used_bytes = BytesOf(request.usedbytesontiers()),
          .lost_storage = StorageOf(request.loststorage()),
          .build = {request.options().buildversion().version(),
                    request.options().buildversion().revision()},
          .num_vcpu = request.options().numvcpu(),
          .config = ConfigOf(request.options())};
}

// One streamed registration: each batch is acknowledged before the next is read; the worker's
// half-close makes it whole.
class RegisterReactor final
    : public ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer> {
 public:
  // `whole` ends the registration, and calls back when the worker may be told.
  using Whole = std::function<void(WorkerId, MetadataStore::Reply)>;

  RegisterReactor(BlockMaster& blocks, Whole whole, Status authenticated)
      : blocks_(blocks), whole_(std::move(whole)) {
    if (authenticated.ok()) {
      StartRead(&in_);
    } else {
      Finish(net::ToGrpc(authenticated));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok && !worker_) return Finish(net::ToGrpc(Incomplete()));
    if (!ok) return whole_(*worker_, [this](const Status& status) { Finish(net::ToGrpc(status)); });
    const Status status = Accept();
    if (!status.ok()) return Finish(net::ToGrpc(status));
    out_ = net::SerializeMessage(blockpb::RegisterWorkerPResponse());
    StartWrite(&out_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(net::ToGrpc(Cancelled("worker went away while registering")));
    StartRead(&in_);
  }

  void OnDone() override { delete this; }

 private:
  static Status Incomplete() {
    return InvalidArgument("registration stream ended before its first batch");
  }

  Status Accept() {
    blockpb::RegisterWorkerPRequest request;
    RETURN_IF_ERROR(net::ParseMessage(in_, request));
    RETURN_IF_ERROR(CheckRegistration(request));
    if (!worker_) {
      RETURN_IF_ERROR(blocks_.BeginRegistration(request.workerid(), RegistrationOf(request)));
      worker_ = request.workerid();
    } else if (request.workerid() != *worker_) {
      return InvalidArgument("workerId changed from {} to {} within one registration", *worker_,
                             request.workerid());
    }
    return blocks_.AddBlocks(*worker_, BlocksOf(request.currentblocks()));
  }

  BlockMaster& blocks_;
  const Whole whole_;
  std::optional<WorkerId> worker_;
  ::grpc::ByteBuffer in_;
  ::grpc::ByteBuffer out_;
};

using Service = blockpb::BlockMasterWorkerService;
// As CallbackService, but for the stream, which gets raw bytes (net/raw_message.h).
using ServiceBase =
    Service::WithCallbackMethod_BlockHeartbeat<Service::WithCallbackMethod_CommitBlock<
        Service::WithCallbackMethod_CommitBlockInUfs<Service::WithCallbackMethod_GetWorkerId<
            Service::WithCallbackMethod_NotifyWorkerId<Service::WithCallbackMethod_RegisterWorker<
                Service::WithRawCallbackMethod_RegisterWorkerStream<
                    Service::WithCallbackMethod_RequestRegisterLease<Service::Service>>>>>>>>;

class BlockWorkerService final : public ServiceBase {
 public:
  explicit BlockWorkerService(const ServiceDeps& deps)
      : deps_(deps),
        gate_("alluxio.grpc.block.BlockMasterWorkerService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* GetWorkerId(CallbackServerContext* context,
                                  const blockpb::GetWorkerIdPRequest* request,
                                  blockpb::GetWorkerIdPResponse* response) override {
    return gate_.Run(context, "GetWorkerId", "", [&](meta::Caller, Finish finish) -> Status {
      const WorkerAddress address = net::FromWire(request->workernetaddress());
      RETURN_IF_ERROR(CheckAddress(address));
      response->set_workerid(deps_.blocks.GetWorkerId(address));
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* RequestRegisterLease(CallbackServerContext* context,
                                           const blockpb::GetRegisterLeasePRequest* request,
                                           blockpb::GetRegisterLeasePResponse* response) override {
    return gate_.Run(context, "RequestRegisterLease", "",
                     [&](meta::Caller, Finish finish) -> Status {
                       ASSIGN_OR_RETURN(const RegisterLease lease,
                                        deps_.blocks.RequestLease(request->workerid()));
                       response->set_workerid(request->workerid());
                       response->set_allowed(lease.allowed);
                       if (lease.allowed) response->set_expiryms(lease.expiry_ms);
                       finish(Status::Ok());
                       return Status::Ok();
                     });
  }

  ServerUnaryReactor* RegisterWorker(CallbackServerContext* context,
                                     const blockpb::RegisterWorkerPRequest* request,
                                     blockpb::RegisterWorkerPResponse*) override {
    return gate_.Run(context, "RegisterWorker", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckRegistration(*request));
      RETURN_IF_ERROR(
          deps_.blocks.BeginRegistration(request->workerid(), RegistrationOf(*request)));
      RETURN_IF_ERROR(
          deps_.blocks.AddBlocks(request->workerid(), BlocksOf(request->currentblocks())));
      EndRegistration(request->workerid(), std::move(finish));
      return Status::Ok();
    });
  }

  ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>* RegisterWorkerStream(
      CallbackServerContext* context) override {
    return new RegisterReactor(
        deps_.blocks,
        [this](WorkerId worker, MetadataStore::Reply done) {
          EndRegistration(worker, std::move(done));
        },
        gate_.CallerOf(*context, "RegisterWorkerStream").status());
  }

  ServerUnaryReactor* BlockHeartbeat(CallbackServerContext* context,
                                     const blockpb::BlockHeartbeatPRequest* request,
                                     blockpb::BlockHeartbeatPResponse* response) override {
    return gate_.Run(context, "BlockHeartbeat", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckHeartbeat(*request));
      const WorkerCommand command = deps_.blocks.Heartbeat(
          {.worker_id = request->workerid(),
           .used_bytes = BytesOf(request->usedbytesontiers()),
           .capacity_bytes = BytesOf(request->options().capacitybytesontiers()),
           .added = BlocksOf(request->addedblocks()),
           .removed = {request->removedblockids().begin(), request->removedblockids().end()},
           .lost_storage = StorageOf(request->loststorage())});
      // What a stranger moved is not this cluster's; it reports again once it is registered.
      if (command.kind != WorkerCommand::Kind::kRegister)
        for (const auto& metric : request->options().metrics())
          deps_.cluster.AddFromWorker(GrowthOf(metric));
      auto* out = response->mutable_command();
      out->set_commandtype(static_cast<commonpb::CommandType>(command.kind));
      out->mutable_data()->Add(command.blocks.begin(), command.blocks.end());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* CommitBlock(CallbackServerContext* context,
                                  const blockpb::CommitBlockPRequest* request,
                                  blockpb::CommitBlockPResponse*) override {
    return gate_.Run(context, "CommitBlock", "", [&](meta::Caller, Finish finish) -> Status {
      const blockpb::CommitBlockPRequest commit = *request;
      RETURN_IF_ERROR(CheckCommit(commit));
      deps_.store.Commit(
          PlanOf(commit.blockid(), commit.length()), [this, commit, finish](Status status) {
            if (status.ok())
              status = deps_.blocks.AddCopy(commit.workerid(), commit.blockid(),
                                            {commit.tieralias(), commit.mediumtype()},
                                            commit.usedbytesontier());
            finish(status);
          });
      return Status::Ok();
    });
  }

  ServerUnaryReactor* CommitBlockInUfs(CallbackServerContext* context,
                                       const blockpb::CommitBlockInUfsPRequest* request,
                                       blockpb::CommitBlockInUfsPResponse*) override {
    return gate_.Run(context, "CommitBlockInUfs", "", [&](meta::Caller, Finish finish) -> Status {
      deps_.store.Commit(PlanOf(request->blockid(), request->length()), finish);
      return Status::Ok();
    });
  }

 private:
  // The worker is told that it serves once the next master, too, would wait for it: or at once, if
  // this one can't know whether it still leads. Then the next one has to wait its full time.
  void EndRegistration(WorkerId worker, MetadataStore::Reply done) {
    const Status ended = deps_.blocks.FinishRegistration(worker);
    if (!ended.ok()) return done(ended);
    deps_.worker_registered();
    deps_.store.AfterDurable([done = std::move(done)](const Status&) { done(Status::Ok()); });
  }

  MetadataStore::Plan PlanOf(BlockId block, int64_t length) const {
    return [block, length, now_ms = deps_.clock.NowMs()](const meta::Namespace& ns) {
      return meta::PlanCommitBlock(ns, block, length, now_ms);
    };
  }

  const ServiceDeps deps_;
  const CallGate gate_;
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeBlockWorkerService(const ServiceDeps& deps) {
  return std::make_unique<BlockWorkerService>(deps);
}

}  // namespace headpond::master
