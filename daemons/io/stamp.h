#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "io/env.h"

namespace headpond::io {

// A stamp says whose a folder of durable state is: lines of `key=value`, so that an operator can
// read it too. Values have no line breaks.

// Unknown lines are left out. Errors: of the file system; NotFound when there is none.
Result<std::map<std::string, std::string>> ReadStampFile(Env& env, const std::string& path);
Status WriteStampFile(Env& env, const std::string& path,
                      const std::map<std::string, std::string>& values);

}  // namespace headpond::io
