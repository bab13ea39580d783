#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "io/env.h"
#include "operator/kube/client.h"

namespace headpond::operator_cli {

// How the commands reach the operator of one home folder: its API, and its end and beginning. Not
// thread safe.
class OperatorLink {
 public:
  // From the process' environment: HEADPOND_HOME and the like, HEADPOND_OPERATOR (the
  // headpond-operator binary) and HEADPOND_PROGRAM (the headpond binary); the binaries default to
  // those beside this one. Errors: FailedPrecondition when there is no usable home.
  static Result<OperatorLink> FromEnvironment();

  const std::string& home() const { return home_; }
  // What the operator inherits.
  const std::map<std::string, std::string>& environment() const { return environment_; }
  std::string kubeconfig() const;
  // Calls of the operator's API; Unavailable while none runs.
  kube::Client& api() { return *api_; }

  // While this is held, an operator that has nothing to do does not end. Waits for other commands.
  Result<std::unique_ptr<io::FileLock>> KeepOperator();
  bool IsRunning();
  // Starts the operator when none runs, and returns when its API answers. Unavailable, with the
  // last lines of its log, when it doesn't come up.
  Status EnsureRunning();
  // Returns when no operator runs any more, or after `timeout`.
  void WaitForEnd(std::chrono::milliseconds timeout) const;

  // A v1 List of what is stored while no operator runs: clusters and the records of their data.
  Result<nlohmann::json> StoredObjects();

  // Calls `done` now and whenever a cluster may have changed, until it returns true; false at the
  // deadline. An operator that died meanwhile is started again; Unavailable from `done` means that
  // it has to be asked again.
  Result<bool> WaitUntil(std::chrono::steady_clock::time_point deadline,
                         const std::function<Result<bool>()>& done);

 private:
  OperatorLink(std::string home, std::map<std::string, std::string> environment,
               std::string operator_program, std::string program);

  std::string home_;
  std::map<std::string, std::string> environment_;
  std::string operator_program_;
  std::string program_;
  std::unique_ptr<kube::Client> api_;
};

}  // namespace headpond::operator_cli
