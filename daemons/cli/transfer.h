#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/progress.h"
#include "cli/work_group.h"
#include "client/file_system.h"
#include "client/options.h"

namespace headpond::cli {

// Copies of single files between the namespace and this machine. All report bytes to `progress` as
// they go.

// The new file appears only when it is complete; a failed copy leaves nothing behind.
Status CopyToNamespace(client::FileSystem& fs, const std::string& local, const std::string& path,
                       const client::CreateOptions& options, Progress& progress);
Status CopyInNamespace(client::FileSystem& fs, const client::FileInfo& from, const std::string& to,
                       Progress& progress);

// Reads in pieces on the threads of `group`, into a temporary file beside `local` that takes its
// name (and replaces what was there) at the end. `done` is called then, on one of those threads.
void CopyToLocal(client::FileSystem& fs, const client::FileInfo& from, const std::string& local,
                 WorkGroup& group, Progress& progress, std::function<void()> done);

}  // namespace headpond::cli
