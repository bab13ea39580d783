#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct LoadMetadataRequest {
  int64_t now_ms = 0;
  std::string directory;          // exists here, is persisted
  std::vector<UfsEntry> entries;  // what the under-store has in it (all of it, or one name)
  bool complete = true;           // all of it, the last batch: the directory is loaded
  int64_t block_size = 64 << 20;  // of files: alluxio.user.block.size.bytes.default
};

struct LoadMetadataPlan {
  Mutation mutation;
  int64_t created = 0;
};

// Adds what the under-store has and the namespace has not, as completed persisted inodes; leaves
// what is there. Names that hold '/' or NUL, "." and "..", the block files of the under-store tier
// and files of too many blocks are left out. On a mount with `shared` others get the owner's bits,
// as in stock. Errors: NotFound (the directory went away), InvalidArgument (a file),
// ResourceExhausted (ids).
Result<LoadMetadataPlan> PlanLoadMetadata(const Namespace& ns, const LoadMetadataRequest& request);

// Brings one persisted inode in line with the under-store: nullopt = it is gone there. Content that
// differs (by fingerprint) replaces the inode, so that old blocks can't be read as new ones; owner,
// group and mode are updated in place. An empty plan for what the under-store does not decide: open
// or unpersisted files, mount points, directories with something inside that exists only here.
struct SyncInodeRequest {
  int64_t now_ms = 0;
  InodeId id = kNoInode;
  std::optional<UfsEntry> entry;
  int64_t block_size = 64 << 20;
};
struct SyncInodePlan {
  Mutation mutation;
  std::vector<InodeId> removed_files;
};
Result<SyncInodePlan> PlanSyncInode(const Namespace& ns, const SyncInodeRequest& request);

}  // namespace headpond::meta
