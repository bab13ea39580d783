#pragma once

#include <span>
#include <string>

namespace headpond::operator_cli {

// `headpond up`, `down`, `status` and `convert`. `words` are what follows the command's name. They
// print to stdout (results) and stderr (warnings, progress, errors) and return the exit code: 0, or
// 1 after a message that says what is wrong.
//
//   up -f FILE [--wait] [--timeout 60s] [--port-base N] [--dry-run [-o json|yaml]]
//   plan -f FILE [--port-base N] [-o json|yaml]     as up --dry-run
//   down [NAME...] [--all] [--delete-data] [--no-wait] [--timeout 60s]
//   status [NAME...] [-o json|yaml]
//
//   convert FILE [--name NAME] [-n NAMESPACE] [--workers N] [--under-store URI]
//           [--under-store-claim CLAIM] [--strict]
//
// But for `convert`, which only reads its file, they use the API of the operator that has the state
// folder (see controller::HomePath), and start it when none runs; `status` then shows what was
// stored last. A dry run returns 2 when something would change.
int UpMain(std::span<const std::string> words);
int PlanMain(std::span<const std::string> words);
int ConvertMain(std::span<const std::string> words);
int DownMain(std::span<const std::string> words);
int StatusMain(std::span<const std::string> words);

}  // namespace headpond::operator_cli
