#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace headpond::testing {

// A real `headpond` process, for tests that must kill one. It dies with its parent. Not thread
// safe.
class DaemonProcess {
 public:
  DaemonProcess() = default;
  ~DaemonProcess();  // Kill()
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // `arguments[0]` is the executable; output goes to the end of `log_path`.
  Status Start(const std::vector<std::string>& arguments, const std::string& log_path);
  // SIGKILL, then waits for the end. No-op when not running.
  void Kill();
  // SIGTERM, then waits; the exit code. DeadlineExceeded (and killed) when it takes longer.
  Result<int> Terminate(std::chrono::seconds within);
  bool running() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
};

// A TCP port of 127.0.0.1 that nobody uses now.
int FreePort();

}  // namespace headpond::testing
