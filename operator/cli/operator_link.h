#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "operator/controller/file_store.h"

namespace headpond::operator_cli {

// How the commands reach the operator of one home folder: the objects they write, and its lock. Not
// thread safe.
class OperatorLink {
 public:
  // From the process' environment: HEADPOND_HOME and the like, HEADPOND_OPERATOR (the
  // headpond-operator binary) and HEADPOND_PROGRAM (the headpond binary); the binaries default to
  // those beside this one. Errors: FailedPrecondition when there is no usable home.
  static Result<OperatorLink> FromEnvironment();

  controller::FileStore& store() { return store_; }

  bool IsRunning();
  // Starts the operator when none runs, and returns when it does. Unavailable, with the last lines
  // of its log, when it doesn't come up.
  Status EnsureRunning();
  // Returns when no operator runs any more, or after `timeout`.
  void WaitForEnd(std::chrono::milliseconds timeout) const;

  // Calls `done` now and after each change of objects or statuses, until it returns true; false at
  // the deadline. An operator that died meanwhile is started again.
  Result<bool> WaitUntil(std::chrono::steady_clock::time_point deadline,
                         const std::function<Result<bool>()>& done);

 private:
  OperatorLink(std::string home, std::map<std::string, std::string> environment,
               std::string operator_program, std::string program);

  std::map<std::string, std::string> environment_;
  std::string operator_program_;
  std::string program_;
  controller::FileStore store_;
};

}  // namespace headpond::operator_cli
