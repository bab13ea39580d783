// bench io: bytes through the workers.
#include <algorithm>
#include <memory>

#include "base/random.h"
#include "cli/bench_support.h"
#include "client/file_reader.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kPageBytes = 4096;

struct Plan {
  int64_t bytes = 0;
  int64_t repetitions = 0;
  std::chrono::duration<double> random_time{};
  int64_t server_pid = 0;
  std::string path;
  client::OpenOptions open;
};

Result<Plan> MakePlan(const Args& args) {
  Plan plan;
  ASSIGN_OR_RETURN(const int64_t mib, PositiveOption(args, "mib", 1024));
  plan.bytes = mib << 20;
  ASSIGN_OR_RETURN(plan.repetitions, PositiveOption(args, "repetitions", 3));
  ASSIGN_OR_RETURN(plan.random_time, SecondsOption(args, "random-seconds", 1));
  ASSIGN_OR_RETURN(plan.server_pid, PositiveOption(args, "server-pid", 0));
  plan.path = args.ValueOr("path", "/headpond-bench-" + Random::FromSystem().Uuid());
  const auto read_type = client::ParseReadType(args.ValueOr("read-type", "CACHE"));
  if (!read_type.ok()) return read_type.status().WithContext("--read-type");
  plan.open.read_type = *read_type;
  return plan;
}

// Runs `pass` over all bytes and prints its rate.
Status RunPass(Call& call, const Plan& plan, std::string_view name,
               const std::function<Status()>& pass) {
  const Measurement measured =
      Measure(1, {.steps = 1}, plan.server_pid, [&](int, int64_t) { return pass(); });
  RETURN_IF_ERROR(measured.first_error);
  const double mib = static_cast<double>(plan.bytes) / (1 << 20);
  const double gib = mib / 1024;
  call.out().Line("{}.mib_per_s={:.0f}", name, mib / std::max(measured.seconds, 1e-9));
  call.out().Line("{}.client_cpu_s_per_gib={:.3f}", name, measured.client_cpu_seconds / gib);
  if (plan.server_pid)
    call.out().Line("{}.cpu_s_per_gib={:.3f}", name, measured.server_cpu_seconds / gib);
  call.out().Flush();
  return Status::Ok();
}

Status WriteAll(client::FileSystem& fs, const Plan& plan, client::WriteType type) {
  std::string block(kBufferBytes, '\0');
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 2654435761u >> 13);
  client::CreateOptions options;
  options.write_type = type;
  ASSIGN_OR_RETURN(const auto writer, fs.Create(plan.path, options));
  for (int64_t left = plan.bytes; left > 0;) {
    const auto some =
        static_cast<size_t>(std::min<int64_t>(left, static_cast<int64_t>(block.size())));
    RETURN_IF_ERROR(writer->Write(std::string_view(block).substr(0, some)));
    left -= static_cast<int64_t>(some);
  }
  return writer->Close();
}

Status ReadAll(client::FileSystem& fs, const Plan& plan) {
  ASSIGN_OR_RETURN(const auto reader, fs.Open(plan.path, plan.open));
  const auto buffer = std::make_unique<char[]>(kBufferBytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t some, reader->Read(kBufferBytes, buffer.get()));
    if (some == 0) break;
  }
  return reader->position() == plan.bytes
             ? Status::Ok()
             : DataLoss("read {} of {} bytes", reader->position(), plan.bytes);
}

// Every thread has a reader of its own, as different programs would.
Status RandomReads(Call& call, client::FileSystem& fs, const Plan& plan, int threads) {
  struct PerThread {
    std::unique_ptr<client::FileReader> reader;
    Random random{0};
    std::unique_ptr<char[]> buffer;
  };
  std::vector<PerThread> state;
  for (int thread = 0; thread < threads; ++thread) {
    ASSIGN_OR_RETURN(auto reader, fs.Open(plan.path, plan.open));
    state.push_back({std::move(reader), Random(static_cast<uint64_t>(thread) + 1),
                     std::make_unique<char[]>(kPageBytes)});
  }
  const auto places = static_cast<uint64_t>(plan.bytes / static_cast<int64_t>(kPageBytes));
  const Measurement measured = Measure(
      threads, {.time = plan.random_time}, plan.server_pid, [&](int thread, int64_t) -> Status {
        PerThread& mine = state[static_cast<size_t>(thread)];
        const auto page = static_cast<int64_t>(mine.random.Below(places));
        ASSIGN_OR_RETURN(const size_t some,
                         mine.reader->ReadAt(page * static_cast<int64_t>(kPageBytes), kPageBytes,
                                             mine.buffer.get()));
        return some == kPageBytes ? Status::Ok()
                                  : DataLoss("read {} of {} bytes", some, kPageBytes);
      });
  RETURN_IF_ERROR(measured.first_error);
  PrintCalls(call.out(), fmt::format("random4k_{}", threads), measured, 1, plan.server_pid > 0);
  return Status::Ok();
}

Result<int> BenchIo(Call& call) {
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  const auto repeat = [&](const std::function<Status()>& step) -> Status {
    for (int64_t i = 0; i < plan.repetitions; ++i) RETURN_IF_ERROR(step());
    return Status::Ok();
  };
  RETURN_IF_ERROR(repeat([&]() -> Status {
    RETURN_IF_ERROR(RunPass(call, plan, "write_cache_through",
                            [&] { return WriteAll(*fs, plan, client::WriteType::kCacheThrough); }));
    return fs->Delete(plan.path);
  }));
  bool exists = false;
  RETURN_IF_ERROR(repeat([&]() -> Status {
    if (exists) RETURN_IF_ERROR(fs->Delete(plan.path));
    exists = true;
    return RunPass(call, plan, "write_must_cache",
                   [&] { return WriteAll(*fs, plan, client::WriteType::kMustCache); });
  }));
  RETURN_IF_ERROR(
      repeat([&] { return RunPass(call, plan, "read", [&] { return ReadAll(*fs, plan); }); }));
  for (const int threads : {1, 4})
    RETURN_IF_ERROR(repeat([&] { return RandomReads(call, *fs, plan, threads); }));
  if (!call.args.Has("keep")) RETURN_IF_ERROR(fs->Delete(plan.path));
  return kExitOk;
}

}  // namespace

std::vector<Command> BenchIoCommands() {
  return {
      {.name = "io",
       .usage = "io [--mib N] [--repetitions N] [--random-seconds S]",
       .help =
           "Writes a file (CACHE_THROUGH, MUST_CACHE) and reads it, in order and 4 KiB at random "
           "places\nfrom 1 and 4 threads; prints lines of key=value.",
       .examples = "  headpond bench io --mib 1024 --repetitions 3\n"
                   "  headpond bench io --mib 256 --server-pid $(cat worker.pid) "
                   "-Dalluxio.user.short.circuit.enabled=false",
       .options = {{.name = "mib", .value = "N", .help = "size of the file; 1024"},
                   {.name = "repetitions", .value = "N", .help = "of each measurement; 3"},
                   {.name = "random-seconds", .value = "S", .help = "of random reads; 1"},
                   {.name = "read-type", .value = "name", .help = "CACHE"},
                   {.name = "path", .value = "path", .help = "the file; a new one"},
                   {.name = "server-pid", .value = "pid", .help = "also print that process's CPU"},
                   {.name = "keep", .help = "leave the file"}},
       .run = BenchIo}};
}

}  // namespace headpond::cli
