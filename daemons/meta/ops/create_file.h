#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

enum class XattrPropagation : uint8_t { kNewPaths = 1, kLeafNode = 2 };  // wire numbers

struct CreateFileRequest {
  OperationContext context;
  std::string path;
  int64_t block_size = 64 << 20;  // bytes, > 0
  uint16_t mode = 0644;           // as the client asks; a parent's default ACL wins over it
  bool recursive = false;         // make missing parents
  bool overwrite = false;         // replace an existing file
  bool persisted = false;         // write type THROUGH or CACHE_THROUGH
  bool async_persist = false;  // write type ASYNC_THROUGH: TO_BE_PERSISTED from the start, as stock
  bool cacheable = true;
  int64_t ttl_ms = kNoTtl;
  TtlAction ttl_action = TtlAction::kFree;
  int32_t replication_min = 0;
  int32_t replication_max = -1;
  int32_t replication_durable = 1;
  XattrMap xattr;
  XattrPropagation xattr_propagation = XattrPropagation::kNewPaths;
};

struct CreateFilePlan {
  Mutation mutation;  // empty when this operation was already done
  InodeId file_id = kNoInode;
  std::vector<UfsMakeDirectory> make_directories;  // parents a persisted file needs, top down
  // With overwrite: the file that goes. Its blocks are to be dropped; its under-store copy is
  // replaced by the writer.
  std::vector<InodeId> removed_files;
};

// Creates an incomplete file. Errors: AlreadyExists, NotFound (parent missing and not recursive),
// InvalidArgument (a parent is a file; block size, replication; root), PermissionDenied (also
// read-only mounts), ResourceExhausted (ids used up).
Result<CreateFilePlan> PlanCreateFile(const Namespace& ns, const CreateFileRequest& request);

}  // namespace headpond::meta
