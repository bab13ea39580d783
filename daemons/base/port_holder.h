#pragma once

#include <string>

namespace headpond {

// Says who listens on a TCP port of this machine, for error texts: "held by pid 1234 (java)", or
// "held by another user's process" when /proc does not let us see, or "" when nobody listens.
std::string DescribePortHolder(int port);

}  // namespace headpond
