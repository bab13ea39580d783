#pragma once

#include <string>

#include "base/result.h"
#include "io/env.h"

namespace headpond::io {

// Removes a folder and the files in it. OK when it is absent; the error of Env::Remove when there
// is a folder in it that is not empty. Not durable before the parent is synced
// (Env::SyncDirectory).
Status RemoveFolder(Env& env, const std::string& folder);

}  // namespace headpond::io
