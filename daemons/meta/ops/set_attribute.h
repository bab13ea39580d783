#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

enum class XattrUpdate : uint8_t {
  kTruncate = 1,
  kUnionReplace = 2,
  kUnionPreserve = 3,
  kDeleteKeys = 4
};  // wire numbers

// Only what is present is changed.
struct SetAttributeRequest {
  OperationContext context;
  std::string path;
  bool recursive = false;
  std::optional<bool> pinned;
  std::vector<std::string> pinned_media;  // with pinned
  std::optional<bool> persisted;          // true only: marks a completed file persisted
  std::optional<std::string> owner;
  std::optional<std::string> group;
  std::optional<uint16_t> mode;
  std::optional<int64_t> ttl_ms;
  std::optional<TtlAction> ttl_action;
  std::optional<int32_t> replication_min;
  std::optional<int32_t> replication_max;
  std::optional<XattrMap> xattr;
  XattrUpdate xattr_update = XattrUpdate::kTruncate;
  std::optional<bool> children_loaded;  // directChildrenLoaded
  std::optional<std::string> fingerprint;
};

struct SetAttributePlan {
  Mutation mutation;
  std::vector<UfsSetAttributes>
      ufs_updates;  // of persisted inodes whose owner, group or mode changes
};

// chown needs the superuser (or an owner that stays the same), chgrp, chmod, pin, TTL and
// replication the owner or WRITE as in stock. Pin, TTL, replication and owner/group/mode go to all
// descendants when recursive; pin and replication always do. Errors: NotFound, PermissionDenied,
// InvalidArgument (replication, persisted=false, an incomplete file marked persisted).
Result<SetAttributePlan> PlanSetAttribute(const Namespace& ns, const SetAttributeRequest& request);

}  // namespace headpond::meta
