#pragma once

#include <span>
#include <string>

#include "cli/session.h"

namespace headpond::cli {

// The entry points of the `headpond` binary's client words. `words` is what follows the word
// itself. All return the process's exit code.
int FsMain(std::span<const std::string> words, Host& host);
int FsAdminMain(std::span<const std::string> words, Host& host);
int ImageMain(std::span<const std::string> words, Host& host);
int GetConfMain(std::span<const std::string> words, Host& host);
int RunTestsMain(std::span<const std::string> words, Host& host);
int BenchMain(std::span<const std::string> words, Host& host);

// A Host on the process's own streams and environment.
int RunOnProcess(int (*entry)(std::span<const std::string>, Host&),
                 std::span<const std::string> words);

}  // namespace headpond::cli
