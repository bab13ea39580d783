#include "meta/ops/persist.h"

#include "base/arithmetic.h"
#include "base/path.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

Result<Inode> FindFile(const Namespace& ns, InodeId id) {
  const Inode file = ns.inodes().Find(id);
  if (!file || file.is_directory()) return NotFound("inodeId {} does not exist", id);
  return file;
}

Mutation PutOne(InodeRecord record, int64_t now_ms) {
  Mutation mutation;
  mutation.op_time_ms = now_ms;
  mutation.puts.push_back(std::move(record));
  return mutation;
}

void ForgetJob(InodeRecord& record) {
  record.persist_job_id = kNoPersistJob;
  record.temp_ufs_path.clear();
}

// Sets the state of the completed files among `files` that have state `from`.
Mutation ChangeState(const Namespace& ns, const std::vector<InodeId>& files, int64_t now_ms,
                     const std::vector<PersistenceState>& from, PersistenceState to) {
  Mutation mutation;
  mutation.op_time_ms = now_ms;
  for (const InodeId id : files) {
    const Inode file = ns.inodes().Find(id);
    if (!file || file.is_directory() || !file.completed()) continue;
    bool applies = false;
    for (const PersistenceState state : from) applies |= file.persistence() == state;
    if (!applies) continue;
    InodeRecord record = file.ToRecord();
    record.persistence = to;
    ForgetJob(record);
    mutation.puts.push_back(std::move(record));
  }
  return mutation;
}

}  // namespace

Result<Mutation> PlanSchedulePersist(const Namespace& ns, const OperationContext& context,
                                     const std::string& path, int64_t wait_ms) {
  const PathWalk walk = ns.Walk(path);
  RETURN_IF_ERROR(CheckTraverse(ns, context.caller, walk));
  RETURN_IF_ERROR(walk.Error());
  const Inode file = walk.inode();
  if (file.is_directory()) return NotFound("Path \"{}\" must be a file.", path);
  if (!file.completed()) {
    return InvalidArgument("Cannot persist an incomplete Alluxio file: {}", path);
  }
  Mutation nothing;
  nothing.op_time_ms = context.now_ms;
  if (file.persisted()) return nothing;
  InodeRecord record = file.ToRecord();
  const int64_t persist_at_ms = SaturatingAdd(context.now_ms, std::max<int64_t>(0, wait_ms));
  if (record.persistence == PersistenceState::kToBePersisted &&
      record.persist_at_ms <= persist_at_ms) {
    return nothing;
  }
  record.persistence = PersistenceState::kToBePersisted;
  record.persist_at_ms = persist_at_ms;
  return PutOne(std::move(record), context.now_ms);
}

Result<Mutation> PlanSetPersistJob(const Namespace& ns, InodeId id, int64_t job_id,
                                   const std::string& temp_ufs_path, int64_t now_ms) {
  ASSIGN_OR_RETURN(const Inode file, FindFile(ns, id));
  InodeRecord record = file.ToRecord();
  record.persist_job_id = job_id;
  record.temp_ufs_path = temp_ufs_path;
  return PutOne(std::move(record), now_ms);
}

Result<Mutation> PlanCancelPersist(const Namespace& ns, InodeId id, int64_t now_ms) {
  ASSIGN_OR_RETURN(const Inode file, FindFile(ns, id));
  Mutation mutation = ChangeState(ns, {file.id()}, now_ms, {PersistenceState::kToBePersisted},
                                  PersistenceState::kNotPersisted);
  for (InodeRecord& record : mutation.puts) record.persist_at_ms = 0;
  return mutation;
}

Result<std::vector<UfsMakeDirectory>> MissingUfsDirectories(const Namespace& ns, InodeId id) {
  ASSIGN_OR_RETURN(const Inode file, FindFile(ns, id));
  Mutation unused;
  std::vector<UfsMakeDirectory> work;
  PersistDirectories(ns, AncestorsOf(file), unused, work);
  return work;
}

Result<Mutation> PlanMarkPersisted(const Namespace& ns, InodeId id, int64_t length,
                                   const std::string& fingerprint, int64_t now_ms) {
  ASSIGN_OR_RETURN(const Inode file, FindFile(ns, id));
  if (!file.completed() || file.length() != length) {
    return Aborted("the copy of {} has {} bytes, the file {}", ns.PathOf(file), length,
                   file.length());
  }
  Mutation mutation;
  mutation.op_time_ms = now_ms;
  std::vector<UfsMakeDirectory> unused;
  PersistDirectories(ns, AncestorsOf(file), mutation, unused);
  InodeRecord record = file.ToRecord();
  record.persistence = PersistenceState::kPersisted;
  record.persist_at_ms = 0;
  record.fingerprint = fingerprint;
  ForgetJob(record);
  mutation.puts.push_back(std::move(record));
  return mutation;
}

Mutation PlanMarkLost(const Namespace& ns, const std::vector<InodeId>& files, int64_t now_ms) {
  return ChangeState(ns, files, now_ms,
                     {PersistenceState::kNotPersisted, PersistenceState::kToBePersisted},
                     PersistenceState::kLost);
}

Mutation PlanMarkFound(const Namespace& ns, const std::vector<InodeId>& files, int64_t now_ms) {
  Mutation mutation =
      ChangeState(ns, files, now_ms, {PersistenceState::kLost}, PersistenceState::kNotPersisted);
  for (InodeRecord& record : mutation.puts)
    if (record.persist_at_ms != 0) record.persistence = PersistenceState::kToBePersisted;
  return mutation;
}

}  // namespace headpond::meta
