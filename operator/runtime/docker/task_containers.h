#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "operator/runtime/docker/engine.h"
#include "operator/runtime/docker/event_watch.h"
#include "operator/runtime/docker/image_fetcher.h"
#include "operator/runtime/task_runtime.h"

namespace headpond::runtime {

// Runs tasks as containers of a Docker Engine. A task's containers are known by its uid in their
// labels alone; they run on while the operator or the engine is away, and the engine keeps their
// exit codes.
class DockerTaskRuntime final : public TaskRuntime {
 public:
  struct Options {
    Endpoint endpoint;
    std::string home;                                // for files of Secrets: <home>/tasks/<uid>/
    std::map<std::string, std::string> environment;  // leads to logins to registries
  };
  // `clock` outlives the runtime.
  DockerTaskRuntime(Options options, const Clock& clock);
  ~DockerTaskRuntime() override;

  Result<plan::ObservedTask> Observe(const TaskRef& task, const std::string& image) override;
  Status Fetch(const TaskRef& task, const api::ContainerTemplate& container) override;
  Status Create(const TaskRef& task, const plan::TaskAttempt& of,
                const TaskContainer& container) override;
  Status Start(const std::string& container_id) override;
  Status Stop(const std::string& container_id) override;
  Status Kill(const std::string& container_id) override;
  Status Remove(const std::string& container_id) override;
  Status CleanUp(const TaskRef& task) override;
  Result<std::string> LogTail(const std::string& container_id, size_t max_bytes) override;
  std::string Node() const override;
  void OnChange(std::function<void()> changed) override;

 private:
  // Whether the engine may make this at all: root, folders of the host.
  Status CheckAllowed(const api::ContainerTemplate& container);
  Status WriteSecrets(const TaskRef& task, const TaskContainer& container);
  std::string SecretsDir(const TaskRef& task) const;

  const Options options_;
  const Clock& clock_;
  Engine engine_;
  std::function<void()> changed_ = [] {};
  std::set<std::string> asked_to_stop_;    // ids; what an operator before us asked is asked again
  std::unique_ptr<ImageFetcher> fetcher_;  // from the first image on
  std::unique_ptr<EventWatch> events_;     // from the first look on: an idle operator asks nobody
};

}  // namespace headpond::runtime
