#include "cli/mount_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/units.h"
#include "cli/format.h"

namespace headpond::cli {

std::string MountTableText(const std::vector<client::MountPoint>& mounts) {
  std::vector<client::MountPoint> sorted = mounts;
  std::ranges::sort(sorted, {}, &client::MountPoint::path);
  size_t uri_width = 0, path_width = 0;
  for (const auto& mount : sorted) {
    uri_width = std::max(uri_width, mount.ufs_uri.size());
    path_width = std::max(path_width, mount.path.size());
  }
  std::string text;
  for (const auto& mount : sorted) {
    std::string share;
    if (mount.ufs_capacity_bytes > 0)
      share = fmt::format("({}%)", Percent(mount.ufs_used_bytes, mount.ufs_capacity_bytes, 0));
    std::string properties;
    for (const auto& [key, value] : mount.properties)
      properties += fmt::format("{}{}={}", properties.empty() ? "" : ", ", key, value);
    text += fmt::format(
        "{}  on  {}  ({}, capacity={}, used={}{}, {}read-only, {}shared, properties={{{}}})\n",
        PadRight(mount.ufs_uri, uri_width), PadRight(mount.path, path_width), mount.ufs_type,
        FormatSize(mount.ufs_capacity_bytes), FormatSize(mount.ufs_used_bytes), share,
        mount.read_only ? "" : "not ", mount.shared ? "" : "not ", properties);
  }
  return text;
}

Document ToDocument(const client::MountPoint& mount) {
  Document properties = Document::EmptyMap();
  for (const auto& [key, value] : mount.properties) properties.Set(key, value);
  Document document = Document::EmptyMap();
  document.Set("path", mount.path).Set("ufsUri", mount.ufs_uri).Set("ufsType", mount.ufs_type);
  document.Set("ufsCapacityBytes", mount.ufs_capacity_bytes)
      .Set("ufsUsedBytes", mount.ufs_used_bytes);
  document.Set("readOnly", mount.read_only)
      .Set("shared", mount.shared)
      .Set("mountId", mount.mount_id);
  return document.Set("properties", std::move(properties));
}

}  // namespace headpond::cli
