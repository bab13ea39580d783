#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond::ufs {

// Removes the directory `name` in the open directory `parent_fd` with all that is in it, never
// following a symbolic link. Stops at the first error; what is gone stays gone. A directory that
// somebody else keeps filling meanwhile ends as FailedPrecondition. Uses one descriptor per level.
Status RemoveTree(int parent_fd, const std::string& name, std::string_view path);

// Removes the temporary files that dead processes left in a directory of this machine.
Status RemoveAbandonedFiles(const std::string& path);

// Removes an empty directory. Temporary files that dead processes left in it do not count as
// content and go too; one that is being written does: FailedPrecondition.
Status RemoveEmptyDirectory(int parent_fd, const std::string& name, std::string_view path);

}  // namespace headpond::ufs
