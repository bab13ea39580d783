#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/runtime/process/process_identity.h"

namespace headpond::runtime {

struct LaunchRequest {
  std::string program;                     // absolute path
  std::vector<std::string> args;           // without the program's name
  std::map<std::string, std::string> env;  // all of it: nothing is inherited
  std::string directory;                   // working directory
  std::string output;                      // file that stdout and stderr are appended to
};

// Starts a process in a session and group of its own, so that neither the terminal's signals nor
// the operator's end reach it.
//
// The new process first waits while `record` runs, and gives up when the caller dies meanwhile. So
// every process that ever runs the program has been recorded: there is no moment at which a crash
// of the operator leaves an unknown daemon. Errors: those of `record` (the process then never ran),
// NotFound or others when the program can't be executed.
Result<ProcessIdentity> Launch(const LaunchRequest& request,
                               const std::function<Status(const ProcessIdentity&)>& record);

}  // namespace headpond::runtime
