// FileSystem's calls about mounts, masters, workers and configuration.
#include "client/convert.h"
#include "client/file_system.h"
#include "client/impl.h"

namespace headpond::client {
namespace {

namespace wire = alluxio::grpc::file;

void FillMount(const MountOptions& options, wire::MountPOptions* out) {
  out->set_readonly(options.read_only);
  out->set_shared(options.shared);
  for (const auto& [key, value] : options.properties) (*out->mutable_properties())[key] = value;
}

std::vector<std::string> ToStrings(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return {field.begin(), field.end()};
}

BackupInfo FromWire(const alluxio::grpc::meta::BackupPStatus& wire) {
  using State = BackupInfo::State;
  const auto state_of = [](alluxio::grpc::meta::BackupState state) {
    switch (state) {
      case alluxio::grpc::meta::Initiating: return State::kInitiating;
      case alluxio::grpc::meta::Transitioning: return State::kTransitioning;
      case alluxio::grpc::meta::Running: return State::kRunning;
      case alluxio::grpc::meta::Completed: return State::kCompleted;
      case alluxio::grpc::meta::Failed: return State::kFailed;
      case alluxio::grpc::meta::None: return State::kUnknown;
    }
    return State::kUnknown;
  };
  return {.id = wire.backupid(),
          .state = state_of(wire.backupstate()),
          .host = wire.backuphost(),
          .uri = wire.backupuri(),
          .entries = wire.entrycount()};
}

HostPort FromWire(const alluxio::grpc::NetAddress& address) {
  return {address.host(), address.rpcport()};
}

void ToWire(const HostPort& address, alluxio::grpc::NetAddress* out) {
  out->set_host(address.host);
  out->set_rpcport(address.port);
}

template <typename Map>
std::map<std::string, int64_t> ToMap(const Map& map) {
  return {map.begin(), map.end()};
}

}  // namespace

Status FileSystem::Mount(std::string_view path, std::string_view ufs_uri,
                         const MountOptions& options) {
  wire::MountPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_alluxiopath(), CleanPath(path));
  request.set_ufspath(std::string(ufs_uri));
  FillMount(options, request.mutable_options());
  impl_->SetTtl(std::nullopt, std::nullopt, request.mutable_options()->mutable_commonoptions());
  if (options.remount) request.mutable_options()->set_remount(true);
  return impl_->master().Call(methods::kMount, request).status();
}

Status FileSystem::Unmount(std::string_view path) {
  wire::UnmountPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_alluxiopath(), CleanPath(path));
  request.mutable_options();
  return impl_->master().Call(methods::kUnmount, request).status();
}

Status FileSystem::UpdateMount(std::string_view path, const MountOptions& options) {
  wire::UpdateMountPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_alluxiopath(), CleanPath(path));
  FillMount(options, request.mutable_options());
  impl_->SetTtl(std::nullopt, std::nullopt, request.mutable_options()->mutable_commonoptions());
  return impl_->master().Call(methods::kUpdateMount, request).status();
}

Result<std::vector<MountPoint>> FileSystem::GetMountTable(bool check_ufs) {
  wire::GetMountTablePRequest request;
  request.set_checkufs(check_ufs);
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetMountTable, request));
  std::vector<MountPoint> mounts;
  for (const auto& [path, info] : response.mountpoints())
    mounts.push_back({.path = path,
                      .ufs_uri = info.ufsuri(),
                      .ufs_type = info.ufstype(),
                      .ufs_capacity_bytes = info.ufscapacitybytes(),
                      .ufs_used_bytes = info.ufsusedbytes(),
                      .read_only = info.readonly(),
                      .shared = info.shared(),
                      .properties = {info.properties().begin(), info.properties().end()},
                      .mount_id = info.mountid()});
  return mounts;
}

Result<MasterInfo> FileSystem::GetMasterInfo() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetMasterInfo, {}));
  const auto& info = response.masterinfo();
  MasterInfo master{.leader_address = info.leadermasteraddress(),
                    .rpc_port = info.rpcport(),
                    .web_port = info.webport(),
                    .safe_mode = info.safemode(),
                    .start_time_ms = info.starttimems(),
                    .uptime_ms = info.uptimems(),
                    .version = info.version(),
                    .zookeeper_addresses = ToStrings(info.zookeeperaddresses()),
                    .cluster_id = info.clusterid(),
                    .raft_journal = info.raftjournal(),
                    .raft_addresses = ToStrings(info.raftaddress())};
  for (const auto& address : info.masteraddresses())
    master.master_addresses.push_back(FromWire(address));
  for (const auto& version : info.masterversions())
    master.versions.push_back({FromWire(version.addresses()), version.version(), version.state()});
  return master;
}

Result<std::string> FileSystem::Checkpoint() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kCheckpoint, {}));
  return response.masterhostname();
}

Result<BackupInfo> FileSystem::BeginBackup(const std::string& directory, bool local,
                                           const std::string& id) {
  alluxio::grpc::meta::BackupPRequest request;
  request.set_targetdirectory(directory);
  request.mutable_options()->set_localfilesystem(local);
  request.mutable_options()->set_runasync(true);
  // It takes no time from clients.
  request.mutable_options()->set_allowleader(true);
  if (!id.empty())
    request.mutable_options()->SetExtension(alluxio::grpc::meta::wanted_backup_id, id);
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kBackup, request));
  return FromWire(response);
}

Result<BackupInfo> FileSystem::GetBackup(const std::string& id) {
  alluxio::grpc::meta::BackupStatusPRequest request;
  request.set_backupid(id);
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetBackupStatus, request));
  return FromWire(response);
}

Result<std::vector<QuorumMember>> FileSystem::GetQuorum() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetQuorumInfo, {}));
  std::vector<QuorumMember> members;
  for (const auto& server : response.serverinfo())
    members.push_back({.address = FromWire(server.serveraddress()),
                       .available = server.serverstate() == alluxio::grpc::journal::AVAILABLE,
                       .leads = server.isleader(),
                       .priority = server.priority()});
  return members;
}

Status FileSystem::RemoveQuorumMember(const HostPort& member) {
  alluxio::grpc::journal::RemoveQuorumServerPRequest request;
  ToWire(member, request.mutable_serveraddress());
  return impl_->master().Call(methods::kRemoveQuorumServer, request).status();
}

Result<std::string> FileSystem::TransferLeadership(const HostPort& to) {
  alluxio::grpc::journal::TransferLeadershipPRequest request;
  ToWire(to, request.mutable_serveraddress());
  ASSIGN_OR_RETURN(const auto response,
                   impl_->master().Call(methods::kTransferLeadership, request));
  return response.transferid();
}

Result<std::string> FileSystem::GetTransferOutcome(const std::string& transfer) {
  alluxio::grpc::journal::GetTransferLeaderMessagePRequest request;
  request.set_transferid(transfer);
  ASSIGN_OR_RETURN(const auto response,
                   impl_->master().Call(methods::kGetTransferLeaderMessage, request));
  return response.transmsg().msg();
}

Status FileSystem::ResetQuorumPriorities() {
  return impl_->master().Call(methods::kResetPriorities, {}).status();
}

Result<BlockMasterInfo> FileSystem::GetBlockMasterInfo() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetBlockMasterInfo, {}));
  const auto& info = response.blockmasterinfo();
  return BlockMasterInfo{.capacity_bytes = info.capacitybytes(),
                         .used_bytes = info.usedbytes(),
                         .free_bytes = info.freebytes(),
                         .live_workers = info.liveworkernum(),
                         .lost_workers = info.lostworkernum(),
                         .decommissioned_workers = info.decommissionedworkernum(),
                         .capacity_on_tiers = ToMap(info.capacitybytesontiers()),
                         .used_on_tiers = ToMap(info.usedbytesontiers())};
}

Result<int64_t> FileSystem::GetCapacityBytes() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetCapacityBytes, {}));
  return response.bytes();
}

Result<int64_t> FileSystem::GetUsedBytes() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetUsedBytes, {}));
  return response.bytes();
}

Result<std::vector<WorkerInfo>> FileSystem::GetWorkers(bool refresh) {
  return impl_->Workers(refresh);
}

Result<std::vector<WorkerInfo>> FileSystem::GetWorkerReport(WorkerRange range,
                                                            const std::vector<std::string>& names) {
  namespace block = alluxio::grpc::block;
  block::GetWorkerReportPOptions request;
  request.set_workerrange(static_cast<block::WorkerRange>(static_cast<int>(range) + block::ALL));
  for (const std::string& name : names) request.add_addresses(name);
  for (int field = block::WorkerInfoField_MIN; field <= block::WorkerInfoField_MAX; ++field)
    request.add_fieldranges(static_cast<block::WorkerInfoField>(field));
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetWorkerReport, request));
  std::vector<WorkerInfo> workers;
  for (const auto& worker : response.workerinfos()) workers.push_back(client::FromWire(worker));
  return workers;
}

Result<BlockInfo> FileSystem::GetBlockInfo(int64_t block_id) {
  alluxio::grpc::block::GetBlockInfoPRequest request;
  request.set_blockid(block_id);
  request.mutable_options();
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetBlockInfo, request));
  return client::FromWire(response.blockinfo());
}

Result<std::vector<Metric>> FileSystem::GetMetrics() {
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kGetMetrics, {}));
  std::vector<Metric> metrics;
  for (const auto& [name, value] : response.metrics())
    metrics.push_back({.name = name,
                       .type = alluxio::grpc::MetricType_Name(value.metrictype()),
                       .value = value.doublevalue(),
                       .text = value.stringvalue(),
                       .is_text = value.has_stringvalue()});
  return metrics;
}

Result<std::vector<ConfigProperty>> FileSystem::GetClusterConfiguration(bool raw) {
  alluxio::grpc::meta::GetConfigurationPOptions request;
  request.set_rawvalue(raw);
  request.set_ignorepathconf(true);
  ASSIGN_OR_RETURN(const auto response, impl_->master().GetConfiguration(kConfigService, request));
  std::vector<ConfigProperty> properties;
  for (const auto& property : response.clusterconfigs())
    properties.push_back({property.name(), property.source(), property.value()});
  return properties;
}

Result<HostPort> FileSystem::Leader() {
  return impl_->master().Leader();
}

Result<std::vector<HostPort>> FileSystem::Masters() const {
  return impl_->master().Masters();
}

}  // namespace headpond::client
