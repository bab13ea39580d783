// headpond-operator: runs clusters. `run` is the daemon; `crds` and `reference` print what is made
// from the field tables.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "base/log.h"
#include "operator/api/crd.h"
#include "operator/api/reference.h"
#include "operator/cli/main.h"
#include "operator/cli/stock_schema.h"
#include "operator/controller/home.h"
#include "operator/daemon/operator_daemon.h"

namespace {

using headpond::Status;
using headpond::operator_daemon::Options;

// Fills in what no option said.
Status Complete(Options& options) {
  options.environment = headpond::controller::ProcessEnvironment();
  if (options.home.empty()) {
    ASSIGN_OR_RETURN(options.home, headpond::controller::HomePath(options.environment));
  }
  if (options.program.empty()) {
    std::error_code error;
    options.program =
        std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "headpond";
  }
  return Status::Ok();
}

Status PrintObjects(const Options& options) {
  ASSIGN_OR_RETURN(const std::string objects,
                   headpond::operator_daemon::StoredObjects(options.home));
  fmt::print("{}\n", objects);
  return Status::Ok();
}

Status Serve(const Options& options, bool only_api) {
  headpond::InitLogging(headpond::LogLevel::kInfo);
  return only_api ? headpond::operator_daemon::ServeApi(options)
                  : headpond::operator_daemon::Run(options);
}

// Returns the exit code.
int PrintCrds(const std::string& folder) {
  if (folder.empty()) {
    fmt::print("{}", headpond::api::CrdManifests());
    return 0;
  }
  for (const headpond::api::Kind& kind : headpond::api::Kinds()) {
    const std::string path = fmt::format("{}/{}.yaml", folder, headpond::api::CrdName(kind));
    std::ofstream file(path);
    file << headpond::api::CrdManifest(kind);
    if (!file.flush()) {
      fmt::print(stderr, "headpond-operator: cannot write {}\n", path);
      return 1;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs Headpond clusters.", "headpond-operator");
  app.require_subcommand(1);
  Options options;
  CLI::App* const run = app.add_subcommand(
      "run", "run the operator in the foreground; SIGTERM ends it, the daemons run on");
  run->add_option("--home", options.home, "state folder (default: HEADPOND_HOME, see docs)");
  run->add_option("--program", options.program, "the headpond binary (default: beside this one)");
  run->add_flag("--exit-when-empty", options.exit_when_empty, "end when the last cluster is gone");
  run->add_option("--api-port", options.api_port,
                  "port on 127.0.0.1 of the Kubernetes API that it serves (default: any free one)");
  run->add_option("--kubeconfig", options.kubeconfig,
                  "take clusters from the API server that this file names, instead of serving one");
  run->add_option("--context", options.context, "its context (default: the current one)")
      ->needs("--kubeconfig");
  run->add_flag("--in-cluster", options.in_cluster,
                "take clusters from the API server of the pod's Kubernetes")
      ->excludes("--kubeconfig");
  run->add_option("--namespace", options.name_space,
                  "whose clusters, with --kubeconfig or --in-cluster (default: all)");
  run->add_option("--monitor-port", options.monitor_port,
                  "serve /healthz, /readyz and /metrics on this port (default: don't)");
  run->add_option("--monitor-host", options.monitor_host, "at this address (default: 127.0.0.1)")
      ->needs("--monitor-port");
  CLI::App* const api = app.add_subcommand(
      "api", "only serve the Kubernetes API in the foreground, for operators elsewhere");
  api->add_option("--home", options.home, "state folder (default: HEADPOND_HOME, see docs)");
  api->add_option("--api-port", options.api_port, "its port on 127.0.0.1 (default: any free one)");
  CLI::App* const objects = app.add_subcommand(
      "objects", "print the stored clusters as JSON, while no operator runs that would tell them");
  objects->add_option("--home", options.home, "state folder (default: HEADPOND_HOME, see docs)");
  CLI::App* const reference = app.add_subcommand("reference", "print docs/reference/crds.md");
  CLI::App* const crds = app.add_subcommand(
      "crds", "print the CustomResourceDefinitions of all kinds, for kubectl apply -f -");
  std::string folder;
  crds->add_option("--output", folder, "write one file for each into this folder instead");
  CLI::App* const values_schema =
      app.add_subcommand("values-schema", "print charts/headpond/values.schema.json");
  CLI::App* const plan = app.add_subcommand(
      "plan", "print what would be done about a file of clusters: see plan --help");
  plan->prefix_command();
  plan->set_help_flag();
  CLI11_PARSE(app, argc, argv);
  if (plan->parsed()) return headpond::operator_cli::PlanMain(plan->remaining());
  if (reference->parsed()) {
    fmt::print("{}", headpond::api::CrdReferencePage());
    return 0;
  }
  if (values_schema->parsed()) {
    fmt::print("{}", headpond::operator_cli::StockValuesSchema());
    return 0;
  }
  if (crds->parsed()) return PrintCrds(folder);
  Status done = Complete(options);
  if (done.ok()) done = objects->parsed() ? PrintObjects(options) : Serve(options, api->parsed());
  if (!done.ok()) fmt::print(stderr, "headpond-operator: {}\n", done.message());
  return done.ok() ? 0 : 1;
}
