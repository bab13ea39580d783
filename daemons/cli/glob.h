#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/file_system.h"

namespace headpond::cli {

// `*` stands for any characters but '/'; there are no other wildcards in 2.9's shell.
bool MatchesGlob(std::string_view pattern, std::string_view text);
bool HasGlob(std::string_view path);

// One name of a folder, for ExpandGlob.
struct GlobEntry {
  std::string name;
  bool folder = false;
};
// NotFound when the folder is not there (then nothing matches below it).
using GlobLister = std::function<Result<std::vector<GlobEntry>>(const std::string& folder)>;

// The paths that `pattern` matches, sorted: the folder part may hold wildcards too. A pattern
// without one is returned as it is, unchecked. Errors: NotFound "<pattern> does not exist." when
// nothing matches.
Result<std::vector<std::string>> ExpandGlob(std::string_view pattern, const GlobLister& list);

// In the namespace, and in this machine's files.
Result<std::vector<std::string>> ExpandGlob(client::FileSystem& fs, std::string_view pattern);
Result<std::vector<std::string>> ExpandLocalGlob(const std::string& pattern);

}  // namespace headpond::cli
