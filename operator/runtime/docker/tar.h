#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::runtime {

// One member of a small tar archive.
struct TarEntry {
  std::string path;  // relative; of a folder without a slash at the end
  bool is_folder = false;
  int mode = 0;
  int64_t uid = 0, gid = 0;
  std::string content;  // of a file
};

// A POSIX ustar archive. InvalidArgument for paths that don't fit one (over 100 bytes).
Result<std::string> WriteTar(const std::vector<TarEntry>& entries);

// The entries of `bytes`, which may be the beginning of an archive only: then the last one's
// content may be cut. Links and devices count as files; names of extensions (GNU, pax) are not
// followed. DataLoss when `bytes` is no archive.
Result<std::vector<TarEntry>> ReadTar(std::string_view bytes);

}  // namespace headpond::runtime
