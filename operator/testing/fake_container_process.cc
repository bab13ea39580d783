#include "operator/testing/fake_container_process.h"

#include <fmt/format.h>

#include <cstdlib>

namespace headpond::testing_operator {
namespace {

int PortOf(const std::vector<std::string>& args, const std::string& key) {
  const std::string start = fmt::format("-D{}=", key);
  for (const std::string& arg : args)
    if (arg.starts_with(start)) return std::atoi(arg.c_str() + start.size());
  return 0;
}

// Of several masters.
bool IsFirst(const std::vector<std::string>& args) {
  const std::string start = "-Dalluxio.master.embedded.journal.addresses=";
  for (const std::string& arg : args)
    if (arg.starts_with(start))
      return std::atoi(arg.c_str() + arg.find(':') + 1) ==
             PortOf(args, "alluxio.master.embedded.journal.port");
  return false;
}

}  // namespace

Result<std::unique_ptr<FakeContainerProcess>> FakeContainerProcess::Start(
    const std::vector<std::string>& args, std::function<int()> live_workers) {
  std::unique_ptr<FakeContainerProcess> process(new FakeContainerProcess());
  if (args.empty()) return process;
  process->role_ = args[0];
  const int rpc = PortOf(args, fmt::format("alluxio.{}.rpc.port", args[0]));
  const int web = PortOf(args, fmt::format("alluxio.{}.web.port", args[0]));
  // Any server will do: probes of this port say nothing.
  process->rpc_ = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.port = rpc, .threads = 1, .port_key = "rpc"});
  if (const auto started = process->rpc_->Start(); !started.ok())
    return Unavailable("port {}: address already in use", rpc);
  process->http_ = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.port = web, .threads = 2, .port_key = "web"});
  process->http_->Handle(
      "GET", "/api/v1/master/quorum",
      [live_workers, leads = IsFirst(args)](const http::Request&) -> Result<http::Response> {
        return http::Response{
            .body = fmt::format(R"({{"role":"{}","term":1,"sequence":1,"liveWorkers":{}}})",
                                leads ? "LEADER" : "STANDBY", live_workers())};
      });
  process->http_->Handle(
      "GET", fmt::format("/api/v1/{}/info", args[0]),
      [live_workers = std::move(live_workers)](const http::Request&) -> Result<http::Response> {
        std::string workers;
        for (int i = live_workers(); i > 0; --i) workers += i > 1 ? "{}," : "{}";
        return http::Response{.body = fmt::format("{{\"workers\":[{}]}}", workers)};
      });
  RETURN_IF_ERROR(process->http_->Start().status());
  return process;
}

}  // namespace headpond::testing_operator
