#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond {

// Limits of a namespace path, checked before anything else looks at it. Stock has none and a deep or
// huge path costs it memory; ours are far above what HDFS (3.x: 8000 bytes, 1000 levels) allows.
inline constexpr size_t kMaxPathBytes = 64 * 1024;
inline constexpr size_t kMaxPathDepth = 4096;
inline constexpr size_t kMaxNameBytes = 4096;

// Brings an absolute namespace path into its one canonical form: "/" or "/a/b", no empty, "." or ".."
// components, no trailing slash. A scheme and authority ("alluxio://host:19998/a") are dropped. ".." is
// resolved lexically and may not climb above "/". Errors: InvalidArgument when empty, relative, holding a NUL byte, or
// past a limit above; long paths are shortened in the text.
Result<std::string> NormalizePath(std::string_view path);

// All of these expect canonical paths.
std::string_view ParentOf(std::string_view path);                     // "/" for "/a" and for "/"
std::string_view BaseName(std::string_view path);                     // "" for "/"
std::vector<std::string_view> PathComponents(std::string_view path);  // none for "/"
std::string JoinPath(std::string_view parent, std::string_view name);
// True when `path` is `ancestor` or below it.
bool IsWithin(std::string_view path, std::string_view ancestor);

}  // namespace headpond
