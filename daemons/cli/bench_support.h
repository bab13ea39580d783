#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/histogram.h"

namespace headpond::cli {

std::vector<Command> BenchMetaCommands();     // bench meta
std::vector<Command> BenchIoCommands();       // bench io
std::vector<Command> BenchHistoryCommands();  // bench history

// An option that is a number of at least 1. InvalidArgument names it.
Result<int64_t> PositiveOption(const Args& args, std::string_view key, int64_t other);
// An option that is a number of seconds above 0, such as "0.5".
Result<std::chrono::duration<double>> SecondsOption(const Args& args, std::string_view key,
                                                    double other);

// CPU seconds, user and system, that this process (or the one with `pid`) has used. 0 when it can't
// be told.
double OwnCpuSeconds();
double CpuSecondsOf(int64_t pid);

// What a phase of a benchmark came to.
struct Measurement {
  Histogram latency;
  int64_t errors = 0;
  Status first_error;
  double seconds = 0;
  double client_cpu_seconds = 0;
  double server_cpu_seconds = 0;
};

// When each thread of a phase ends: after `steps` calls, or before the first call that would start
// after `time`.
struct Extent {
  int64_t steps = std::numeric_limits<int64_t>::max();
  std::chrono::duration<double> time = std::chrono::hours(24);
};

// Runs `work(thread, step)` on `threads` threads that start together, timing each call.
// `server_pid` 0: no server's CPU is looked at.
Measurement Measure(int threads, Extent extent, int64_t server_pid,
                    const std::function<Status(int thread, int64_t step)>& work);

// Prints a phase of `name`, each call worth `units` of what is counted (entries of a listing):
// "getStatus.per_s=6250" and likewise p50_us, p99_us, client_cpu_us and, with a server, cpu_us, the
// server's; CPU per unit.
void PrintCalls(Sink& out, std::string_view name, const Measurement& measured, int64_t units,
                bool with_server);

}  // namespace headpond::cli
