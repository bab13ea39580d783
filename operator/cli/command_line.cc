#include "operator/cli/command_line.h"

#include <CLI/CLI.hpp>

#include "base/units.h"

namespace headpond::operator_cli {
namespace {

constexpr int kMaxPortBase = 65000;

// CLI11 reads from the back of its vector.
template <typename Arguments>
Parsed<Arguments> Read(CLI::App& app, Arguments& arguments, std::span<const std::string> words) {
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& e) {
    return {std::nullopt, app.exit(e) == 0 ? 0 : 1};
  }
  return {std::move(arguments), 0};
}

void AddTimeout(CLI::App& app, std::chrono::milliseconds& timeout) {
  app.add_option_function<std::string>(
         "--timeout",
         [&timeout](const std::string& text) {
           const auto value = ParseDuration(text);
           if (!value.ok() || value->count() <= 0)
             throw CLI::ValidationError("--timeout",
                                        "'" + text + "' is not a time; write e.g. 90s");
           timeout = *value;
         },
         "how long to wait (default 60s)")
      ->type_name("TIME");
}

void AddFile(CLI::App& app, UpArguments& arguments) {
  app.add_option("-f,--file", arguments.file,
                 "a YAML file with CacheClusters; - reads standard input")
      ->required();
}

void AddPortBase(CLI::App& app, UpArguments& arguments) {
  app.add_option("--port-base", arguments.port_base,
                 "use ports N (master), N+1 (its web), N+2 (worker), N+3 (its web), N+4 (what "
                 "several masters keep their journal over) instead of the file's; the n-th more "
                 "daemon of a role adds 10 n")
      ->check(CLI::Range(1, kMaxPortBase));
}

CLI::Option* AddOutput(CLI::App& app, std::string& output, const char* help) {
  return app.add_option("-o,--output", output, help)->check(CLI::IsMember({"json", "yaml"}));
}

constexpr const char* kDryRun =
    "what would be done about the file and what runs, and why; nothing is changed. Exit code: 0 "
    "nothing, 2 something, 1 the file is refused or it can't be told";

void AddNamespace(CLI::App& app, std::string& name_space) {
  app.add_option("-n,--namespace", name_space, "namespace of the clusters")->default_val("default");
}

}  // namespace

Parsed<UpArguments> ParseUp(std::span<const std::string> words) {
  UpArguments arguments;
  CLI::App app("Creates or changes clusters, and starts the operator when none runs.",
               "headpond up");
  AddFile(app, arguments);
  app.add_flag("--wait", arguments.wait, "return when the clusters are ready as described");
  AddTimeout(app, arguments.timeout);
  AddPortBase(app, arguments);
  CLI::Option* const dry_run = app.add_flag("--dry-run", arguments.dry_run, kDryRun);
  AddOutput(app, arguments.output, "of --dry-run: json or yaml instead of a table")->needs(dry_run);
  return Read(app, arguments, words);
}

Parsed<UpArguments> ParsePlan(std::span<const std::string> words) {
  UpArguments arguments{.dry_run = true};
  CLI::App app(std::string("Prints a plan: ") + kDryRun, "headpond-operator plan");
  AddFile(app, arguments);
  AddPortBase(app, arguments);
  AddOutput(app, arguments.output, "json or yaml instead of a table");
  return Read(app, arguments, words);
}

Parsed<DownArguments> ParseDown(std::span<const std::string> words) {
  DownArguments arguments;
  CLI::App app("Stops clusters. Their data stays unless --delete-data is given.", "headpond down");
  app.add_option("name", arguments.names, "clusters; may be left out when there is only one");
  AddNamespace(app, arguments.name_space);
  app.add_flag("--all", arguments.all, "all clusters of the namespace");
  app.add_flag("--delete-data", arguments.delete_data,
               "also delete journals and cached data (never the under-store)");
  app.add_flag("!--no-wait", arguments.wait, "return at once");
  AddTimeout(app, arguments.timeout);
  return Read(app, arguments, words);
}

Parsed<StatusArguments> ParseStatusCommand(std::span<const std::string> words) {
  StatusArguments arguments;
  CLI::App app("Shows clusters.", "headpond status");
  app.add_option("name", arguments.names, "clusters (default: all)");
  AddNamespace(app, arguments.name_space);
  app.add_option("-o,--output", arguments.output, "json or yaml")
      ->check(CLI::IsMember({"json", "yaml"}));
  return Read(app, arguments, words);
}

Parsed<ConvertArguments> ParseConvert(std::span<const std::string> words) {
  constexpr int kMaxWorkers = 64;
  ConvertArguments arguments;
  ConvertOptions& options = arguments.options;
  CLI::App app(
      "Prints the CacheCluster that does what a values.yaml of the stock 2.9 chart asks for. What "
      "a\n"
      "CacheCluster has no place for is listed on standard error, with its key and the reason.",
      "headpond convert");
  app.add_option("file", arguments.file, "the values; - reads standard input")->required();
  app.add_option("--name", options.name,
                 "name of the cluster (default: fullnameOverride, nameOverride or alluxio)");
  app.add_option("-n,--namespace", options.name_space, "namespace of the cluster");
  app.add_option("--workers", options.workers,
                 "number of workers, of which the stock chart has one on each node (default 1)")
      ->check(CLI::Range(1, kMaxWorkers));
  app.add_option("--under-store", options.under_store,
                 "URI of the under-store (default: alluxio.master.mount.table.root.ufs)");
  app.add_option("--under-store-claim", options.under_store_claim,
                 "PersistentVolumeClaim that the under-store's folder is in");
  app.add_flag("--strict", arguments.strict, "exit code 1 when something was listed");
  app.footer(
      "Examples:\n"
      "  headpond convert values.yaml --workers 3 | kubectl apply -n pond -f -\n"
      "  helm get values --all alluxio -o yaml | headpond convert - --under-store-claim lake\n"
      "  headpond convert values.yaml --strict > cluster.yaml || echo 'something is lost'");
  return Read(app, arguments, words);
}

}  // namespace headpond::operator_cli
