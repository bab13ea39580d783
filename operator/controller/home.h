#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/env.h"

namespace headpond::controller {

// Where everything of one user's clusters is kept:
//
//   api/                          the operator's API: its objects, socket and kubeconfig (see
//                                 apiserver::EmbeddedApi)
//   clusters/<namespace>/<name>/  configuration, logs and data (see ProcessRuntime)
//   operator.lock                 held by the running operator
//   operator.log                  its log, when a command started it
//   change.lock                   held by commands while they need the operator
//
// $HEADPOND_HOME, else $XDG_STATE_HOME/headpond, else $HOME/.local/state/headpond.
// FailedPrecondition when none of the variables is set, or the result isn't absolute or has a comma
// (which separates folders in properties).
Result<std::string> HomePath(const std::map<std::string, std::string>& environment);

inline std::string OperatorLockPath(const std::string& home) {
  return home + "/operator.lock";
}
inline std::string OperatorLogPath(const std::string& home) {
  return home + "/operator.log";
}
inline std::string ChangeLockPath(const std::string& home) {
  return home + "/change.lock";
}
inline std::string ApiFolder(const std::string& home) {
  return home + "/api";
}

// The variables of this process.
std::map<std::string, std::string> ProcessEnvironment();

// Makes the folder if need be. FailedPrecondition when it belongs to another user; its permissions
// are reduced to the owner's, because it holds credentials.
Status EnsurePrivateDirectory(const std::string& path);

// Takes a file lock, waiting for its holder at most until `timeout`. Unavailable, naming the
// holder, after that.
Result<std::unique_ptr<io::FileLock>> LockWithin(const std::string& path,
                                                 std::chrono::milliseconds timeout);

}  // namespace headpond::controller
