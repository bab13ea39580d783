#include "cli/bench_support.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <charconv>
#include <fstream>
#include <sstream>
#include <thread>

namespace headpond::cli {
namespace {

using std::chrono::steady_clock;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct PerThread {
  Histogram latency;
  int64_t errors = 0;
  Status first_error;
};

}  // namespace

Result<int64_t> PositiveOption(const Args& args, std::string_view key, int64_t other) {
  const auto text = args.Value(key);
  if (!text) return other;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || *end || value < 1)
    return InvalidArgument("--{} {}: give a number of at least 1", key, *text);
  return value;
}

Result<std::chrono::duration<double>> SecondsOption(const Args& args, std::string_view key,
                                                    double other) {
  const auto text = args.Value(key);
  double value = other;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || *end || !(value > 0))
      return InvalidArgument("--{} {}: give a number of seconds above 0", key, *text);
  }
  return std::chrono::duration<double>(value);
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double CpuSecondsOf(int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field is the name in parentheses, which may hold blanks; utime and stime are the
  // 14th and 15th.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Measurement Measure(int threads, Extent extent, int64_t server_pid,
                    const std::function<Status(int, int64_t)>& work) {
  std::vector<PerThread> results(static_cast<size_t>(threads));
  std::barrier start(threads + 1);
  std::vector<std::jthread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      PerThread& mine = results[static_cast<size_t>(thread)];
      start.arrive_and_wait();
      const auto end = steady_clock::now() + extent.time;
      for (int64_t step = 0; step < extent.steps; ++step) {
        const auto begin = steady_clock::now();
        if (begin >= end) return;
        const Status status = work(thread, step);
        mine.latency.Record(std::chrono::nanoseconds(steady_clock::now() - begin).count());
        if (status.ok()) continue;
        if (mine.errors++ == 0) mine.first_error = status;
      }
    });
  }
  Measurement measured;
  const double client_before = OwnCpuSeconds();
  const double server_before = server_pid ? CpuSecondsOf(server_pid) : 0;
  start.arrive_and_wait();
  const auto begin = steady_clock::now();
  running.clear();  // joins
  measured.seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  measured.client_cpu_seconds = OwnCpuSeconds() - client_before;
  if (server_pid) measured.server_cpu_seconds = CpuSecondsOf(server_pid) - server_before;
  for (const PerThread& result : results) {
    measured.latency.Merge(result.latency);
    measured.errors += result.errors;
    if (measured.first_error.ok()) measured.first_error = result.first_error;
  }
  return measured;
}

void PrintCalls(Sink& out, std::string_view name, const Measurement& measured, int64_t units,
                bool with_server) {
  const int64_t calls = std::max<int64_t>(measured.latency.count(), 1);
  const auto total = static_cast<double>(calls * units);
  out.Line("{}.per_s={:.0f}", name, total / std::max(measured.seconds, 1e-9));
  out.Line("{}.p50_us={}", name, measured.latency.Quantile(0.5) / 1000);
  out.Line("{}.p99_us={}", name, measured.latency.Quantile(0.99) / 1000);
  out.Line("{}.client_cpu_us={:.1f}", name, measured.client_cpu_seconds * 1e6 / total);
  if (with_server) out.Line("{}.cpu_us={:.1f}", name, measured.server_cpu_seconds * 1e6 / total);
  out.Flush();
}

}  // namespace headpond::cli
