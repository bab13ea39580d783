#pragma once

#include <span>
#include <string>

namespace headpond::operator_cli {

// `headpond task`: user work in containers, by the API that KUBECONFIG names, or else that of the
// operator whose state folder is ours. `words` are what follows the command's name. Prints to
// stdout (results, output of tasks) and stderr (warnings, errors) and returns the exit code.
//
//   task list [-o json|yaml]
//   task run NAME --image IMAGE [...] [--wait] -- COMMAND [ARGUMENT...]
//   task logs NAME [-f]
//   task cancel NAME [--delete]
//
// `run --wait` returns the task's own exit code.
int TaskMain(std::span<const std::string> words);

}  // namespace headpond::operator_cli
