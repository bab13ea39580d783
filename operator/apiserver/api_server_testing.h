#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "operator/apiserver/api_server.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::apiserver {

inline constexpr const char* kClusters =
    "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
inline constexpr const char* kSecrets = "/api/v1/namespaces/default/secrets";

struct Reply {
  int code = 0;
  nlohmann::json body;
  std::multimap<std::string, std::string> headers;
};

// A server over an empty store, asked without sockets.
class ApiServerFixture : public ::testing::Test {
 protected:
  virtual ApiServer::Options ServerOptions() { return {}; }

  void SetUp() override {
    auto opened = ObjectStore::Open({.path = directory_ / "api.db", .log_entries = 64});
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    server_ = std::make_unique<ApiServer>(*store_, clock_, Random(7), ServerOptions());
    ASSERT_OK(server_->Start());
  }

  // `target` may have a query: "/api/v1/namespaces?limit=1".
  http::Response Raw(const std::string& method, const std::string& target,
                     const std::string& body = "", const std::string& content_type = "",
                     const std::string& accept = "application/json") {
    http::Request request{
        .method = method, .path = target.substr(0, target.find('?')), .body = body};
    request.headers["accept"] = accept;
    if (!content_type.empty()) request.headers["content-type"] = content_type;
    for (size_t at = target.find('?'); at != std::string::npos;) {
      const size_t end = target.find('&', at + 1);
      const std::string term = target.substr(at + 1, end - at - 1);
      const size_t equals = term.find('=');
      request.query[term.substr(0, equals)] = term.substr(equals + 1);
      at = end;
    }
    return server_->Handle(request);
  }

  Reply Ask(const std::string& method, const std::string& target,
            const nlohmann::json& body = nullptr,
            const std::string& content_type = "application/json",
            const std::string& accept = "application/json") {
    const http::Response response =
        Raw(method, target, body.is_null() ? "" : body.dump(), content_type, accept);
    return {response.status, nlohmann::json::parse(response.body, nullptr, false),
            response.headers};
  }
  Reply Merge(const std::string& target, const nlohmann::json& patch) {
    return Ask("PATCH", target, patch, "application/merge-patch+json");
  }

  static nlohmann::json Cluster(const std::string& name,
                                nlohmann::json spec = nlohmann::json::object()) {
    return {{"apiVersion", "headpond.dev/v1alpha1"},
            {"kind", "CacheCluster"},
            {"metadata", {{"name", name}}},
            {"spec", std::move(spec)}};
  }
  nlohmann::json Create(const nlohmann::json& object, const std::string& path = kClusters) {
    const Reply reply = Ask("POST", path, object);
    EXPECT_EQ(reply.code, 201) << reply.body;
    return reply.body;
  }
  std::string Path(const std::string& name) { return fmt::format("{}/{}", kClusters, name); }

  std::vector<std::string> Names(const Reply& list) {
    std::vector<std::string> names;
    for (const nlohmann::json& item : list.body.at("items"))
      names.push_back(item.at("metadata").at("name"));
    return names;
  }

  // The next events of a watch, each "TYPE name".
  std::vector<std::string> Read(const http::Response& watch) {
    std::vector<std::string> events;
    const auto piece = watch.stream();
    if (!piece) return {"end"};
    std::istringstream lines(*piece);
    for (std::string line; std::getline(lines, line);) {
      last_event_ = nlohmann::json::parse(line);
      events.push_back(fmt::format("{} {}", last_event_.at("type").get<std::string>(),
                                   TextAt(last_event_, "object.metadata.name")));
    }
    return events;
  }

  TempDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<ApiServer> server_;
  nlohmann::json last_event_;
};

}  // namespace headpond::apiserver
