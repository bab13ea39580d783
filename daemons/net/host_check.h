#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace headpond::net {

// A process that tells others a name which nobody can resolve would come up and never be reached.
// Errors: InvalidArgument with the property, its value, the resolver's reason and the remedy.
// Blocks on the name service.
Status CheckHostResolves(std::string_view property, const std::string& host);

}  // namespace headpond::net
