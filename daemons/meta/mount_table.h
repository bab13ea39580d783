#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "meta/ids.h"

namespace headpond::meta {

// Numbers are those of the wire (UfsPMode).
enum class UfsMode : uint8_t { kNoAccess = 1, kReadOnly = 2, kReadWrite = 3 };

// One under-store folder shown at one path of the namespace.
struct MountInfo {
  std::string path;     // canonical namespace path, "/" for the root mount
  MountId id = 0;       // changes when the options change, so that workers open the store anew
  std::string ufs_uri;  // no slash at the end, except "/" itself and "scheme://authority/"
  bool read_only = false;
  bool shared = false;
  std::map<std::string, std::string> properties;

  friend bool operator==(const MountInfo&, const MountInfo&) = default;
};

// Where a namespace path lives in an under-store.
struct UfsLocation {
  MountId mount_id = 0;
  std::string ufs_path;
};

// The mounts, by path. A value type; not synchronised.
class MountTable {
 public:
  void Put(MountInfo info);
  void Remove(std::string_view path);

  // The mount that holds `path`: the longest mount path that is a prefix. Null only before the root
  // is mounted.
  const MountInfo* Find(std::string_view path) const;
  const MountInfo* FindAt(std::string_view mount_path) const;  // exactly there, or null
  const MountInfo* FindById(MountId id) const;                 // or null
  // Mount paths strictly below `path`.
  std::vector<std::string> MountsBelow(std::string_view path) const;

  // NotFound when nothing is mounted at all.
  Result<UfsLocation> Resolve(std::string_view path) const;
  // The namespace path of an under-store path: the mount with the longest matching URI wins;
  // nullopt when no mount holds it.
  std::optional<std::string> ReverseResolve(std::string_view ufs_path) const;

  // InvalidArgument with stock's text when `uri` is inside, or holds, the under-store of another
  // mount.
  Status CheckUriFree(std::string_view uri) const;

  const std::map<std::string, MountInfo, std::less<>>& mounts() const { return mounts_; }

 private:
  std::map<std::string, MountInfo, std::less<>> mounts_;
};

// The one form of an under-store URI: no slash at the end (except "/" and "scheme://authority/"),
// and a plain path for file://.
std::string NormalizeUfsUri(std::string_view uri);

// "scheme://authority/" of an under-store URI, "/" for a plain path: what maintenance modes are
// kept by.
std::string UfsRootOf(std::string_view uri);

// Joins an under-store URI and a relative path ("" or "a/b").
std::string JoinUfsPath(std::string_view uri, std::string_view relative);

}  // namespace headpond::meta
