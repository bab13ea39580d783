// fs chmod, chown, chgrp, pin, unpin, setTtl, unsetTtl, setReplication
#include <charconv>

#include "base/units.h"
#include "cli/fs_commands.h"

namespace headpond::cli {
namespace {

// Octal, as 2.9 takes it; symbolic modes are refused in its words.
Result<int> ParseMode(std::string_view text) {
  int mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode < 0 || mode > 0777)
    return InvalidArgument("Invalid mode {0} - contains invalid segment {0}", text);
  return mode;
}

Result<int> ParseInt(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return InvalidArgument("For input string: \"{}\"", text);
  return value;
}

// Sets `options` on every path of `pattern` and says so with `done`.
Result<int> SetOnEach(Call& call, const std::string& pattern,
                      const client::SetAttributeOptions& options,
                      const std::function<std::string(const std::string& path)>& done) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(ForEachPath(*fs, pattern, [&](const std::string& path) -> Status {
    RETURN_IF_ERROR(fs->SetAttribute(path, options));
    call.out().Line("{}", done(path));
    return Status::Ok();
  }));
  return kExitOk;
}

Result<int> Chmod(Call& call) {
  client::SetAttributeOptions options;
  ASSIGN_OR_RETURN(options.mode, ParseMode(call.positional()[0]));
  options.recursive = call.args.Has("R");
  return SetOnEach(call, call.positional()[1], options, [&](const std::string& path) {
    return fmt::format("Changed permission of {} to {:o}", path, *options.mode);
  });
}

Result<int> Chown(Call& call) {
  const std::string& text = call.positional()[0];
  const size_t colon = text.find(':');
  const std::string owner = text.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (owner.empty() ||
      (colon != std::string::npos && (group.empty() || group.find(':') != std::string::npos)))
    return InvalidArgument("Failed to parse {} as user or user:group", text);
  client::SetAttributeOptions options;
  options.owner = owner;
  if (!group.empty()) options.group = group;
  options.recursive = call.args.Has("R");
  return SetOnEach(call, call.positional()[1], options, [&](const std::string& path) {
    return group.empty() ? fmt::format("Changed owner of {} to {}", path, owner)
                         : fmt::format("Changed owner:group of {} to {}:{}.", path, owner, group);
  });
}

Result<int> Chgrp(Call& call) {
  const std::string& group = call.positional()[0];
  client::SetAttributeOptions options;
  options.group = group;
  options.recursive = call.args.Has("R");
  return SetOnEach(call, call.positional()[1], options, [&](const std::string& path) {
    return fmt::format("Changed group of {} to {}", path, group);
  });
}

Result<int> Pin(Call& call) {
  client::SetAttributeOptions options;
  options.pinned = true;
  options.pinned_media.assign(call.positional().begin() + 1, call.positional().end());
  return SetOnEach(call, call.positional()[0], options, [](const std::string& path) {
    return fmt::format("File '{}' was successfully pinned.", path);
  });
}

Result<int> Unpin(Call& call) {
  client::SetAttributeOptions options;
  options.pinned = false;
  return SetOnEach(call, call.positional()[0], options, [](const std::string& path) {
    return fmt::format("File '{}' was successfully unpinned.", path);
  });
}

Result<int> SetTtl(Call& call) {
  client::SetAttributeOptions options;
  options.ttl_action = client::TtlAction::kDelete;
  std::string action_name = "DELETE";
  if (const auto action = call.args.Value("action")) {
    if (*action == "free") {
      options.ttl_action = client::TtlAction::kFree;
      action_name = "FREE";
    } else if (*action != "delete") {
      return call.UsageError("TTL action should be DELETE OR FREE, not " + *action);
    }
  }
  const Result<std::chrono::milliseconds> ttl = ParseDuration(call.positional()[1]);
  if (!ttl.ok()) return InvalidArgument("{} is not valid time", call.positional()[1]);
  options.ttl_ms = ttl->count();
  return SetOnEach(call, call.positional()[0], options, [&](const std::string& path) {
    return fmt::format(
        "TTL of path '{}' was successfully set to {} milliseconds, with expiry action set to {}",
        path, *options.ttl_ms, action_name);
  });
}

Result<int> UnsetTtl(Call& call) {
  client::SetAttributeOptions options;
  options.ttl_ms = -1;
  return SetOnEach(call, call.positional()[0], options, [](const std::string& path) {
    return fmt::format("TTL of file '{}' was successfully removed.", path);
  });
}

Result<int> SetReplication(Call& call) {
  client::SetAttributeOptions options;
  options.recursive = call.args.Has("R");
  if (const auto max = call.args.Value("max")) {
    ASSIGN_OR_RETURN(options.replication_max, ParseInt(*max));
  }
  if (const auto min = call.args.Value("min")) {
    ASSIGN_OR_RETURN(options.replication_min, ParseInt(*min));
  }
  if (!options.replication_max && !options.replication_min)
    return InvalidArgument("At least one option of '--max' or '--min' must be specified");
  const bool bounded =
      options.replication_max && options.replication_min && *options.replication_max >= 0;
  if (bounded && *options.replication_min > *options.replication_max)
    return InvalidArgument("Invalid values for '--max' and '--min' options");
  return SetOnEach(call, call.positional()[0], options, [&](const std::string& path) {
    std::string text = fmt::format("Changed the replication level of {}\n", path);
    if (options.replication_max)
      text += fmt::format("replicationMax was set to {}\n", *options.replication_max);
    if (options.replication_min)
      text += fmt::format("replicationMin was set to {}\n", *options.replication_min);
    return text;
  });
}

}  // namespace

std::vector<Command> AttributeCommands() {
  const OptionSpec recursive{.letter = "R", .name = "recursive", .help = "everything below, too"};
  return {
      {.name = "chmod",
       .usage = "chmod [-R/--recursive] <mode> <path>",
       .help = "Changes permissions.",
       .examples = "  headpond fs chmod -R 750 /data",
       .min_args = 2,
       .max_args = 2,
       .options = {recursive},
       .run = Chmod},
      {.name = "chown",
       .usage = "chown [-R/--recursive] <owner>[:<group>] <path>",
       .help = "Changes the owner, and the group if one is given.",
       .examples = "  headpond fs chown -R etl:etl /data",
       .min_args = 2,
       .max_args = 2,
       .options = {recursive},
       .run = Chown},
      {.name = "chgrp",
       .usage = "chgrp [-R/--recursive] <group> <path>",
       .help = "Changes the group.",
       .examples = "  headpond fs chgrp analysts /data",
       .min_args = 2,
       .max_args = 2,
       .options = {recursive},
       .run = Chgrp},
      {.name = "pin",
       .usage = "pin <path> media1 media2 media3 ...",
       .help = "Keeps a path in the cache: its blocks are not evicted. Media say where.",
       .examples = "  headpond fs pin /data/hot\n  headpond fs pin /data/hot MEM SSD",
       .min_args = 1,
       .max_args = kAnyNumber,
       .run = Pin},
      {.name = "unpin",
       .usage = "unpin <path>",
       .help = "Lets the blocks of a pinned path be evicted again.",
       .examples = "  headpond fs unpin /data/hot",
       .min_args = 1,
       .max_args = kAnyNumber,
       .run = Unpin},
      {.name = "setTtl",
       .usage = "setTtl [--action delete|free] <path> <time to live>",
       .help = "Has a path deleted (or freed from the cache) when it is older than the time given: "
               "500 (ms), 30s, 2h, 7d.",
       .examples =
           "  headpond fs setTtl /tmp/run-17 7d\n  headpond fs setTtl --action free /data/hot 12h",
       .min_args = 2,
       .max_args = 2,
       .options = {{.name = "action",
                    .value = "delete|free",
                    .help = "what happens then; delete if not given"}},
       .run = SetTtl},
      {.name = "unsetTtl",
       .usage = "unsetTtl <path>",
       .help = "Lets a path live for ever.",
       .examples = "  headpond fs unsetTtl /tmp/run-17",
       .min_args = 1,
       .max_args = 1,
       .run = UnsetTtl},
      {.name = "setReplication",
       .usage = "setReplication [-R] [--max <num> | --min <num>] <path>",
       .help = "Sets how many copies of each block the cache keeps at least and at most (-1: no "
               "limit).",
       .examples = "  headpond fs setReplication --min 2 --max 3 /data/hot",
       .min_args = 1,
       .max_args = 1,
       .options = {{.name = "max", .value = "num", .help = "at most"},
                   {.name = "min", .value = "num", .help = "at least"},
                   {.letter = "R", .help = "everything below, too"}},
       .run = SetReplication},
  };
}

}  // namespace headpond::cli
