#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "http/http_server.h"

namespace headpond::http {

// The registry in stock's two formats (compat/metrics.md). Our timers keep count, total and
// maximum, so quantiles are left out rather than made up: JSON has count, max and mean, Prometheus
// a summary with sum and count.
std::string MetricsJson(const MetricsRegistry::Snapshot& snapshot);
std::string MetricsPrometheus(const MetricsRegistry::Snapshot& snapshot);

// Serves both: /metrics/json and /metrics/prometheus, with or without a slash at the end.
void AddMetricsPages(HttpServer& server, const MetricsRegistry& metrics);

// What every overview shows in stock's words: "0 day(s), 1 hour(s), 2 minute(s), and 3 second(s)",
// and "11-22-2026 12:20:32:536" (UTC).
std::string UptimeText(int64_t milliseconds);
std::string DateText(int64_t epoch_ms);

// One self-contained page: a title and rows of label and value, all escaped here.
std::string OverviewPage(const std::string& title,
                         const std::vector<std::pair<std::string, std::string>>& rows,
                         const std::vector<std::pair<std::string, std::string>>& links);

}  // namespace headpond::http
