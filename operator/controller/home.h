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
//   objects/<namespace>.<name>.json   what users asked for (written by `headpond up` and `down`)
//   status/<namespace>.<name>.json    what is (written by the operator)
//   retained/<namespace>.<name>.json  deleted clusters whose data was kept
//   clusters/<namespace>/<name>/      configuration, logs and data (see ProcessRuntime)
//   operator.lock                     held by the running operator
//   operator.log                      its log
//   store.lock                        held for the moment of a change
//
// $HEADPOND_HOME, else $XDG_STATE_HOME/headpond, else $HOME/.local/state/headpond.
// FailedPrecondition when none of the variables is set, or the result isn't absolute or has a comma
// (which separates folders in properties).
Result<std::string> HomePath(const std::map<std::string, std::string>& environment);

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
