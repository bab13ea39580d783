#include "worker/master_link.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/config.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/random.h"
#include "net/channel.h"
#include "net/grpc_status.h"
#include "net/worker_address_wire.h"
#include "proto/block_master.grpc.pb.h"
#include "proto/file_system_master.grpc.pb.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;
namespace fspb = ::alluxio::grpc::file;
namespace commonpb = ::alluxio::grpc;

constexpr std::string_view kComponent = "master-link";
// Block ids per message of a streamed registration: 9 bytes each at most, far below the master's
// message limit. Stock sends a million (alluxio.worker.register.stream.batch.size).
constexpr size_t kRegisterBatch = 1'000'000;

template <typename Message>
void AddBlocks(Message* entry, const cache::Location& location) {
  entry->mutable_key()->set_tieralias(location.tier_alias);
  entry->mutable_key()->set_mediumtype(location.medium_type);
}

template <typename Map>
void FillStorage(const std::map<std::string, std::vector<std::string>>& lost, Map* out) {
  for (const auto& [tier, paths] : lost)
    (*out)[tier].mutable_storage()->Add(paths.begin(), paths.end());
}

// "Worker.BytesReadPerUfs.UFS:%2Fdata" is the metric BytesReadPerUfs of the instance Worker with a
// tag.
void FillMetric(std::string_view name, int64_t growth, commonpb::Metric* out) {
  const auto next_part = [&name] {
    const size_t end = std::min(name.find('.'), name.size());
    const std::string part(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
    return part;
  };
  out->set_instance(next_part());
  out->set_name(next_part());
  while (!name.empty()) {
    const std::string tag = next_part();
    if (const size_t colon = tag.find(':'); colon != tag.npos)
      (*out->mutable_tags())[tag.substr(0, colon)] = tag.substr(colon + 1);
  }
  out->set_value(static_cast<double>(growth));
  out->set_metrictype(commonpb::COUNTER);
}

// The messages of a registration: the first describes the tiers, all carry blocks.
std::vector<blockpb::RegisterWorkerPRequest> RegistrationBatches(int64_t worker_id,
                                                                 const cache::BlockStore& store) {
  std::vector<blockpb::RegisterWorkerPRequest> batches(1);
  blockpb::RegisterWorkerPRequest& first = batches.front();
  for (const cache::TierSpace& tier : store.Space()) {
    first.add_storagetiers(tier.alias);
    (*first.mutable_totalbytesontiers())[tier.alias] = tier.capacity_bytes;
    (*first.mutable_usedbytesontiers())[tier.alias] = tier.used_bytes;
  }
  first.mutable_options()->mutable_buildversion()->set_version(std::string(kCompatVersion));
  first.mutable_options()->mutable_buildversion()->set_revision("headpond");
  first.mutable_options()->set_numvcpu(static_cast<int>(std::thread::hardware_concurrency()));
  size_t in_batch = 0;
  for (const auto& [location, blocks] : store.Blocks()) {
    for (size_t begin = 0; begin < blocks.size();) {
      if (in_batch == kRegisterBatch) {
        batches.emplace_back();
        in_batch = 0;
      }
      const size_t count = std::min(kRegisterBatch - in_batch, blocks.size() - begin);
      auto* entry = batches.back().add_currentblocks();
      AddBlocks(entry, location);
      entry->mutable_value()->mutable_blockid()->Add(
          blocks.begin() + static_cast<ptrdiff_t>(begin),
          blocks.begin() + static_cast<ptrdiff_t>(begin + count));
      begin += count;
      in_batch += count;
    }
  }
  for (auto& batch : batches) batch.set_workerid(worker_id);
  return batches;
}

}  // namespace

struct MasterLink::Impl {
  // The way to one master.
  struct Peer {
    explicit Peer(net::ChannelOptions options)
        : channel(std::move(options), Random::FromSystem()),
          blocks(blockpb::BlockMasterWorkerService::NewStub(channel.channel())),
          files(fspb::FileSystemMasterWorkerService::NewStub(channel.channel())) {}

    net::AuthenticatedChannel channel;
    const std::unique_ptr<blockpb::BlockMasterWorkerService::Stub> blocks;
    const std::unique_ptr<fspb::FileSystemMasterWorkerService::Stub> files;
  };

  Impl(std::vector<net::ChannelOptions> masters, std::chrono::milliseconds timeout,
       std::vector<ReportedProperty> properties)
      : call_timeout(timeout), config(std::move(properties)) {
    for (net::ChannelOptions& options : masters)
      peers.push_back(std::make_unique<Peer>(std::move(options)));
  }

  using Attempt = std::function<::grpc::Status(Peer&, ::grpc::ClientContext&)>;
  // `attempt` may run several times, each against another master.
  Status Call(const Attempt& attempt, int steps = 1) {
    return find ? CallFound(attempt, steps) : CallOneOfAll(attempt, steps);
  }

  Status CallFound(const Attempt& attempt, int steps) EXCLUDES(mutex) {
    const auto call = [&](Peer& peer) {
      return peer.channel.Call(call_timeout * steps, [&](::grpc::ClientContext& context) {
        return attempt(peer, context);
      });
    };
    const std::shared_ptr<Peer> known = Found();
    if (known != nullptr)
      if (Status status = call(*known); !IsAbsent(status)) return status;
    ASSIGN_OR_RETURN(net::ChannelOptions options, LookUp());
    if (known == nullptr || known->channel.options().target != options.target)
      LogInfo(kComponent, "the primary master is now {}", options.target);
    const auto peer = std::make_shared<Peer>(std::move(options));
    {
      MutexLock lock(mutex);
      found = peer;
    }
    return call(*peer);
  }

  std::shared_ptr<Peer> Found() const EXCLUDES(mutex) {
    MutexLock lock(mutex);
    return found;
  }
  Result<net::ChannelOptions> LookUp() const {
    net::ChannelOptions options = found_channel;
    ASSIGN_OR_RETURN(options.target, find());
    return options;
  }

  Status CallOneOfAll(const Attempt& attempt, int steps) {
    const size_t first = current;
    std::string tried;
    for (size_t i = 0; i < peers.size(); ++i) {
      const size_t at = (first + i) % peers.size();
      Peer& peer = *peers[at];
      Status status = peer.channel.Call(call_timeout * steps, [&](::grpc::ClientContext& context) {
        return attempt(peer, context);
      });
      if (!IsAbsent(status)) {
        if (at != first && current.exchange(at) != at)
          LogInfo(kComponent, "the primary master is now {}", peer.channel.options().target);
        return status;
      }
      if (peers.size() == 1) return status;
      tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", peer.channel.options().target,
                           status.ToString());
    }
    return Unavailable("none of the masters answers as the primary: {}", tried);
  }

  // What a master that is down, starting or a standby answers.
  static bool IsAbsent(const Status& status) {
    return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded ||
           status.code() == Code::kCancelled || status.code() == Code::kUnimplemented;
  }

  const std::chrono::milliseconds call_timeout;
  const std::vector<ReportedProperty> config;
  std::vector<std::unique_ptr<Peer>> peers;
  std::atomic<size_t> current{0};  // the one that answered last

  // Instead of `peers`.
  std::function<Result<std::string>()> find;
  net::ChannelOptions found_channel;
  mutable Mutex mutex;
  std::shared_ptr<Peer> found GUARDED_BY(mutex);
};

MasterLink::MasterLink(std::vector<net::ChannelOptions> masters,
                       std::chrono::milliseconds call_timeout, std::vector<ReportedProperty> config)
    : impl_(std::make_unique<Impl>(std::move(masters), call_timeout, std::move(config))) {}

MasterLink::MasterLink(std::function<Result<std::string>()> find, net::ChannelOptions channel,
                       std::chrono::milliseconds call_timeout, std::vector<ReportedProperty> config)
    : impl_(std::make_unique<Impl>(std::vector<net::ChannelOptions>(), call_timeout,
                                   std::move(config))) {
  impl_->find = std::move(find);
  impl_->found_channel = std::move(channel);
}

MasterLink::~MasterLink() = default;

std::string MasterLink::master() const {
  if (impl_->find) {
    const auto found = impl_->Found();
    return found == nullptr ? "an address that ZooKeeper tells" : found->channel.options().target;
  }
  return impl_->peers[impl_->current]->channel.options().target;
}

Result<int64_t> MasterLink::GetWorkerId(const WorkerAddress& address) {
  blockpb::GetWorkerIdPRequest request;
  net::ToWire(address, request.mutable_workernetaddress());
  blockpb::GetWorkerIdPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.blocks->GetWorkerId(&context, request, &response);
  }));
  return response.workerid();
}

Result<bool> MasterLink::RequestLease(int64_t worker_id, int64_t block_count) {
  blockpb::GetRegisterLeasePRequest request;
  request.set_workerid(worker_id);
  request.set_blockcount(block_count);
  blockpb::GetRegisterLeasePResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.blocks->RequestRegisterLease(&context, request, &response);
  }));
  return response.allowed();
}

Status MasterLink::Register(int64_t worker_id, const cache::BlockStore& store) {
  auto batches = RegistrationBatches(worker_id, store);
  for (const ReportedProperty& property : impl_->config) {
    auto* out = batches.front().mutable_options()->add_configs();
    out->set_name(property.name);
    out->set_source(property.source);
    if (property.value) out->set_value(*property.value);
  }
  return impl_->Call(
      [&](Impl::Peer& peer, ::grpc::ClientContext& context) {
        const auto stream = peer.blocks->RegisterWorkerStream(&context);
        blockpb::RegisterWorkerPResponse acknowledgement;
        for (const auto& batch : batches)
          if (!stream->Write(batch) || !stream->Read(&acknowledgement)) return stream->Finish();
        stream->WritesDone();
        return stream->Finish();
      },
      static_cast<int>(batches.size()));
}

Result<MasterCommand> MasterLink::Heartbeat(int64_t worker_id,
                                            const std::vector<cache::TierSpace>& space,
                                            const cache::BlockChanges& changes,
                                            const std::map<std::string, int64_t>& counters) {
  blockpb::BlockHeartbeatPRequest request;
  request.set_workerid(worker_id);
  for (const cache::TierSpace& tier : space) {
    (*request.mutable_usedbytesontiers())[tier.alias] = tier.used_bytes;
    (*request.mutable_options()->mutable_capacitybytesontiers())[tier.alias] = tier.capacity_bytes;
  }
  for (const auto& [location, blocks] : changes.added) {
    auto* entry = request.add_addedblocks();
    AddBlocks(entry, location);
    entry->mutable_value()->mutable_blockid()->Add(blocks.begin(), blocks.end());
  }
  request.mutable_removedblockids()->Add(changes.removed.begin(), changes.removed.end());
  FillStorage(changes.lost_storage, request.mutable_loststorage());
  for (const auto& [name, growth] : counters)
    FillMetric(name, growth, request.mutable_options()->add_metrics());
  blockpb::BlockHeartbeatPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.blocks->BlockHeartbeat(&context, request, &response);
  }));
  MasterCommand command;
  switch (response.command().commandtype()) {
    case commonpb::Register: command.kind = MasterCommand::Kind::kRegister; break;
    case commonpb::Free:
      command.kind = MasterCommand::Kind::kFree;
      command.blocks.assign(response.command().data().begin(), response.command().data().end());
      break;
    case commonpb::Decommissioned: command.kind = MasterCommand::Kind::kDecommissioned; break;
    case commonpb::Disabled: command.kind = MasterCommand::Kind::kDisabled; break;
    default: break;
  }
  return command;
}

Status MasterLink::CommitBlock(int64_t worker_id, BlockId block,
                               const cache::BlockWriter::Committed& committed,
                               int64_t used_bytes_on_tier) {
  blockpb::CommitBlockPRequest request;
  request.set_workerid(worker_id);
  request.set_usedbytesontier(used_bytes_on_tier);
  request.set_tieralias(committed.location.tier_alias);
  request.set_mediumtype(committed.location.medium_type);
  request.set_blockid(block);
  request.set_length(committed.length);
  blockpb::CommitBlockPResponse response;
  return impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.blocks->CommitBlock(&context, request, &response);
  });
}

Result<std::set<int64_t>> MasterLink::PinnedFiles() {
  fspb::GetPinnedFileIdsPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.files->GetPinnedFileIds(&context, {}, &response);
  }));
  return std::set<int64_t>(response.pinnedfileids().begin(), response.pinnedfileids().end());
}

Result<MountSpec> MasterLink::GetMount(MountId id) {
  fspb::GetUfsInfoPRequest request;
  request.set_mountid(id);
  fspb::GetUfsInfoPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.files->GetUfsInfo(&context, request, &response);
  }));
  const auto& properties = response.ufsinfo().properties().properties();
  return MountSpec{response.ufsinfo().uri(), {properties.begin(), properties.end()}};
}

Result<PersistSource> MasterLink::GetFile(int64_t file_id) {
  fspb::GetFileInfoPRequest request;
  request.set_fileid(file_id);
  fspb::GetFileInfoPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.files->GetFileInfo(&context, request, &response);
  }));
  const fspb::FileInfo& info = response.fileinfo();
  PersistSource source{.path = info.path(),
                       .ufs_path = info.ufspath(),
                       .mount_id = info.mountid(),
                       .length = info.length(),
                       .completed = info.completed(),
                       .owner = info.owner(),
                       .group = info.group(),
                       .mode = static_cast<uint16_t>(info.mode())};
  for (const auto& block : info.fileblockinfos()) {
    PersistSource::Block out{block.blockinfo().blockid(), block.blockinfo().length(), {}};
    for (const auto& location : block.blockinfo().locations())
      out.holders.push_back(net::FromWire(location.workeraddress()));
    source.blocks.push_back(std::move(out));
  }
  return source;
}

Result<std::vector<PersistTask>> MasterLink::ExchangePersistWork(
    int64_t worker_id, const std::vector<int64_t>& persisted) {
  fspb::FileSystemHeartbeatPRequest request;
  request.set_workerid(worker_id);
  request.mutable_persistedfiles()->Add(persisted.begin(), persisted.end());
  fspb::FileSystemHeartbeatPResponse response;
  RETURN_IF_ERROR(impl_->Call([&](Impl::Peer& peer, ::grpc::ClientContext& context) {
    response.Clear();
    return peer.files->FileSystemHeartbeat(&context, request, &response);
  }));
  std::vector<PersistTask> tasks;
  for (const auto& file : response.command().commandoptions().persistoptions().persistfiles())
    tasks.push_back({file.fileid(), {file.blockids().begin(), file.blockids().end()}});
  return tasks;
}

}  // namespace headpond::worker
