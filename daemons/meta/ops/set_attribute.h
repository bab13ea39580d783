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
  // With both: the groups of the new owner, if the caller knows them; the new group must be one of
  // them.
  std::optional<std::vector<std::string>> owner_groups;
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
  bool more = false;  // see kMaxPutsPerMutation
  std::vector<UfsSetAttributes>
      ufs_updates;  // of persisted inodes whose owner, group or mode changes
};

// A new owner needs the superuser, a new group or mode the inode's owner, all else WRITE. Pin and
// replication always go to the whole subtree, the others when recursive. Errors: NotFound,
// PermissionDenied, InvalidArgument (replication, persisted=false, an incomplete file marked
// persisted), Unknown (owner not in group, with stock's text).
Result<SetAttributePlan> PlanSetAttribute(const Namespace& ns, const SetAttributeRequest& request);

}  // namespace headpond::meta
