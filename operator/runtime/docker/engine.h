#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/runtime/docker/engine_client.h"

namespace headpond::runtime {

using Labels = std::map<std::string, std::string>;

// A container as `inspect` shows it, as far as we look. Times are milliseconds since the epoch; 0:
// didn't happen.
struct ContainerInfo {
  std::string id;
  std::string name;  // without the slash
  Labels labels;
  std::string status;  // created, running, paused, restarting, removing, exited, dead
  int pid = 0;
  int exit_code = 0;
  bool out_of_memory = false;
  std::string error;  // why the last start failed
  int64_t started_at_ms = 0;
  int64_t finished_at_ms = 0;
  int64_t memory_bytes = 0;                      // its limit
  int64_t nano_cpus = 0;                         // the same
  int stop_timeout_s = 0;                        // what the container was created with
  std::map<std::string, std::string> addresses;  // by network

  bool is_running() const { return status == "running" || status == "paused"; }
};

// A volume or a network.
struct ResourceInfo {
  std::string id;  // a volume's is its name
  std::string name;
  Labels labels;
};

// The calls we make, with the engine's answers checked and turned into values. Errors: those of
// EngineClient. Not thread safe but for Cancel of its client.
class Engine {
 public:
  explicit Engine(Endpoint endpoint) : client_(std::move(endpoint)) {}

  EngineClient& client() { return client_; }

  // Those with all of `labels` ("key" or "key=value"), running or not.
  Result<std::vector<ContainerInfo>> ListContainers(const std::vector<std::string>& labels);
  // NotFound when there is none of exactly this name.
  Result<ContainerInfo> InspectByName(const std::string& name);
  Result<std::string> CreateContainer(const std::string& name, const nlohmann::json& body);
  Status StartContainer(const std::string& id);
  // Aborted when it doesn't run.
  Status Kill(const std::string& id, const char* signal);
  Status Unpause(const std::string& id);
  // POST /containers/ID/update: limits of one that may run.
  Status Update(const std::string& id, const nlohmann::json& body);
  Status Rename(const std::string& id, const std::string& name);
  // With its anonymous volumes; OK when it is gone already.
  Status RemoveContainer(const std::string& id);
  struct OutputOptions {
    int tail_lines = -1;  // -1: all
    bool follow = false;  // until it ends, or forever until Cancel
  };
  // What it prints. `sink` gets pieces as they come; false ends the call with OK.
  Status ReadOutput(const std::string& id, const OutputOptions& options,
                    const std::function<bool(bool is_error, std::string_view text)>& sink);
  // The last line of what it printed.
  Result<std::string> LastOutput(const std::string& id);

  // Unpacks a tar archive in folder `path` of a container, which need not run.
  Status PutArchive(const std::string& id, const std::string& path, std::string tar);
  // The first bytes, at most `limit`, of a tar archive of `path`. NotFound when it isn't there.
  Result<std::string> GetArchive(const std::string& id, const std::string& path, size_t limit);

  Result<ResourceInfo> InspectVolume(const std::string& name);
  Status CreateVolume(const std::string& name, const Labels& labels);
  Status RemoveVolume(const std::string& name);
  Result<std::vector<ResourceInfo>> ListVolumes(const std::vector<std::string>& labels);

  // NotFound when there is none of exactly this name.
  Result<ResourceInfo> InspectNetwork(const std::string& name);
  Status CreateNetwork(const std::string& name, const Labels& labels);
  Status RemoveNetwork(const std::string& id);
  Result<std::vector<ResourceInfo>> ListNetworks(const std::vector<std::string>& labels);

  // Whether root in a container is another user on the engine's host.
  Result<bool> MapsRoot();

  // The id of a local image; NotFound when it isn't there.
  Result<std::string> ImageId(const std::string& reference);

 private:
  Result<nlohmann::json> GetJson(EngineCall call);
  Result<ContainerInfo> Inspect(const std::string& id_or_name);

  EngineClient client_;
};

// {"label": [...]} as the value of a `filters` parameter.
std::string LabelFilter(const std::vector<std::string>& labels);

// Milliseconds since the epoch of "2026-01-02T03:04:05.123456789Z"; 0 for the year 1, which stands
// for never, and for what can't be read.
int64_t ParseEngineTime(std::string_view text);

}  // namespace headpond::runtime
