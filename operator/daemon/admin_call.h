#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/run_program.h"
#include "operator/controller/master_access.h"

namespace headpond::operator_daemon {

// How the operator asks masters: by `headpond fsadmin`, which speaks to them in their own protocol.
// An operator that held all of that itself would be a third larger in memory, for calls that are
// few.
struct AdminProgram {
  std::string path;  // of the headpond binary
  std::map<std::string, std::string> environment;
};

// `headpond fsadmin WORDS`. Blocks for 5 s at most: the operator has other clusters, too. Errors:
// those of RunProgram.
Result<ProgramOutcome> RunAdmin(const AdminProgram& program, std::vector<std::string> words,
                                const controller::MasterAccess& access);

// What a command has printed, as one line.
std::string OneLine(std::string text);

}  // namespace headpond::operator_daemon
