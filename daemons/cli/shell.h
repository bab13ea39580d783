#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"

namespace headpond::cli {

// A group of commands: `headpond fs`, `headpond fsadmin`.
struct Shell {
  std::string_view name;   // "fs"
  std::string_view title;  // "Alluxio fs shell": 2.9's error texts name it
  std::vector<Command> commands;
};

// Runs one command line, its words without "headpond fs". -Dkey=value words may stand anywhere.
// Returns the exit code.
int RunShell(const Shell& shell, std::span<const std::string> words, Host& host);

// The usage list of a shell without arguments, exactly as 2.9 prints it.
std::string UsageList(const Shell& shell);

}  // namespace headpond::cli
