#include "master/meta_service.h"

#include <set>

#include "base/clock.h"
#include "base/path.h"
#include "master/request_checks.h"
#include "master/service_support.h"
#include "master/wire.h"
#include "meta/permission.h"
#include "proto/meta_master.grpc.pb.h"
#include "proto/metric_master.grpc.pb.h"

namespace headpond::master {
namespace {

namespace metapb = ::alluxio::grpc::meta;
namespace metricpb = ::alluxio::grpc::metric;
namespace commonpb = ::alluxio::grpc;

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

metapb::BackupState ToWire(BackupReport::State state) {
  switch (state) {
    case BackupReport::State::kUnknown: return metapb::None;
    case BackupReport::State::kInitiating: return metapb::Initiating;
    case BackupReport::State::kRunning: return metapb::Running;
    case BackupReport::State::kCompleted: return metapb::Completed;
    case BackupReport::State::kFailed: return metapb::Failed;
  }
  return metapb::None;
}

// One that failed is an error of the call: the field for it holds an exception of Java's, which
// stock's clients can't read from us. Not the failure's own code, or clients would ask again.
Status Answer(const BackupReport& report, metapb::BackupPStatus* out) {
  if (report.state == BackupReport::State::kFailed)
    return Aborted("backup {} failed: {}", report.id, report.error.message());
  out->set_backupid(report.id);
  out->set_backupstate(ToWire(report.state));
  out->set_backuphost(report.host);
  out->set_backupuri(report.uri);
  out->set_entrycount(static_cast<int64_t>(report.inodes));
  return Status::Ok();
}

// Stands for a value that is not set in the values of an inconsistent property, as in stock.
constexpr std::string_view kNoValue = "__emptyoptional__";

using PathConfig = std::map<std::string, std::map<std::string, std::string>>;

std::string PathConfigHash(const PathConfig& config) {
  std::vector<ReportedProperty> flat;
  for (const auto& [path, properties] : config)
    for (const auto& [key, value] : properties)
      flat.push_back({path + " " + key, value, "PATH_DEFAULT"});
  return ConfigHash(flat);
}

class ConfigurationService final : public metapb::MetaMasterConfigurationService::CallbackService {
 public:
  ConfigurationService(const ServiceDeps& deps, ReportedConfig& config)
      : deps_(deps),
        config_(config),
        gate_("alluxio.grpc.meta.MetaMasterConfigurationService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* GetConfiguration(CallbackServerContext* context,
                                       const metapb::GetConfigurationPOptions* request,
                                       metapb::GetConfigurationPResponse* response) override {
    const Finish finish(*context);
    ServerUnaryReactor* const reactor = finish.reactor();
    const auto config = config_.view();
    if (!request->ignoreclusterconf()) {
      for (const ReportedProperty& property :
           request->rawvalue() ? config->raw : config->resolved) {
        auto* out = response->add_clusterconfigs();
        out->set_name(property.name);
        out->set_source(property.source);
        if (property.value) out->set_value(*property.value);
      }
      response->set_clusterconfighash(config->hash);
      response->set_clusterconfiglastupdatetime(config->last_update_ms);
    }
    if (!request->ignorepathconf()) {
      const PathConfig paths = Paths();
      for (const auto& [path, properties] : paths) {
        auto& out = (*response->mutable_pathconfigs())[path];
        for (const auto& [key, value] : properties) {
          auto* property = out.add_properties();
          property->set_name(key);
          property->set_source("PATH_DEFAULT");
          property->set_value(value);
        }
      }
      response->set_pathconfighash(PathConfigHash(paths));
      response->set_pathconfiglastupdatetime(config->last_update_ms);
    }
    deps_.store.AfterDurable(finish);
    return reactor;
  }

  ServerUnaryReactor* GetConfigHash(CallbackServerContext* context,
                                    const metapb::GetConfigHashPOptions*,
                                    metapb::GetConfigHashPResponse* response) override {
    return gate_.Run(context, "GetConfigHash", "", [&](meta::Caller, Finish finish) -> Status {
      response->set_clusterconfighash(config_.view()->hash);
      response->set_pathconfighash(PathConfigHash(Paths()));
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* UpdateConfiguration(CallbackServerContext* context,
                                          const metapb::UpdateConfigurationPRequest* request,
                                          metapb::UpdateConfigurationPResponse* response) override {
    return gate_.Run(
        context, "UpdateConfiguration", "", [&](meta::Caller caller, Finish finish) -> Status {
          RETURN_IF_ERROR(deps_.store.Read(
              [&](const meta::Namespace& ns) { return meta::CheckSuperuser(ns, caller); }));
          for (const auto& [key, set] :
               config_.Update({request->properties().begin(), request->properties().end()}))
            (*response->mutable_status())[key] = set;
          finish(Status::Ok());
          return Status::Ok();
        });
  }

  ServerUnaryReactor* SetPathConfiguration(CallbackServerContext* context,
                                           const metapb::SetPathConfigurationPRequest* request,
                                           metapb::SetPathConfigurationPResponse*) override {
    return gate_.Run(
        context, "SetPathConfiguration", "", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(const std::string path, NormalizePath(request->path()));
          RETURN_IF_ERROR(CheckProperties(request->properties()));
          const std::map<std::string, std::string> properties(request->properties().begin(),
                                                              request->properties().end());
          for (const auto& [key, value] : properties)
            if (FindProperty(key) == nullptr)
              return InvalidArgument("properties: {} is not a known key; nearest: {}", key,
                                     NearestProperty(key));
          deps_.store.Commit(
              [&](const meta::Namespace& ns) -> Result<meta::Mutation> {
                RETURN_IF_ERROR(meta::CheckSuperuser(ns, caller));
                meta::Mutation mutation;
                mutation.op_time_ms = deps_.clock.NowMs();
                auto merged = properties;
                if (const auto it = ns.path_config().find(path); it != ns.path_config().end())
                  merged.insert(it->second.begin(), it->second.end());
                mutation.path_config_puts[path] = std::move(merged);
                return mutation;
              },
              finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* RemovePathConfiguration(
      CallbackServerContext* context, const metapb::RemovePathConfigurationPRequest* request,
      metapb::RemovePathConfigurationPResponse*) override {
    return gate_.Run(
        context, "RemovePathConfiguration", "", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(const std::string path, NormalizePath(request->path()));
          const std::set<std::string> keys(request->keys().begin(), request->keys().end());
          deps_.store.Commit(
              [&](const meta::Namespace& ns) -> Result<meta::Mutation> {
                RETURN_IF_ERROR(meta::CheckSuperuser(ns, caller));
                meta::Mutation mutation;
                const auto it = ns.path_config().find(path);
                if (it == ns.path_config().end()) return mutation;
                mutation.op_time_ms = deps_.clock.NowMs();
                auto rest = it->second;
                std::erase_if(rest, [&](const auto& property) {
                  return keys.empty() || keys.contains(property.first);
                });
                if (rest.empty()) {
                  mutation.path_config_removals = {path};
                } else {
                  mutation.path_config_puts[path] = std::move(rest);
                }
                return mutation;
              },
              finish);
          return Status::Ok();
        });
  }

 private:
  PathConfig Paths() const {
    return deps_.store.Read([](const meta::Namespace& ns) { return ns.path_config(); });
  }

  const ServiceDeps deps_;
  ReportedConfig& config_;
  const CallGate gate_;
};

class MetaClientService final : public metapb::MetaMasterClientService::CallbackService {
 public:
  MetaClientService(const ServiceDeps& deps, MasterIdentity identity, const Config& config,
                    Backups& backups)
      : deps_(deps),
        identity_(std::move(identity)),
        config_(config),
        backups_(backups),
        gate_("alluxio.grpc.meta.MetaMasterClientService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* GetMasterInfo(CallbackServerContext* context,
                                    const metapb::GetMasterInfoPOptions* request,
                                    metapb::GetMasterInfoPResponse* response) override {
    return gate_.Run(context, "GetMasterInfo", "", [&](meta::Caller, Finish finish) -> Status {
      FillInfo({request->filter().begin(), request->filter().end()},
               response->mutable_masterinfo());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetConfigReport(CallbackServerContext* context,
                                      const metapb::GetConfigReportPOptions*,
                                      metapb::GetConfigReportPResponse* response) override {
    return gate_.Run(context, "GetConfigReport", "", [&](meta::Caller, Finish finish) -> Status {
      FillReport(CheckClusterConfig(deps_.blocks, identity_, config_), response->mutable_report());
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* Checkpoint(CallbackServerContext* context, const metapb::CheckpointPOptions*,
                                 metapb::CheckpointPResponse* response) override {
    return gate_.Run(context, "Checkpoint", "", [&](meta::Caller caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckAdministrator(caller));
      response->set_masterhostname(identity_.hostname);
      return deps_.io.Submit([this, finish] { finish(deps_.store.Snapshot()); });
    });
  }

  ServerUnaryReactor* Backup(CallbackServerContext* context, const metapb::BackupPRequest* request,
                             metapb::BackupPStatus* response) override {
    return gate_.Run(context, "Backup", "", [&](meta::Caller caller, Finish finish) -> Status {
      RETURN_IF_ERROR(CheckAdministrator(caller));
      const auto& options = request->options();
      const std::string& id = options.GetExtension(metapb::wanted_backup_id);
      const bool waits = !options.runasync() && id.empty();
      ASSIGN_OR_RETURN(const BackupReport begun,
                       backups_.Begin({.directory = request->targetdirectory(),
                                       .local = options.localfilesystem(),
                                       .id = id,
                                       .here = options.bypassdelegation(),
                                       .allow_leader = options.allowleader()},
                                      [waits, response, finish](const BackupReport& end) {
                                        if (waits) finish(Answer(end, response));
                                      }));
      if (!waits) finish(Answer(begun, response));
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetBackupStatus(CallbackServerContext* context,
                                      const metapb::BackupStatusPRequest* request,
                                      metapb::BackupPStatus* response) override {
    return gate_.Run(context, "GetBackupStatus", "",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       RETURN_IF_ERROR(CheckAdministrator(caller));
                       return deps_.io.Submit([this, finish, response, id = request->backupid()] {
                         finish(Answer(backups_.Look(id), response));
                       });
                     });
  }

 private:
  Status CheckAdministrator(const meta::Caller& caller) const {
    return deps_.store.Read(
        [&](const meta::Namespace& ns) { return meta::CheckSuperuser(ns, caller); });
  }

  static void FillReport(const ConfigCheck& check, metapb::ConfigCheckReport* out) {
    const auto fill = [](const ConfigCheck::ByScope& scopes, auto* groups) {
      for (const auto& [scope, properties] : scopes)
        for (const InconsistentProperty& property : properties) {
          auto* item = (*groups)[scope].add_properties();
          item->set_name(property.name);
          for (const auto& [value, nodes] : property.nodes)
            (*item->mutable_values())[value.value_or(std::string(kNoValue))].mutable_values()->Add(
                nodes.begin(), nodes.end());
        }
    };
    fill(check.errors, out->mutable_errors());
    fill(check.warnings, out->mutable_warns());
    switch (check.status()) {
      case ConfigCheck::Status::kPassed: return out->set_status(metapb::PASSED);
      case ConfigCheck::Status::kWarn: return out->set_status(metapb::WARN);
      case ConfigCheck::Status::kFailed: return out->set_status(metapb::FAILED);
    }
  }

  void FillInfo(const std::set<int>& filters, metapb::MasterInfo* out) const {
    const auto wants = [&](metapb::MasterInfoField field) {
      return filters.empty() || filters.contains(field);
    };
    const auto set_address = [](const std::string& host, int port, commonpb::NetAddress* address) {
      address->set_host(host);
      address->set_rpcport(port);
    };
    if (wants(metapb::LEADER_MASTER_ADDRESS))
      out->set_leadermasteraddress(fmt::format("{}:{}", identity_.hostname, identity_.rpc_port));
    if (wants(metapb::MASTER_ADDRESSES)) {
      if (identity_.quorum == nullptr)
        set_address(identity_.hostname, identity_.rpc_port, out->add_masteraddresses());
      else
        for (const Quorum::Member& member : identity_.quorum->Members())
          set_address(member.address.host, identity_.rpc_port, out->add_masteraddresses());
    }
    if (wants(metapb::RPC_PORT)) out->set_rpcport(identity_.rpc_port);
    if (wants(metapb::WEB_PORT)) out->set_webport(identity_.web_port);
    if (wants(metapb::SAFE_MODE)) out->set_safemode(deps_.in_safe_mode());
    if (wants(metapb::START_TIME_MS)) out->set_starttimems(identity_.start_ms);
    if (wants(metapb::UP_TIME_MS)) out->set_uptimems(deps_.clock.NowMs() - identity_.start_ms);
    if (wants(metapb::VERSION)) out->set_version(std::string(kCompatVersion));
    if (wants(metapb::CLUSTER_ID)) out->set_clusterid(identity_.cluster_id);
    if (wants(metapb::RAFT_JOURNAL)) out->set_raftjournal(identity_.quorum != nullptr);
    if (wants(metapb::RAFT_ADDRESSES) && identity_.quorum != nullptr)
      for (const Quorum::Member& member : identity_.quorum->Members())
        out->add_raftaddress(member.address.ToString());
    if (wants(metapb::ZOOKEEPER_ADDRESSES) && config_.GetBool("alluxio.zookeeper.enabled"))
      for (const std::string& address : config_.GetList("alluxio.zookeeper.address"))
        out->add_zookeeperaddresses(address);
    if (wants(metapb::WORKER_ADDRESSES))
      for (const WorkerDescription& worker : deps_.blocks.Workers(WorkerState::kLive))
        set_address(worker.address.host, worker.address.rpc_port, out->add_workeraddresses());
    if (wants(metapb::MASTER_VERSION)) {
      auto* version = out->add_masterversions();
      set_address(identity_.hostname, identity_.rpc_port, version->mutable_addresses());
      version->set_version(std::string(kCompatVersion));
      version->set_state("PRIMARY");
    }
  }

  const ServiceDeps deps_;
  const MasterIdentity identity_;
  const Config& config_;
  Backups& backups_;
  const CallGate gate_;
};

class MetricsService final : public metricpb::MetricsMasterClientService::CallbackService {
 public:
  explicit MetricsService(const ServiceDeps& deps)
      : deps_(deps),
        gate_("alluxio.grpc.metric.MetricsMasterClientService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* MetricsHeartbeat(CallbackServerContext* context,
                                       const metricpb::MetricsHeartbeatPRequest* request,
                                       metricpb::MetricsHeartbeatPResponse*) override {
    return gate_.Run(context, "MetricsHeartbeat", "", [&](meta::Caller, Finish finish) -> Status {
      for (const auto& client : request->options().clientmetrics())
        for (const auto& metric : client.metrics()) deps_.cluster.AddFromClient(GrowthOf(metric));
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetMetrics(CallbackServerContext* context,
                                 const metricpb::GetMetricsPOptions*,
                                 metricpb::GetMetricsPResponse* response) override {
    return gate_.Run(context, "GetMetrics", "", [&](meta::Caller, Finish finish) -> Status {
      const MetricsRegistry::Snapshot snapshot = deps_.metrics.Read();
      const auto add = [&](const std::string& name, double value, commonpb::MetricType type) {
        auto& out = (*response->mutable_metrics())[name];
        out.set_doublevalue(value);
        out.set_metrictype(type);
      };
      for (const auto& [name, value] : snapshot.gauges) add(name, value, commonpb::GAUGE);
      for (const auto& [name, value] : snapshot.counters)
        add(name, static_cast<double>(value), commonpb::COUNTER);
      finish(Status::Ok());
      return Status::Ok();
    });
  }

  ServerUnaryReactor* ClearMetrics(CallbackServerContext* context,
                                   const metricpb::ClearMetricsPRequest*,
                                   metricpb::ClearMetricsPResponse*) override {
    return gate_.Run(
        context, "ClearMetrics", "", [&](meta::Caller caller, Finish finish) -> Status {
          RETURN_IF_ERROR(deps_.store.Read(
              [&](const meta::Namespace& ns) { return meta::CheckSuperuser(ns, caller); }));
          deps_.cluster.Clear();
          finish(Status::Ok());
          return Status::Ok();
        });
  }

 private:
  const ServiceDeps deps_;
  const CallGate gate_;
};

}  // namespace

ConfigCheck CheckClusterConfig(const BlockMaster& blocks, const MasterIdentity& identity,
                               const Config& config) {
  std::vector<NodeConfig> nodes{{fmt::format("{}:{}", identity.hostname, identity.rpc_port),
                                 std::make_shared<const std::vector<ReportedProperty>>(
                                     CheckedProperties(config, kScopeMaster))}};
  for (const WorkerDescription& worker : blocks.Workers(WorkerState::kLive))
    nodes.push_back({fmt::format("{}:{}", worker.address.host, worker.address.rpc_port),
                     worker.registration.config});
  return CheckConfigs(nodes);
}

std::unique_ptr<::grpc::Service> MakeConfigurationService(const ServiceDeps& deps,
                                                          ReportedConfig& config) {
  return std::make_unique<ConfigurationService>(deps, config);
}

std::unique_ptr<::grpc::Service> MakeMetaClientService(const ServiceDeps& deps,
                                                       const MasterIdentity& identity,
                                                       const Config& config, Backups& backups) {
  return std::make_unique<MetaClientService>(deps, identity, config, backups);
}

std::unique_ptr<::grpc::Service> MakeMetricsService(const ServiceDeps& deps) {
  return std::make_unique<MetricsService>(deps);
}

}  // namespace headpond::master
