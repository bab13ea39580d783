#include "http/metrics_pages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cctype>
#include <nlohmann/json.hpp>

namespace headpond::http {
namespace {

constexpr double kNsPerMs = 1e6;
constexpr double kNsPerSecond = 1e9;

std::string PrometheusName(std::string_view name) {
  std::string result;
  for (const char c : name)
    result += std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':' ? c : '_';
  return result;
}

void Head(std::string& out, std::string_view name, std::string_view type) {
  out += fmt::format(
      "# HELP {0} Generated from Dropwizard metric import (metric={1})\n# TYPE {0} {2}\n",
      PrometheusName(name), name, type);
}

// Java's way to print a double: never without a point.
std::string JavaDouble(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string MetricsJson(const MetricsRegistry::Snapshot& snapshot) {
  nlohmann::ordered_json root;
  root["version"] = "4.0.0";
  auto& gauges = root["gauges"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : snapshot.gauges) gauges[name]["value"] = value;
  auto& counters = root["counters"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : snapshot.counters) counters[name]["count"] = value;
  root["histograms"] = nlohmann::ordered_json::object();
  root["meters"] = nlohmann::ordered_json::object();
  auto& timers = root["timers"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : snapshot.timers) {
    auto& timer = timers[name];
    timer["count"] = value.count;
    timer["max"] = static_cast<double>(value.max_ns) / kNsPerMs;
    timer["mean"] = value.count == 0 ? 0.0
                                     : static_cast<double>(value.total_ns) /
                                           static_cast<double>(value.count) / kNsPerMs;
    timer["duration_units"] = "milliseconds";
    timer["rate_units"] = "calls/second";
  }
  return root.dump(2) + "\n";
}

std::string MetricsPrometheus(const MetricsRegistry::Snapshot& snapshot) {
  std::string out;
  const auto sample = [&](std::string_view name, double value) {
    Head(out, name, "gauge");
    out += fmt::format("{} {}\n", PrometheusName(name), JavaDouble(value));
  };
  for (const auto& [name, value] : snapshot.gauges) sample(name, value);
  for (const auto& [name, value] : snapshot.counters) sample(name, static_cast<double>(value));
  for (const auto& [name, value] : snapshot.timers) {
    Head(out, name, "summary");
    out += fmt::format("{0}_count {1}\n{0}_sum {2}\n", PrometheusName(name),
                       JavaDouble(static_cast<double>(value.count)),
                       JavaDouble(static_cast<double>(value.total_ns) / kNsPerSecond));
  }
  return out;
}

void AddMetricsPages(HttpServer& server, const MetricsRegistry& metrics) {
  for (const char* end : {"", "/"}) {
    server.Handle("GET", fmt::format("/metrics/json{}", end),
                  [&metrics](const Request&) -> Result<Response> {
                    return Response{.body = MetricsJson(metrics.Read())};
                  });
    server.Handle("GET", fmt::format("/metrics/prometheus{}", end),
                  [&metrics](const Request&) -> Result<Response> {
                    return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                    .body = MetricsPrometheus(metrics.Read())};
                  });
  }
}

std::string UptimeText(int64_t milliseconds) {
  const int64_t seconds = milliseconds / 1000;
  return fmt::format("{} day(s), {} hour(s), {} minute(s), and {} second(s)", seconds / 86400,
                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string DateText(int64_t epoch_ms) {
  return fmt::format("{:%m-%d-%Y %H:%M:%S}:{:03}",
                     fmt::gmtime(static_cast<time_t>(epoch_ms / 1000)), epoch_ms % 1000);
}

std::string OverviewPage(const std::string& title,
                         const std::vector<std::pair<std::string, std::string>>& rows,
                         const std::vector<std::pair<std::string, std::string>>& links) {
  std::string page = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:56rem;padding:0 "
      "1rem;color:#1b2a32;"
      "background:#fff}}h1{{font-size:1.4rem}}table{{border-collapse:collapse;width:100%}}td,th{{"
      "text-align:left;padding:.4rem"
      " .6rem;border-bottom:1px solid "
      "#d8e0e4;overflow-wrap:anywhere}}th{{width:16rem;font-weight:600}}nav a{{margin-right:1rem}}"
      "@media(prefers-color-scheme:dark){{body{{color:#e6edf0;background:#12191d}}td,th{{border-"
      "color:#2c3a42}}a{{color:#7cc4e8}}}}"
      "</style></head><body><h1>{0}</h1><table>",
      EscapeHtml(title));
  for (const auto& [label, value] : rows)
    page += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", EscapeHtml(label),
                        EscapeHtml(value));
  page += "</table><nav><p>";
  for (const auto& [label, target] : links)
    page += fmt::format("<a href=\"{}\">{}</a>", EscapeHtml(target), EscapeHtml(label));
  return page + "</p></nav></body></html>\n";
}

}  // namespace headpond::http
