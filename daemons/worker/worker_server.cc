#include "worker/worker_server.h"

#include <grpcpp/impl/service_type.h>

#include <algorithm>
#include <chrono>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/config_report.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cache/tiered_block_store.h"
#include "http/http_server.h"
#include "net/auth_config.h"
#include "net/channel.h"
#include "net/host_check.h"
#include "net/lane_service.h"
#include "net/sasl_service.h"
#include "net/server.h"
#include "net/stall_watch.h"
#include "net/user_groups.h"
#include "net/version_service.h"
#include "proto/version.pb.h"
#include "ufs/counted_ufs.h"
#include "worker/block_service.h"
#include "worker/cache_manager.h"
#include "worker/master_link.h"
#include "worker/master_sync.h"
#include "worker/persister.h"
#include "worker/remote_fetch.h"
#include "worker/ufs_mounts.h"
#include "worker/web.h"
#include "zookeeper/leaders.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "worker";
constexpr int kIoThreads = 16;
constexpr size_t kIoQueue = 50'000;              // streams that may wait for one
constexpr size_t kReadBufferBytes = 256u << 20;  // of all readers together
// A third of alluxio.user.streaming.data.read.timeout, so that who waits for the budget gets it
// before it gives up. A chunk of 1 MiB a minute is enough not to stand still.
constexpr std::chrono::seconds kStalledReaderLimit{60};
// Longer than jobs compute between two reads of a stream; it keeps a block from eviction meanwhile.
constexpr std::chrono::hours kIdleReaderLimit{1};
// Applications can't repeat a write that was given up, and some keep a file open all day: only for
// those who get no room at all.
constexpr std::chrono::minutes kStalledWriterLimit{10};
constexpr std::chrono::hours kIdleWriterLimit{24};
constexpr std::chrono::seconds kStallInterval{1};
// Clients with larger chunks than the 1 MiB of WriteBlock by default stay welcome, whatever
// alluxio.worker.network.max.inbound.message.size (4 MB) says.
constexpr size_t kMinInboundBytes = 16u << 20;
constexpr std::chrono::seconds kMasterCallTimeout{10};
// Of several masters: the one that leads now waits alluxio.master.worker.connect.wait.time (5 s)
// for workers, which may try all that are gone, with their machines, before they come to it.
constexpr std::chrono::seconds kMasterConnectTimeout{1};

// "rwxr-x---", which the configuration has checked.
uint16_t ModeOf(std::string_view permissions) {
  uint16_t mode = 0;
  for (const char c : permissions) mode = static_cast<uint16_t>(mode << 1 | (c == '-' ? 0 : 1));
  return mode;
}

// "/alluxioworker/" names the folder alluxioworker.
std::string FolderName(std::string_view property) {
  while (property.starts_with('/')) property.remove_prefix(1);
  while (property.ends_with('/')) property.remove_suffix(1);
  return std::string(property);
}

Result<cache::TierOptions> TierOf(const Config& config, int level) {
  const std::string alias = fmt::format("alluxio.worker.tieredstore.level{}.alias", level);
  const std::string path = fmt::format("alluxio.worker.tieredstore.level{}.dirs.path", level);
  const std::string quota = fmt::format("alluxio.worker.tieredstore.level{}.dirs.quota", level);
  const std::string medium =
      fmt::format("alluxio.worker.tieredstore.level{}.dirs.mediumtype", level);
  cache::TierOptions tier;
  tier.alias = config.GetString(alias);
  const auto paths = config.GetList(path);
  const auto quotas = config.GetList(quota);
  const auto media = config.GetList(medium);
  if (tier.alias.empty()) return InvalidArgument("{} is empty; name the tier, as in MEM", alias);
  if (paths.empty()) return InvalidArgument("{} is empty; give at least one folder", path);
  if (quotas.size() != 1 && quotas.size() != paths.size())
    return InvalidArgument("{} has {} values for {} folders in {}; give one for all, or one each",
                           quota, quotas.size(), paths.size(), path);
  if (media.size() > 1 && media.size() != paths.size())
    return InvalidArgument("{} has {} values for {} folders in {}; give one for all, or one each",
                           medium, media.size(), paths.size(), path);
  for (size_t i = 0; i < paths.size(); ++i) {
    ASSIGN_OR_RETURN(const int64_t bytes, ParseSize(quotas.size() == 1 ? quotas[0] : quotas[i]));
    tier.directories.push_back({.path = paths[i],
                                .quota_bytes = bytes,
                                .medium_type = media.empty()       ? tier.alias
                                               : media.size() == 1 ? media[0]
                                                                   : media[i]});
  }
  return tier;
}

Result<cache::BlockStoreOptions::Allocator> AllocatorOf(const Config& config) {
  const std::string name = config.GetString("alluxio.worker.allocator.class");
  if (name.ends_with("MaxFreeAllocator")) return cache::BlockStoreOptions::Allocator::kMaxFree;
  if (name.ends_with("GreedyAllocator")) return cache::BlockStoreOptions::Allocator::kGreedy;
  if (name.ends_with("RoundRobinAllocator"))
    return cache::BlockStoreOptions::Allocator::kRoundRobin;
  return InvalidArgument(
      "alluxio.worker.allocator.class={} is not known; use MaxFreeAllocator, GreedyAllocator or "
      "RoundRobinAllocator",
      name);
}

}  // namespace

Result<std::vector<cache::TierOptions>> TiersOf(const Config& config) {
  std::vector<cache::TierOptions> tiers;
  const auto levels = static_cast<int>(config.GetInt("alluxio.worker.tieredstore.levels"));
  for (int level = 0; level < levels; ++level) {
    ASSIGN_OR_RETURN(cache::TierOptions tier, TierOf(config, level));
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

struct WorkerServer::Parts {
  Parts(const Config& c, WorkerOutside o)
      : config(c),
        outside(std::move(o)),
        io_pool("block-io", kIoThreads, kIoQueue),
        auth_pool("sasl", 4, 1000),
        budget(kReadBufferBytes),
        readers({.contended_limit = kStalledReaderLimit,
                 .idle_limit = kIdleReaderLimit,
                 .what = "took no message",
                 .metric = "Worker.StalledReadersEnded"},
                clock, metrics, [this] { return budget.contended(); }),
        writers({.contended_limit = kStalledWriterLimit,
                 .idle_limit = kIdleWriterLimit,
                 .what = "sent nothing",
                 .metric = "Worker.StalledWritersEnded"},
                clock, metrics, nullptr) {}

  const Clock& clock = Clock::System();
  const Config config;
  WorkerOutside outside;
  MetricsRegistry metrics;
  ThreadPool io_pool;
  ThreadPool auth_pool;
  ByteBudget budget;
  net::StallWatch readers;
  net::StallWatch writers;
  ActiveCalls active;
  std::unique_ptr<PeriodicTask> stall_ticks;
  WorkerAddress address;
  std::string socket_path;
  std::unique_ptr<cache::BlockStore> store;
  std::unique_ptr<MasterLink> master;
  std::unique_ptr<RemoteFetcher> fetcher;
  std::unique_ptr<UfsMounts> mounts;
  std::unique_ptr<MasterSync> sync;
  CommitToMaster commit;
  std::unique_ptr<BlockInputs> inputs;
  std::unique_ptr<CacheManager> caching;
  std::unique_ptr<Persister> persister;

  net::UnixUserGroups unix_groups;
  std::unique_ptr<net::CachedUserGroups> groups;
  std::unique_ptr<net::Authenticator> authenticator;
  std::unique_ptr<net::SaslService> sasl;
  std::unique_ptr<net::VersionService> versions;
  std::unique_ptr<net::LaneService> lanes;
  std::unique_ptr<::grpc::Service> service;
  std::unique_ptr<net::GrpcServer> rpc;
  std::unique_ptr<http::HttpServer> web;
  WorkerIdentity identity;
  bool stopped = false;

  Status OpenStore();
  Status MakeSecurity();
  void MakeMasterSide();
  void MakeServers();
  void AddGauges();
  net::ChannelOptions Channel() const;
  std::vector<net::ChannelOptions> MasterChannels() const;
  std::unique_ptr<MasterLink> MakeMasterLink() const;
  CacheManager::RemoteFetch Fetch();
  bool IsSuperuser(const std::string& user);
};

Status WorkerServer::Parts::OpenStore() {
  ASSIGN_OR_RETURN(auto tiers, TiersOf(config));
  ASSIGN_OR_RETURN(const auto allocator, AllocatorOf(config));
  Counter& evicted = metrics.counter("Worker.BlocksEvicted");
  ASSIGN_OR_RETURN(
      store,
      cache::TieredBlockStore::Open(
          {.tiers = std::move(tiers),
           .allocator = allocator,
           .directory_mode = ModeOf(config.GetString("alluxio.worker.data.folder.permissions")),
           .data_folder = FolderName(config.GetString("alluxio.worker.data.folder")),
           .temporary_folder = FolderName(config.GetString("alluxio.worker.data.folder.tmp")),
           .on_evict = [&evicted](cache::BlockId, int64_t) { evicted.Add(); }},
          std::move(outside.files)));
  return Status::Ok();
}

Status WorkerServer::Parts::MakeSecurity() {
  groups = std::make_unique<net::CachedUserGroups>(
      unix_groups, clock, config.GetDuration("alluxio.security.group.mapping.cache.timeout"));
  ASSIGN_OR_RETURN(auto options, net::AuthenticatorOptionsOf(config));
  authenticator = std::make_unique<net::Authenticator>(std::move(options), *groups, clock);
  sasl = std::make_unique<net::SaslService>(*authenticator, auth_pool, clock);
  versions = std::make_unique<net::VersionService>(
      std::set{::alluxio::grpc::version::BLOCK_WORKER_CLIENT_SERVICE}, nullptr);
  return Status::Ok();
}

net::ChannelOptions WorkerServer::Parts::Channel() const {
  return {.auth = authenticator->type(),
          .user = config.Find("alluxio.security.login.username").value_or(net::ProcessUser())};
}

CacheManager::RemoteFetch WorkerServer::Parts::Fetch() {
  return [this](const std::string& host, int port, BlockId block, int64_t length,
                const std::function<Status(std::string_view)>& sink) {
    return fetcher->Fetch(host, port, block, length, sink);
  };
}

bool WorkerServer::Parts::IsSuperuser(const std::string& user) {
  if (user == net::ProcessUser()) return true;
  const auto member_of = groups->Groups(user);
  const std::string supergroup =
      config.GetString("alluxio.security.authorization.permission.supergroup");
  return member_of.ok() &&
         std::find(member_of->begin(), member_of->end(), supergroup) != member_of->end();
}

std::vector<net::ChannelOptions> WorkerServer::Parts::MasterChannels() const {
  const auto port = config.GetInt("alluxio.master.rpc.port");
  std::vector<std::string> targets;
  if (config.IsSet("alluxio.master.rpc.addresses")) {
    targets = config.GetList("alluxio.master.rpc.addresses");
  } else if (config.IsSet("alluxio.master.embedded.journal.addresses")) {
    // Those addresses are of another port; the hosts are the masters'.
    for (const std::string& peer : config.GetList("alluxio.master.embedded.journal.addresses"))
      targets.push_back(peer.substr(0, peer.rfind(':')));
  }
  if (targets.empty())
    targets.push_back(config.Find("alluxio.master.hostname").value_or(LocalHostName()));
  std::vector<net::ChannelOptions> channels;
  for (const std::string& target : targets) {
    const bool has_port = target.find(':') != target.npos;
    channels.push_back(Channel());
    channels.back().target = has_port ? target : fmt::format("{}:{}", target, port);
    if (targets.size() > 1) channels.back().connect_timeout = kMasterConnectTimeout;
  }
  return channels;
}

std::unique_ptr<MasterLink> WorkerServer::Parts::MakeMasterLink() const {
  auto properties = CheckedProperties(config, kScopeWorker);
  if (!config.GetBool("alluxio.zookeeper.enabled"))
    return std::make_unique<MasterLink>(MasterChannels(), kMasterCallTimeout,
                                        std::move(properties));
  net::ChannelOptions channel = Channel();
  channel.connect_timeout = kMasterConnectTimeout;
  const auto lookup = std::make_shared<zookeeper::LeaderLookup>(zookeeper::LookupOptionsOf(config));
  return std::make_unique<MasterLink>(
      [lookup]() -> Result<std::string> {
        ASSIGN_OR_RETURN(const HostPort leader, lookup->Leader());
        return leader.ToString();
      },
      std::move(channel), kMasterCallTimeout, std::move(properties));
}

void WorkerServer::Parts::MakeMasterSide() {
  master = MakeMasterLink();
  fetcher = std::make_unique<RemoteFetcher>(Channel());
  mounts = std::make_unique<UfsMounts>(
      [this](MountId id) { return master->GetMount(id); },
      [this](const std::string& uri, const std::map<std::string, std::string>& properties)
          -> Result<std::unique_ptr<ufs::Ufs>> {
        ASSIGN_OR_RETURN(auto opened, outside.open_ufs(uri, properties));
        return ufs::MakeCountedUfs(std::move(opened),
                                   metrics.counter(UfsMetric("Worker.BytesReadPerUfs", uri)),
                                   metrics.counter(UfsMetric("Worker.BytesWrittenPerUfs", uri)));
      });
  sync = std::make_unique<MasterSync>(
      MasterSync::Options{
          .heartbeat_interval = config.GetDuration("alluxio.worker.block.heartbeat.interval"),
          .use_lease = config.GetBool("alluxio.worker.register.lease.enabled")},
      *master, *store, metrics, io_pool);
  commit = [this](BlockId block, const cache::BlockWriter::Committed& committed) {
    return sync->Commit(block, committed);
  };
  inputs = std::make_unique<BlockInputs>(*store, *mounts, commit);
  caching = std::make_unique<CacheManager>(
      CacheManager::Options{
          .is_self = [this](const std::string& host,
                            int port) { return host == address.host && port == address.data_port; },
          .max_requests = static_cast<size_t>(
              config.GetInt("alluxio.worker.network.async.cache.manager.queue.max")),
          .threads = static_cast<int>(
              config.GetInt("alluxio.worker.network.async.cache.manager.threads.max"))},
      *store, *inputs, commit, Fetch());
  persister = std::make_unique<Persister>(
      Persister::Options{.temp_dir =
                             config.GetString("alluxio.underfs.persistence.async.temp.dir")},
      [this] { return sync->worker_id(); }, *master, *store, *mounts, Fetch());
}

void WorkerServer::Parts::AddGauges() {
  const auto add = [this](std::string_view alias) {
    const auto sum = [this, alias = std::string(alias)](int64_t capacity, int64_t used) {
      int64_t bytes = 0;
      for (const cache::TierSpace& tier : store->Space())
        if (alias.empty() || tier.alias == alias)
          bytes += capacity * tier.capacity_bytes + used * tier.used_bytes;
      return static_cast<double>(bytes);
    };
    const std::string end = alias.empty() ? "" : fmt::format("Tier{}", alias);
    metrics.AddGauge("Worker.CapacityTotal" + end, [sum] { return sum(1, 0); });
    metrics.AddGauge("Worker.CapacityUsed" + end, [sum] { return sum(0, 1); });
    metrics.AddGauge("Worker.CapacityFree" + end, [sum] { return sum(1, -1); });
  };
  add("");
  for (const cache::TierSpace& tier : store->Space()) add(tier.alias);
  metrics.AddGauge("Worker.BlocksCached",
                   [this] { return static_cast<double>(store->block_count()); });
  metrics.AddGauge("Worker.ActiveRpcReadCount",
                   [this] { return static_cast<double>(active.reads); });
  metrics.AddGauge("Worker.ActiveRpcWriteCount",
                   [this] { return static_cast<double>(active.writes); });
}

void WorkerServer::Parts::MakeServers() {
  AddGauges();
  web = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.bind_host = config.GetString("alluxio.worker.web.bind.host"),
                                .port = address.web_port,
                                .port_key = "alluxio.worker.web.port"});
  AddWorkerPages(*web, {*store, metrics, config, identity});
  rpc = std::make_unique<net::GrpcServer>(net::GrpcServerOptions{
      .name = "worker RPC server",
      .bind_host = config.GetString("alluxio.worker.bind.host"),
      .bind_host_property = "alluxio.worker.bind.host",
      .port = address.rpc_port,
      .port_property = "alluxio.worker.rpc.port",
      .unix_socket_path = socket_path,
      .max_inbound_message_bytes = std::max(
          kMinInboundBytes,
          static_cast<size_t>(config.GetSize("alluxio.worker.network.max.inbound.message.size"))),
      .permit_keepalive = config.GetDuration("alluxio.worker.network.permit.keepalive.time"),
      .keepalive_interval = config.GetDuration("alluxio.worker.network.keepalive.time"),
      .keepalive_timeout = config.GetDuration("alluxio.worker.network.keepalive.timeout"),
      .stream_window_bytes =
          static_cast<size_t>(config.GetSize("alluxio.worker.network.flowcontrol.window"))});
  net::LaneMethods lane_methods;
  service = MakeBlockService(
      {.store = *store,
       .inputs = *inputs,
       .mounts = *mounts,
       .caching = *caching,
       .commit = commit,
       .authenticator = *authenticator,
       .metrics = metrics,
       .io = io_pool,
       .budget = budget,
       .readers = readers,
       .writers = writers,
       .active = active,
       .is_superuser = [this](const std::string& user) { return IsSuperuser(user); },
       .max_chunk_bytes = static_cast<size_t>(
           config.GetSize("alluxio.worker.network.reader.max.chunk.size.bytes"))},
      lane_methods);
  lanes = std::make_unique<net::LaneService>(*authenticator, std::move(lane_methods), &readers);
  rpc->AddService(*service);
  rpc->AddService(versions->service());
  rpc->AddLanes(*lanes);
  rpc->AddSasl(*sasl);
}

WorkerServer::WorkerServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

WorkerServer::~WorkerServer() {
  Stop();
}

Result<std::unique_ptr<WorkerServer>> WorkerServer::Create(const Config& config,
                                                           WorkerOutside outside) {
  if (const auto host = config.Find("alluxio.worker.hostname"))
    RETURN_IF_ERROR(net::CheckHostResolves("alluxio.worker.hostname", *host));
  RETURN_IF_ERROR(zookeeper::CheckConfig(config));
  auto parts = std::make_unique<Parts>(config, std::move(outside));
  RETURN_IF_ERROR(parts->OpenStore());
  RETURN_IF_ERROR(parts->MakeSecurity());
  WorkerAddress& address = parts->address;
  address.host = config.Find("alluxio.worker.hostname").value_or(LocalHostName());
  address.container_host = config.Find("alluxio.worker.container.hostname").value_or("");
  address.rpc_port = static_cast<int>(config.GetInt("alluxio.worker.rpc.port"));
  address.web_port = static_cast<int>(config.GetInt("alluxio.worker.web.port"));
  address.locality = {{"node", config.Find("alluxio.locality.node").value_or(address.host)},
                      {"rack", config.Find("alluxio.locality.rack").value_or("")}};
  if (const auto socket = config.Find("alluxio.worker.data.server.domain.socket.address");
      socket && !socket->empty()) {
    Random random = Random::FromSystem();
    const bool as_uuid = config.GetBool("alluxio.worker.data.server.domain.socket.as.uuid");
    parts->socket_path = as_uuid ? *socket + "/" + random.Uuid() : *socket;
    address.domain_socket_path = parts->socket_path;
  }
  parts->MakeMasterSide();
  parts->MakeServers();
  return std::unique_ptr<WorkerServer>(new WorkerServer(std::move(parts)));
}

Status WorkerServer::Start() {
  Parts& p = *parts_;
  p.identity.start_ms = p.clock.NowMs();
  ASSIGN_OR_RETURN(p.address.web_port, p.web->Start());
  ASSIGN_OR_RETURN(p.address.rpc_port, p.rpc->Start());
  p.address.data_port = p.address.rpc_port;
  p.identity.address = p.address;
  p.stall_ticks = std::make_unique<PeriodicTask>("stalls", kStallInterval, [&p] {
    p.readers.Tick();
    p.writers.Tick();
    p.inputs->YieldFiles();
  });
  p.sync->Start(p.address);
  p.persister->Start();
  LogInfo(kComponent, "worker serves on port {}, its pages on port {}", rpc_port(), web_port());
  return Status::Ok();
}

void WorkerServer::Stop() {
  Parts& p = *parts_;
  if (p.stopped) return;
  p.stopped = true;
  p.web->Stop();
  if (p.stall_ticks) p.stall_ticks->Stop();
  p.persister->Stop();
  p.sync->Stop();
  p.rpc->Stop();
  p.caching->Stop();
  p.io_pool.Shutdown();
  p.auth_pool.Shutdown();
}

int WorkerServer::rpc_port() const {
  return parts_->address.rpc_port;
}
int WorkerServer::web_port() const {
  return parts_->address.web_port;
}
bool WorkerServer::registered() const {
  return parts_->sync->registered();
}
cache::BlockStore& WorkerServer::store() {
  return *parts_->store;
}

int WorkerMain(std::span<const std::string> arguments) {
  return RunDaemon(
      "worker", arguments, [](const Config& config) -> Result<std::unique_ptr<Daemon>> {
        ASSIGN_OR_RETURN(std::unique_ptr<WorkerServer> server, WorkerServer::Create(config));
        return std::unique_ptr<Daemon>(std::move(server));
      });
}

}  // namespace headpond::worker
