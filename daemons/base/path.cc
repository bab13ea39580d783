#include "base/path.h"

namespace headpond {
namespace {

constexpr size_t kShownBytes = 128;

std::string Shown(std::string_view path) {
  if (path.size() <= kShownBytes) return std::string(path);
  return fmt::format("{}... ({} bytes)", path.substr(0, kShownBytes), path.size());
}

// "alluxio://host:19998/a" -> "/a"; a path without a scheme is returned as it is.
std::string_view DropAuthority(std::string_view path) {
  const size_t scheme = path.find("://");
  if (scheme == std::string_view::npos || path.find('/') < scheme) return path;
  const size_t slash = path.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
}

}  // namespace

Result<std::string> NormalizePath(std::string_view text) {
  if (text.size() > kMaxPathBytes)
    return InvalidArgument("path {} is longer than {} bytes", Shown(text), kMaxPathBytes);
  const std::string_view path = DropAuthority(text);
  if (path.empty()) return InvalidArgument("path is empty; give an absolute path such as /data");
  // Stock's text; its shells print it as it is.
  if (path.front() != '/') return InvalidArgument("Path \"{}\" is invalid.", Shown(path));
  if (path.find('\0') != std::string_view::npos) return InvalidArgument("path holds a NUL byte");

  std::vector<std::string_view> kept;
  size_t begin = 1;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (kept.empty()) return InvalidArgument("path {} climbs above the root", Shown(path));
      kept.pop_back();
      continue;
    }
    if (name.size() > kMaxNameBytes)
      return InvalidArgument("a name in path {} is longer than {} bytes", Shown(path),
                             kMaxNameBytes);
    kept.push_back(name);
    if (kept.size() > kMaxPathDepth)
      return InvalidArgument("path {} has more than {} levels", Shown(path), kMaxPathDepth);
  }
  if (kept.empty()) return std::string("/");
  std::string canonical;
  canonical.reserve(path.size());
  for (std::string_view name : kept) canonical.append("/").append(name);
  return canonical;
}

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/")
                                                       : path.substr(0, slash);
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::vector<std::string_view> PathComponents(std::string_view path) {
  std::vector<std::string_view> names;
  size_t begin = 1;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    names.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

std::string JoinPath(std::string_view parent, std::string_view name) {
  std::string path;  // without fmt, as it is made for each entry of a listing
  path.reserve(parent.size() + 1 + name.size());
  if (parent != "/") path.append(parent);
  return path.append("/").append(name);
}

bool IsWithin(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace headpond
