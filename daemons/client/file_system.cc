#include "client/file_system.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "base/path.h"
#include "base/units.h"
#include "client/convert.h"
#include "client/file_reader.h"
#include "client/file_writer.h"
#include "client/impl.h"
#include "net/auth.h"
#include "net/auth_config.h"

namespace headpond::client {
namespace {

std::string ProcessUser() {
  const uid_t uid = geteuid();
  std::string buffer(16 * 1024, '\0');
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found)
    return found->pw_name;
  return std::to_string(uid);
}

std::string HostName(const Config& config) {
  if (const auto name = config.Find("alluxio.user.hostname"); name && !name->empty()) return *name;
  char name[256] = "";
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

std::string UserName(const Config& config, const FileSystem::Options& options) {
  if (!options.user.empty()) return options.user;
  if (const auto user = config.Find("alluxio.security.login.username"); user && !user->empty())
    return *user;
  return ProcessUser();
}

Result<net::ChannelOptions> ChannelOptionsFrom(const Config& config, const std::string& user) {
  net::ChannelOptions channel;
  RETURN_IF_ERROR(net::CheckSecurityIsSupported(config));
  ASSIGN_OR_RETURN(channel.auth,
                   net::ParseAuthType(config.GetString("alluxio.security.authentication.type")));
  channel.user = user;
  channel.auth_timeout = config.GetDuration("alluxio.network.connection.auth.timeout");
  channel.keepalive_interval = config.GetDuration("alluxio.user.network.rpc.keepalive.time");
  channel.keepalive_timeout = config.GetDuration("alluxio.user.network.rpc.keepalive.timeout");
  channel.max_inbound_message_bytes =
      static_cast<size_t>(config.GetSize("alluxio.user.network.rpc.max.inbound.message.size"));
  return channel;
}

// Data connections: a socket of their own, and a window wide enough that a bulk read never waits
// for acknowledgements (docs/architecture.md, decision 2).
net::ChannelOptions DataOptions(net::ChannelOptions channel) {
  channel.own_connection = true;
  channel.stream_window_bytes = 4u << 20;
  return channel;
}

constexpr size_t kMaxDataConnections = 8;

// Several masters elect the next one in half a second: who sleeps for 2.9's 3 s finds it late.
constexpr Millis kMaxSleepAmongMasters{500};

template <typename Enum>
struct Named {
  std::string_view name;
  Enum value;
};
constexpr Named<WriteType> kWriteTypes[] = {
    {"MUST_CACHE", WriteType::kMustCache},       {"TRY_CACHE", WriteType::kMustCache},
    {"CACHE_THROUGH", WriteType::kCacheThrough}, {"THROUGH", WriteType::kThrough},
    {"ASYNC_THROUGH", WriteType::kAsyncThrough}, {"NONE", WriteType::kNone}};
constexpr Named<ReadType> kReadTypes[] = {{"NO_CACHE", ReadType::kNoCache},
                                          {"CACHE", ReadType::kCache},
                                          {"CACHE_PROMOTE", ReadType::kCachePromote}};

template <typename Enum, size_t n>
Result<Enum> Lookup(const Named<Enum> (&names)[n], std::string_view what, std::string_view text) {
  for (const auto& [name, value] : names)
    if (name == text) return value;
  return InvalidArgument("{} is not a {}", text, what);
}

template <typename Enum, size_t n>
std::string_view NameOf(const Named<Enum> (&names)[n], Enum wanted) {
  for (const auto& [name, value] : names)
    if (value == wanted) return name;
  return "";
}

}  // namespace

Result<WriteType> ParseWriteType(std::string_view text) {
  return Lookup(kWriteTypes, "write type", text);
}
Result<ReadType> ParseReadType(std::string_view text) {
  return Lookup(kReadTypes, "read type", text);
}
std::string_view ToString(WriteType type) {
  return NameOf(kWriteTypes, type);
}
std::string_view ToString(ReadType type) {
  return NameOf(kReadTypes, type);
}

Result<std::string> CleanPath(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && text.find('/') > scheme &&
      text.substr(0, scheme) != "alluxio")
    return InvalidArgument(
        "Scheme {}:// in AlluxioURI is invalid. Schemes in filesystem operations are ignored. "
        "\"alluxio://\" or no "
        "scheme at all is valid.",
        text.substr(0, scheme));
  if (scheme == std::string_view::npos && !text.starts_with('/'))
    return InvalidArgument("Path \"{}\" is invalid.", text);
  return NormalizePath(text);
}

FileSystem::Impl::Impl(Config config, const Options& options, MasterClient::Options master_options,
                       WorkerConnections::Options worker_options)
    : config_(std::move(config)),
      clock_(*options.clock),
      user_(UserName(config_, options)),
      local_host_(HostName(config_)),
      master_(std::move(master_options), clock_),
      workers_(std::move(worker_options)),
      random_(options.random_seed ? Random(options.random_seed) : Random::FromSystem()) {}

Status FileSystem::Impl::Bootstrap() {
  if (!config_.GetBool("alluxio.user.conf.cluster.default.enabled")) return Status::Ok();
  alluxio::grpc::meta::GetConfigurationPOptions request;
  request.set_rawvalue(true);
  ASSIGN_OR_RETURN(const auto response, master_.GetConfiguration(kFileSystemService, request));
  for (const auto& property : response.clusterconfigs()) {
    const PropertyDef* known = FindProperty(property.name());
    if (!known || !(known->scope & kScopeClient) || !property.has_value() ||
        config_.IsSet(property.name()))
      continue;
    // What is the default there and here stays a default.
    const bool same_default = property.source() == "DEFAULT" && known->default_value &&
                              property.value() == known->default_value;
    if (same_default) continue;
    const Status set = config_.Set(property.name(), property.value(), Source::kClusterDefault);
    // A server of another kind may hold values that mean nothing here; ours stays.
    if (!set.ok()) LogDebug("client", "cluster default passed over: {}", set.message());
  }
  return Status::Ok();
}

uint64_t FileSystem::Impl::RandomNumber() {
  MutexLock lock(mutex_);
  return random_.Next();
}

void FileSystem::Impl::SetOperationId(alluxio::grpc::file::FileSystemMasterCommonPOptions* common) {
  if (!config_.GetBool("alluxio.user.file.include.operation.id")) return;
  common->mutable_operationid()->set_mostsignificantbits(static_cast<int64_t>(RandomNumber()));
  common->mutable_operationid()->set_leastsignificantbits(static_cast<int64_t>(RandomNumber()));
}

void FileSystem::Impl::SetSyncInterval(
    std::optional<int64_t> given_ms, alluxio::grpc::file::FileSystemMasterCommonPOptions* common) {
  constexpr std::string_view kKey = "alluxio.user.file.metadata.sync.interval";
  if (given_ms) {
    common->set_syncintervalms(*given_ms);
  } else if (config_.IsSet(kKey)) {
    common->set_syncintervalms(config_.GetDuration(kKey).count());
  }
}

void FileSystem::Impl::SetTtl(std::optional<int64_t> given_ms, std::optional<TtlAction> action,
                              alluxio::grpc::file::FileSystemMasterCommonPOptions* common) {
  common->set_ttl(given_ms.value_or(config_.GetDuration("alluxio.user.file.create.ttl").count()));
  alluxio::grpc::TtlAction configured = alluxio::grpc::FREE;
  alluxio::grpc::TtlAction_Parse(config_.GetString("alluxio.user.file.create.ttl.action"),
                                 &configured);
  common->set_ttlaction(action ? ToWire(*action) : configured);
}

int FileSystem::Impl::umask() const {
  const std::string text = config_.GetString("alluxio.security.authorization.permission.umask");
  int mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 8);
  return error == std::errc() && end == text.data() + text.size() ? mask & 0777 : 022;
}

Result<WriteType> FileSystem::Impl::EffectiveWriteType(WriteType type) const {
  if (type != WriteType::kNone) return type;
  return ParseWriteType(config_.GetString("alluxio.user.file.writetype.default"));
}

bool FileSystem::Impl::IsLocal(const WorkerAddress& worker) const {
  return worker.host == local_host_ || worker.host == "localhost" || worker.host == "127.0.0.1" ||
         worker.host == "::1";
}

Result<std::vector<WorkerInfo>> FileSystem::Impl::Workers(bool refresh) {
  if (!refresh) {
    MutexLock lock(mutex_);
    if (clock_.Now() < worker_list_expires_) return worker_list_;
  }
  ASSIGN_OR_RETURN(const auto response, master_.Call(methods::kGetWorkerInfoList, {}));
  std::vector<WorkerInfo> workers;
  for (const auto& worker : response.workerinfos()) workers.push_back(FromWire(worker));
  MutexLock lock(mutex_);
  worker_list_ = workers;
  // An empty list is asked for again: workers may just be starting.
  worker_list_expires_ =
      workers.empty()
          ? clock_.Now()
          : clock_.Now() + config_.GetDuration("alluxio.user.worker.list.refresh.interval");
  return workers;
}

Result<Policy> FileSystem::Impl::ConfiguredPolicy(std::string_view given,
                                                  std::string_view key) const {
  return ParsePolicy(given.empty() ? config_.GetString(key) : given);
}

Result<WorkerAddress> FileSystem::Impl::PickWorker(Policy policy, int64_t block_id,
                                                   int64_t block_size,
                                                   const std::vector<WorkerAddress>& excluded) {
  ASSIGN_OR_RETURN(const std::vector<WorkerInfo> workers, Workers(/*refresh=*/!excluded.empty()));
  std::vector<Candidate> candidates;
  for (const WorkerInfo& worker : workers)
    if (std::ranges::find(excluded, worker.address) == excluded.end())
      candidates.push_back({.address = worker.address,
                            .local = IsLocal(worker.address),
                            .capacity_bytes = worker.capacity_bytes,
                            .used_bytes = worker.used_bytes});
  if (candidates.empty()) return Unavailable("No available Alluxio worker found");
  const PolicyRequest request{
      .block_id = block_id,
      .block_size = block_size,
      .specific_host = config_.Find("alluxio.worker.hostname").value_or(""),
      .reserved_bytes =
          config_.GetSize("alluxio.user.block.avoid.eviction.policy.reserved.size.bytes"),
      .shards = static_cast<int>(
          config_.GetInt("alluxio.user.ufs.block.read.location.policy.deterministic.hash.shards")),
      .random = RandomNumber(),
      .turn = turn_++};
  if (const auto chosen = ChooseWorker(policy, candidates, request))
    return candidates[*chosen].address;
  return Unavailable("There is no worker with enough space for a new block of size {}",
                     FormatThousands(block_size));
}

std::optional<WorkerAddress> FileSystem::Impl::LocalWorker() {
  const auto workers = Workers(/*refresh=*/false);
  if (!workers.ok()) return std::nullopt;
  for (const WorkerInfo& worker : *workers)
    if (IsLocal(worker.address)) return worker.address;
  return std::nullopt;
}

namespace {

// Null unless the masters are found through ZooKeeper.
Result<std::shared_ptr<zookeeper::LeaderLookup>> LookupOf(const Config& config) {
  RETURN_IF_ERROR(zookeeper::CheckConfig(config));
  if (!config.GetBool("alluxio.zookeeper.enabled"))
    return std::shared_ptr<zookeeper::LeaderLookup>();
  return std::make_shared<zookeeper::LeaderLookup>(zookeeper::LookupOptionsOf(config));
}

}  // namespace

// The order of 2.9 (compat/behaviour.md section 12).
Result<std::vector<HostPort>> FileSystem::ConfiguredMasters(const Config& config) {
  ASSIGN_OR_RETURN(const auto lookup, LookupOf(config));
  if (lookup != nullptr) return lookup->Masters();
  const auto port = static_cast<int>(config.GetInt("alluxio.master.rpc.port"));
  std::vector<HostPort> masters;
  if (config.IsSet("alluxio.master.rpc.addresses")) {
    for (const std::string& text : config.GetList("alluxio.master.rpc.addresses")) {
      ASSIGN_OR_RETURN(masters.emplace_back(), ParseHostPort(text, port));
    }
  } else if (config.IsSet("alluxio.master.embedded.journal.addresses")) {
    for (const std::string& text : config.GetList("alluxio.master.embedded.journal.addresses"))
      masters.push_back({text.substr(0, text.rfind(':')), port});
  } else if (const auto host = config.Find("alluxio.master.hostname"); host && !host->empty()) {
    masters.push_back({*host, port});
  }
  if (masters.empty())
    return InvalidArgument(
        "Unable to determine master address. Please modify alluxio-site.properties to either set "
        "alluxio.master.hostname, configure zookeeper with alluxio.zookeeper.enabled=true and "
        "alluxio.zookeeper.address=[comma-separated zookeeper master addresses], or utilize "
        "internal HA by setting "
        "alluxio.master.embedded.journal.addresses=[comma-separated alluxio master addresses]");
  return masters;
}

Result<std::unique_ptr<FileSystem>> FileSystem::Connect(Config config, Options options) {
  ASSIGN_OR_RETURN(auto lookup, LookupOf(config));
  std::vector<HostPort> masters;
  if (lookup == nullptr) {
    ASSIGN_OR_RETURN(masters, ConfiguredMasters(config));
  }
  options.user = UserName(config, options);
  ASSIGN_OR_RETURN(const net::ChannelOptions channel, ChannelOptionsFrom(config, options.user));
  MasterClient::Options master{
      .masters = std::move(masters),
      .lookup = std::move(lookup),
      .retry = {.base_sleep = config.GetDuration("alluxio.user.rpc.retry.base.sleep"),
                .max_sleep = config.GetDuration("alluxio.user.rpc.retry.max.sleep"),
                .max_duration = config.GetDuration("alluxio.user.rpc.retry.max.duration")},
      .channel = channel};
  const bool several = master.lookup != nullptr || master.masters.size() > 1;
  if (several && !config.IsSet("alluxio.user.rpc.retry.max.sleep"))
    master.retry.max_sleep = std::min(master.retry.max_sleep, kMaxSleepAmongMasters);
  const auto connections = static_cast<size_t>(
      std::max<int64_t>(config.GetInt("alluxio.user.network.streaming.max.connections"), 1));
  WorkerConnections::Options workers{
      .rpc = channel,
      .data = DataOptions(channel),
      .max_data_connections = std::min(connections, kMaxDataConnections)};
  auto impl =
      std::make_unique<Impl>(std::move(config), options, std::move(master), std::move(workers));
  RETURN_IF_ERROR(impl->Bootstrap());
  return std::unique_ptr<FileSystem>(new FileSystem(std::move(impl)));
}

FileSystem::FileSystem(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileSystem::~FileSystem() = default;

const Config& FileSystem::config() const {
  return impl_->config();
}
bool FileSystem::HasLocalWorker() {
  return impl_->LocalWorker().has_value();
}
const std::string& FileSystem::local_host() const {
  return impl_->local_host();
}

}  // namespace headpond::client
