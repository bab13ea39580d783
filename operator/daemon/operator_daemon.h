#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "operator/plan/plan.h"

namespace headpond::operator_daemon {

struct Options {
  std::string home;
  std::string program;  // the headpond binary that daemons run
  std::map<std::string, std::string> environment;
  // Ends when the last cluster is gone. For an operator that `headpond up` started.
  bool exit_when_empty = false;
  plan::RestartPolicy restart_policy;
  // Without another API server we serve the Kubernetes API ourselves, from <home>/api (see
  // apiserver::EmbeddedApi), and take the clusters from it.
  int api_port = 0;  // 0: any free one
  // Takes the clusters from the API server that a kubeconfig names, or that of the pod we run in.
  // Of several such operators the one that holds the lease acts; the others wait.
  std::string kubeconfig;
  std::string context;  // of the kubeconfig; empty: its current one
  bool in_cluster = false;
  std::string name_space;  // whose clusters; empty: all
  // Where monitors ask (see Monitor).
  std::string monitor_host = "127.0.0.1";
  std::optional<int> monitor_port;  // empty: nowhere; 0: any free one, which the log tells

  bool remote_api() const { return in_cluster || !kubeconfig.empty(); }
};

// The composition root of the operator: API, runtimes, controller and the loop that drives them.
// Returns after SIGTERM or SIGINT, or when there is nothing left to do; daemons then run on. Who
// loses the lease of an API server elsewhere competes for it anew. Call once, from the main thread,
// before other threads start. Errors: Unavailable when another operator has the same home.
Status Run(const Options& options);

// Only serves the API from <home>/api; operators elsewhere take the clusters from it. Otherwise as
// Run.
Status ServeApi(const Options& options);

// The stored objects of an operator that does not run, clusters and records of data, as a v1 List
// in JSON. Unavailable while one runs: its API tells.
Result<std::string> StoredObjects(const std::string& home);

}  // namespace headpond::operator_daemon
