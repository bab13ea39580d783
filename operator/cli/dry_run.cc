#include "operator/cli/dry_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "operator/api/yaml.h"
#include "operator/cli/render.h"
#include "operator/controller/look.h"
#include "operator/kube/secret.h"
#include "operator/runtime/docker/docker_nodes.h"
#include "operator/runtime/process/process_runtime.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;

const char* WordOf(Applied applied) {
  switch (applied) {
    case Applied::kCreated: return "created";
    case Applied::kConfigured: return "configured";
    case Applied::kUnchanged: return "unchanged";
  }
  return "";
}

// The operator's runtimes, which only look.
Result<controller::Look> LookAt(OperatorLink& link, const Trial& trial) {
  const Clock& clock = Clock::System();
  ASSIGN_OR_RETURN(const runtime::Endpoint engine, runtime::EndpointFrom(link.environment()));
  runtime::ProcessRuntime process({.home = link.home(), .look_only = true}, clock);
  runtime::DockerNodes docker({.endpoint = engine,
                               .home = link.home(),
                               .environment = link.environment(),
                               .look_only = true},
                              clock);
  controller::Secrets secrets(
      [&](const std::string& name_space, const std::string& name) {
        return kube::ReadSecret(link.api(), name_space, name);
      },
      clock);
  api::CacheCluster cluster = trial.cluster;
  controller::PinBootstrap(cluster, trial.before);
  ASSIGN_OR_RETURN(controller::Look look,
                   controller::BeginLook(cluster, trial.before,
                                         {.process = &process, .docker = &docker}, secrets));
  RETURN_IF_ERROR(controller::FinishLook(look, clock.NowMs(), plan::RestartPolicy()));
  look.runtime = nullptr;  // it ends here
  return look;
}

json ToJson(const Preview& preview) {
  json steps = json::array();
  for (const plan::Step& step : preview.plan.steps) {
    json shown = {{"action", plan::Verb(step.action.kind)},
                  {"reason", step.action.reason},
                  {"waitsFor", step.waits_for}};
    if (!step.action.workload.empty()) shown["daemon"] = step.action.workload;
    if (!step.action.node.empty()) shown["node"] = step.action.node;
    steps.push_back(std::move(shown));
  }
  json kept_back = json::array();
  for (const plan::Halt& halt : preview.plan.halted) kept_back.push_back(plan::Describe(halt));
  return {{"cluster", {{"namespace", preview.key.name_space}, {"name", preview.key.name}}},
          {"change", WordOf(preview.applied)},
          {"steps", std::move(steps)},
          {"inProgress", preview.plan.in_progress},
          {"keptBack", std::move(kept_back)}};
}

std::string ToText(const Preview& preview) {
  std::string text =
      fmt::format("cluster {}: {} (dry run)\n", preview.key.name, WordOf(preview.applied));
  std::vector<std::vector<std::string>> rows = {
      {"  ACTION", "DAEMON", "NODE", "WAITS FOR", "REASON"}};
  for (const plan::Step& step : preview.plan.steps)
    rows.push_back(
        {fmt::format("  {}", plan::Verb(step.action.kind)),
         step.action.workload.empty() ? "-" : step.action.workload,
         step.action.node.empty() ? "-" : step.action.node,
         step.waits_for.empty() ? "-" : fmt::format("{}", fmt::join(step.waits_for, ", ")),
         step.action.reason});
  text += rows.size() > 1 ? Table(rows) : "  nothing is to be done\n";
  for (const std::string& thing : preview.plan.in_progress)
    text += fmt::format("  under way: {}\n", thing);
  for (const plan::Halt& halt : preview.plan.halted)
    text += fmt::format("  kept back: {}\n", plan::Describe(halt));
  return text;
}

}  // namespace

Result<Preview> PreviewCluster(OperatorLink& link, const api::CacheCluster& cluster,
                               const json& written) {
  ASSIGN_OR_RETURN(const Trial trial, TryCluster(link, cluster, written));
  ASSIGN_OR_RETURN(controller::Look look, LookAt(link, trial));
  return Preview{.key = {cluster.metadata.name_space, cluster.metadata.name},
                 .applied = trial.applied,
                 .plan = std::move(look.plan)};
}

std::string ShowPreviews(const std::vector<Preview>& previews, const std::string& output) {
  std::string text;
  json list = json::array();
  for (const Preview& preview : previews) {
    text += ToText(preview);
    list.push_back(ToJson(preview));
  }
  if (output.empty()) return text;
  return (output == "json" ? list.dump(2) : api::ToYaml(list)) + "\n";
}

}  // namespace headpond::operator_cli
