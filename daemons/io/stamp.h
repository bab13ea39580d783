#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/env.h"

namespace headpond::io {

// A stamp says whose a folder of durable state is: lines of `key=value`, so that an operator can
// read it too. Values have no line breaks.

using Stamp = std::map<std::string, std::string>;

// Unknown lines are left out.
Stamp ParseStamp(std::string_view text);
std::string StampText(const Stamp& stamp);

// Errors: of the file system; NotFound when there is none.
Result<Stamp> ReadStampFile(Env& env, const std::string& path);
Status WriteStampFile(Env& env, const std::string& path, const Stamp& stamp);

}  // namespace headpond::io
