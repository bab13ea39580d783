#include "master/web.h"

#include <nlohmann/json.hpp>

#include "base/arithmetic.h"
#include "base/path.h"
#include "base/units.h"
#include "http/metrics_pages.h"
#include "http/rest_pages.h"
#include "meta/ops/get_status.h"
#include "meta/ops/list.h"

namespace headpond::master {
namespace {

using nlohmann::ordered_json;

constexpr const char* kRevision = "headpond";
constexpr size_t kMaxBrowseEntries = 1000;

struct Totals {
  int64_t capacity = 0;
  int64_t used = 0;
  std::map<std::string, std::pair<int64_t, int64_t>> tiers;  // alias -> capacity, used
};

Totals TotalsOf(const std::vector<WorkerDescription>& workers) {
  Totals totals;
  for (const WorkerDescription& worker : workers) {
    totals.capacity = SaturatingAdd(totals.capacity, worker.capacity_bytes());
    totals.used = SaturatingAdd(totals.used, worker.used_bytes());
    for (const auto& [tier, bytes] : worker.registration.capacity_bytes)
      totals.tiers[tier].first = SaturatingAdd(totals.tiers[tier].first, bytes);
    for (const auto& [tier, bytes] : worker.registration.used_bytes)
      totals.tiers[tier].second = SaturatingAdd(totals.tiers[tier].second, bytes);
  }
  return totals;
}

std::string StatusName(ConfigCheck::Status status) {
  switch (status) {
    case ConfigCheck::Status::kPassed: return "PASSED";
    case ConfigCheck::Status::kWarn: return "WARN";
    case ConfigCheck::Status::kFailed: break;
  }
  return "FAILED";
}

size_t Count(const ConfigCheck::ByScope& scopes) {
  size_t count = 0;
  for (const auto& [scope, properties] : scopes) count += properties.size();
  return count;
}

ordered_json Inconsistent(const ConfigCheck::ByScope& scopes) {
  ordered_json result = ordered_json::object();
  for (const auto& [scope, properties] : scopes)
    for (const InconsistentProperty& property : properties) {
      ordered_json values = ordered_json::object();
      for (const auto& [value, nodes] : property.nodes)
        values[value.value_or("no value set")] = nodes;
      result[scope].push_back({{"name", property.name}, {"values", values}});
    }
  return result;
}

class Pages {
 public:
  explicit Pages(WebDeps deps) : deps_(std::move(deps)) {}

  ordered_json Overview() const {
    const auto live = deps_.services.blocks.Workers(WorkerState::kLive);
    const Totals totals = TotalsOf(live);
    const ConfigCheck check =
        CheckClusterConfig(deps_.services.blocks, deps_.identity, deps_.config);
    const ufs::Ufs::Space disk = RootSpace();
    ordered_json tiers = ordered_json::array();
    for (const auto& [alias, space] : totals.tiers)
      tiers.push_back({{"storageTierAlias", alias},
                       {"capacity", FormatSize(space.first)},
                       {"usedCapacity", FormatSize(space.second)},
                       {"freeCapacity", FormatSize(space.first - space.second)},
                       {"usedSpacePercent", Percent(space.second, space.first)},
                       {"freeSpacePercent", 100 - Percent(space.second, space.first)}});
    return {{"debug", false},
            {"version", kCompatVersion},
            {"revision", kRevision},
            {"clusterId", deps_.identity.cluster_id},
            {"masterNodeAddress", Address()},
            {"startTime", http::DateText(deps_.identity.start_ms)},
            {"uptime", http::UptimeText(UptimeMs())},
            {"systemStatus", "IDLE"},
            {"liveWorkerNodes", std::to_string(live.size())},
            {"totalPath", std::to_string(PathCount())},
            {"uniqueBlockCount", std::to_string(deps_.services.blocks.unique_block_count())},
            {"replicaBlockCount", std::to_string(deps_.services.blocks.copy_count())},
            {"capacity", FormatSize(totals.capacity)},
            {"usedCapacity", FormatSize(totals.used)},
            {"freeCapacity", FormatSize(totals.capacity - totals.used)},
            {"storageTierInfos", tiers},
            {"diskCapacity", disk.total_bytes < 0 ? "UNKNOWN" : FormatSize(disk.total_bytes)},
            {"diskUsedCapacity", disk.used_bytes < 0 ? "UNKNOWN" : FormatSize(disk.used_bytes)},
            {"diskFreeCapacity",
             disk.total_bytes < 0 ? "UNKNOWN" : FormatSize(disk.total_bytes - disk.used_bytes)},
            {"configCheckStatus", StatusName(check.status())},
            {"configCheckErrors", Inconsistent(check.errors)},
            {"configCheckWarns", Inconsistent(check.warnings)},
            {"configCheckErrorNum", Count(check.errors)},
            {"configCheckWarnNum", Count(check.warnings)},
            {"leaderId", nullptr},
            {"masterRole", nullptr},
            {"journalCheckpointTimeWarning", nullptr},
            {"journalDiskWarnings", nullptr}};
  }

  ordered_json Info(bool raw) const {
    const Totals totals = TotalsOf(deps_.services.blocks.Workers(WorkerState::kLive));
    ordered_json tier_capacity = ordered_json::object();
    for (const auto& [alias, space] : totals.tiers)
      tier_capacity[alias] = {{"used", space.second}, {"total", space.first}};
    const auto config = deps_.reported.view();
    const ufs::Ufs::Space disk = RootSpace();
    return {{"version", kCompatVersion},
            {"revision", kRevision},
            {"rpcAddress", Address()},
            {"startTimeMs", deps_.identity.start_ms},
            {"uptimeMs", UptimeMs()},
            {"capacity", {{"used", totals.used}, {"total", totals.capacity}}},
            {"tierCapacity", tier_capacity},
            {"ufsCapacity", {{"used", disk.used_bytes}, {"total", disk.total_bytes}}},
            {"mountPoints", MountPoints()},
            {"metrics", http::CounterValues(deps_.services.metrics)},
            {"workers", Workers(WorkerState::kLive)},
            {"lostWorkers", Workers(WorkerState::kLost)},
            {"configuration", http::ConfigurationValues(raw ? config->raw : config->resolved)}};
  }

  ordered_json Init() const {
    ordered_json page = http::InitPage(deps_.config);
    page["newerVersionAvailable"] = false;
    page["workerPort"] = deps_.config.GetInt("alluxio.worker.web.port");
    page["proxyDownloadFileApiUrl"] = {
        {"prefix", fmt::format("http://{}:{}/api/v1/paths/", deps_.identity.hostname,
                               deps_.config.GetInt("alluxio.proxy.web.port"))},
        {"suffix", "/download-file/"}};
    return page;
  }

  ordered_json WorkersPage() const {
    return {{"debug", false},
            {"normalNodeInfos", NodeInfos(WorkerState::kLive)},
            {"failedNodeInfos", NodeInfos(WorkerState::kLost)}};
  }

  ordered_json MountTablePage() const {
    ordered_json mounts = ordered_json::array();
    for (const auto& mount : Mounts())
      mounts.push_back({{"mountPoint", mount.path},
                        {"ufsUri", mount.ufs_uri},
                        {"ufsType", ufs::TypeOf(mount.ufs_uri)},
                        {"readOnly", mount.read_only},
                        {"shared", mount.shared},
                        {"properties", ordered_json(mount.properties).dump()}});
    return {{"debug", false}, {"mountPointInfos", mounts}};
  }

  ordered_json ConfigPage() const {
    const auto config = deps_.reported.view();
    return {{"configuration", http::ConfigurationTriples(config->resolved)},
            {"configHash",
             {{"clusterConfigHash", config->hash},
              {"clusterConfigLastUpdateTime", config->last_update_ms},
              {"clusterConfigLastUpdateTimeText", http::DateText(config->last_update_ms)}}},
            {"whitelist", ordered_json::array({"/"})}};
  }

  // The master's own user looks, as stock's page does; it shows names and sizes, never data.
  ordered_json Browse(const std::string& asked) const {
    ordered_json page{
        {"debug", false},        {"currentPath", asked},    {"masterNodeAddress", Address()},
        {"viewingOffset", 0},    {"showPermissions", true}, {"fileData", nullptr},
        {"invalidPathError", ""}};
    const auto path = NormalizePath(asked);
    if (!path.ok()) {
      page["invalidPathError"] = "Error: Invalid Path " + path.status().message();
      return page;
    }
    const auto entries = deps_.services.store.Read(
        [&](const meta::Namespace& ns) -> Result<std::vector<meta::FileInfo>> {
          ASSIGN_OR_RETURN(
              meta::Lister lister,
              meta::Lister::Start(ns, {.caller = meta::Caller::Internal(), .path = *path}));
          page["ntotalFile"] = lister.file_count();
          return lister.Next(ns, kMaxBrowseEntries);
        });
    if (!entries.ok()) {
      page["invalidPathError"] = "Error: Invalid Path " + entries.status().message();
      return page;
    }
    ordered_json infos = ordered_json::array();
    for (const meta::FileInfo& entry : *entries) infos.push_back(UiFileInfo(entry));
    page["fileInfos"] = infos;
    return page;
  }

  std::string Page() const {
    const auto live = deps_.services.blocks.Workers(WorkerState::kLive);
    const Totals totals = TotalsOf(live);
    std::vector<std::pair<std::string, std::string>> rows{
        {"Master address", Address()},
        {"Cluster id", deps_.identity.cluster_id},
        {"Version", std::string(kCompatVersion)},
        {"Started", http::DateText(deps_.identity.start_ms)},
        {"Uptime", http::UptimeText(UptimeMs())},
        {"Running workers", std::to_string(live.size())},
        {"Total capacity", FormatSize(totals.capacity)},
        {"Used capacity", FormatSize(totals.used)},
        {"Files and folders", std::to_string(PathCount())},
        {"Cached blocks", std::to_string(deps_.services.blocks.unique_block_count())}};
    for (const auto& mount : Mounts()) rows.emplace_back("Mount " + mount.path, mount.ufs_uri);
    for (const WorkerDescription& worker : live)
      rows.emplace_back(fmt::format("Worker {}:{}", worker.address.host, worker.address.rpc_port),
                        fmt::format("{} of {} used, {} blocks", FormatSize(worker.used_bytes()),
                                    FormatSize(worker.capacity_bytes()), worker.block_count));
    return http::OverviewPage("Headpond master", rows,
                              {{"REST info", "/api/v1/master/info"},
                               {"Root folder", "/api/v1/master/webui_browse?path=/"},
                               {"Metrics", "/metrics/prometheus/"}});
  }

 private:
  std::string Address() const {
    return fmt::format("{}:{}", deps_.identity.hostname, deps_.identity.rpc_port);
  }
  int64_t UptimeMs() const { return deps_.services.clock.NowMs() - deps_.identity.start_ms; }

  size_t PathCount() const {
    return deps_.services.store.Read([](const meta::Namespace& ns) { return ns.inodes().size(); });
  }

  std::vector<meta::MountInfo> Mounts() const {
    return deps_.services.store.Read([](const meta::Namespace& ns) {
      std::vector<meta::MountInfo> mounts;
      for (const auto& [path, mount] : ns.mounts().mounts()) mounts.push_back(mount);
      return mounts;
    });
  }

  ufs::Ufs::Space RootSpace() const {
    for (const meta::MountInfo& mount : Mounts()) {
      if (mount.path == "/") return deps_.ufs.SpaceOf(mount);
    }
    return {};
  }

  ordered_json MountPoints() const {
    ordered_json result = ordered_json::object();
    for (const meta::MountInfo& mount : Mounts()) {
      const ufs::Ufs::Space space = deps_.ufs.SpaceOf(mount);
      result[mount.path] = {{"ufsUri", mount.ufs_uri},
                            {"ufsType", ufs::TypeOf(mount.ufs_uri)},
                            {"ufsCapacityBytes", space.total_bytes},
                            {"ufsUsedBytes", space.used_bytes},
                            {"readOnly", mount.read_only},
                            {"shared", mount.shared},
                            {"mountId", mount.id},
                            {"properties", ordered_json(mount.properties)}};
    }
    return result;
  }

  ordered_json Workers(WorkerState state) const {
    ordered_json result = ordered_json::array();
    for (const WorkerDescription& worker : deps_.services.blocks.Workers(state)) {
      ordered_json tiers = ordered_json::array();
      for (const auto& [name, value] : worker.address.locality)
        tiers.push_back({{"tierName", name},
                         {"value", value.empty() ? ordered_json(nullptr) : ordered_json(value)}});
      result.push_back(
          {{"id", worker.id},
           {"state", worker.state == WorkerState::kLive ? "ACTIVE" : "LOST"},
           {"blockCount", worker.block_count},
           {"capacityBytes", worker.capacity_bytes()},
           {"usedBytes", worker.used_bytes()},
           {"capacityBytesOnTiers", worker.registration.capacity_bytes},
           {"usedBytesOnTiers", worker.registration.used_bytes},
           {"lastContactSec", (deps_.services.clock.NowMs() - worker.last_contact_ms) / 1000},
           {"numVCpu", worker.registration.num_vcpu},
           {"startTimeMs", worker.start_ms},
           {"version", worker.registration.build.version},
           {"revision", worker.registration.build.revision},
           {"address",
            {{"host", worker.address.host},
             {"containerHost", worker.address.container_host},
             {"rpcPort", worker.address.rpc_port},
             {"dataPort", worker.address.data_port},
             {"webPort", worker.address.web_port},
             {"domainSocketPath", worker.address.domain_socket_path},
             {"tieredIdentity", {{"tiers", tiers}}}}}});
    }
    return result;
  }

  ordered_json NodeInfos(WorkerState state) const {
    ordered_json result = ordered_json::array();
    const int64_t now_ms = deps_.services.clock.NowMs();
    for (const WorkerDescription& worker : deps_.services.blocks.Workers(state)) {
      const int used = Percent(worker.used_bytes(), worker.capacity_bytes());
      result.push_back({{"host", worker.address.host},
                        {"webPort", worker.address.web_port},
                        {"workerId", worker.id},
                        {"state", state == WorkerState::kLive ? "ACTIVE" : "LOST"},
                        {"lastHeartbeat", std::to_string((now_ms - worker.last_contact_ms) / 1000)},
                        {"uptimeClockTime", http::UptimeText(now_ms - worker.start_ms)},
                        {"capacity", FormatSize(worker.capacity_bytes())},
                        {"usedMemory", FormatSize(worker.used_bytes())},
                        {"usedSpacePercent", used},
                        {"freeSpacePercent", 100 - used},
                        {"blockCount", worker.block_count},
                        {"version", worker.registration.build.version},
                        {"revision", worker.registration.build.revision}});
    }
    return result;
  }

  static ordered_json UiFileInfo(const meta::FileInfo& info) {
    return {{"name", info.name},
            {"absolutePath", info.path},
            {"id", info.file_id},
            {"isDirectory", info.folder},
            {"size", info.folder ? "" : FormatSize(info.length)},
            {"blockSizeBytes", info.folder ? "" : FormatSize(info.block_size)},
            {"owner", info.owner},
            {"group", info.group},
            {"mode", (info.folder ? "d" : "-") + meta::ModeText(info.mode)},
            {"pinned", info.pinned},
            {"persistenceState", meta::PersistenceStateName(info.persistence)},
            {"creationTime", http::DateText(info.creation_ms)},
            {"modificationTime", http::DateText(info.modification_ms)}};
  }

  const WebDeps deps_;
};

}  // namespace

void AddMasterPages(http::HttpServer& server, WebDeps deps) {
  const MetricsRegistry& metrics = deps.services.metrics;
  const auto pages = std::make_shared<const Pages>(std::move(deps));
  const auto json = [&](const std::string& name, auto make) {
    http::AddJsonPage(
        server, "/api/v1/master/" + name,
        [pages, make](const http::Request& request) { return make(*pages, request); });
  };
  json("info", [](const Pages& p, const http::Request& request) {
    const auto raw = request.query.find("raw_configuration");
    return p.Info(raw != request.query.end() && raw->second == "true");
  });
  json("webui_init", [](const Pages& p, const http::Request&) { return p.Init(); });
  json("webui_overview", [](const Pages& p, const http::Request&) { return p.Overview(); });
  json("webui_workers", [](const Pages& p, const http::Request&) { return p.WorkersPage(); });
  json("webui_mounttable", [](const Pages& p, const http::Request&) { return p.MountTablePage(); });
  json("webui_config", [](const Pages& p, const http::Request&) { return p.ConfigPage(); });
  json("webui_browse", [](const Pages& p, const http::Request& request) {
    const auto path = request.query.find("path");
    return p.Browse(path == request.query.end() ? "/" : path->second);
  });
  server.Handle("GET", "/", [pages](const http::Request&) -> Result<http::Response> {
    return http::Response{.content_type = "text/html;charset=utf-8", .body = pages->Page()};
  });
  http::AddMetricsPages(server, metrics);
}

}  // namespace headpond::master
