// fs ls
#include <algorithm>
#include <array>
#include <functional>

#include "base/units.h"
#include "cli/file_text.h"
#include "cli/format.h"
#include "cli/fs_commands.h"

namespace headpond::cli {
namespace {

using client::FileInfo;

struct SortField {
  std::string_view name;
  std::function<bool(const FileInfo&, const FileInfo&)> less;
};

template <typename T>
std::function<bool(const FileInfo&, const FileInfo&)> By(T FileInfo::*field) {
  return [field](const FileInfo& a, const FileInfo& b) { return a.*field < b.*field; };
}

const std::array<SortField, 7>& SortFields() {
  static const std::array<SortField, 7> kFields{
      SortField{"creationTime", By(&FileInfo::creation_time_ms)},
      SortField{"inMemoryPercentage", By(&FileInfo::in_memory_percentage)},
      SortField{"lastAccessTime", By(&FileInfo::last_access_time_ms)},
      SortField{"lastModificationTime", By(&FileInfo::last_modification_time_ms)},
      SortField{"name", By(&FileInfo::name)},
      SortField{"path", By(&FileInfo::path)},
      SortField{"size", By(&FileInfo::length)},
  };
  return kFields;
}

struct TimeField {
  std::string_view name;
  int64_t FileInfo::*field;
};
constexpr std::array kTimeFields{
    TimeField{"creationTime", &FileInfo::creation_time_ms},
    TimeField{"lastAccessTime", &FileInfo::last_access_time_ms},
    TimeField{"lastModificationTime", &FileInfo::last_modification_time_ms}};

struct Listing {
  Call& call;
  bool human = false;
  bool only_pinned = false;
  bool acls = true;  // permission columns; without security there are none
  int64_t FileInfo::*time = &FileInfo::last_modification_time_ms;
  ListPrinter structured;

  void Print(const FileInfo& info) {
    if (only_pinned && !info.pinned) return;
    if (call.output != OutputFormat::kText) return structured.Add(ToDocument(info));
    std::string line;
    if (acls) {
      const bool extended = info.acl && info.acl->entries.size() > 3;
      const bool has_default = info.default_acl && !info.default_acl->is_default_empty;
      line += PadRight(FormatMode(info.folder, info.mode, extended || has_default), 12);
      line += PadRight(info.owner, 15);
      line += PadRight(info.group, 15);
    }
    const bool is_size = human && !info.folder;
    line += PadLeft(is_size ? FormatSize(info.length) : std::to_string(info.length), 15);
    line += PadLeft(info.persistence_state, 16);
    line += PadLeft(call.session.Date(info.*time), 24);
    line += PadLeft(info.folder ? "DIR" : std::to_string(info.in_alluxio_percentage) + "%", 5);
    call.out().Write(line + " " + PadRight(info.path, 5) + "\n");
  }
};

Status ListPath(Listing& listing, client::FileSystem& fs, const std::string& path,
                const SortField* sort) {
  const Args& args = listing.call.args;
  if (args.Has("d")) {
    ASSIGN_OR_RETURN(const FileInfo info, fs.GetStatus(path));
    listing.Print(info);
    return Status::Ok();
  }
  client::ListOptions options;
  options.recursive = args.Has("R");
  if (args.Has("f")) options.load_metadata = client::LoadMetadata::kAlways;
  options.exclude_mount_info = args.Has("m");
  if (!sort) {
    return fs.ListStatus(path, options, [&](FileInfo&& info) {
      listing.Print(info);
      return Status::Ok();
    });
  }
  ASSIGN_OR_RETURN(std::vector<FileInfo> entries, fs.List(path, options));
  // Reversed by the comparison, so that equal entries keep their order, as 2.9's do.
  if (args.Has("r")) {
    std::ranges::stable_sort(
        entries, [&](const FileInfo& a, const FileInfo& b) { return sort->less(b, a); });
  } else {
    std::ranges::stable_sort(entries, sort->less);
  }
  for (const FileInfo& info : entries) listing.Print(info);
  return Status::Ok();
}

Result<int> Ls(Call& call) {
  const SortField* sort = nullptr;
  if (const auto name = call.args.Value("sort")) {
    const auto found = std::ranges::find(SortFields(), *name, &SortField::name);
    if (found == SortFields().end())
      return InvalidArgument("Invalid sort option `{}` for --sort", *name);
    sort = &*found;
  }
  Listing listing{.call = call,
                  .human = call.args.Has("h"),
                  .only_pinned = call.args.Has("p"),
                  .structured = ListPrinter(call.out(), call.output)};
  if (const auto name = call.args.Value("timestamp")) {
    const auto found = std::ranges::find(kTimeFields, *name, &TimeField::name);
    if (found == kTimeFields.end())
      return call.UsageError("Unrecognized timestamp option " + *name);
    listing.time = found->field;
  }
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  listing.acls = fs->config().GetString("alluxio.security.authentication.type") != "NOSASL";
  for (const std::string& pattern : call.positional()) {
    RETURN_IF_ERROR(ForEachPath(
        *fs, pattern, [&](const std::string& path) { return ListPath(listing, *fs, path, sort); }));
  }
  if (call.output != OutputFormat::kText) listing.structured.Finish();
  return kExitOk;
}

}  // namespace

std::vector<Command> LsCommands() {
  return {{
      .name = "ls",
      .usage = "ls "
               "[-d|-f|-p|-R/--recursive|-h|--sort=option|--timestamp=option|-r|-m/"
               "--omit-mount-info] <path> ...",
      .help = "Lists files and folders: permissions, owner, group, bytes (or number of children), "
              "persistence state, "
              "time, percentage in the cache, path.",
      .examples = "  headpond fs ls -h /data\n"
                  "  headpond fs ls -R --sort size -r /data\n"
                  "  headpond fs ls -o json '/data/2024-*' | jq '.[].path'",
      .min_args = 1,
      .max_args = kAnyNumber,
      .options = {{.letter = "d", .help = "a folder itself instead of its children"},
                  {.letter = "f", .help = "ask the under-store what is there now"},
                  {.letter = "h", .help = "sizes in KB, MB, ..."},
                  {.letter = "p", .help = "pinned files only"},
                  {.letter = "m",
                   .name = "omit-mount-info",
                   .help = "leave out where paths are in the under-store"},
                  {.letter = "R", .name = "recursive", .help = "everything below, too"},
                  {.name = "sort",
                   .value = "field",
                   .help = "creationTime, inMemoryPercentage, lastAccessTime, "
                           "lastModificationTime, name, path or size"},
                  {.letter = "r", .help = "with --sort: from the largest to the smallest"},
                  {.name = "timestamp",
                   .value = "field",
                   .help =
                       "the time to show: creationTime, lastAccessTime or lastModificationTime"}},
      .structured = true,
      .run = Ls,
  }};
}

}  // namespace headpond::cli
