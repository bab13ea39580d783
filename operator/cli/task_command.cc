#include "operator/cli/task_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/units.h"
#include "io/env.h"
#include "operator/api/field_table.h"
#include "operator/api/yaml.h"
#include "operator/controller/home.h"
#include "operator/kube/client.h"
#include "operator/kube/rest_config.h"
#include "operator/runtime/docker/endpoint.h"
#include "operator/runtime/docker/engine.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

const kube::Resource kTasks{"headpond.dev", "v1alpha1", "containertasks"};
constexpr int kMaxExitCode = 255;

constexpr const char* kExamples = R"(
Examples:
  headpond task run hello --image debian:bookworm-slim --wait -- echo hello
  headpond task run gen --image jre:17 -v /opt/hadoop:/opt/hadoop:ro --retries 2 --deadline 1h \
      -- /opt/hadoop/bin/teragen 1000 alluxio://localhost:19998/gen
  headpond task list
  headpond task logs -f gen
  headpond task cancel gen
)";

struct Arguments {
  std::string name, name_space = "default", output;
  // run
  std::string image, definition, user, network, pull_policy, working_dir;
  std::vector<std::string> volumes, env, command;
  int retries = 0;
  milliseconds deadline{0};
  std::optional<milliseconds> ttl;
  bool suspend = false, wait = false;
  // logs
  bool follow = false;
  int tail = -1;
  // cancel
  bool remove = false;
};

const json& At(const json& object, const char* first, const char* second) {
  static const json null;
  const auto found = object.find(first);
  if (found == object.end() || !found->is_object()) return null;
  const auto inner = found->find(second);
  return inner == found->end() ? null : *inner;
}

std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

bool IsOver(const json& task) {
  const auto status = task.find("status");
  return status != task.end() && status->is_object() && status->contains("finishedAt");
}

// The tasks of one API server.
class Tasks {
 public:
  static Result<Tasks> Connect(const std::string& name_space) {
    const auto environment = controller::ProcessEnvironment();
    const auto named = environment.find("KUBECONFIG");
    std::string path = named == environment.end() ? "" : named->second;
    if (path.empty()) {
      ASSIGN_OR_RETURN(const std::string home, controller::HomePath(environment));
      path = home + "/api/kubeconfig";
    }
    auto config = kube::LoadKubeconfig(io::Env::Posix(), path, "");
    if (!config.ok())
      return Status(config.status().code(),
                    fmt::format("{}; tasks need an API: `headpond-operator run` serves one, "
                                "KUBECONFIG names another",
                                config.status().message()));
    return Tasks(*std::move(config), name_space);
  }

  kube::ObjectName NameOf(const std::string& name) const { return {name_space_, name}; }
  kube::Client& client() { return *client_; }

  Result<json> Get(const std::string& name) {
    auto task = client_->Get(kTasks, NameOf(name));
    if (task.status().code() == Code::kNotFound)
      return NotFound("there is no task {} in namespace {}", name, name_space_);
    return task;
  }

  Result<std::vector<json>> List() {
    const auto source = client_->Source(kTasks, name_space_);
    std::vector<json> tasks;
    std::string next;
    do {
      ASSIGN_OR_RETURN(const kube::ListPage page, source->List(next));
      for (const kube::Object& task : page.items) tasks.push_back(*task);
      next = page.next;
    } while (!next.empty());
    return tasks;
  }

  // The task when `done` holds of it; every change of a task is looked at.
  Result<json> WaitUntil(const std::string& name, const std::function<bool(const json&)>& done) {
    constexpr std::chrono::seconds kLookAgain(60);
    while (true) {
      ASSIGN_OR_RETURN(json task, Get(name));
      if (done(task)) return task;
      const Status watched = client_->Source(kTasks, name_space_)
                                 ->Watch(
                                     kube::VersionOf(task), kLookAgain,
                                     [](std::string_view) { return Cancelled("there is news"); },
                                     [] { return false; });
      const bool news =
          watched.ok() || watched.code() == Code::kCancelled || watched.code() == Code::kOutOfRange;
      if (!news) return watched;
    }
  }

 private:
  Tasks(kube::RestConfig config, std::string name_space)
      : client_(std::make_unique<kube::Client>(std::move(config), Clock::System())),
        name_space_(std::move(name_space)) {}

  std::unique_ptr<kube::Client> client_;
  std::string name_space_;
};

void Print(const json& object, const std::string& format) {
  fmt::print("{}\n", format == "json" ? object.dump(2) : api::ToYaml(object));
}

Result<int> ListTasks(const Arguments& arguments) {
  ASSIGN_OR_RETURN(Tasks tasks, Tasks::Connect(arguments.name_space));
  ASSIGN_OR_RETURN(const std::vector<json> list, tasks.List());
  if (!arguments.output.empty()) {
    Print({{"apiVersion", "v1"}, {"kind", "List"}, {"items", list}}, arguments.output);
    return 0;
  }
  if (list.empty()) {
    fmt::print("there are no tasks in namespace {}\n", arguments.name_space);
    return 0;
  }
  fmt::print("{:<24} {:<11} {:<12} {:<5} {:<20} {}\n", "NAME", "PHASE", "COMPLETIONS", "EXIT",
             "STARTED", "MESSAGE");
  for (const json& task : list)
    fmt::print("{:<24} {:<11} {:<12} {:<5} {:<20} {}\n", Text(At(task, "metadata", "name")),
               Text(At(task, "status", "phase")), Text(At(task, "status", "completions")),
               Text(At(task, "status", "exitCode")), Text(At(task, "status", "startedAt")),
               Text(At(task, "status", "message")));
  return 0;
}

// "/host:/path" or "/host:/path:ro"; a name before the colon is a volume.
Result<json> MountOf(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    return InvalidArgument("--volume {}: write FOLDER:PATH[:ro] or VOLUME:PATH[:ro]", text);
  std::string path = text.substr(colon + 1);
  const bool read_only = path.ends_with(":ro");
  if (read_only) path.resize(path.size() - 3);
  const std::string source = text.substr(0, colon);
  return json{{"path", path},
              {source.starts_with('/') ? "hostPath" : "volume", source},
              {"readOnly", read_only}};
}

Result<json> ManifestOf(const Arguments& arguments) {
  json container = json::object();
  const auto set = [&](const char* field, const std::string& value) {
    if (!value.empty()) container[field] = value;
  };
  set("image", arguments.image);
  set("user", arguments.user);
  set("imagePullPolicy", arguments.pull_policy);
  set("workingDir", arguments.working_dir);
  if (!arguments.network.empty()) {
    const bool mode =
        arguments.network == "host" || arguments.network == "none" || arguments.network == "bridge";
    container["network"]["mode"] = mode ? arguments.network : "bridge";
    if (!mode) container["network"]["name"] = arguments.network;
  }
  for (const std::string& volume : arguments.volumes) {
    ASSIGN_OR_RETURN(json mount, MountOf(volume));
    container["mounts"].push_back(std::move(mount));
  }
  for (const std::string& variable : arguments.env) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0)
      return InvalidArgument("--env {}: write NAME=VALUE", variable);
    container["env"].push_back(
        {{"name", variable.substr(0, equals)}, {"value", variable.substr(equals + 1)}});
  }
  constexpr int64_t kSecond = 1000;
  json spec = {{"backoffLimit", arguments.retries},
               {"suspend", arguments.suspend},
               {"container", std::move(container)}};
  if (!arguments.definition.empty()) spec["definitionRef"]["name"] = arguments.definition;
  if (!arguments.command.empty()) spec["command"] = arguments.command;
  if (arguments.deadline.count() > 0)
    spec["activeDeadlineSeconds"] = std::max<int64_t>(arguments.deadline.count() / kSecond, 1);
  if (arguments.ttl) spec["ttlSecondsAfterFinished"] = arguments.ttl->count() / kSecond;
  return json{{"apiVersion", api::kApiVersion},
              {"kind", "ContainerTask"},
              {"metadata", {{"name", arguments.name}, {"namespace", arguments.name_space}}},
              {"spec", std::move(spec)}};
}

// What a container prints, to our own two streams.
Status CopyOutput(const std::string& container_id, int tail, bool follow) {
  ASSIGN_OR_RETURN(runtime::Endpoint endpoint,
                   runtime::EndpointFrom(controller::ProcessEnvironment()));
  runtime::Engine engine(std::move(endpoint));
  return engine.ReadOutput(container_id, {.tail_lines = tail, .follow = follow},
                           [](bool is_error, std::string_view text) {
                             std::FILE* const out = is_error ? stderr : stdout;
                             std::fwrite(text.data(), 1, text.size(), out);
                             return std::fflush(out) == 0;
                           });
}

Status ShowOutput(Tasks& tasks, const Arguments& arguments, bool follow) {
  std::string shown;
  while (true) {
    // The next try's container, if there is or will be one.
    ASSIGN_OR_RETURN(const json task, tasks.WaitUntil(arguments.name, [&](const json& now) {
      const std::string id = Text(At(now, "status", "containerId"));
      const bool begun = At(now, "status", "startedAt").is_string();
      return !follow || IsOver(now) || (begun && !id.empty() && id != shown);
    }));
    const std::string id = Text(At(task, "status", "containerId"));
    if (id.empty() || id == shown) {
      if (shown.empty() && id.empty())
        fmt::print(stderr, "task {} has printed nothing: {}\n", arguments.name,
                   Text(At(task, "status", "message")));
      return Status::Ok();
    }
    shown = id;
    const Status copied = CopyOutput(id, arguments.tail, follow);
    if (!copied.ok()) {
      fmt::print(stderr, "warning: {}; this is the end as the task's status keeps it\n",
                 copied.message());
      fmt::print("{}", Text(At(task, "status", "logTail")));
      return Status::Ok();
    }
    if (!follow) return Status::Ok();
  }
}

Result<int> WaitForTheEnd(Tasks& tasks, const Arguments& arguments) {
  RETURN_IF_ERROR(ShowOutput(tasks, arguments, /*follow=*/true));
  ASSIGN_OR_RETURN(const json task, tasks.WaitUntil(arguments.name, IsOver));
  const std::string phase = Text(At(task, "status", "phase"));
  if (phase == "Complete") return 0;
  fmt::print(stderr, "task {} has ended as {}: {}\n", arguments.name, phase,
             Text(At(task, "status", "message")));
  const json& code = At(task, "status", "exitCode");
  const int exit_code = code.is_number_integer() ? code.get<int>() : 0;
  return exit_code > 0 && exit_code <= kMaxExitCode ? exit_code : 1;
}

Result<int> RunTask(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const json manifest, ManifestOf(arguments));
  ASSIGN_OR_RETURN(Tasks tasks, Tasks::Connect(arguments.name_space));
  const auto made = tasks.client().Create(kTasks, manifest);
  // 409, which is somebody else's change for all other calls.
  if (made.status().code() == Code::kAborted || made.status().code() == Code::kAlreadyExists)
    return AlreadyExists("task {} is there already; `headpond task cancel --delete {}` removes it",
                         arguments.name, arguments.name);
  RETURN_IF_ERROR(made.status());
  if (!arguments.output.empty())
    Print(*made, arguments.output);
  else
    fmt::print(stderr, "task {} is created\n", arguments.name);
  if (!arguments.wait) return 0;
  return WaitForTheEnd(tasks, arguments);
}

Result<int> ShowLogs(const Arguments& arguments) {
  ASSIGN_OR_RETURN(Tasks tasks, Tasks::Connect(arguments.name_space));
  RETURN_IF_ERROR(ShowOutput(tasks, arguments, arguments.follow));
  return 0;
}

Result<int> CancelTask(const Arguments& arguments) {
  ASSIGN_OR_RETURN(Tasks tasks, Tasks::Connect(arguments.name_space));
  ASSIGN_OR_RETURN(const json task, tasks.Get(arguments.name));
  if (arguments.remove) {
    RETURN_IF_ERROR(tasks.client().Delete(kTasks, tasks.NameOf(arguments.name),
                                          Text(At(task, "metadata", "uid"))));
    fmt::print(stderr, "task {} is being deleted\n", arguments.name);
    return 0;
  }
  if (IsOver(task))
    return FailedPrecondition("task {} has ended already, as {}", arguments.name,
                              Text(At(task, "status", "phase")));
  const json patch = {{{"op", "add"}, {"path", "/spec/active"}, {"value", false}}};
  RETURN_IF_ERROR(tasks.client().JsonPatch(kTasks, tasks.NameOf(arguments.name), patch).status());
  fmt::print(stderr, "task {} is cancelled; its containers stay until it is deleted\n",
             arguments.name);
  return 0;
}

// --- the command line

void AddName(CLI::App& command, Arguments& arguments) {
  command.add_option("name", arguments.name, "the task")->required();
}

void AddOutput(CLI::App& command, Arguments& arguments) {
  command.add_option("-o,--output", arguments.output, "json or yaml")
      ->check(CLI::IsMember({"json", "yaml"}));
}

CLI::Option* AddTime(CLI::App& command, const char* name, const char* help,
                     std::function<void(milliseconds)> set) {
  return command
      .add_option_function<std::string>(
          name,
          [name, set = std::move(set)](const std::string& text) {
            const auto value = ParseDuration(text);
            if (!value.ok() || value->count() < 0)
              throw CLI::ValidationError(name, "'" + text + "' is not a time; write e.g. 90s");
            set(*value);
          },
          help)
      ->type_name("TIME");
}

void AddRun(CLI::App& run, Arguments& arguments) {
  AddName(run, arguments);
  run.add_option("command", arguments.command, "the program and its arguments, after --");
  run.add_option("--image", arguments.image, "the image; needed without --definition");
  run.add_option("--definition", arguments.definition, "the ContainerDefinition to build on");
  run.add_option("-v,--volume", arguments.volumes, "FOLDER:PATH[:ro] or VOLUME:PATH[:ro]")
      ->expected(1)
      ->take_all();
  run.add_option("-e,--env", arguments.env, "NAME=VALUE; visible to who may inspect containers")
      ->expected(1)
      ->take_all();
  run.add_option("--user", arguments.user, "uid[:gid] (default 1000:1000)");
  run.add_option("--network", arguments.network, "host (default), bridge, none or a network");
  run.add_option("--pull", arguments.pull_policy, "Always, IfNotPresent (default) or Never")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  run.add_option("-w,--workdir", arguments.working_dir, "the folder that the command starts in");
  run.add_option("--retries", arguments.retries, "how often a failure is tried again (default 0)");
  AddTime(run, "--deadline", "how long it may run, pulls not counted",
          [&](milliseconds time) { arguments.deadline = time; });
  AddTime(run, "--ttl", "delete it this long after its end",
          [&](milliseconds time) { arguments.ttl = time; });
  run.add_flag("--suspend", arguments.suspend, "create the container and start it later");
  run.add_flag("--wait", arguments.wait,
               "show its output and return its exit code when it has ended");
  AddOutput(run, arguments);
}

}  // namespace

int TaskMain(std::span<const std::string> words) {
  Arguments arguments;
  CLI::App app("Runs user work in containers beside the cache.", "headpond task");
  app.require_subcommand(1);
  app.footer(kExamples);
  CLI::App& list = *app.add_subcommand("list", "show tasks");
  CLI::App& run = *app.add_subcommand("run", "create a task");
  CLI::App& logs = *app.add_subcommand("logs", "show what a task prints");
  CLI::App& cancel = *app.add_subcommand("cancel", "end a task; its exit code and logs stay");
  for (CLI::App* const command : {&list, &run, &logs, &cancel})
    command->add_option("-n,--namespace", arguments.name_space, "the tasks' namespace")
        ->default_val("default");
  AddOutput(list, arguments);
  AddRun(run, arguments);
  AddName(logs, arguments);
  logs.add_flag("-f,--follow", arguments.follow, "until the task has ended, new tries included");
  logs.add_option("--tail", arguments.tail, "only the last N lines");
  AddName(cancel, arguments);
  cancel.add_flag("--delete", arguments.remove, "delete it with its containers");
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 1;
  }
  const Result<int> done = list.parsed()   ? ListTasks(arguments)
                           : run.parsed()  ? RunTask(arguments)
                           : logs.parsed() ? ShowLogs(arguments)
                                           : CancelTask(arguments);
  if (!done.ok()) fmt::print(stderr, "headpond task: {}\n", done.status().message());
  return done.ok() ? *done : 1;
}

}  // namespace headpond::operator_cli
