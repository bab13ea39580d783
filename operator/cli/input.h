#pragma once

#include <string>

#include "base/result.h"

namespace headpond::operator_cli {

// The text of a file, or with "-" of standard input, up to 1 MiB.
Result<std::string> ReadInput(const std::string& file);

}  // namespace headpond::operator_cli
