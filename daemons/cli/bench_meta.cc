// bench meta: metadata calls from many threads over one client.
#include <algorithm>
#include <array>

#include "base/path.h"
#include "base/random.h"
#include "cli/bench_support.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

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
    return fmt::format("{}/t{}/r{}", root, thread, i);
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
    Op{"mkdir", [](client::FileSystem& fs, const Layout& layout, int thread,
                   int64_t i) { return fs.CreateDirectory(layout.SubFolder(thread, i)); }},
    Op{"create", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return CreateFile(fs, layout.File(thread, i)); }},
    Op{"stat", [](client::FileSystem& fs, const Layout& layout, int thread,
                  int64_t i) { return fs.GetStatus(layout.File(thread, i)).status(); }},
    Op{"exists", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return fs.Exists(layout.File(thread, i)).status(); }},
    Op{"list",
       [](client::FileSystem& fs, const Layout& layout, int thread, int64_t) {
         return fs.ListStatus(layout.Folder(thread), {},
                              [](client::FileInfo&&) { return Status::Ok(); });
       }},
    Op{"rename",
       [](client::FileSystem& fs, const Layout& layout, int thread, int64_t i) {
         return fs.Rename(layout.File(thread, i), layout.Renamed(thread, i));
       }},
    Op{"unrename",
       [](client::FileSystem& fs, const Layout& layout, int thread, int64_t i) {
         return fs.Rename(layout.Renamed(thread, i), layout.File(thread, i));
       }},
    Op{"delete", [](client::FileSystem& fs, const Layout& layout, int thread,
                    int64_t i) { return fs.Delete(layout.File(thread, i)); }},
};

// Few calls list many entries: a tenth of the files' number, at least one.
int64_t StepsOf(const Op& op, int64_t files) {
  return op.name == "list" ? std::max<int64_t>(files / 10, 1) : files;
}

Result<std::vector<const Op*>> ChooseOps(const Args& args) {
  std::string_view text = "mkdir,create,stat,exists,list,rename,unrename,delete";
  const std::string given = args.ValueOr("op", text);
  text = given;
  std::vector<const Op*> chosen;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    const auto found = std::ranges::find(kOps, name, &Op::name);
    if (found == kOps.end())
      return InvalidArgument(
          "--op {}: use mkdir, create, stat, exists, list, rename, unrename, delete", name);
    chosen.push_back(&*found);
  }
  return chosen;
}

Result<int> BenchMeta(Call& call) {
  ASSIGN_OR_RETURN(const int64_t threads, PositiveOption(call.args, "threads", 32));
  ASSIGN_OR_RETURN(const int64_t files, PositiveOption(call.args, "files", 200));
  ASSIGN_OR_RETURN(const int64_t server_pid, PositiveOption(call.args, "server-pid", 0));
  ASSIGN_OR_RETURN(const auto ops, ChooseOps(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  const Layout layout{
      call.args.ValueOr("directory", "/headpond-bench-" + Random::FromSystem().Uuid())};
  const auto count = static_cast<int>(threads);
  for (int thread = 0; thread < count; ++thread) {
    client::CreateDirectoryOptions options;
    options.recursive = true;
    options.allow_exists = true;
    RETURN_IF_ERROR(fs->CreateDirectory(layout.Folder(thread), options));
  }
  int64_t errors = 0;
  for (const Op* op : ops) {
    const Measurement measured =
        Measure(count, StepsOf(*op, files), server_pid,
                [&](int thread, int64_t i) { return op->call(*fs, layout, thread, i); });
    std::string line = MetaLine(op->name, count, measured, server_pid > 0);
    if (op->name == "list")
      line += fmt::format(
          " entries_per_list={} entries_rate={:.0f}", files,
          static_cast<double>(measured.latency.count() * files) / std::max(measured.seconds, 1e-9));
    call.out().Line("{}", line);
    call.out().Flush();
    if (measured.errors > 0)
      call.session.err().Line("{}: {}", op->name, measured.first_error.ToString());
    errors += measured.errors;
  }
  if (!call.args.Has("keep")) {
    client::DeleteOptions options;
    options.recursive = true;
    RETURN_IF_ERROR(fs->Delete(layout.root, options));
  }
  return errors == 0 ? kExitOk : kExitError;
}

}  // namespace

std::vector<Command> BenchMetaCommands() {
  return {
      {.name = "meta",
       .usage = "meta [--threads N] [--files M] [--op create,stat,list,...]",
       .help =
           "Makes metadata calls from many threads; prints one line of key=value for each kind.",
       .examples = "  headpond bench meta --threads 32 --files 200\n"
                   "  headpond bench meta --op create,stat --server-pid $(cat master.pid) --keep",
       .options =
           {{.name = "threads", .value = "N", .help = "32"},
            {.name = "files", .value = "M", .help = "files (or folders) of each thread; 200"},
            {.name = "op",
             .value = "names",
             .help =
                 "mkdir, create, stat, exists, list, rename, unrename, delete; all in this order"},
            {.name = "directory", .value = "path", .help = "where; a new folder"},
            {.name = "server-pid",
             .value = "pid",
             .help = "also print that process's CPU per call"},
            {.name = "keep", .help = "leave what was made"}},
       .run = BenchMeta}};
}

}  // namespace headpond::cli
