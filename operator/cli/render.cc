#include "operator/cli/render.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/rfc3339.h"

namespace headpond::operator_cli {
namespace {

constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;

// Milliseconds of an RFC 3339 text as we write it; 0 when it isn't one.
std::string Of(const controller::RoleStatus& role) {
  return fmt::format("{}/{}", role.ready, role.desired);
}

std::string EndpointOf(const controller::ClusterStatus& status) {
  const auto rpc = status.endpoints.find("masterRpc");
  return rpc == status.endpoints.end() ? "-" : "alluxio://" + rpc->second;
}

}  // namespace

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += fmt::format("{:<{}}", row[i], i + 1 < row.size() ? widths[i] + 2 : 0);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Age(int64_t ms) {
  ms = std::max<int64_t>(ms, 0);
  if (ms < 2 * kMinute) return fmt::format("{}s", ms / kSecond);
  if (ms < kHour) return fmt::format("{}m{}s", ms / kMinute, ms % kMinute / kSecond);
  if (ms < 2 * kDay) return fmt::format("{}h{}m", ms / kHour, ms % kHour / kMinute);
  return fmt::format("{}d{}h", ms / kDay, ms % kDay / kHour);
}

std::string ClusterTable(
    const std::vector<std::pair<api::CacheCluster, controller::ClusterStatus>>& clusters,
    int64_t now_ms) {
  std::vector<std::vector<std::string>> rows = {
      {"NAMESPACE", "NAME", "PHASE", "MASTERS", "WORKERS", "AGE", "ADDRESS"}};
  for (const auto& [cluster, status] : clusters)
    rows.push_back(
        {cluster.metadata.name_space, cluster.metadata.name,
         status.phase.empty() ? "Pending" : status.phase, Of(status.masters), Of(status.workers),
         Age(now_ms - ParseRfc3339Ms(cluster.metadata.creation_timestamp)), EndpointOf(status)});
  return Table(rows);
}

std::string ClusterDetails(const api::CacheCluster& cluster,
                           const controller::ClusterStatus& status) {
  std::string text = fmt::format("cluster {}: {}\n", cluster.metadata.name,
                                 status.phase.empty() ? "Pending" : status.phase);
  std::vector<std::vector<std::string>> rows = {
      {"  DAEMON", "STATE", "PID", "ADDRESS", "WEB", "CRASHES"}};
  for (const controller::DaemonStatus& d : status.daemons)
    rows.push_back({"  " + d.name, d.standing.empty() ? d.state : d.standing,
                    d.pid == 0 ? "-" : std::to_string(d.pid), d.address, d.web,
                    std::to_string(d.crashes)});
  text += Table(rows);
  if (!status.endpoints.empty())
    text += fmt::format("  clients connect to {}\n", EndpointOf(status));
  if (!status.under_store.empty()) text += fmt::format("  under-store  {}\n", status.under_store);
  for (const std::string& path : status.data) text += fmt::format("  data         {}\n", path);
  for (const controller::DaemonStatus& d : status.daemons)
    text += fmt::format("  logs         {}\n", d.logs);
  for (const std::string& step : status.rollout) text += fmt::format("  to do        {}\n", step);
  for (const controller::Condition& c : status.conditions) {
    const bool good = (c.status == "True") != (c.type == "Progressing" ||
                                               c.type == "UpgradeBlocked" || c.type == "Degraded");
    if (!good) text += fmt::format("  {}={} {}: {}\n", c.type, c.status, c.reason, c.message);
  }
  return text;
}

}  // namespace headpond::operator_cli
