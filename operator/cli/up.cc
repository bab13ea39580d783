#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "operator/api/manifest.h"
#include "operator/cli/clusters.h"
#include "operator/cli/command_line.h"
#include "operator/cli/dry_run.h"
#include "operator/cli/input.h"
#include "operator/cli/main.h"
#include "operator/cli/render.h"

namespace headpond::operator_cli {
namespace {

using api::CacheCluster;
using controller::ClusterKey;
using controller::ClusterStatus;
using nlohmann::json;

ClusterKey KeyOf(const CacheCluster& cluster) {
  return {cluster.metadata.name_space, cluster.metadata.name};
}

// A cluster, and the file's words for it.
struct Wanted {
  CacheCluster cluster;
  json written;
};

// The order is fixed, and described by --help: master RPC, master web, worker RPC, worker web,
// masters' journal.
Result<Wanted> WithPortBase(json object, int base) {
  object["spec"]["ports"] = {{"master", {{"rpc", base}, {"web", base + 1}, {"embedded", base + 4}}},
                             {"worker", {{"rpc", base + 2}, {"web", base + 3}}}};
  auto moved = api::ReadCacheCluster(object);
  if (!moved.ok()) return moved.status().WithContext(fmt::format("--port-base {}", base));
  return Wanted{*std::move(moved), std::move(object)};
}

Result<std::vector<Wanted>> LoadClusters(const UpArguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, ReadInput(arguments.file));
  api::Manifest manifest =
      api::LoadManifest(text, arguments.file == "-" ? "standard input" : arguments.file);
  for (const std::string& warning : manifest.warnings) fmt::print(stderr, "warning: {}\n", warning);
  if (!manifest.errors.empty()) return InvalidArgument("{}", fmt::join(manifest.errors, "\n"));
  std::vector<Wanted> wanted;
  for (size_t i = 0; i < manifest.clusters.size(); ++i)
    wanted.push_back({std::move(manifest.clusters[i]), json::parse(manifest.written[i])});
  if (!arguments.port_base) return wanted;
  if (wanted.size() != 1)
    return InvalidArgument("--port-base moves one cluster; {} has {}", arguments.file,
                           wanted.size());
  ASSIGN_OR_RETURN(wanted.front(),
                   WithPortBase(std::move(wanted.front().written), *arguments.port_base));
  return wanted;
}

constexpr int kWouldChange = 2;

// The exit code.
Result<int> DryRun(OperatorLink& link, const std::vector<Wanted>& wanted,
                   const std::string& output) {
  std::vector<Preview> previews;
  bool changes = false;
  for (const auto& [cluster, written] : wanted) {
    auto preview = PreviewCluster(link, cluster, written);
    if (!preview.ok()) return preview.status().WithContext("cluster " + cluster.metadata.name);
    changes |= preview->changes();
    previews.push_back(*std::move(preview));
  }
  fmt::print("{}", ShowPreviews(previews, output));
  return changes ? kWouldChange : 0;
}

// Follows one cluster until it is as described.
class Waiter {
 public:
  Waiter(OperatorLink& link, ClusterKey key, int64_t applied_at_ms)
      : link_(link), key_(std::move(key)), applied_at_ms_(applied_at_ms) {}

  // True when it is; an error when it can't get there without its user.
  Result<bool> Look() {
    ASSIGN_OR_RETURN(const ClusterView view, GetCluster(link_, key_));
    const CacheCluster& cluster = view.first;
    status_ = view.second;
    if (status_.observed_generation != cluster.metadata.generation) return false;
    if (status_.IsTrue("Ready") && !status_.IsTrue("Progressing") && !status_.IsTrue("Degraded"))
      return true;
    RETURN_IF_ERROR(CheckHopeless());
    Say();
    return false;
  }
  std::string Missing() const {
    for (const char* type : {"Degraded", "Progressing"})
      if (status_.IsTrue(type)) return status_.Find(type)->message;
    const controller::Condition* ready = status_.Find("Ready");
    return ready == nullptr ? "the operator has not looked at it yet" : ready->message;
  }

 private:
  Status CheckHopeless() const {
    static const std::set<std::string> kNeedsUser = {
        "PortInUse",    "VolumeConflict", "NoSpace",      "StartFailed",
        "MountMissing", "NameConflict",   "CrashLooping", "SpecRefused"};
    const controller::Condition* degraded = status_.Find("Degraded");
    if (degraded == nullptr || degraded->status != "True" || !kNeedsUser.contains(degraded->reason))
      return Status::Ok();
    if (degraded->reason == "SpecRefused") return Aborted("{}", degraded->message);
    // Failures of before this command are being tried again.
    for (const controller::DaemonStatus& daemon : status_.daemons)
      if (daemon.exited_at_ms >= applied_at_ms_) return Aborted("{}", degraded->message);
    return Status::Ok();
  }

  void Say() {
    const std::string now = Missing();
    if (now.empty() || now == said_) return;
    said_ = now;
    fmt::print(stderr, "{}: {}\n", key_.name, now);
  }

  OperatorLink& link_;
  const ClusterKey key_;
  const int64_t applied_at_ms_;
  ClusterStatus status_;
  std::string said_;
};

Status WaitForClusters(OperatorLink& link, const std::vector<Wanted>& wanted,
                       std::chrono::milliseconds timeout, int64_t applied_at_ms) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (const auto& [cluster, written] : wanted) {
    Waiter waiter(link, KeyOf(cluster), applied_at_ms);
    ASSIGN_OR_RETURN(const bool ready, link.WaitUntil(deadline, [&] { return waiter.Look(); }));
    if (!ready)
      return DeadlineExceeded(
          "cluster {} is not ready after {} s: {}. The operator goes on; see `headpond status`",
          cluster.metadata.name, std::chrono::duration_cast<std::chrono::seconds>(timeout).count(),
          waiter.Missing());
  }
  return Status::Ok();
}

Status Apply(OperatorLink& link, const Wanted& wanted, int64_t now_ms) {
  const ClusterKey key = KeyOf(wanted.cluster);
  json object = wanted.written;
  // A cluster in trouble is tried again at once, not after its back-off: its user has come back to
  // it.
  if (const auto before = GetCluster(link, key); before.ok() && before->second.IsTrue("Degraded"))
    object["metadata"]["annotations"][std::string(api::kRetryAnnotation)] = std::to_string(now_ms);
  ASSIGN_OR_RETURN(const Applied applied, ApplyCluster(link, wanted.cluster, object));
  const char* const word = applied == Applied::kCreated      ? "created"
                           : applied == Applied::kConfigured ? "configured"
                                                             : "unchanged";
  fmt::print("cluster {} {}\n", key.name, word);
  return Status::Ok();
}

// The exit code.
Result<int> Up(const UpArguments& arguments) {
  ASSIGN_OR_RETURN(OperatorLink link, OperatorLink::FromEnvironment());
  ASSIGN_OR_RETURN(const std::vector<Wanted> wanted, LoadClusters(arguments));
  if (arguments.dry_run) return DryRun(link, wanted, arguments.output);
  const int64_t now_ms = Clock::System().NowMs();
  {
    ASSIGN_OR_RETURN(const auto keep, link.KeepOperator());
    RETURN_IF_ERROR(link.EnsureRunning());
    for (const Wanted& one : wanted) RETURN_IF_ERROR(Apply(link, one, now_ms));
  }
  std::fflush(stdout);
  if (!arguments.wait) return 0;
  RETURN_IF_ERROR(WaitForClusters(link, wanted, arguments.timeout, now_ms));
  for (const auto& [cluster, written] : wanted) {
    ASSIGN_OR_RETURN(const ClusterView view, GetCluster(link, KeyOf(cluster)));
    fmt::print("{}", ClusterDetails(view.first, view.second));
  }
  fmt::print("  for kubectl          export KUBECONFIG={}\n", link.kubeconfig());
  return 0;
}

int Finish(const Parsed<UpArguments>& parsed) {
  if (!parsed.arguments) return parsed.exit_code;
  const auto done = Up(*parsed.arguments);
  if (!done.ok()) fmt::print(stderr, "{}\n", done.status().message());
  return done.value_or(1);
}

}  // namespace

int UpMain(std::span<const std::string> words) {
  return Finish(ParseUp(words));
}

int PlanMain(std::span<const std::string> words) {
  return Finish(ParsePlan(words));
}

}  // namespace headpond::operator_cli
