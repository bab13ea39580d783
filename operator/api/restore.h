#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "operator/api/cache_cluster.h"
#include "operator/api/kind.h"

namespace headpond::api {

inline constexpr std::string_view kRestoreKind = "Restore";
inline constexpr std::string_view kRestorePlural = "restores";

// A Restore's spec with its defaults; what each means stands in restore.cc.
struct RestoreSpec {
  std::string cluster;
  std::string backup;  // the name of a Backup; or
  std::string uri;     // of a backup's file
  int deadline_seconds = 0;
};

struct Restore {
  ObjectMeta metadata;
  RestoreSpec spec;
};

Kind RestoreKind();

// Reads an object that CheckObject accepts, with defaults filled in. Errors: InvalidArgument with
// the findings.
Result<Restore> ReadRestore(const nlohmann::json& object);

}  // namespace headpond::api
