// bench io: bytes through the workers.
#include <algorithm>
#include <memory>

#include "base/random.h"
#include "cli/bench_support.h"
#include "client/file_reader.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

constexpr size_t kBufferBytes = 4 << 20;

struct Plan {
  int64_t bytes = 0;
  int64_t reps = 0;
  int64_t random_bytes = 0;  // 0: no random reads
  int threads = 1;
  int64_t random_count = 0;
  int64_t server_pid = 0;
  std::string path;
  client::CreateOptions create;
  client::OpenOptions open;
};

template <typename Enum>
struct Named {
  std::string_view name;
  Enum value;
};

template <typename Enum, size_t n>
Result<Enum> Find(const Named<Enum> (&names)[n], std::string_view option, std::string_view text) {
  for (const auto& [name, value] : names)
    if (name == text) return value;
  return InvalidArgument("--{} {}: there is no such type", option, text);
}

constexpr Named<client::WriteType> kWriteTypes[] = {
    {"MUST_CACHE", client::WriteType::kMustCache},
    {"CACHE_THROUGH", client::WriteType::kCacheThrough},
    {"THROUGH", client::WriteType::kThrough},
    {"ASYNC_THROUGH", client::WriteType::kAsyncThrough}};
constexpr Named<client::ReadType> kReadTypes[] = {
    {"NO_CACHE", client::ReadType::kNoCache},
    {"CACHE", client::ReadType::kCache},
    {"CACHE_PROMOTE", client::ReadType::kCachePromote}};

Result<Plan> MakePlan(const Args& args) {
  Plan plan;
  ASSIGN_OR_RETURN(const int64_t mib, PositiveOption(args, "size-mib", 1024));
  plan.bytes = mib << 20;
  ASSIGN_OR_RETURN(plan.reps, PositiveOption(args, "reps", 3));
  ASSIGN_OR_RETURN(plan.random_bytes, PositiveOption(args, "random", 0));
  ASSIGN_OR_RETURN(const int64_t threads, PositiveOption(args, "threads", 1));
  plan.threads = static_cast<int>(threads);
  ASSIGN_OR_RETURN(plan.random_count, PositiveOption(args, "count", 2000));
  ASSIGN_OR_RETURN(plan.server_pid, PositiveOption(args, "server-pid", 0));
  plan.path = args.ValueOr("path", "/headpond-bench-" + Random::FromSystem().Uuid());
  ASSIGN_OR_RETURN(plan.create.write_type,
                   Find(kWriteTypes, "write-type", args.ValueOr("write-type", "MUST_CACHE")));
  ASSIGN_OR_RETURN(plan.open.read_type,
                   Find(kReadTypes, "read-type", args.ValueOr("read-type", "CACHE")));
  plan.create.overwrite = true;
  if (plan.random_bytes > plan.bytes) return InvalidArgument("--random is larger than the file");
  return plan;
}

// One pass over all bytes, as a Measurement of one call.
Measurement Timed(const Plan& plan, const std::function<Status()>& pass) {
  return Measure(1, 1, plan.server_pid, [&](int, int64_t) { return pass(); });
}

void PrintPass(Call& call, const Plan& plan, std::string_view op, int64_t rep,
               const Measurement& measured) {
  const double mib = static_cast<double>(plan.bytes) / (1 << 20);
  const double gib = mib / 1024;
  std::string line = fmt::format(
      "op={} rep={} mib={:.0f} seconds={:.3f} mib_per_s={:.0f} client_cpu_s_per_gib={:.3f}", op,
      rep, mib, measured.seconds, mib / std::max(measured.seconds, 1e-9),
      measured.client_cpu_seconds / gib);
  if (plan.server_pid)
    line += fmt::format(" server_cpu_s_per_gib={:.3f}", measured.server_cpu_seconds / gib);
  call.out().Line("{}", line);
  call.out().Flush();
}

Status WriteAll(client::FileSystem& fs, const Plan& plan) {
  std::string block(kBufferBytes, '\0');
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSIGN_OR_RETURN(const auto writer, fs.Create(plan.path, plan.create));
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
Result<Measurement> RandomReads(client::FileSystem& fs, const Plan& plan) {
  struct PerThread {
    std::unique_ptr<client::FileReader> reader;
    Random random{0};
    std::unique_ptr<char[]> buffer;
  };
  std::vector<PerThread> state;
  for (int thread = 0; thread < plan.threads; ++thread) {
    ASSIGN_OR_RETURN(auto reader, fs.Open(plan.path, plan.open));
    state.push_back({std::move(reader), Random(static_cast<uint64_t>(thread) + 1),
                     std::make_unique<char[]>(static_cast<size_t>(plan.random_bytes))});
  }
  const auto places = static_cast<uint64_t>(plan.bytes / plan.random_bytes);
  return Measure(
      plan.threads, plan.random_count, plan.server_pid, [&](int thread, int64_t) -> Status {
        PerThread& mine = state[static_cast<size_t>(thread)];
        const auto offset = static_cast<int64_t>(mine.random.Below(places)) * plan.random_bytes;
        const auto wanted = static_cast<size_t>(plan.random_bytes);
        ASSIGN_OR_RETURN(const size_t some, mine.reader->ReadAt(offset, wanted, mine.buffer.get()));
        return some == wanted ? Status::Ok() : DataLoss("read {} of {} bytes", some, wanted);
      });
}

Result<int> BenchIo(Call& call) {
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  for (int64_t rep = 0; rep < plan.reps; ++rep) {
    const Measurement measured = Timed(plan, [&] { return WriteAll(*fs, plan); });
    RETURN_IF_ERROR(measured.first_error);
    PrintPass(call, plan, "write", rep, measured);
  }
  for (int64_t rep = 0; rep < plan.reps; ++rep) {
    const Measurement measured = Timed(plan, [&] { return ReadAll(*fs, plan); });
    RETURN_IF_ERROR(measured.first_error);
    PrintPass(call, plan, "read", rep, measured);
  }
  if (plan.random_bytes > 0) {
    ASSIGN_OR_RETURN(const Measurement measured, RandomReads(*fs, plan));
    RETURN_IF_ERROR(measured.first_error);
    call.out().Line("{} bytes={}",
                    MetaLine("random-read", plan.threads, measured, plan.server_pid > 0),
                    plan.random_bytes);
  }
  if (!call.args.Has("keep")) RETURN_IF_ERROR(fs->Delete(plan.path));
  return kExitOk;
}

}  // namespace

std::vector<Command> BenchIoCommands() {
  return {
      {.name = "io",
       .usage = "io [--size-mib N] [--reps N] [--random BYTES --threads N --count N]",
       .help =
           "Writes a file and reads it, in order and at random places; prints lines of key=value.",
       .examples = "  headpond bench io --size-mib 1024 --reps 3\n"
                   "  headpond bench io --size-mib 256 --random 4096 --threads 4 --server-pid "
                   "$(cat worker.pid)",
       .options = {{.name = "size-mib", .value = "N", .help = "1024"},
                   {.name = "reps", .value = "N", .help = "how often to write and to read; 3"},
                   {.name = "random",
                    .value = "bytes",
                    .help = "then read this much at random places"},
                   {.name = "threads", .value = "N", .help = "random readers; 1"},
                   {.name = "count", .value = "N", .help = "random reads of each thread; 2000"},
                   {.name = "write-type", .value = "name", .help = "MUST_CACHE"},
                   {.name = "read-type", .value = "name", .help = "CACHE"},
                   {.name = "path", .value = "path", .help = "the file; a new one"},
                   {.name = "server-pid", .value = "pid", .help = "also print that process's CPU"},
                   {.name = "keep", .help = "leave the file"}},
       .run = BenchIo}};
}

}  // namespace headpond::cli
