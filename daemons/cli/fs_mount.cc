// fs mount, unmount, updateMount
#include "cli/fs_commands.h"
#include "cli/mount_text.h"

namespace headpond::cli {
namespace {

Result<client::MountOptions> ParseOptions(const Args& args) {
  client::MountOptions options;
  options.read_only = args.Has("readonly");
  options.shared = args.Has("shared");
  options.remount = args.Has("remount");
  for (const std::string& text : args.Values("option")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return InvalidArgument("--option {}: give a property as key=value", text);
    options.properties[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return options;
}

Result<int> PrintTable(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const auto mounts, fs->GetMountTable());
  if (call.output == OutputFormat::kText) {
    call.out().Write(MountTableText(mounts));
    return kExitOk;
  }
  ListPrinter list(call.out(), call.output);
  for (const auto& mount : mounts) list.Add(ToDocument(mount));
  list.Finish();
  return kExitOk;
}

Result<int> Mount(Call& call) {
  if (call.positional().empty()) return PrintTable(call);
  if (call.positional().size() != 2)
    return call.UsageError(
        fmt::format("Command mount takes 0 or 2 arguments, not {}", call.positional().size()));
  const std::string& path = call.positional()[0];
  const std::string& uri = call.positional()[1];
  ASSIGN_OR_RETURN(const client::MountOptions options, ParseOptions(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(fs->Mount(path, uri, options));
  call.out().Line("Mounted {} at {}", uri, path);
  return kExitOk;
}

Result<int> Unmount(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        RETURN_IF_ERROR(fs->Unmount(path));
        call.out().Line("Unmounted {}", path);
        return Status::Ok();
      }));
  return kExitOk;
}

Result<int> UpdateMount(Call& call) {
  if (call.positional().size() != 1)
    return call.UsageError(
        fmt::format("Command updateMount takes 1 argument, not {}", call.positional().size()));
  const std::string& path = call.positional().front();
  ASSIGN_OR_RETURN(const client::MountOptions options, ParseOptions(call.args));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(fs->UpdateMount(path, options));
  call.out().Line("Updated mount point options at {}", path);
  return kExitOk;
}

}  // namespace

std::vector<Command> MountCommands() {
  const OptionSpec read_only{.name = "readonly", .help = "nothing can be written below"};
  const OptionSpec shared{.name = "shared",
                          .help = "everybody may read and write, whatever the under-store says"};
  const OptionSpec option{
      .name = "option", .value = "key=val", .help = "a property of this under-store; repeatable"};
  return {
      {.name = "mount",
       .usage =
           "mount [--readonly] [--shared] [--remount] [--option <key=val>] <alluxioPath> <ufsURI>",
       .help = "Makes an under-store appear at a path. Without arguments: lists what is mounted.",
       .examples =
           "  headpond fs mount\n"
           "  headpond fs mount --readonly --option s3a.accessKeyId=... /logs s3://bucket/logs\n"
           "  headpond fs mount -o json | jq '.[].ufsUri'",
       .min_args = 0,
       .max_args = kAnyNumber,
       .options = {read_only,
                   shared,
                   {.name = "remount", .help = "replace the mount at this path"},
                   option},
       .structured = true,
       .run = Mount},
      {.name = "unmount",
       .usage = "unmount <alluxioPath>",
       .help = "Removes a mount point; the under-store keeps its files.",
       .examples = "  headpond fs unmount /logs",
       .min_args = 1,
       .max_args = 1,
       .alias = "umount",
       .run = Unmount},
      {.name = "updateMount",
       .usage = "updateMount [--readonly] [--shared] [--option <key=val>] <alluxioPath>",
       .help = "Changes the options of a mount point.",
       .examples = "  headpond fs updateMount --readonly /logs",
       .min_args = 0,
       .max_args = kAnyNumber,
       .options = {read_only, shared, option},
       .run = UpdateMount},
  };
}

}  // namespace headpond::cli
