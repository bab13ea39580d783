#include "worker/web.h"

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/config_report.h"
#include "base/units.h"
#include "http/metrics_pages.h"
#include "http/rest_pages.h"

namespace headpond::worker {
namespace {

using nlohmann::ordered_json;

constexpr const char* kRevision = "headpond";

int64_t Sum(const std::vector<cache::TierSpace>& tiers, int64_t cache::TierSpace::*field) {
  int64_t sum = 0;
  for (const cache::TierSpace& tier : tiers) sum += tier.*field;
  return sum;
}

std::string AddressText(const WorkerAddress& address) {
  return fmt::format("{}:{}", address.host, address.rpc_port);
}

class Pages {
 public:
  explicit Pages(WebDeps deps) : deps_(deps) {}

  ordered_json Overview() const {
    const auto tiers = deps_.store.Space();
    ordered_json usage = ordered_json::array();
    for (const cache::TierSpace& tier : tiers)
      usage.push_back({{"tierAlias", tier.alias},
                       {"capacityBytes", tier.capacity_bytes},
                       {"usedBytes", tier.used_bytes}});
    return {{"version", kCompatVersion},
            {"revision", kRevision},
            {"capacityBytes", FormatSize(Sum(tiers, &cache::TierSpace::capacity_bytes))},
            {"usedBytes", FormatSize(Sum(tiers, &cache::TierSpace::used_bytes))},
            {"workerInfo",
             {{"startTime", http::DateText(deps_.identity.start_ms)},
              {"workerAddress", AddressText(deps_.identity.address)},
              {"uptime", http::UptimeText(UptimeMs())}}},
            {"usageOnTiers", usage},
            {"blockCount", std::to_string(deps_.store.block_count())}};
  }

  ordered_json Info() const {
    const auto tiers = deps_.store.Space();
    ordered_json tier_capacity = ordered_json::object();
    for (const cache::TierSpace& tier : tiers)
      tier_capacity[tier.alias] = {{"used", tier.used_bytes}, {"total", tier.capacity_bytes}};
    return {{"version", kCompatVersion},
            {"revision", kRevision},
            {"rpcAddress", AddressText(deps_.identity.address)},
            {"startTimeMs", deps_.identity.start_ms},
            {"uptimeMs", UptimeMs()},
            {"capacity",
             {{"used", Sum(tiers, &cache::TierSpace::used_bytes)},
              {"total", Sum(tiers, &cache::TierSpace::capacity_bytes)}}},
            {"tierCapacity", tier_capacity},
            {"tierPaths", ordered_json::object()},
            {"metrics", http::CounterValues(deps_.metrics)},
            {"configuration", http::ConfigurationValues(Properties())}};
  }

  ordered_json Init() const {
    ordered_json page = http::InitPage(deps_.config);
    page["masterHostname"] = deps_.config.Find("alluxio.master.hostname").value_or("localhost");
    page["masterPort"] = deps_.config.GetInt("alluxio.master.web.port");
    return page;
  }

  ordered_json ConfigPage() const {
    return {{"configuration", http::ConfigurationTriples(Properties())},
            {"whitelist", ordered_json::array({"/"})}};
  }

  std::string Page() const {
    const auto tiers = deps_.store.Space();
    std::vector<std::pair<std::string, std::string>> rows{
        {"Worker address", AddressText(deps_.identity.address)},
        {"Version", std::string(kCompatVersion)},
        {"Started", http::DateText(deps_.identity.start_ms)},
        {"Uptime", http::UptimeText(UptimeMs())},
        {"Total capacity", FormatSize(Sum(tiers, &cache::TierSpace::capacity_bytes))},
        {"Used capacity", FormatSize(Sum(tiers, &cache::TierSpace::used_bytes))},
        {"Blocks", std::to_string(deps_.store.block_count())}};
    for (const cache::TierSpace& tier : tiers)
      rows.emplace_back("Tier " + tier.alias,
                        fmt::format("{} of {} used", FormatSize(tier.used_bytes),
                                    FormatSize(tier.capacity_bytes)));
    return http::OverviewPage(
        "Headpond worker", rows,
        {{"REST info", "/api/v1/worker/info"}, {"Metrics", "/metrics/prometheus/"}});
  }

 private:
  int64_t UptimeMs() const { return Clock::System().NowMs() - deps_.identity.start_ms; }

  std::vector<ReportedProperty> Properties() const {
    return ReportedProperties(deps_.config, /*raw=*/false);
  }

  const WebDeps deps_;
};

}  // namespace

void AddWorkerPages(http::HttpServer& server, WebDeps deps) {
  const auto pages = std::make_shared<const Pages>(deps);
  const auto json = [&](const std::string& name, auto make) {
    http::AddJsonPage(server, "/api/v1/worker/" + name,
                      [pages, make](const http::Request&) { return make(*pages); });
  };
  json("info", [](const Pages& p) { return p.Info(); });
  json("webui_init", [](const Pages& p) { return p.Init(); });
  json("webui_overview", [](const Pages& p) { return p.Overview(); });
  json("webui_config", [](const Pages& p) { return p.ConfigPage(); });
  json("operations", [](const Pages&) {
    return ordered_json{{"operationCount", 0}, {"rpcQueueLength", 0}};
  });
  server.Handle("GET", "/", [pages](const http::Request&) -> Result<http::Response> {
    return http::Response{.content_type = "text/html;charset=utf-8", .body = pages->Page()};
  });
  http::AddMetricsPages(server, deps.metrics);
}

}  // namespace headpond::worker
