#include "cli/shell.h"

#include <algorithm>
#include <optional>

#include "cli/format.h"
#include "cli/glob.h"

namespace headpond::cli {
namespace {

const OptionSpec kOutputOption{.letter = "o",
                               .name = "output",
                               .value = "json|yaml",
                               .help = "print JSON or YAML instead of text"};

const Command* FindCommand(std::span<const Command> commands, std::string_view name) {
  const auto found = std::ranges::find_if(commands, [&](const Command& command) {
    return command.name == name || command.alias == name;
  });
  return found == commands.end() ? nullptr : &*found;
}

void PrintUsage(Sink& out, const Command& command) {
  out.Line("Usage: {}", command.usage);
  out.Line("{}", command.help);
}

std::string OptionText(const OptionSpec& option) {
  std::string text;
  if (!option.letter.empty()) text.append("-").append(option.letter);
  if (!option.name.empty()) text.append(text.empty() ? "--" : ", --").append(option.name);
  if (!option.value.empty()) text.append(" <").append(option.value).append(">");
  return text;
}

void PrintHelp(Sink& out, const Shell& shell, const Command& command) {
  PrintUsage(out, command);
  std::vector<OptionSpec> options = command.options;
  if (command.structured) options.push_back(kOutputOption);
  if (!options.empty()) out.Line("\nOptions:");
  for (const OptionSpec& option : options)
    out.Line("  {}{}", PadRight(OptionText(option), 32), option.help);
  if (!command.subcommands.empty()) out.Line("\nCommands:");
  for (const Command& sub : command.subcommands)
    out.Line("  {}{}", PadRight(sub.name, 20), sub.help);
  if (!command.examples.empty()) out.Line("\nExamples:\n{}", command.examples);
  (void)shell;
}

// The texts of 2.9 for a wrong number of arguments.
std::optional<std::string> CheckCount(const Command& command, size_t count) {
  const auto given = static_cast<int>(count);
  const std::string_view name = command.counts_as.empty() ? command.name : command.counts_as;
  if (command.min_args == command.max_args && given != command.min_args)
    return fmt::format("Command {} takes {} arguments, not {}", name, command.min_args, given);
  if (given < command.min_args)
    return fmt::format("Command {} requires at least {} arguments ({} provided)", name,
                       command.min_args, given);
  if (command.max_args != kAnyNumber && given > command.max_args)
    return fmt::format("Command {} requires at most {} arguments ({} provided)", name,
                       command.max_args, given);
  return std::nullopt;
}

Result<OutputFormat> ParseOutput(const Args& args) {
  const std::string name = args.ValueOr(kOutputOption.key(), "text");
  if (name == "text") return OutputFormat::kText;
  if (name == "json") return OutputFormat::kJson;
  if (name == "yaml") return OutputFormat::kYaml;
  return InvalidArgument("{} is not an output format; use json or yaml", name);
}

int RunCommand(const Shell& shell, const Command& command, std::span<const std::string> words,
               Session& session) {
  Sink& out = session.out();
  if (std::ranges::find(words, "--help") != words.end()) {
    PrintHelp(out, shell, command);
    return kExitOk;
  }
  if (!command.subcommands.empty()) {
    const Command* sub = words.empty() ? nullptr : FindCommand(command.subcommands, words.front());
    if (sub) return RunCommand(shell, *sub, words.subspan(1), session);
    out.Line("{}", words.empty() ? "No sub-command is specified"
                                 : "Unknown sub-command: " + words.front());
    PrintUsage(out, command);
    return kExitError;
  }
  std::vector<OptionSpec> options = command.options;
  if (command.structured) options.push_back(kOutputOption);
  const Result<Args> args = Args::Parse(options, words);
  if (!args.ok()) {
    out.Line("Failed to parse args for {}: {}", command.name, args.status().message());
    PrintUsage(out, command);
    return kExitError;
  }
  const Result<OutputFormat> output = command.structured ? ParseOutput(*args) : OutputFormat::kText;
  if (!output.ok()) {
    out.Line("{}", output.status().message());
    return kExitError;
  }
  Call call{command, *args, *output, session};
  if (const auto problem = CheckCount(command, args->positional().size()))
    return call.UsageError(*problem);
  const Result<int> exit_code = command.run(call);
  if (exit_code.ok()) return *exit_code;
  out.Line("{}", exit_code.status().message());
  return kExitError;
}

}  // namespace

int Call::UsageError(std::string_view what) const {
  out().Line("{}", what);
  PrintUsage(out(), command);
  return kExitError;
}

std::string UsageList(const Shell& shell) {
  std::vector<const Command*> sorted;
  for (const Command& command : shell.commands) sorted.push_back(&command);
  std::ranges::sort(sorted, {}, [](const Command* command) { return command->name; });
  std::string text = fmt::format("Usage: alluxio {} [generic options]\n", shell.name);
  for (const Command* command : sorted)
    text += PadRight(fmt::format("\t [{}]", command->usage), 60) + "\n";
  return text;
}

int RunShell(const Shell& shell, std::span<const std::string> words, Host& host) {
  std::vector<std::string> properties, rest;
  for (const std::string& word : words)
    (word.starts_with("-D") ? properties : rest).push_back(word);
  if (rest.empty() || rest.front() == "--help") {
    host.out.Write(UsageList(shell));
    return rest.empty() ? kExitError : kExitOk;
  }
  const Command* command = FindCommand(shell.commands, rest.front());
  if (!command) {
    host.err.Line("{} is an unknown command.", rest.front());
    host.out.Write(UsageList(shell));
    return kExitError;
  }
  const auto session = Session::Open(host, properties);
  if (!session.ok()) {
    host.err.Line("{}", session.status().message());
    return 1;
  }
  const int exit_code = RunCommand(shell, *command, std::span(rest).subspan(1), **session);
  host.out.Flush();
  host.err.Flush();
  return exit_code;
}

Status ForEachPath(client::FileSystem& fs, std::string_view pattern,
                   const std::function<Status(const std::string& path)>& action) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ExpandGlob(fs, pattern));
  Status failure;
  for (const std::string& path : paths) {
    const Status status = action(path);
    if (status.ok()) continue;
    failure =
        failure.ok() ? status : Status(failure.code(), failure.message() + "\n" + status.message());
  }
  return failure;
}

}  // namespace headpond::cli
