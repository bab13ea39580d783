#pragma once

#include <span>
#include <string>

namespace headpond::cli {

// `headpond journal verify|dump FOLDER [--from N] [-o json]`: looks at a journal without changing
// it. Exit code 0 when it is healthy, 1 when it is damaged or can't be read, 2 for wrong usage.
int JournalMain(std::span<const std::string> words);

// `headpond format [--force] [-Dkey=value ...]`: makes alluxio.master.journal.folder an empty
// journal. A folder that holds anything is only touched with --force, and never while a master uses
// it. Exit codes as above.
int FormatMain(std::span<const std::string> words);

}  // namespace headpond::cli
