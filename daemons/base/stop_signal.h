#pragma once

namespace headpond {

// The way a daemon is told to stop: SIGTERM or SIGINT. Construct it in main before any thread
// starts, so that all threads inherit the blocked signals and only Wait sees them. SIGPIPE is
// ignored from then on.
class StopSignal {
 public:
  StopSignal();
  // Blocks until a stop signal arrives; returns its number.
  int Wait();
  // Makes Wait return with SIGTERM. Any thread.
  static void Request();
};

}  // namespace headpond
