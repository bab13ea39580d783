#pragma once

#include <string>
#include <vector>

#include "cli/document.h"
#include "client/types.h"

namespace headpond::cli {

// The mount table as `fs mount` and `fsadmin report ufs` print it: columns as wide as their longest
// entry, by path.
std::string MountTableText(const std::vector<client::MountPoint>& mounts);
Document ToDocument(const client::MountPoint& mount);

}  // namespace headpond::cli
