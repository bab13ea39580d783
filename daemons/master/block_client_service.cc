#include <set>

#include "base/arithmetic.h"
#include "master/block_service.h"
#include "master/service_support.h"
#include "master/wire.h"
#include "meta/permission.h"
#include "net/worker_address_wire.h"
#include "proto/block_master.grpc.pb.h"

namespace headpond::master {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

BytesByTier SumTiers(const std::vector<WorkerDescription>& workers,
                     BytesByTier Registration::*field) {
  BytesByTier sum;
  for (const WorkerDescription& worker : workers)
    for (const auto& [tier, bytes] : worker.registration.*field)
      sum[tier] = SaturatingAdd(sum[tier], bytes);
  return sum;
}

int64_t Total(const BytesByTier& tiers) {
  int64_t total = 0;
  for (const auto& [tier, bytes] : tiers) total = SaturatingAdd(total, bytes);
  return total;
}

class BlockClientService final : public blockpb::BlockMasterClientService::CallbackService {
 public:
  explicit BlockClientService(const ServiceDeps& deps)
      : deps_(deps),
        gate_("alluxio.grpc.block.BlockMasterClientService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* GetBlockInfo(CallbackServerContext* context,
                                   const blockpb::GetBlockInfoPRequest* request,
                                   blockpb::GetBlockInfoPResponse* response) override {
    return gate_.Run(context, "GetBlockInfo", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckServing());
      ASSIGN_OR_RETURN(const meta::BlockSpan span, deps_.store.Read([&](const meta::Namespace& ns) {
        return ns.FindBlock(request->blockid());
      }));
      ToWire(span.id, span.length, deps_.blocks.CopiesOf(span.id), response->mutable_blockinfo());
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetBlockMasterInfo(CallbackServerContext* context,
                                         const blockpb::GetBlockMasterInfoPOptions* request,
                                         blockpb::GetBlockMasterInfoPResponse* response) override {
    return gate_.Run(context, "GetBlockMasterInfo", "", [&](meta::Caller, Finish finish) -> Status {
      FillInfo({request->filters().begin(), request->filters().end()},
               response->mutable_blockmasterinfo());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetCapacityBytes(CallbackServerContext* context,
                                       const blockpb::GetCapacityBytesPOptions*,
                                       blockpb::GetCapacityBytesPResponse* response) override {
    return gate_.Run(context, "GetCapacityBytes", "", [&](meta::Caller, Finish finish) -> Status {
      response->set_bytes(
          Total(SumTiers(deps_.blocks.Workers(WorkerState::kLive), &Registration::capacity_bytes)));
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetUsedBytes(CallbackServerContext* context,
                                   const blockpb::GetUsedBytesPOptions*,
                                   blockpb::GetUsedBytesPResponse* response) override {
    return gate_.Run(context, "GetUsedBytes", "", [&](meta::Caller, Finish finish) -> Status {
      response->set_bytes(
          Total(SumTiers(deps_.blocks.Workers(WorkerState::kLive), &Registration::used_bytes)));
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetWorkerInfoList(CallbackServerContext* context,
                                        const blockpb::GetWorkerInfoListPOptions*,
                                        blockpb::GetWorkerInfoListPResponse* response) override {
    return gate_.Run(context, "GetWorkerInfoList", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckServing());
      for (const WorkerDescription& worker : deps_.blocks.Workers(WorkerState::kLive))
        ToWire(worker, deps_.clock.NowMs(), response->add_workerinfos());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetWorkerReport(CallbackServerContext* context,
                                      const blockpb::GetWorkerReportPOptions* request,
                                      blockpb::GetWorkerInfoListPResponse* response) override {
    return gate_.Run(context, "GetWorkerReport", "", [&](meta::Caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckServing());
      const std::set<std::string> names(request->addresses().begin(), request->addresses().end());
      if (request->workerrange() == blockpb::SPECIFIED && names.empty())
        return InvalidArgument(
            "addresses is empty; name the workers, or ask for another workerRange");
      for (const WorkerDescription& worker : deps_.blocks.Workers())
        if (InRange(worker, request->workerrange(), names))
          ToWire(worker, deps_.clock.NowMs(), response->add_workerinfos());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetWorkerLostStorage(
      CallbackServerContext* context, const blockpb::GetWorkerLostStoragePOptions*,
      blockpb::GetWorkerLostStoragePResponse* response) override {
    return gate_.Run(
        context, "GetWorkerLostStorage", "", [&](meta::Caller, Finish finish) -> Status {
          for (const WorkerDescription& worker : deps_.blocks.Workers(WorkerState::kLive)) {
            if (worker.registration.lost_storage.empty()) continue;
            auto* info = response->add_workerloststorageinfo();
            net::ToWire(worker.address, info->mutable_address());
            for (const auto& [tier, paths] : worker.registration.lost_storage)
              (*info->mutable_loststorage())[tier].mutable_storage()->Add(paths.begin(),
                                                                          paths.end());
          }
          finish(Status::Ok());
          return Status::Ok();
        });
  }

  ServerUnaryReactor* DecommissionWorker(CallbackServerContext* context,
                                         const blockpb::DecommissionWorkerPOptions* request,
                                         blockpb::DecommissionWorkerPResponse*) override {
    return gate_.Run(context, "DecommissionWorker", "",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       RETURN_IF_ERROR(CheckSuperuser(caller));
                       finish(deps_.blocks.Decommission(request->workerhostname(),
                                                        static_cast<int>(request->workerwebport()),
                                                        request->canregisteragain()));
                       return Status::Ok();
                     });
  }

  ServerUnaryReactor* RemoveDisabledWorker(CallbackServerContext* context,
                                           const blockpb::RemoveDisabledWorkerPOptions* request,
                                           blockpb::RemoveDisabledWorkerPResponse*) override {
    return gate_.Run(context, "RemoveDisabledWorker", "",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       RETURN_IF_ERROR(CheckSuperuser(caller));
                       finish(deps_.blocks.RemoveDisabled(
                           request->workerhostname(), static_cast<int>(request->workerwebport())));
                       return Status::Ok();
                     });
  }

 private:
  // Until the workers had time to report, an answer would say that cached blocks are gone.
  Status CheckServing() const {
    if (!deps_.in_safe_mode()) return Status::Ok();
    return Unavailable("Alluxio master is in safe mode. Please try again later.");
  }

  Status CheckSuperuser(const meta::Caller& caller) const {
    return deps_.store.Read(
        [&](const meta::Namespace& ns) { return meta::CheckSuperuser(ns, caller); });
  }

  static bool InRange(const WorkerDescription& worker, blockpb::WorkerRange range,
                      const std::set<std::string>& names) {
    switch (range) {
      case blockpb::LIVE: return worker.state == WorkerState::kLive;
      case blockpb::LOST: return worker.state == WorkerState::kLost;
      case blockpb::DECOMMISSIONED:
        return worker.state == WorkerState::kDecommissioned ||
               worker.state == WorkerState::kDisabled;
      case blockpb::SPECIFIED: return names.contains(worker.address.host);
      case blockpb::ALL: return true;
    }
    return true;
  }

  void FillInfo(const std::set<int>& filters, blockpb::BlockMasterInfo* out) const {
    const auto wants = [&](blockpb::BlockMasterInfoField field) {
      return filters.empty() || filters.contains(field);
    };
    const auto live = deps_.blocks.Workers(WorkerState::kLive);
    const BytesByTier capacity = SumTiers(live, &Registration::capacity_bytes);
    const BytesByTier used = SumTiers(live, &Registration::used_bytes);
    if (wants(blockpb::CAPACITY_BYTES)) out->set_capacitybytes(Total(capacity));
    if (wants(blockpb::USED_BYTES)) out->set_usedbytes(Total(used));
    if (wants(blockpb::FREE_BYTES)) out->set_freebytes(Total(capacity) - Total(used));
    if (wants(blockpb::LIVE_WORKER_NUM)) out->set_liveworkernum(static_cast<int>(live.size()));
    if (wants(blockpb::LOST_WORKER_NUM))
      out->set_lostworkernum(static_cast<int>(deps_.blocks.Workers(WorkerState::kLost).size()));
    if (wants(blockpb::DECOMMISSIONED_WORKER_NUM))
      out->set_decommissionedworkernum(
          static_cast<int>(deps_.blocks.Workers(WorkerState::kDecommissioned).size()));
    if (wants(blockpb::CAPACITY_BYTES_ON_TIERS))
      for (const auto& [tier, bytes] : capacity)
        (*out->mutable_capacitybytesontiers())[tier] = bytes;
    if (wants(blockpb::USED_BYTES_ON_TIERS))
      for (const auto& [tier, bytes] : used) (*out->mutable_usedbytesontiers())[tier] = bytes;
  }

  const ServiceDeps deps_;
  const CallGate gate_;
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeBlockClientService(const ServiceDeps& deps) {
  return std::make_unique<BlockClientService>(deps);
}

}  // namespace headpond::master
