#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "operator/cli/clusters.h"
#include "operator/cli/command_line.h"
#include "operator/cli/main.h"

namespace headpond::operator_cli {
namespace {

using controller::ClusterKey;

constexpr std::chrono::seconds kOperatorEnd(5);

ClusterKey KeyOf(const ClusterView& cluster) {
  return {cluster.first.metadata.name_space, cluster.first.metadata.name};
}

// Of what is there, so that no operator is started for a mistake.
Result<std::vector<ClusterKey>> Chosen(OperatorLink& link, const DownArguments& arguments) {
  std::vector<ClusterKey> there;
  ASSIGN_OR_RETURN(const ClusterListing listing, ListClusters(link, arguments.name_space));
  for (const ClusterView& cluster : listing.clusters) there.push_back(KeyOf(cluster));
  if (arguments.delete_data)
    there.insert(there.end(), listing.kept_data.begin(), listing.kept_data.end());
  std::ranges::sort(there);
  there.erase(std::unique(there.begin(), there.end()), there.end());
  std::vector<ClusterKey> named;
  for (const std::string& name : arguments.names) {
    named.push_back({arguments.name_space, name});
    if (!std::ranges::binary_search(there, named.back()))
      return NotFound("there is no cluster {}{}", name,
                      arguments.delete_data ? ", and no data of one" : "");
  }
  if (!named.empty()) return named;
  if (there.size() <= 1 || arguments.all) return there;
  std::vector<std::string> names;
  for (const ClusterKey& key : there) names.push_back(key.name);
  return InvalidArgument("name the clusters to stop ({}), or use --all", fmt::join(names, ", "));
}

Status WaitUntilGone(OperatorLink& link, const ClusterKey& key, bool and_data,
                     std::chrono::steady_clock::time_point deadline) {
  ASSIGN_OR_RETURN(const bool gone,
                   link.WaitUntil(deadline, [&] { return IsGone(link, key, and_data); }));
  if (gone) return Status::Ok();
  return DeadlineExceeded("cluster {} still stops; the operator goes on, see `headpond status`",
                          key.name);
}

void PrintEnd(const ClusterKey& key, const controller::ClusterStatus& last, bool deleted_data) {
  fmt::print("cluster {} stopped{}\n", key.name, deleted_data ? ", its data is deleted" : "");
  if (!deleted_data)
    for (const std::string& path : last.data) fmt::print("  kept {}\n", path);
  if (!last.under_store.empty()) fmt::print("  under-store {} is untouched\n", last.under_store);
}

Status Down(const DownArguments& arguments) {
  ASSIGN_OR_RETURN(OperatorLink link, OperatorLink::FromEnvironment());
  ASSIGN_OR_RETURN(const std::vector<ClusterKey> keys, Chosen(link, arguments));
  if (keys.empty()) {
    fmt::print("no cluster is running\n");
    return Status::Ok();
  }
  // Held to the end: what is waited for is told by the operator.
  ASSIGN_OR_RETURN(auto keep, link.KeepOperator());
  RETURN_IF_ERROR(link.EnsureRunning());
  std::vector<controller::ClusterStatus> statuses;
  for (const ClusterKey& key : keys) {
    statuses.push_back(GetCluster(link, key).value_or(ClusterView()).second);
    RETURN_IF_ERROR(DeleteCluster(link, key, arguments.delete_data));
  }
  if (!arguments.wait) return Status::Ok();
  const auto deadline = std::chrono::steady_clock::now() + arguments.timeout;
  for (size_t i = 0; i < keys.size(); ++i) {
    RETURN_IF_ERROR(WaitUntilGone(link, keys[i], arguments.delete_data, deadline));
    PrintEnd(keys[i], statuses[i], arguments.delete_data);
  }
  ASSIGN_OR_RETURN(const ClusterListing left, ListClusters(link, arguments.name_space));
  keep.reset();
  if (left.clusters.empty()) link.WaitForEnd(kOperatorEnd);
  return Status::Ok();
}

}  // namespace

int DownMain(std::span<const std::string> words) {
  const auto parsed = ParseDown(words);
  if (!parsed.arguments) return parsed.exit_code;
  const Status done = Down(*parsed.arguments);
  if (!done.ok()) fmt::print(stderr, "{}\n", done.message());
  return done.ok() ? 0 : 1;
}

}  // namespace headpond::operator_cli
