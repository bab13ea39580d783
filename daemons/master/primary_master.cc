#include "master/primary_master.h"

#include <grpcpp/impl/service_type.h>

#include <chrono>

#include "base/daemon.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/random.h"
#include "http/http_server.h"
#include "master/block_service.h"
#include "master/daily_backup.h"
#include "master/file_system_service.h"
#include "master/file_system_worker_service.h"
#include "master/housekeeping.h"
#include "master/journal_service.h"
#include "master/meta_service.h"
#include "master/persist_scheduler.h"
#include "master/quorum_page.h"
#include "master/web.h"
#include "master/worker_roster.h"
#include "meta/ops/mount.h"
#include "net/auth_config.h"
#include "net/lane_service.h"
#include "net/sasl_service.h"
#include "net/server.h"
#include "net/user_groups.h"
#include "net/version_service.h"
#include "proto/version.pb.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr int kIoThreads = 32;       // under-store calls at once; threads start when needed
constexpr size_t kIoQueue = 10'000;  // operations that may wait for one
constexpr std::chrono::minutes kRootSpaceLook{1};
constexpr std::chrono::seconds kRosterLook{1};
constexpr std::string_view kRootOption = "alluxio.master.mount.table.root.option.";

namespace versionpb = ::alluxio::grpc::version;

std::set<net::VersionService::ServiceType> ServedTypes() {
  return {
      versionpb::FILE_SYSTEM_MASTER_CLIENT_SERVICE, versionpb::FILE_SYSTEM_MASTER_WORKER_SERVICE,
      versionpb::BLOCK_MASTER_CLIENT_SERVICE,       versionpb::BLOCK_MASTER_WORKER_SERVICE,
      versionpb::META_MASTER_CONFIG_SERVICE,        versionpb::META_MASTER_CLIENT_SERVICE,
      versionpb::METRICS_MASTER_CLIENT_SERVICE,     versionpb::JOURNAL_MASTER_CLIENT_SERVICE};
}

meta::MountInfo RootMount(const Config& config) {
  meta::MountInfo mount;
  mount.path = "/";
  mount.ufs_uri = config.GetString("alluxio.master.mount.table.root.ufs");
  mount.read_only = config.GetBool("alluxio.master.mount.table.root.readonly");
  for (const auto& [key, entry] : config.entries())
    if (key.starts_with(kRootOption))
      mount.properties[key.substr(kRootOption.size())] = config.GetString(key);
  return mount;
}

// The folder of a local root under-store is made if it is missing, so that a first start needs no
// preparation.
Status PrepareRootStore(const meta::MountInfo& root, const UfsPool::Opener& open) {
  const auto prepare = [&]() -> Status {
    ASSIGN_OR_RETURN(const auto store, open(root.ufs_uri, root.properties));
    return store->CreateDirectory(root.ufs_uri, {.mode = 0755});
  };
  return prepare().WithContext(fmt::format("alluxio.master.mount.table.root.ufs={}", root.ufs_uri));
}

}  // namespace

struct PrimaryMaster::Parts {
  explicit Parts(Around a)
      : around(std::move(a)),
        reported(config, clock),
        ufs(around.open_ufs),
        io_pool("master-io", kIoThreads, kIoQueue),
        auth_pool("sasl", 4, 1000) {}

  const Around around;
  const Config& config = around.config;
  const Clock& clock = around.clock;
  MetricsRegistry& metrics = around.metrics;
  MetadataStore& store = around.store;
  ReportedConfig reported;
  UfsPool ufs;
  std::unique_ptr<BlockMaster> blocks;
  std::unique_ptr<ClusterMetrics> cluster;
  ThreadPool io_pool;
  ThreadPool auth_pool;
  std::unique_ptr<FileSystemMaster> files;
  std::unique_ptr<PersistScheduler> persist;
  std::unique_ptr<Housekeeping> housekeeping;
  std::unique_ptr<PeriodicTask> root_space;
  std::unique_ptr<DailyBackup> daily_backup;  // if there is to be one

  net::UnixUserGroups unix_groups;
  std::unique_ptr<net::CachedUserGroups> groups;
  std::unique_ptr<net::Authenticator> authenticator;
  std::unique_ptr<net::SaslService> sasl;
  std::unique_ptr<net::VersionService> versions;
  std::unique_ptr<net::LaneService> lanes;
  std::vector<std::unique_ptr<::grpc::Service>> services;
  MasterIdentity identity;
  std::unique_ptr<WorkerRoster> roster;
  std::unique_ptr<PeriodicTask> roster_updates;
  std::unique_ptr<net::GrpcServer> rpc;
  std::unique_ptr<http::HttpServer> web;
  bool stopped = false;

  Status MakeState();
  void LookAtRootSpace();
  Status MakeSecurity();
  ServiceDeps Deps();
  void MakeServers();
  Status PlanBackups();
};

Status PrimaryMaster::Parts::MakeState() {
  identity.cluster_id = around.cluster_id;
  identity.quorum = around.quorum;
  const std::string user = net::ProcessUser();
  ASSIGN_OR_RETURN(const std::vector<std::string> user_groups, unix_groups.Groups(user));
  const meta::MountInfo root = RootMount(config);
  RETURN_IF_ERROR(PrepareRootStore(root, around.open_ufs));
  const auto initialize = [&](const meta::Namespace& ns) {
    return meta::PlanInitialize(ns, {.now_ms = clock.NowMs(),
                                     .owner = user,
                                     .group = user_groups.empty() ? user : user_groups.front(),
                                     .cluster_id = identity.cluster_id,
                                     .root_mount = root});
  };
  // Makes the root of a new namespace; in an old one the configured root mount may have changed.
  RETURN_IF_ERROR(store.CommitAndWait(initialize));
  const bool fresh = store.Read([](const meta::Namespace& ns) { return ns.inodes().size() <= 1; });

  blocks = std::make_unique<BlockMaster>(
      BlockMasterOptions{
          .worker_timeout = config.GetDuration("alluxio.master.worker.timeout"),
          .lost_worker_deletion = config.GetDuration("alluxio.master.lost.worker.deletion.timeout"),
          .lease_required = config.GetBool("alluxio.master.worker.register.lease.enabled"),
          .lease_count =
              static_cast<int>(config.GetInt("alluxio.master.worker.register.lease.count")),
          .lease_ttl = config.GetDuration("alluxio.master.worker.register.lease.ttl"),
          .is_known =
              [this](BlockId block) {
                return store.Read(
                    [&](const meta::Namespace& ns) { return ns.FindBlock(block).ok(); });
              }},
      clock, Random::FromSystem());
  cluster = std::make_unique<ClusterMetrics>(metrics, store, *blocks, clock);
  files = std::make_unique<FileSystemMaster>(
      FileSystemMasterOptions{
          .access_time_precision_ms =
              config.GetDuration("alluxio.master.file.access.time.update.precision").count(),
          .default_block_size = config.GetSize("alluxio.user.block.size.bytes.default"),
          .persist_temp_dir = config.GetString("alluxio.underfs.persistence.async.temp.dir")},
      store, *blocks, ufs, io_pool, clock);
  persist = std::make_unique<PersistScheduler>(PersistScheduler::Options{}, store, *blocks, *files,
                                               clock);
  housekeeping = std::make_unique<Housekeeping>(
      Housekeeping::Options{
          .lost_worker_interval =
              config.GetDuration("alluxio.master.lost.worker.detection.interval"),
          .ttl_interval = config.GetDuration("alluxio.master.ttl.checker.interval")},
      store, *blocks, *files, clock);
  roster = std::make_unique<WorkerRoster>(
      store, *blocks, clock, config.GetDuration("alluxio.master.worker.connect.wait.time"), fresh);
  return Status::Ok();
}

void PrimaryMaster::Parts::LookAtRootSpace() {
  const auto root =
      store.Read([](const meta::Namespace& ns) { return ns.mounts().mounts().at("/"); });
  cluster->SetRootSpace(ufs.SpaceOf(root));
}

Status PrimaryMaster::Parts::MakeSecurity() {
  groups = std::make_unique<net::CachedUserGroups>(
      unix_groups, clock, config.GetDuration("alluxio.security.group.mapping.cache.timeout"));
  ASSIGN_OR_RETURN(auto options, net::AuthenticatorOptionsOf(config));
  authenticator = std::make_unique<net::Authenticator>(std::move(options), *groups, clock);
  sasl = std::make_unique<net::SaslService>(*authenticator, auth_pool, clock);
  versions = std::make_unique<net::VersionService>(ServedTypes(), nullptr);
  return Status::Ok();
}

ServiceDeps PrimaryMaster::Parts::Deps() {
  return {.store = store,
          .files = *files,
          .blocks = *blocks,
          .authenticator = *authenticator,
          .groups = *groups,
          .metrics = metrics,
          .cluster = *cluster,
          .io = io_pool,
          .clock = clock,
          .list_batch = static_cast<size_t>(
              config.GetInt("alluxio.master.filesystem.liststatus.result.message.length")),
          .default_sync = {config.GetDuration("alluxio.user.file.metadata.sync.interval").count()},
          .in_safe_mode = [this] { return roster->InSafeMode(); },
          .worker_registered = [this] { roster->Update(); }};
}

void PrimaryMaster::Parts::MakeServers() {
  identity.hostname = config.Find("alluxio.master.hostname").value_or(LocalHostName());
  identity.rpc_port = static_cast<int>(config.GetInt("alluxio.master.rpc.port"));
  identity.web_port = static_cast<int>(config.GetInt("alluxio.master.web.port"));
  identity.start_ms = clock.NowMs();

  const ServiceDeps deps = Deps();
  net::LaneMethods lane_methods;
  services.push_back(MakeFileSystemClientService(deps, lane_methods));
  lanes = std::make_unique<net::LaneService>(*authenticator, std::move(lane_methods));
  services.push_back(MakeFileSystemWorkerService(deps, *persist));
  services.push_back(MakeBlockClientService(deps));
  services.push_back(MakeBlockWorkerService(deps));
  services.push_back(MakeConfigurationService(deps, reported));
  services.push_back(MakeMetaClientService(deps, identity, config, around.backups));
  services.push_back(MakeMetricsService(deps));
  services.push_back(MakeJournalService(deps, around.quorum, Random::FromSystem()));

  rpc = std::make_unique<net::GrpcServer>(net::GrpcServerOptions{
      .name = "master RPC server",
      .bind_host = config.GetString("alluxio.master.bind.host"),
      .bind_host_property = "alluxio.master.bind.host",
      .port = identity.rpc_port,
      .port_property = "alluxio.master.rpc.port",
      .max_inbound_message_bytes =
          static_cast<size_t>(config.GetSize("alluxio.master.network.max.inbound.message.size")),
      .permit_keepalive = config.GetDuration("alluxio.master.network.permit.keepalive.time"),
      .keepalive_interval = config.GetDuration("alluxio.master.network.keepalive.time"),
      .keepalive_timeout = config.GetDuration("alluxio.master.network.keepalive.timeout"),
      .stream_window_bytes =
          static_cast<size_t>(config.GetSize("alluxio.master.network.flowcontrol.window"))});
  for (const auto& service : services) rpc->AddService(*service);
  rpc->AddService(versions->service());
  rpc->AddLanes(*lanes);
  rpc->AddSasl(*sasl);

  web = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.bind_host = config.GetString("alluxio.master.web.bind.host"),
                                .port = identity.web_port,
                                .port_key = "alluxio.master.web.port"});
  AddMasterPages(*web, {deps, ufs, identity, config, reported});
  if (around.quorum != nullptr)
    AddQuorumPage(*web, [this] {
      return QuorumView{.standing = around.quorum->Standing(),
                        .serves = true,
                        .sequence = store.last_sequence(),
                        .members = around.quorum->Members(),
                        .live_workers = blocks->Workers(WorkerState::kLive).size()};
    });
}

Status PrimaryMaster::Parts::PlanBackups() {
  ASSIGN_OR_RETURN(const auto plan, DailyBackupPlanOf(config));
  if (plan) daily_backup = std::make_unique<DailyBackup>(*plan, around.backups, clock);
  return Status::Ok();
}

PrimaryMaster::PrimaryMaster(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

PrimaryMaster::~PrimaryMaster() {
  Stop();
}

Result<std::unique_ptr<PrimaryMaster>> PrimaryMaster::Create(Around around) {
  auto parts = std::make_unique<Parts>(std::move(around));
  RETURN_IF_ERROR(parts->MakeState());
  RETURN_IF_ERROR(parts->MakeSecurity());
  parts->MakeServers();
  RETURN_IF_ERROR(parts->PlanBackups());
  return std::unique_ptr<PrimaryMaster>(new PrimaryMaster(std::move(parts)));
}

Status PrimaryMaster::Start() {
  ASSIGN_OR_RETURN(parts_->identity.web_port, parts_->web->Start());
  ASSIGN_OR_RETURN(parts_->identity.rpc_port, parts_->rpc->Start());
  parts_->housekeeping->Start();
  if (parts_->daily_backup != nullptr) parts_->daily_backup->Start();
  parts_->root_space = std::make_unique<PeriodicTask>(
      "root-space", kRootSpaceLook, [this] { parts_->LookAtRootSpace(); }, /*immediately=*/true);
  parts_->roster_updates = std::make_unique<PeriodicTask>("worker-roster", kRosterLook,
                                                          [this] { parts_->roster->Update(); });
  LogInfo(kComponent, "master serves on port {}, its pages on port {}", rpc_port(), web_port());
  return Status::Ok();
}

void PrimaryMaster::Stop() {
  if (parts_->stopped) return;
  parts_->stopped = true;
  parts_->root_space.reset();
  parts_->roster_updates.reset();
  parts_->housekeeping->Stop();
  if (parts_->daily_backup != nullptr) parts_->daily_backup->Stop();
  parts_->around.backups.Stop();
  parts_->web->Stop();
  parts_->rpc->Stop();
  parts_->io_pool.Shutdown();
  parts_->auth_pool.Shutdown();
}

int PrimaryMaster::rpc_port() const {
  return parts_->identity.rpc_port;
}
int PrimaryMaster::web_port() const {
  return parts_->identity.web_port;
}

}  // namespace headpond::master
