#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "operator/cli/command_line.h"
#include "operator/cli/main.h"
#include "operator/cli/operator_link.h"

namespace headpond::operator_cli {
namespace {

using controller::ClusterKey;

constexpr std::chrono::seconds kOperatorEnd(5);

Result<std::vector<ClusterKey>> ClustersOf(controller::FileStore& store,
                                           const std::string& name_space, bool with_retained) {
  ASSIGN_OR_RETURN(const controller::ClusterList list, store.List());
  std::vector<ClusterKey> keys;
  for (const auto& cluster : list.clusters)
    keys.push_back({cluster.metadata.name_space, cluster.metadata.name});
  if (with_retained) {
    ASSIGN_OR_RETURN(const auto retained, store.ListRetained());
    keys.insert(keys.end(), retained.begin(), retained.end());
  }
  std::erase_if(keys, [&](const ClusterKey& key) { return key.name_space != name_space; });
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

Result<std::vector<ClusterKey>> Chosen(controller::FileStore& store,
                                       const DownArguments& arguments) {
  std::vector<ClusterKey> keys;
  for (const std::string& name : arguments.names) keys.push_back({arguments.name_space, name});
  if (!keys.empty()) return keys;
  ASSIGN_OR_RETURN(keys, ClustersOf(store, arguments.name_space, arguments.delete_data));
  if (keys.size() <= 1 || arguments.all) return keys;
  std::vector<std::string> names;
  for (const ClusterKey& key : keys) names.push_back(key.name);
  return InvalidArgument("name the clusters to stop ({}), or use --all", fmt::join(names, ", "));
}

Status WaitUntilGone(OperatorLink& link, const ClusterKey& key,
                     std::chrono::steady_clock::time_point deadline) {
  ASSIGN_OR_RETURN(const bool gone, link.WaitUntil(deadline, [&]() -> Result<bool> {
    const auto cluster = link.store().Get(key);
    if (cluster.ok()) return false;
    if (cluster.status().code() == Code::kNotFound) return true;
    return cluster.status();
  }));
  if (gone) return Status::Ok();
  return DeadlineExceeded("cluster {} still stops; the operator goes on, see `headpond status`",
                          key.name);
}

Status Down(const DownArguments& arguments) {
  ASSIGN_OR_RETURN(OperatorLink link, OperatorLink::FromEnvironment());
  ASSIGN_OR_RETURN(const std::vector<ClusterKey> keys, Chosen(link.store(), arguments));
  if (keys.empty()) {
    fmt::print("no cluster is running\n");
    return Status::Ok();
  }
  std::vector<controller::ClusterStatus> statuses;
  for (const ClusterKey& key : keys) {
    statuses.push_back(link.store().GetStatus(key).value_or({}));
    RETURN_IF_ERROR(link.store().MarkDeleted(key, arguments.delete_data));
  }
  RETURN_IF_ERROR(link.EnsureRunning());
  if (!arguments.wait) return Status::Ok();
  const auto deadline = std::chrono::steady_clock::now() + arguments.timeout;
  for (size_t i = 0; i < keys.size(); ++i) {
    RETURN_IF_ERROR(WaitUntilGone(link, keys[i], deadline));
    fmt::print("cluster {} stopped{}\n", keys[i].name,
               arguments.delete_data ? ", its data is deleted" : "");
    if (!arguments.delete_data)
      for (const std::string& path : statuses[i].data) fmt::print("  kept {}\n", path);
    if (!statuses[i].under_store.empty())
      fmt::print("  under-store {} is untouched\n", statuses[i].under_store);
  }
  ASSIGN_OR_RETURN(const controller::ClusterList left, link.store().List());
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
