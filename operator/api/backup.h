#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/cache_cluster.h"
#include "operator/api/kind.h"

namespace headpond::api {

inline constexpr std::string_view kBackupKind = "Backup";
inline constexpr std::string_view kBackupPlural = "backups";

// A Backup's spec with its defaults; what each means stands in backup.cc.
struct BackupSpec {
  std::string cluster;
  std::string directory;  // empty: where the masters put backups
  bool local = false;
  int backoff_limit = 0;
};

struct Backup {
  ObjectMeta metadata;
  BackupSpec spec;
};

Kind BackupKind();

// Where a Backup's file is, as bootstrap.fromBackup and Backup.status have it: a path or a URI.
inline constexpr std::string_view kBackupUriPattern =
    "(/|[a-z][a-z0-9+.-]*://)[^[:cntrl:][:space:]]*";
inline constexpr std::string_view kBackupUriText = "an absolute path or a URI";

// Reads an object that CheckObject accepts, with defaults filled in. Errors: InvalidArgument with
// the findings.
Result<Backup> ReadBackup(const nlohmann::json& object);

}  // namespace headpond::api
