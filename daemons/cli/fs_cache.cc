// fs load, free, persist, loadMetadata, needsSync, checkConsistency
#include <charconv>

#include "base/units.h"
#include "cli/fs_commands.h"
#include "cli/progress.h"
#include "cli/work_group.h"
#include "net/retry.h"

namespace headpond::cli {
namespace {

using client::FileInfo;

constexpr int kLoadThreads = 8;
constexpr std::chrono::milliseconds kPersistPoll{100};
constexpr int kPersistThreads = 4;                                 // 2.9's default for -p
constexpr std::chrono::milliseconds kPersistTimeout{20 * 60'000};  // and for -t

// Every file at or below `path`.
Status ForEachFile(client::FileSystem& fs, const std::string& path,
                   const std::function<Status(FileInfo&&)>& action) {
  return fs.ListStatus(path, {.recursive = true}, [&](FileInfo&& info) {
    return info.folder ? Status::Ok() : action(std::move(info));
  });
}

Result<int> Load(Call& call) {
  for (const std::string_view option : {"submit", "stop", "progress"})
    if (call.args.Has(option))
      return Unimplemented(
          "load --{}: the distributed load needs the job service, which this command does not use",
          option);
  const bool local = call.args.Has("local");
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  if (local && !fs->HasLocalWorker()) {
    call.out().Line("When local option is specified, there must be a local worker available");
    return kExitOk;
  }
  Progress progress(call.session.err(), call.session.clock(), 0);
  Mutex output;
  WorkGroup group(kLoadThreads);
  const Status listed = ForEachPath(*fs, call.positional().front(), [&](const std::string& path) {
    return ForEachFile(*fs, path, [&](FileInfo&& info) {
      if (!local && info.in_alluxio_percentage == 100) {
        MutexLock lock(output);
        call.out().Line("{} already in Alluxio fully", info.path);
        return Status::Ok();
      }
      progress.AddTotal(info.length);
      group.Add([&, info = std::move(info)]() -> Status {
        RETURN_IF_ERROR(fs->CacheFile(info, local, [&](int64_t bytes) { progress.Add(bytes); }));
        MutexLock lock(output);
        progress.Clear();
        call.out().Line("{} loaded", info.path);
        return Status::Ok();
      });
      return Status::Ok();
    });
  });
  RETURN_IF_ERROR(group.Wait());
  RETURN_IF_ERROR(listed);
  return kExitOk;
}

Result<int> Free(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        RETURN_IF_ERROR(fs->Free(path, /*recursive=*/true, call.args.Has("f")));
        call.out().Line("{} was successfully freed from Alluxio space.", path);
        return Status::Ok();
      }));
  return kExitOk;
}

Result<std::chrono::milliseconds> Duration(const Args& args, std::string_view key,
                                           std::chrono::milliseconds other) {
  const auto text = args.Value(key);
  if (!text) return other;
  const auto parsed = ParseDuration(*text);
  if (!parsed.ok()) return InvalidArgument("Fail to parse {} to milliseconds", *text);
  return *parsed;
}

// True when the file is in the under-store, false when `timeout` passed first.
Result<bool> PersistAndWait(client::FileSystem& fs, const std::string& path,
                            std::chrono::milliseconds wait, std::chrono::milliseconds timeout,
                            const Clock& clock) {
  RETURN_IF_ERROR(fs.ScheduleAsyncPersistence(path, wait.count()));
  const auto deadline = clock.Now() + timeout;
  net::Pause pause;
  while (true) {
    ASSIGN_OR_RETURN(const FileInfo info, fs.GetStatus(path));
    if (info.persisted) return true;
    if (clock.Now() >= deadline) return false;
    RETURN_IF_ERROR(pause.For(kPersistPoll));
  }
}

Result<int> Persist(Call& call) {
  ASSIGN_OR_RETURN(const auto timeout, Duration(call.args, "t", kPersistTimeout));
  ASSIGN_OR_RETURN(const auto wait, Duration(call.args, "w", std::chrono::milliseconds(0)));
  int threads = kPersistThreads;
  if (const auto text = call.args.Value("p")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), threads);
    if (error != std::errc() || *end || threads < 1)
      return InvalidArgument("-p {}: give a number of files above 0", *text);
  }
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  std::vector<std::string> paths;
  for (const std::string& pattern : call.positional()) {
    RETURN_IF_ERROR(ForEachPath(*fs, pattern, [&](const std::string& path) {
      return ForEachFile(*fs, path, [&](FileInfo&& info) {
        if (!info.persisted) paths.push_back(std::move(info.path));
        return Status::Ok();
      });
    }));
  }
  call.out().Line("Found {} files to persist.", paths.size());
  call.out().Flush();
  Mutex output;
  size_t done = 0;
  WorkGroup group(threads);
  for (const std::string& path : paths) {
    group.Add([&, path]() -> Status {
      ASSIGN_OR_RETURN(const bool persisted,
                       PersistAndWait(*fs, path, wait, timeout, call.session.clock()));
      MutexLock lock(output);
      if (persisted) {
        call.out().Line("({}/{}) Successfully persisted file: {}", ++done, paths.size(), path);
      } else {
        call.out().Line("Timed out waiting for file to be persisted: {}", path);
      }
      return Status::Ok();
    });
  }
  RETURN_IF_ERROR(group.Wait());
  return kExitOk;
}

Result<int> LoadMetadata(Call& call) {
  if (call.args.Has("v2")) return Unimplemented("loadMetadata -v2 is not supported; leave -v2 out");
  client::ListOptions options;
  options.recursive = call.args.Has("R");
  options.load_metadata = client::LoadMetadata::kAlways;
  if (call.args.Has("F")) options.sync_interval_ms = 0;
  options.load_metadata_only = true;
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  const auto start = call.session.clock().Now();
  RETURN_IF_ERROR(ForEachPath(*fs, call.positional().front(), [&](const std::string& path) {
    return fs->ListStatus(path, options, [](FileInfo&&) { return Status::Ok(); });
  }));
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(call.session.clock().Now() - start);
  call.out().Line("Time elapsed {}", elapsed.count());
  return kExitOk;
}

Result<int> NeedsSync(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(ForEachPath(*fs, call.positional().front(),
                              [&](const std::string& path) { return fs->NeedsSync(path); }));
  return kExitOk;
}

// What differs is forgotten and looked at again.
Status Repair(client::FileSystem& fs, const std::string& path) {
  client::DeleteOptions forget;
  forget.recursive = true;
  forget.alluxio_only = true;
  const Status forgotten = fs.Delete(path, forget);
  if (!forgotten.ok() && forgotten.code() != Code::kNotFound) return forgotten;
  return fs.Exists(path).status();
}

Status CheckPath(Call& call, client::FileSystem& fs, const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<std::string> bad, fs.CheckConsistency(path));
  if (bad.empty()) {
    call.out().Line("{} is consistent with the under storage system.", path);
    return Status::Ok();
  }
  if (!call.args.Has("r")) {
    call.out().Line("The following files are inconsistent:");
    for (const std::string& file : bad) call.out().Line("{}", file);
    return Status::Ok();
  }
  const std::string threads = call.args.ValueOr("t", "4");
  call.out().Line("{} has: {} inconsistent files. Repairing with {} threads.", path, bad.size(),
                  threads);
  for (const std::string& file : bad) {
    call.out().Line("repairing path: {}", file);
    RETURN_IF_ERROR(Repair(fs, file));
    call.out().Line("{} repaired", file);
  }
  call.out().Line("");
  return Status::Ok();
}

Result<int> CheckConsistency(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(ForEachPath(*fs, call.positional().front(),
                              [&](const std::string& path) { return CheckPath(call, *fs, path); }));
  return kExitOk;
}

}  // namespace

std::vector<Command> CacheCommands() {
  return {
      {.name = "load",
       .usage = "For backward compatibility: load [--local] <path>\n"
                "For distributed load:\n"
                "\tload <path> --submit [--bandwidth N] [--verify] [--partial-listing]\n"
                "\tload <path> --stop\n"
                "\tload <path> --progress [--format TEXT|JSON] [--verbose]\n",
       .help = "Brings files into the cache: every block that no worker holds is fetched by one.",
       .examples = "  headpond fs load /data\n  headpond fs load --local /data   # on a machine "
                   "with a worker",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {{.name = "local", .help = "to the worker on this machine"},
                   {.name = "submit", .help = "as a job of the cluster"},
                   {.name = "stop", .help = "stop that job"},
                   {.name = "progress", .help = "how far that job is"},
                   {.name = "partial-listing", .help = "with --submit"},
                   {.name = "verify", .help = "with --submit"},
                   {.name = "verbose", .help = "with --progress"},
                   {.name = "bandwidth", .value = "bytes", .help = "with --submit"},
                   {.name = "format", .value = "TEXT|JSON", .help = "with --progress"}},
       .run = Load},
      {.name = "free",
       .usage = "free [-f] <path>",
       .help = "Drops files from the cache; the under-store keeps them.",
       .examples = "  headpond fs free /data/2023",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {{.letter = "f", .help = "pinned files, too"}},
       .run = Free},
      {.name = "persist",
       .usage = "persist [-p|--parallelism <#>] [-t|--timeout <milliseconds>] [-w|--wait "
                "<milliseconds>] <path> "
                "[<path> ...]",
       .help = "Writes files that are only in the cache to the under-store, and waits for it.",
       .examples = "  headpond fs persist /data/result",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {{.letter = "p",
                    .name = "parallelism",
                    .value = "number",
                    .help = "how many at a time; 4"},
                   {.letter = "t",
                    .name = "timeout",
                    .value = "time",
                    .help = "how long to wait for each; 20 minutes"},
                   {.letter = "w",
                    .name = "wait",
                    .value = "time",
                    .help = "how long the master waits before it begins"}},
       .run = Persist},
      {.name = "loadMetadata",
       .usage =
           "loadMetadata [-R] [-F] [-v2] [-a/--async] [-o/--operation <operation>] [-d <type>] "
           "[-p <polling interval ms>] <path>",
       .help = "Reads what is in the under-store into the namespace.",
       .examples = "  headpond fs loadMetadata -R -F /data",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {{.letter = "R", .help = "everything below"},
                   {.letter = "F", .help = "also what was read before"},
                   {.letter = "v2", .help = "not supported"}},
       .run = LoadMetadata},
      {.name = "needsSync",
       .usage = "needsSync <path>",
       .help = "Has the next access compare a path with the under-store.",
       .examples = "  headpond fs needsSync /data",
       .min_args = 1,
       .max_args = 1,
       .run = NeedsSync},
      {.name = "checkConsistency",
       .usage = "checkConsistency [-r] [-t|--threads <threads>] <Alluxio path>",
       .help = "Compares the namespace with the under-store.",
       .examples = "  headpond fs checkConsistency /data\n  headpond fs checkConsistency -r /data",
       .min_args = 1,
       .max_args = 1,
       .options = {{.letter = "r", .help = "repair what differs"},
                   {.letter = "t",
                    .name = "threads",
                    .value = "threads",
                    .help = "accepted; repairs are quick"}},
       .run = CheckConsistency},
  };
}

}  // namespace headpond::cli
