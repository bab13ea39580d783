#include "operator/apiserver/request_path.h"

#include <vector>

namespace headpond::apiserver {

std::optional<RequestPath> ParseRequestPath(std::string_view path) {
  constexpr size_t kMostParts = 9;
  std::vector<std::string> parts;
  if (!path.starts_with('/')) return std::nullopt;
  for (std::string_view rest = path.substr(1); parts.size() <= kMostParts;) {
    const size_t slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    if (parts.back().empty()) return std::nullopt;
    if (slash == std::string_view::npos) break;
    rest = rest.substr(slash + 1);
  }
  RequestPath out;
  size_t at = 0;
  const auto next = [&]() -> std::string { return at < parts.size() ? parts[at++] : ""; };
  const std::string root = next();
  if (root == "apis")
    out.group = next();
  else if (root != "api")
    return std::nullopt;
  out.version = next();
  out.resource = next();
  // "namespaces/x/status" is the namespace's own; anything else behind it is in the namespace.
  const bool within = out.resource == "namespaces" && at + 1 < parts.size() &&
                      parts[at + 1] != "status" && parts[at + 1] != "finalize";
  if (within) {
    out.name_space = next();
    out.resource = next();
  }
  out.name = next();
  out.subresource = next();
  if (out.resource.empty() || at != parts.size()) return std::nullopt;
  return out;
}

}  // namespace headpond::apiserver
