#include "base/daemon.h"

#include <unistd.h>

#include <climits>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/log.h"
#include "base/stop_signal.h"

extern char** environ;

namespace headpond {
namespace {

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (const size_t equals = text.find('='); equals != std::string_view::npos)
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

void StartLogging(const std::string& role, const Config& config) {
  const std::string folder = config.GetString("alluxio.logs.dir");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const bool writable = !error && access(folder.c_str(), W_OK) == 0;
  InitLogging(config.GetBool("alluxio.debug") ? LogLevel::kDebug : LogLevel::kInfo,
              writable ? folder + "/" + role + ".log" : "");
  if (!writable)
    LogWarn(role, "alluxio.logs.dir={} can't be written; logging to stderr only", folder);
}

int Fail(const std::string& role, const Status& status) {
  fmt::print(stderr, "headpond {}: {}\n", role, status.message());
  return 1;
}

}  // namespace

int RunDaemon(const std::string& role, std::span<const std::string> arguments,
              const std::function<Result<std::unique_ptr<Daemon>>(const Config&)>& make) {
  StopSignal stop;
  const auto config = Config::Load({.role = role,
                                    .environment = Environment(),
                                    .arguments = {arguments.begin(), arguments.end()}});
  if (!config.ok()) return Fail(role, config.status());
  StartLogging(role, *config);
  for (const std::string& warning : config->warnings()) LogWarn("config", "{}", warning);

  auto daemon = make(*config);
  if (!daemon.ok()) return Fail(role, daemon.status());
  if (const Status started = (*daemon)->Start(); !started.ok()) return Fail(role, started);
  const int signal_number = stop.Wait();
  const Status failure = (*daemon)->failure();
  LogInfo(role, "stopping ({})",
          failure.ok() ? fmt::format("signal {}", signal_number) : failure.ToString());
  (*daemon)->Stop();
  LogInfo(role, "stopped");
  return failure.ok() ? 0 : Fail(role, failure);
}

std::string LocalHostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

}  // namespace headpond
