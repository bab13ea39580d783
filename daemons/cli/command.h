#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/args.h"
#include "cli/document.h"
#include "cli/session.h"

namespace headpond::cli {

struct Command;

// Exit codes of 2.9's shells: anything that failed is -1, which a parent process sees as 255.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 255;

// One command line being run.
struct Call {
  const Command& command;
  const Args& args;
  OutputFormat output;
  Session& session;

  Sink& out() const { return session.out(); }
  const std::vector<std::string>& positional() const { return args.positional(); }
  Result<client::FileSystem*> fs() const { return session.fs(); }

  // Prints what is wrong with the arguments, then how to use the command.
  int UsageError(std::string_view what) const;
};

inline constexpr int kAnyNumber = -1;

// One row of a shell's command table.
struct Command {
  std::string_view name;
  std::string_view usage;     // 2.9's spelling: errors print it, and people grep for it
  std::string_view help;      // what it does
  std::string_view examples;  // lines of shell, for --help
  int min_args = 0;
  int max_args = 0;  // kAnyNumber: no limit
  // The command whose name 2.9's texts about the number of arguments have: "" for its own.
  std::string_view counts_as = {};
  std::vector<OptionSpec> options = {};
  // Also takes `-o json|yaml` (`--output`).
  bool structured = false;
  std::string_view alias = {};
  // The result is the exit code; an error is printed as 2.9 does (its text alone on a line of
  // standard output) and exits with kExitError.
  Result<int> (*run)(Call& call) = nullptr;
  std::vector<Command> subcommands = {};
};

// Runs `action` on each path that `pattern` stands for: itself without a `*`. Errors do not stop
// it; they are joined by newlines into the one returned.
Status ForEachPath(client::FileSystem& fs, std::string_view pattern,
                   const std::function<Status(const std::string& path)>& action);

}  // namespace headpond::cli
