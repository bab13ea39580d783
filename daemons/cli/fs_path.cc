// fs mkdir, touch, mv, rm
#include "cli/fs_commands.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

Result<int> Mkdir(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  for (const std::string& path : call.positional()) {
    client::CreateDirectoryOptions options;
    options.recursive = true;
    RETURN_IF_ERROR(fs->CreateDirectory(path, options));
    call.out().Line("Successfully created directory {}", path);
  }
  return kExitOk;
}

Result<int> Touch(Call& call) {
  const std::string& path = call.positional().front();
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const auto writer, fs->Create(path));
  RETURN_IF_ERROR(writer->Close());
  call.out().Line("{} has been created", path);
  return kExitOk;
}

Result<int> Mv(Call& call) {
  const std::string& from = call.positional()[0];
  const std::string& to = call.positional()[1];
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(fs->Rename(from, to));
  call.out().Line("Renamed {} to {}", from, to);
  return kExitOk;
}

Result<int> Rm(Call& call) {
  client::DeleteOptions options;
  options.recursive = call.args.Has("R") || call.args.Has("r");
  options.alluxio_only = call.args.Has("alluxioOnly");
  options.delete_mount_point = call.args.Has("m");
  options.sync_parent_next_time = call.args.ValueOr("s", "false") == "true";
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  options.unchecked =
      call.args.Has("U") || fs->config().GetBool("alluxio.user.file.delete.unchecked");
  for (const std::string& pattern : call.positional()) {
    RETURN_IF_ERROR(ForEachPath(*fs, pattern, [&](const std::string& path) -> Status {
      if (!options.recursive) {
        ASSIGN_OR_RETURN(const client::FileInfo info, fs->GetStatus(path));
        if (info.folder)
          return FailedPrecondition(
              "{} is a directory, to remove it, please use \"rm -R/-r/--recursive <path>\"", path);
      }
      RETURN_IF_ERROR(fs->Delete(path, options));
      call.out().Line("{} has been removed{}", path,
                      options.alluxio_only ? " only from Alluxio space" : "");
      return Status::Ok();
    }));
  }
  return kExitOk;
}

}  // namespace

std::vector<Command> PathCommands() {
  return {
      {.name = "mkdir",
       .usage = "mkdir <path1> [path2] ... [pathn]",
       .help = "Creates folders, with those above them.",
       .examples = "  headpond fs mkdir /data/2024 /data/2025",
       .min_args = 1,
       .max_args = kAnyNumber,
       .run = Mkdir},
      {.name = "touch",
       .usage = "touch <path>",
       .help = "Creates an empty file.",
       .examples = "  headpond fs touch /data/_SUCCESS",
       .min_args = 1,
       .max_args = 1,
       .run = Touch},
      {.name = "mv",
       .usage = "mv <src> <dst>",
       .help = "Renames a file or a folder.",
       .examples = "  headpond fs mv /data/tmp /data/final",
       .min_args = 2,
       .max_args = 2,
       .run = Mv},
      {.name = "rm",
       .usage = "rm [-R/-r/--recursive] [-U] [--alluxioOnly] [-m/--deleteMountPoint] <path>",
       .help = "Removes files and, with -R, folders: from the cache and from the under-store.",
       .examples = "  headpond fs rm '/data/*.tmp'\n"
                   "  headpond fs rm -R --alluxioOnly /data   # the under-store keeps its files",
       .min_args = 1,
       .max_args = kAnyNumber,
       .options = {{.letter = "R", .name = "recursive", .help = "folders with all below them"},
                   {.letter = "r", .help = "the same"},
                   {.letter = "U", .help = "without checking that the under-store is in step"},
                   {.name = "alluxioOnly", .help = "leave the under-store alone"},
                   {.letter = "m",
                    .name = "deleteMountPoint",
                    .help = "also unmount what is mounted below"},
                   {.letter = "s",
                    .name = "syncParentNextTime",
                    .value = "true|false",
                    .help = "compare the parent with the under-store at its next listing"}},
       .run = Rm},
  };
}

}  // namespace headpond::cli
