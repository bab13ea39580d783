#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/config_report.h"
#include "master/file_system_service.h"

namespace headpond::master {

// What a master tells of itself.
struct MasterIdentity {
  std::string hostname;
  int rpc_port = 0;
  int web_port = 0;
  int64_t start_ms = 0;
  std::string cluster_id;
};

// The configuration as clients see it, computed once: a master's own configuration does not change
// while it runs.
struct ReportedConfig {
  explicit ReportedConfig(const Config& config);
  std::vector<ReportedProperty> raw;
  std::vector<ReportedProperty> resolved;
  std::string hash;
  int64_t last_update_ms = 0;
};

// MetaMasterConfigurationService: works without authentication, because clients ask it before they
// authenticate (compat/behaviour.md section 0, rules 1, 2 and 8).
std::unique_ptr<::grpc::Service> MakeConfigurationService(const ServiceDeps& deps,
                                                          const ReportedConfig& config);

// MetaMasterClientService: who the master is, for `fsadmin report` and `fs masterInfo`.
std::unique_ptr<::grpc::Service> MakeMetaClientService(const ServiceDeps& deps,
                                                       const MasterIdentity& identity);

// MetricsMasterClientService. Heartbeats of clients are accepted and summed into Cluster.*
// counters.
std::unique_ptr<::grpc::Service> MakeMetricsService(const ServiceDeps& deps);

}  // namespace headpond::master
