#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

// ScheduleAsyncPersistence. As in stock everybody who can reach the file may ask. Empty when it is
// persisted or scheduled for then already. Errors: NotFound (also a directory, as stock),
// PermissionDenied, InvalidArgument (incomplete).
Result<Mutation> PlanSchedulePersist(const Namespace& ns, const OperationContext& context,
                                     const std::string& path, int64_t wait_ms);

// A persist job has started, or (kNoPersistJob, "") has ended without success and will be tried
// again.
Result<Mutation> PlanSetPersistJob(const Namespace& ns, InodeId file, int64_t job_id,
                                   const std::string& temp_ufs_path, int64_t now_ms);
// Given up: back to NOT_PERSISTED.
Result<Mutation> PlanCancelPersist(const Namespace& ns, InodeId file, int64_t now_ms);

// Directories above a file that its under-store copy needs, top down.
Result<std::vector<UfsMakeDirectory>> MissingUfsDirectories(const Namespace& ns, InodeId file);

// The copy is in its final place: file and ancestors become PERSISTED. NotFound when the file is
// gone, Aborted when its length is not `length`.
Result<Mutation> PlanMarkPersisted(const Namespace& ns, InodeId file, int64_t length,
                                   const std::string& fingerprint, int64_t now_ms);

// Marks completed files whose only copies are gone as LOST; persisted ones, and unknown ids, are
// skipped.
Mutation PlanMarkLost(const Namespace& ns, const std::vector<InodeId>& files, int64_t now_ms);
// A lost file whose blocks came back is NOT_PERSISTED again, or TO_BE_PERSISTED when it was
// scheduled.
Mutation PlanMarkFound(const Namespace& ns, const std::vector<InodeId>& files, int64_t now_ms);

}  // namespace headpond::meta
