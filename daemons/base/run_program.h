#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace headpond {

struct ProgramCall {
  std::string program;  // absolute; no shell is involved
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::string input;  // small enough for a socket's buffer
  std::chrono::milliseconds deadline{15'000};
  size_t max_output_bytes = 64 << 10;
};

struct ProgramOutcome {
  bool succeeded = false;  // exit code 0
  std::string output;      // standard output; standard error is dropped
};

// Runs a program to its end. Blocks until then, at most for the deadline; then it is killed with
// all that it started. Errors: DeadlineExceeded, ResourceExhausted (it says too much), others from
// the system.
Result<ProgramOutcome> RunProgram(const ProgramCall& call);

}  // namespace headpond
