#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/config.h"
#include "base/result.h"

namespace headpond {

// A server process as its entry point sees it. Used by one thread.
class Daemon {
 public:
  virtual ~Daemon() = default;
  virtual Status Start() = 0;
  // Clean and within five seconds. Idempotent.
  virtual void Stop() = 0;
  // Why it asked to be stopped (StopSignal::Request) by itself; OK when it did not.
  virtual Status failure() const = 0;
};

// What every role's main does: block the stop signals, load the configuration (site file,
// environment, -D options), start logging to stderr and to <alluxio.logs.dir>/<role>.log (when that
// folder can be written), make the daemon, start it, wait, stop it. Returns the exit code: 0 after
// a clean stop, 1 with one clear line on stderr when it could not start or failed later. `role` is
// Config::LoadOptions::role.
int RunDaemon(const std::string& role, std::span<const std::string> arguments,
              const std::function<Result<std::unique_ptr<Daemon>>(const Config&)>& make);

// The machine's host name; "localhost" if it has none.
std::string LocalHostName();

}  // namespace headpond
