#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "master/backups.h"
#include "master/config_check.h"
#include "master/file_system_service.h"
#include "master/quorum.h"
#include "master/reported_config.h"

namespace headpond::master {

// What a master tells of itself.
struct MasterIdentity {
  std::string hostname;
  int rpc_port = 0;
  int web_port = 0;
  int64_t start_ms = 0;
  std::string cluster_id;
  const Quorum* quorum = nullptr;  // that keeps the journal, if any
};

// Compares the configurations of this master and of its live workers.
ConfigCheck CheckClusterConfig(const BlockMaster& blocks, const MasterIdentity& identity,
                               const Config& config);

// MetaMasterConfigurationService: works without authentication, because clients ask it before they
// authenticate (compat/behaviour.md section 0, rules 1, 2 and 8).
std::unique_ptr<::grpc::Service> MakeConfigurationService(const ServiceDeps& deps,
                                                          ReportedConfig& config);

// MetaMasterClientService: who the master is, for `fsadmin report` and `fs masterInfo`; snapshots
// and backups.
std::unique_ptr<::grpc::Service> MakeMetaClientService(const ServiceDeps& deps,
                                                       const MasterIdentity& identity,
                                                       const Config& config, Backups& backups);

// MetricsMasterClientService. Heartbeats of clients are accepted and summed into Cluster.*
// counters.
std::unique_ptr<::grpc::Service> MakeMetricsService(const ServiceDeps& deps);

}  // namespace headpond::master
