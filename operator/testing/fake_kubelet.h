#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "operator/apiserver/listeners.h"
#include "operator/apiserver/testing/scripted_faults.h"
#include "testing/temp_directory.h"

namespace headpond::testing_operator {

// The StatefulSet controller and the kubelet of a Kubernetes cluster whose API is `api`, as far as
// pods of one replica need them: a pod comes and goes with its StatefulSet, is made from the
// template as it is then, takes its time to end, and says of its container what a kubelet says.
// Claims are bound at once, and all pods have this machine's address. FAKE_DAEMON in a container's
// environment makes it misbehave as fake_daemon.cc does (refuse, ignore-sigterm, deaf). A container
// that ended waits to be started again for longer than a test lasts: back-off.
class FakeKubelet {
 public:
  explicit FakeKubelet(apiserver::EmbeddedApi& api);
  ~FakeKubelet();

  // The container of the pod in namespace "default" is killed by somebody.
  void Kill(const std::string& pod) EXCLUDES(mutex_);
  // Images that can't be had.
  void BreakImage(const std::string& image) EXCLUDES(mutex_);

 private:
  void Step() EXCLUDES(mutex_);
  void Control(const nlohmann::json& stateful_set);
  void MakePod(const nlohmann::json& stateful_set);
  void Run(const nlohmann::json& pod) EXCLUDES(mutex_);
  nlohmann::json StatusOf(const nlohmann::json& pod) EXCLUDES(mutex_);
  void End(const nlohmann::json& pod);
  // Answers are not looked at: what failed is tried again at the next step.
  void Ask(const std::string& method, const std::string& path, const std::string& body = "");

  apiserver::EmbeddedApi& api_;
  Mutex mutex_;
  std::set<std::string> killed_ GUARDED_BY(mutex_);  // pod uids
  std::set<std::string> broken_images_ GUARDED_BY(mutex_);
  std::unique_ptr<PeriodicTask> loop_;  // ends first
};

// A Kubernetes cluster that outlives operators: the API, with pods, StatefulSets, Services, claims,
// disruption budgets and network policies beside our own kinds, faults on demand, and a kubelet.
class FakeKubernetes {
 public:
  FakeKubernetes();
  ~FakeKubernetes();

  std::string socket_path() const { return api_->socket_path(); }
  apiserver::ScriptedFaults& faults() { return faults_; }
  FakeKubelet& kubelet() { return *kubelet_; }

  // A call of somebody else; patches are merge patches.
  nlohmann::json Ask(const std::string& method, const std::string& path,
                     const nlohmann::json& body);
  nlohmann::json Get(const std::string& path);
  // What there is of a kind, by name.
  std::vector<std::string> Names(const std::string& group, const std::string& resource);
  // Requests of operators that change something, but for events, which nothing hangs on.
  static bool IsOperatorsWrite(const http::Request& request);

 private:
  TempDirectory folder_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
  std::unique_ptr<FakeKubelet> kubelet_;  // ends first
};

}  // namespace headpond::testing_operator
