#pragma once

#include <vector>

#include "cli/command.h"

namespace headpond::cli {

// The commands of `headpond fsadmin`, one function per file.
std::vector<Command> BackupCommands();   // backup
std::vector<Command> JournalCommands();  // journal
std::vector<Command> ReportCommands();   // report

}  // namespace headpond::cli
