#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headpond::ufs {

// Where a worker puts the copy of a file that is being persisted, before the master moves it into
// its place: below the mount, in the folder of alluxio.underfs.persistence.async.temp.dir. Computed
// from the id alone, so that master and worker agree without another message, and a repeated
// attempt replaces the former one's file.
inline std::string PersistTempPath(std::string_view mount_uri, std::string_view temp_dir,
                                   int64_t file_id) {
  std::string path(mount_uri);
  if (!path.ends_with('/')) path += '/';
  return path.append(temp_dir).append("/").append(std::to_string(file_id)).append(".alluxio.tmp");
}

}  // namespace headpond::ufs
