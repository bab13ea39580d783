#pragma once

#include "cli/command.h"

namespace headpond::cli {

// `headpond image`: push, pull, save, load, ls, search.
std::vector<Command> ImageCommands();

}  // namespace headpond::cli
