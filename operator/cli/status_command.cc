#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "operator/api/yaml.h"
#include "operator/cli/clusters.h"
#include "operator/cli/command_line.h"
#include "operator/cli/main.h"
#include "operator/cli/render.h"

namespace headpond::operator_cli {
namespace {

using Clusters = std::vector<ClusterView>;

Result<Clusters> Load(OperatorLink& link, const StatusArguments& arguments) {
  ASSIGN_OR_RETURN(ClusterListing listing, ListClusters(link, arguments.name_space));
  Clusters clusters = std::move(listing.clusters);
  const auto is_named = [](const std::string& name) {
    return [&name](const ClusterView& view) { return view.first.metadata.name == name; };
  };
  for (const std::string& name : arguments.names)
    if (std::ranges::none_of(clusters, is_named(name)))
      return NotFound("there is no cluster {}", name);
  if (!arguments.names.empty())
    std::erase_if(clusters, [&](const ClusterView& view) {
      return std::ranges::find(arguments.names, view.first.metadata.name) == arguments.names.end();
    });
  return clusters;
}

// One object, or a List of several, as `kubectl get` does it.
nlohmann::json ToObject(const Clusters& clusters, bool one) {
  nlohmann::json items = nlohmann::json::array();
  for (const auto& [cluster, status] : clusters) {
    nlohmann::json object = api::ToJson(cluster);
    if (status.observed_generation != 0) object["status"] = controller::ToJson(status);
    items.push_back(std::move(object));
  }
  if (one) return items.at(0);
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
}

Status ShowStatus(const StatusArguments& arguments) {
  ASSIGN_OR_RETURN(OperatorLink link, OperatorLink::FromEnvironment());
  ASSIGN_OR_RETURN(const Clusters clusters, Load(link, arguments));
  if (!clusters.empty() && !link.IsRunning())
    fmt::print(stderr,
               "warning: no operator runs, so this may be out of date; `headpond up` starts one\n");
  if (!arguments.output.empty()) {
    const nlohmann::json object = ToObject(clusters, arguments.names.size() == 1);
    fmt::print("{}\n", arguments.output == "json" ? object.dump(2) : api::ToYaml(object));
    return Status::Ok();
  }
  if (clusters.empty()) {
    fmt::print("no cluster is running\n");
    return Status::Ok();
  }
  fmt::print("{}", ClusterTable(clusters, Clock::System().NowMs()));
  for (const auto& [cluster, status] : clusters)
    fmt::print("\n{}", ClusterDetails(cluster, status));
  return Status::Ok();
}

}  // namespace

int StatusMain(std::span<const std::string> words) {
  const auto parsed = ParseStatusCommand(words);
  if (!parsed.arguments) return parsed.exit_code;
  const Status done = ShowStatus(*parsed.arguments);
  if (!done.ok()) fmt::print(stderr, "{}\n", done.message());
  return done.ok() ? 0 : 1;
}

}  // namespace headpond::operator_cli
