#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/histogram.h"

namespace headpond::cli {

std::vector<Command> BenchMetaCommands();  // bench meta
std::vector<Command> BenchIoCommands();    // bench io

// An option that is a number of at least 1. InvalidArgument names it.
Result<int64_t> PositiveOption(const Args& args, std::string_view key, int64_t other);

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

// Runs `work(thread, step)` `steps` times on each of `threads` threads that start together, timing
// each call. `server_pid` 0: no server's CPU is looked at.
Measurement Measure(int threads, int64_t steps, int64_t server_pid,
                    const std::function<Status(int thread, int64_t step)>& work);

// "op=stat threads=32 count=3200 errors=0 seconds=0.512 rate=6250 p50_us=... p99_us=... max_us=...
// client_cpu_us=... server_cpu_us=...": the last two per call.
std::string MetaLine(std::string_view op, int threads, const Measurement& measured,
                     bool with_server);

}  // namespace headpond::cli
