#include "http/rest_pages.h"

#include <nlohmann/json.hpp>

namespace headpond::http {

void AddJsonPage(HttpServer& server, const std::string& path,
                 std::function<Json(const Request&)> make) {
  server.Handle("GET", path, [make = std::move(make)](const Request& request) -> Result<Response> {
    return Response{.body = make(request).dump(-1, ' ', false, Json::error_handler_t::replace)};
  });
}

Json ConfigurationValues(std::span<const ReportedProperty> properties) {
  Json values = Json::object();
  for (const ReportedProperty& property : properties)
    values[property.name] = property.value ? Json(*property.value) : Json(nullptr);
  return values;
}

Json ConfigurationTriples(std::span<const ReportedProperty> properties) {
  Json triples = Json::array();
  for (const ReportedProperty& property : properties)
    triples.push_back({{"left", property.name},
                       {"middle", property.value.value_or("")},
                       {"right", property.source}});
  return triples;
}

Json CounterValues(const MetricsRegistry& metrics) {
  Json values = Json::object();
  for (const auto& [name, value] : metrics.Read().counters) values[name] = value;
  return values;
}

Json InitPage(const Config& config) {
  return {{"debug", config.GetBool("alluxio.debug")},
          {"webFileInfoEnabled", config.GetBool("alluxio.web.file.info.enabled")},
          {"securityAuthorizationPermissionEnabled",
           config.GetBool("alluxio.security.authorization.permission.enabled")},
          {"refreshInterval", config.GetDuration("alluxio.web.refresh.interval").count()}};
}

}  // namespace headpond::http
