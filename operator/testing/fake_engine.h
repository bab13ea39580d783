#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "http/http_server.h"
#include "operator/runtime/docker/endpoint.h"
#include "testing/temp_directory.h"

namespace headpond::testing_operator {

class FakeContainerProcess;

// A Docker Engine on a socket file, with its containers, volumes, networks and images in memory. It
// answers in the words of a real one of the chosen version and refuses what that would refuse. A
// container that "runs" listens on the ports of its command line on 127.0.0.1 and answers probes;
// FAKE_DAEMON in its environment makes it misbehave as fake_daemon.cc does (refuse,
// ignore-sigterm, deaf). Thread safe.
class FakeEngine {
 public:
  struct Options {
    std::string api_version = "1.41", min_api_version = "1.12";
    // What masters say of live workers, where a cluster's are on several engines; null: this
    // engine's own.
    std::shared_ptr<std::atomic<int>> live_workers = nullptr;
  };
  FakeEngine() : FakeEngine(Options()) {}
  explicit FakeEngine(Options options);
  ~FakeEngine();

  runtime::Endpoint endpoint() const;

  // dockerd goes away, its containers run on; and comes back.
  void GoAway();
  void ComeBack();

  // Calls that changed something, as "POST /containers/demo-master-0/start".
  std::vector<std::string> mutations() const EXCLUDES(mutex_);
  void ForgetMutations() EXCLUDES(mutex_);
  // The k-th changing call from now (1 is the next) takes effect, but its caller and all later ones
  // hear nothing but errors, as if they had died; until Revive.
  void DieAfter(int k) EXCLUDES(mutex_);
  bool is_dead() const EXCLUDES(mutex_);
  void Revive() EXCLUDES(mutex_);
  // Starts of containers with this image fail with the engine's error 500.
  void BreakImage(const std::string& image) EXCLUDES(mutex_);

  // Updates of containers to more fail with the engine's error 500.
  void RefuseMemoryAbove(int64_t bytes) EXCLUDES(mutex_);

  void AddImage(const std::string& reference) EXCLUDES(mutex_);
  // Found by pulls. `username` asks for credentials; empty: public.
  void AddToRegistry(const std::string& reference, const std::string& username = "")
      EXCLUDES(mutex_);
  // A folder of the host that may be mounted.
  void AddHostFolder(const std::string& path) EXCLUDES(mutex_);
  // A file in a volume (by name) or a folder of the host (by path).
  void WriteFile(const std::string& volume, const std::string& path) EXCLUDES(mutex_);
  bool HasFile(const std::string& volume, const std::string& path) const EXCLUDES(mutex_);
  // A container of somebody else.
  void AddForeignContainer(const std::string& name) EXCLUDES(mutex_);

  // A task's container, which otherwise runs until it is told to end, ends by itself.
  void Finish(const std::string& name, int exit_code) EXCLUDES(mutex_);
  bool IsRunning(const std::string& name) const EXCLUDES(mutex_);
  int StartsOf(const std::string& name) const EXCLUDES(mutex_);
  // As with userns-remap: root in containers is another user outside.
  void MapUsers() EXCLUDES(mutex_);

  // What somebody does with the docker command.
  void Kill(const std::string& name) EXCLUDES(mutex_);         // docker kill
  void ForceRemove(const std::string& name) EXCLUDES(mutex_);  // docker rm -f

  // By name.
  std::map<std::string, std::string> ContainerIds() const EXCLUDES(mutex_);
  // Names, sorted.
  std::vector<std::string> containers() const EXCLUDES(mutex_);
  std::vector<std::string> volumes() const EXCLUDES(mutex_);
  std::vector<std::string> networks() const EXCLUDES(mutex_);
  // The body a container was created with; null when there is none of the name.
  nlohmann::json CreateBody(const std::string& name) const EXCLUDES(mutex_);
  // Content of a file that was put into a container, found through its mounts; "" when missing.
  std::string FileIn(const std::string& container, const std::string& path) const EXCLUDES(mutex_);
  std::string LastRegistryAuth() const EXCLUDES(mutex_);

 private:
  using Files = std::map<std::string, std::string>;  // by path; folders end with '/'
  struct Container;
  struct Volume {
    nlohmann::json labels;
    Files files;
  };
  struct Network {
    std::string name;
    nlohmann::json labels;
  };

  http::Response Handle(const http::Request& request);
  http::Response Route(const http::Request& request, const std::string& path) REQUIRES(mutex_);
  http::Response RouteContainers(const http::Request& request, const std::string& path)
      REQUIRES(mutex_);
  http::Response RouteOneContainer(const http::Request& request, Container& container,
                                   const std::string& verb) REQUIRES(mutex_);
  http::Response RouteVolumes(const http::Request& request, const std::string& path)
      REQUIRES(mutex_);
  http::Response RouteNetworks(const http::Request& request, const std::string& path)
      REQUIRES(mutex_);
  http::Response RouteImages(const http::Request& request, const std::string& path)
      REQUIRES(mutex_);
  http::Response Events();

  http::Response Create(const http::Request& request) REQUIRES(mutex_);
  http::Response Update(const http::Request& request, Container& container) REQUIRES(mutex_);
  http::Response Start(Container& container) REQUIRES(mutex_);
  http::Response Signal(Container& container, const std::string& signal) REQUIRES(mutex_);
  http::Response Remove(const std::string& id) REQUIRES(mutex_);
  http::Response Archive(const http::Request& request, Container& container) REQUIRES(mutex_);
  http::Response Pull(const http::Request& request) REQUIRES(mutex_);
  nlohmann::json Inspect(const Container& container) const REQUIRES(mutex_);
  Container* Find(const std::string& id_or_name) const REQUIRES(mutex_);
  void End(Container& container, int exit_code) REQUIRES(mutex_);
  void Announce(const std::string& action, const Container& container) REQUIRES(mutex_);
  // The files behind `path` of a container, and the path in them.
  std::pair<Files*, std::string> Resolve(const Container& container, const std::string& path)
      REQUIRES(mutex_);

  const Options options_;
  const std::shared_ptr<std::atomic<int>> live_workers_;  // asked without mutex_
  TempDirectory directory_;
  std::unique_ptr<http::HttpServer> server_;
  mutable Mutex mutex_;
  CondVar announced_;
  std::map<std::string, std::unique_ptr<Container>> containers_ GUARDED_BY(mutex_);  // by id
  std::map<std::string, Volume> volumes_ GUARDED_BY(mutex_);
  std::map<std::string, Network> networks_ GUARDED_BY(mutex_);  // by id
  std::map<std::string, Files> host_folders_ GUARDED_BY(mutex_);
  std::set<std::string> images_ GUARDED_BY(mutex_), broken_images_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> registry_ GUARDED_BY(mutex_);  // user by reference
  std::string last_auth_ GUARDED_BY(mutex_);
  std::vector<std::string> events_ GUARDED_BY(mutex_);
  std::vector<std::string> mutations_ GUARDED_BY(mutex_);
  int64_t most_memory_ GUARDED_BY(mutex_) = INT64_MAX;
  int die_after_ GUARDED_BY(mutex_) = -1;
  bool maps_users_ GUARDED_BY(mutex_) = false;
  bool dead_ GUARDED_BY(mutex_) = false, away_ GUARDED_BY(mutex_) = false;
  int next_id_ GUARDED_BY(mutex_) = 1;
};

}  // namespace headpond::testing_operator
