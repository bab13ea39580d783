#pragma once

#include <string>
#include <vector>

#include "operator/api/cache_cluster.h"
#include "operator/controller/status.h"

namespace headpond::operator_cli {

// Columns as wide as their widest cell, two blanks apart; no blanks at line ends.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// "42s", "7m3s", "5h12m", "3d4h": as kubectl shows ages.
std::string Age(int64_t ms);

// One line per cluster, under a header.
std::string ClusterTable(
    const std::vector<std::pair<api::CacheCluster, controller::ClusterStatus>>& clusters,
    int64_t now_ms);

// What a person wants to know about one cluster: daemons, addresses, where things are, what goes
// on, what is wrong.
std::string ClusterDetails(const api::CacheCluster& cluster,
                           const controller::ClusterStatus& status);

}  // namespace headpond::operator_cli
