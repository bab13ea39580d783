#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "base/config_report.h"
#include "base/metrics.h"
#include "http/http_server.h"

// What the REST answers of stock's servers have in common (compat/rest.md). Only .cc files that
// make such answers include this.
namespace headpond::http {

using Json = nlohmann::ordered_json;

// GET `path` answers what `make` returns; text that is no UTF-8 is mended.
void AddJsonPage(HttpServer& server, const std::string& path,
                 std::function<Json(const Request&)> make);

// "configuration" of info: {name: value or null}.
Json ConfigurationValues(std::span<const ReportedProperty> properties);
// "configuration" of webui_config: [{left: name, middle: value, right: source}].
Json ConfigurationTriples(std::span<const ReportedProperty> properties);
// "metrics" of info: {counter: count}.
Json CounterValues(const MetricsRegistry& metrics);
// The part of webui_init that each server answers from its properties.
Json InitPage(const Config& config);

}  // namespace headpond::http
