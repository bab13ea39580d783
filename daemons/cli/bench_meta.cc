// bench meta: metadata calls from many threads over one client.
#include <algorithm>
#include <array>

#include "base/path.h"
#include "base/random.h"
#include "cli/bench_support.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

constexpr int64_t kFilesPerFolder = 5000;   // of a thread's folders when filling
constexpr int64_t kListedEntries = 50'000;  // that all listings return together, about
constexpr int64_t kMinListings = 3;         // of each thread

// Where a thread's files are.
struct Layout {
  std::string root;

  std::string Folder(int thread) const { return fmt::format("{}/t{}", root, thread); }
  std::string File(int thread, int64_t i) const {
    return fmt::format("{}/t{}/f{}", root, thread, i);
  }
  std::string SubFolder(int thread, int64_t i) const {
    return fmt::format("{}/t{}/d{}", root, thread, i);
  }
  std::string Renamed(int thread, int64_t i) const {
    return fmt::format("{}/t{}/g{}", root, thread, i);
  }
};

struct Op {
  std::string_view name;
  // How the i-th call of a thread is made.
  Status (*call)(client::FileSystem& fs, const Layout& layout, int thread, int64_t i);
};

Status CreateFile(client::FileSystem& fs, const std::string& path) {
  client::CreateOptions options;
  options.write_type = client::WriteType::kMustCache;
  ASSIGN_OR_RETURN(const auto writer, fs.Create(path, options));
  return writer->Close();
}

// In an order in which each finds what it needs: files are created before they are looked at,
// renamed, deleted.
constexpr std::array kOps{
    Op{"create", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return CreateFile(fs, layout.File(thread, i)); }},
    Op{"getStatus", [](client::FileSystem& fs, const Layout& layout, int thread,
                       int64_t i) { return fs.GetStatus(layout.File(thread, i)).status(); }},
    Op{"exists", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return fs.Exists(layout.File(thread, i)).status(); }},
    Op{"list",
       [](client::FileSystem& fs, const Layout& layout, int thread, int64_t) {
         return fs.ListStatus(layout.Folder(thread), {},
                              [](client::FileInfo&&) { return Status::Ok(); });
       }},
    Op{"mkdir", [](client::FileSystem& fs, const Layout& layout, int thread,
                   int64_t i) { return fs.CreateDirectory(layout.SubFolder(thread, i)); }},
    Op{"rename",
       [](client::FileSystem& fs, const Layout& layout, int thread, int64_t i) {
         return fs.Rename(layout.File(thread, i), layout.Renamed(thread, i));
       }},
    Op{"delete", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return fs.Delete(layout.Renamed(thread, i)); }},
};

struct Plan {
  int threads = 1;
  int64_t ops = 0;    // of each thread
  int64_t files = 0;  // of all threads; 0: measure the operations instead
  int64_t server_pid = 0;
  Layout layout;
};

Result<Plan> MakePlan(const Args& args) {
  Plan plan;
  ASSIGN_OR_RETURN(const int64_t threads, PositiveOption(args, "threads", 32));
  plan.threads = static_cast<int>(threads);
  ASSIGN_OR_RETURN(plan.ops, PositiveOption(args, "ops", 300));
  ASSIGN_OR_RETURN(plan.files, PositiveOption(args, "files", 0));
  ASSIGN_OR_RETURN(plan.server_pid, PositiveOption(args, "server-pid", 0));
  plan.layout.root = args.ValueOr("directory", "/headpond-bench-" + Random::FromSystem().Uuid());
  const bool fills = !args.positional().empty();
  if (fills && args.positional().front() != "create")
    return InvalidArgument("bench meta {}: only \"create\" can be asked for by itself",
                           args.positional().front());
  if (fills != (plan.files > 0))
    return InvalidArgument("--files goes with \"create\": bench meta create --files TOTAL");
  return plan;
}

Status MakeFolder(client::FileSystem& fs, const std::string& path) {
  client::CreateDirectoryOptions options;
  options.recursive = true;
  options.allow_exists = true;
  return fs.CreateDirectory(path, options);
}

// Creates empty files and leaves them.
Result<int> Fill(Call& call, const Plan& plan, client::FileSystem& fs) {
  const auto path_of = [&plan](int thread, int64_t i) {
    return fmt::format("{}/t{}-{}", plan.layout.root, thread, i / kFilesPerFolder);
  };
  const Measurement measured =
      Measure(plan.threads, {.steps = plan.files / plan.threads}, plan.server_pid,
              [&](int thread, int64_t i) -> Status {
                const std::string folder = path_of(thread, i);
                if (i % kFilesPerFolder == 0) RETURN_IF_ERROR(MakeFolder(fs, folder));
                return CreateFile(fs, fmt::format("{}/file-{}", folder, i));
              });
  RETURN_IF_ERROR(measured.first_error);
  PrintCalls(call.out(), "create", measured, 1, plan.server_pid > 0);
  call.out().Line("files={}", measured.latency.count());
  return kExitOk;
}

// Lists few times, as a listing returns many entries.
int64_t StepsOf(const Op& op, const Plan& plan) {
  return op.name == "list" ? std::max(kMinListings, kListedEntries / (plan.ops * plan.threads))
                           : plan.ops;
}

Result<int> BenchMeta(Call& call) {
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  if (plan.files > 0) return Fill(call, plan, *fs);
  for (int thread = 0; thread < plan.threads; ++thread)
    RETURN_IF_ERROR(MakeFolder(*fs, plan.layout.Folder(thread)));
  for (const Op& op : kOps) {
    const Measurement measured =
        Measure(plan.threads, {.steps = StepsOf(op, plan)}, plan.server_pid,
                [&](int thread, int64_t i) { return op.call(*fs, plan.layout, thread, i); });
    if (!measured.first_error.ok())
      return measured.first_error.WithContext(fmt::format("{} of {} calls of {} failed, the first",
                                                          measured.errors, measured.latency.count(),
                                                          op.name));
    PrintCalls(call.out(), op.name, measured, op.name == "list" ? plan.ops : 1,
               plan.server_pid > 0);
  }
  client::DeleteOptions options;
  options.recursive = true;
  RETURN_IF_ERROR(fs->Delete(plan.layout.root, options));
  return kExitOk;
}

}  // namespace

std::vector<Command> BenchMetaCommands() {
  return {
      {.name = "meta",
       .usage = "meta [--threads N] [--ops N] | meta create --files TOTAL [--threads N]",
       .help =
           "Measures create, getStatus, exists, list (entries), mkdir, rename and delete; prints "
           "lines of\nkey=value. With \"create\": makes empty files and leaves them.",
       .examples = "  headpond bench meta --threads 32 --ops 300 --server-pid $(cat master.pid)\n"
                   "  headpond bench meta create --threads 16 --files 1000000",
       .max_args = 1,
       .options = {{.name = "threads", .value = "N", .help = "32"},
                   {.name = "ops", .value = "N", .help = "calls of each kind and thread; 300"},
                   {.name = "files", .value = "N", .help = "files to make, of all threads"},
                   {.name = "directory", .value = "path", .help = "where; a new folder"},
                   {.name = "server-pid",
                    .value = "pid",
                    .help = "also print that process's CPU per call"}},
       .run = BenchMeta}};
}

}  // namespace headpond::cli
