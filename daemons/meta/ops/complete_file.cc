#include "meta/ops/complete_file.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "meta/ops/check_access.h"
#include "meta/ops/planning.h"
#include "meta/permission.h"

namespace headpond::meta {
namespace {

// The length that the committed blocks add up to. A block that was never written, before one that
// was, is skipped: stock clients give no operation id when they ask for a block, so that one whose
// answer was lost with the leader asks again and gets another. They write what they got, and
// complete the file once workers have committed all of it.
Result<int64_t> CommittedLength(Inode file, const std::string& path) {
  int64_t total = 0;
  for (uint32_t index = 0; index < file.block_count(); ++index) {
    const int64_t length = file.open_block_length(index);
    const bool last = index + 1 == file.block_count();
    if (length == kUnknownLength) {
      if (!last) continue;
      return InvalidArgument("Cannot complete a file without all the blocks committed");
    }
    if (!last && length != file.block_size()) {
      return InvalidArgument(
          "Block index {} has a block size smaller than the file block size ({})", index,
          file.block_size());
    }
    if (length > file.block_size()) {
      return InvalidArgument("block {} of {} has {} bytes, more than the block size {}", index,
                             path, length, file.block_size());
    }
    total += length;
  }
  return total;
}

Status CheckUfsLength(const CompleteFileRequest& request, int64_t block_size) {
  if (request.ufs_length < 0) {
    return InvalidArgument("File {} cannot have negative length: {}", request.path,
                           request.ufs_length);
  }
  if (request.ufs_length / block_size > kMaxSequence - 1) {
    return InvalidArgument("{} bytes of {} need more blocks of {} bytes than a file can have",
                           request.ufs_length, request.path, block_size);
  }
  return Status::Ok();
}

}  // namespace

Result<CompleteFilePlan> PlanCompleteFile(const Namespace& ns, const CompleteFileRequest& request) {
  CompleteFilePlan plan;
  const PathWalk walk = ns.Walk(request.path);
  if (ns.IsCompleted(request.context.operation_id)) {
    if (walk.found()) plan.file_id = walk.inode().id();
    return plan;
  }
  RETURN_IF_ERROR(walk.Error());
  const Inode inode = walk.inode();
  const Caller& caller = request.context.caller;
  const bool is_creator = !inode.completed() && inode.owner() == caller.user;
  RETURN_IF_ERROR(is_creator ? CheckTraverse(ns, caller, walk)
                             : CheckAccess(ns, caller, walk, kWrite));
  if (inode.is_directory()) return InvalidArgument("Path \"{}\" must be a file.", request.path);
  if (inode.completed()) return AlreadyExists("File {} has already been completed.", request.path);

  InodeRecord file = inode.ToRecord();
  if (file.persistence == PersistenceState::kPersisted) {
    RETURN_IF_ERROR(CheckUfsLength(request, file.block_size));
    file.length = request.ufs_length;
    const uint32_t handed_out = file.block_count;
    file.block_count = BlockCountOf(file.length, file.block_size);
    for (uint32_t index = file.block_count; index < handed_out; ++index) {
      plan.surplus_blocks.push_back(BlockIdOf(file.id, index));
    }
    file.fingerprint = request.fingerprint;
  } else {
    ASSIGN_OR_RETURN(file.length, CommittedLength(inode, request.path));
    if (request.async_persist_wait_ms) {
      file.persistence = PersistenceState::kToBePersisted;
      const int64_t wait_ms = *request.async_persist_wait_ms;
      file.persist_at_ms =
          wait_ms < 0 ? kPersistNever : SaturatingAdd(request.context.now_ms, wait_ms);
    }
  }
  // Which blocks are to be skipped has to be remembered.
  if (file.persistence == PersistenceState::kPersisted ||
      std::ranges::find(file.open_block_lengths, kUnknownLength) == file.open_block_lengths.end())
    file.open_block_lengths.clear();
  file.completed = true;
  file.modification_ms = file.access_ms = request.context.now_ms;

  plan.file_id = file.id;
  plan.mutation.op_time_ms = request.context.now_ms;
  plan.mutation.operation_id = request.context.operation_id;
  plan.mutation.puts.push_back(std::move(file));
  return plan;
}

}  // namespace headpond::meta
