#include "base/host_port.h"

namespace headpond {

Result<HostPort> ParseHostPort(std::string_view text, std::optional<int> default_port) {
  constexpr int kMaxPort = 65535;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    if (!default_port) return InvalidArgument("{} is not host:port", text);
    return HostPort{std::string(text), *default_port};
  }
  int port = 0;
  for (const char digit : text.substr(colon + 1)) {
    if (digit < '0' || digit > '9' || port > kMaxPort)
      return InvalidArgument("{} is not host:port", text);
    port = port * 10 + (digit - '0');
  }
  if (port == 0 || port > kMaxPort) return InvalidArgument("port out of range in {}", text);
  return HostPort{std::string(text.substr(0, colon)), port};
}

}  // namespace headpond
