#pragma once

#include <vector>

#include "base/result.h"
#include "meta/ops/free.h"
#include "meta/ops/remove.h"

namespace headpond::meta {

struct Expired {
  InodeId id = kNoInode;
  TtlAction action = TtlAction::kFree;
};
// Inodes whose TTL (creation time + ttl) has ended, earliest first.
std::vector<Expired> FindExpired(const Namespace& ns, int64_t now_ms, size_t limit);

// Action FREE: everything below is freed, unpinned and loses its minimum of replicas, then the TTL
// ends (compat section 11). Files that are not persisted stay in the cache. NotFound when it is
// gone.
Result<FreePlan> PlanExpireFree(const Namespace& ns, InodeId id, int64_t now_ms);
// Actions DELETE and DELETE_ALLUXIO: what to remove. NotFound when it is gone.
Result<RemoveRequest> ExpireRemoval(const Namespace& ns, const Expired& expired, int64_t now_ms);

// A read or listing at `now_ms`: empty unless the recorded access time is older than `precision_ms`
// (alluxio.master.file.access.time.update.precision).
Mutation PlanTouchAccess(const Namespace& ns, InodeId id, int64_t now_ms, int64_t precision_ms);

}  // namespace headpond::meta
