#include "worker/worker_server.h"

#include <grpcpp/impl/service_type.h>

#include <algorithm>
#include <chrono>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cache/tiered_block_store.h"
#include "http/http_server.h"
#include "net/auth_config.h"
#include "net/channel.h"
#include "net/host_check.h"
#include "net/sasl_service.h"
#include "net/server.h"
#include "net/user_groups.h"
#include "net/version_service.h"
#include "proto/version.pb.h"
#include "worker/block_service.h"
#include "worker/cache_manager.h"
#include "worker/master_link.h"
#include "worker/master_sync.h"
#include "worker/persister.h"
#include "worker/remote_fetch.h"
#include "worker/ufs_mounts.h"
#include "worker/web.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "worker";
constexpr int kIoThreads = 16;
constexpr size_t kIoQueue = 50'000;              // streams that may wait for one
constexpr size_t kReadBufferBytes = 256u << 20;  // of all readers together
constexpr size_t kMaxInboundBytes =
    16u << 20;  // a WriteBlock chunk is 1 MiB by default; stock's limit is 4 MB
constexpr std::chrono::seconds kMasterCallTimeout{10};

std::string LevelKey(int level, std::string_view name) {
  return fmt::format("alluxio.worker.tieredstore.level{}.{}", level, name);
}

Result<cache::TierOptions> TierOf(const Config& config, int level) {
  cache::TierOptions tier;
  tier.alias = config.GetString(LevelKey(level, "alias"));
  const auto paths = config.GetList(LevelKey(level, "dirs.path"));
  const auto quotas = config.GetList(LevelKey(level, "dirs.quota"));
  const auto media = config.GetList(LevelKey(level, "dirs.mediumtype"));
  if (tier.alias.empty())
    return InvalidArgument("{} is empty; name the tier, as in MEM", LevelKey(level, "alias"));
  if (paths.empty())
    return InvalidArgument("{} is empty; give at least one folder", LevelKey(level, "dirs.path"));
  if (quotas.size() != 1 && quotas.size() != paths.size())
    return InvalidArgument("{} has {} values for {} folders in {}; give one for all, or one each",
                           LevelKey(level, "dirs.quota"), quotas.size(), paths.size(),
                           LevelKey(level, "dirs.path"));
  if (media.size() > 1 && media.size() != paths.size())
    return InvalidArgument("{} has {} values for {} folders in {}; give one for all, or one each",
                           LevelKey(level, "dirs.mediumtype"), media.size(), paths.size(),
                           LevelKey(level, "dirs.path"));
  for (size_t i = 0; i < paths.size(); ++i) {
    ASSIGN_OR_RETURN(const int64_t quota, ParseSize(quotas.size() == 1 ? quotas[0] : quotas[i]));
    tier.directories.push_back({.path = paths[i],
                                .quota_bytes = quota,
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
        budget(kReadBufferBytes) {}

  const Clock& clock = Clock::System();
  const Config config;
  WorkerOutside outside;
  MetricsRegistry metrics;
  ThreadPool io_pool;
  ThreadPool auth_pool;
  ByteBudget budget;
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
  CacheManager::RemoteFetch Fetch();
  bool IsSuperuser(const std::string& user);
};

Status WorkerServer::Parts::OpenStore() {
  ASSIGN_OR_RETURN(auto tiers, TiersOf(config));
  ASSIGN_OR_RETURN(const auto allocator, AllocatorOf(config));
  Counter& evicted = metrics.counter("Worker.BlocksEvicted");
  ASSIGN_OR_RETURN(store, cache::TieredBlockStore::Open(
                              {.tiers = std::move(tiers),
                               .allocator = allocator,
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

void WorkerServer::Parts::MakeMasterSide() {
  net::ChannelOptions channel = Channel();
  channel.target =
      fmt::format("{}:{}", config.Find("alluxio.master.hostname").value_or(LocalHostName()),
                  config.GetInt("alluxio.master.rpc.port"));
  master = std::make_unique<MasterLink>(std::move(channel), kMasterCallTimeout);
  fetcher = std::make_unique<RemoteFetcher>(Channel());
  mounts = std::make_unique<UfsMounts>([this](MountId id) { return master->GetMount(id); },
                                       outside.open_ufs);
  sync = std::make_unique<MasterSync>(
      MasterSync::Options{
          .heartbeat_interval = config.GetDuration("alluxio.worker.block.heartbeat.interval"),
          .use_lease = config.GetBool("alluxio.worker.register.lease.enabled")},
      *master, *store, metrics, io_pool);
  commit = [this](BlockId block, const cache::BlockWriter::Committed& committed) {
    return sync->Commit(block, committed);
  };
  inputs = std::make_unique<BlockInputs>(*store, *mounts, metrics, commit);
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
}

void WorkerServer::Parts::MakeServers() {
  AddGauges();
  web = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.bind_host = config.GetString("alluxio.worker.web.bind.host"),
                                .port = address.web_port,
                                .port_key = "alluxio.worker.web.port"});
  AddWorkerPages(*web, {*store, metrics, config, identity});
  rpc = std::make_unique<net::GrpcServer>(
      net::GrpcServerOptions{.name = "worker RPC server",
                             .bind_host = config.GetString("alluxio.worker.bind.host"),
                             .bind_host_property = "alluxio.worker.bind.host",
                             .port = address.rpc_port,
                             .port_property = "alluxio.worker.rpc.port",
                             .unix_socket_path = socket_path,
                             .max_inbound_message_bytes = kMaxInboundBytes});
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
       .is_superuser = [this](const std::string& user) { return IsSuperuser(user); },
       .max_chunk_bytes = static_cast<size_t>(
           config.GetSize("alluxio.worker.network.reader.max.chunk.size.bytes"))});
  rpc->AddService(*service);
  rpc->AddService(versions->service());
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
