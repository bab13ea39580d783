#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond {

// Where a server is reached: "host:port".
struct HostPort {
  std::string host;
  int port = 0;
  std::string ToString() const { return host + ":" + std::to_string(port); }
  friend auto operator<=>(const HostPort&, const HostPort&) = default;
};

// The port is what follows the last colon, 1 to 65535; without a colon it is `default_port`.
// InvalidArgument naming the text. An empty host is for the caller to refuse.
Result<HostPort> ParseHostPort(std::string_view text, std::optional<int> default_port = {});

}  // namespace headpond
